//! Images whose base is outdated.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::base::{Listed, based_image, has_images};
use super::bases::{Bases, Lead, tree_index};
use super::{Context, Places, Verify};
use crate::foundation::{Code, Digest, Result, text};
use crate::oci::Platforms;
use crate::plan::base::{self, Based, Confidence, Outcome, Stated, standing};
use crate::plan::batch::jump::Allow;
use crate::plan::batch::name::glob;
use crate::plan::lifecycle::field::Status;
use crate::plan::lifecycle::time::Moment;
use crate::read::{Image, ImageIndex, Located, Tree, nothing};
use crate::report::outdated::{Followed, OutdatedItem, OutdatedReport, OutdatedStatus};

/// What is asked for.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Request {
    /// Where images lie: layouts, archives, folders of them, or references.
    #[cfg_attr(feature = "cli", arg(required = true, value_name = "PATH"))]
    pub paths: Vec<String>,
    /// Where bases lie.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub places: Places,
    /// Only images whose name or reference is this glob.
    #[cfg_attr(feature = "cli", arg(long, value_name = "GLOB"))]
    pub only: Vec<String>,
    /// How far a base may jump by its version tag; without it, only to what its own name means now.
    #[cfg_attr(feature = "cli", arg(long, value_enum, value_name = "HOW"))]
    pub allow: Option<Allow>,
    /// Which layers are inflated; without it none, and a base whose blobs are other ones is only claimed.
    #[cfg_attr(feature = "cli", arg(long, value_enum, value_name = "HOW"))]
    pub verify: Option<Verify>,
    /// Judge superseded images too: those whose place another one of these takes, by a statement.
    #[cfg_attr(feature = "cli", arg(long))]
    pub all: bool,
    /// As of when statements on bases count: YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ; without it SOURCE_DATE_EPOCH or the clock.
    // The command line asks the clock; without an answer here statements do not count.
    #[cfg_attr(feature = "cli", arg(long = "at", visible_alias = "now", value_name = "TIME", value_parser = Moment::strict))]
    pub now: Option<Moment>,
}

/// Compares every image below the paths with what the name of its base means now.
///
/// # Errors
/// Those of paths that cannot be opened; an image that cannot be read is a finding.
pub fn outdated(request: &Request, context: Context<'_>) -> Result<OutdatedReport> {
    let mut report = OutdatedReport { at: request.now, ..OutdatedReport::default() };
    let listed = Listed::of(&request.paths, context, &mut report.findings)?;
    let bases = Bases::open_among(&request.places, &listed.sources, context)?;
    let mut bases = bases.at(request.now).allow(request.allow);
    bases.also(&listed.sources);
    let judge = Judge { bases: &bases, verify: request.verify, context };
    let mut findings = Vec::new();
    let mut judged = HashMap::new();
    let mut shared = Shared::default();
    let mut successors: BTreeMap<Digest, Digest> = BTreeMap::new();
    listed.each_image(context, &mut findings, has_images, &mut |located, tree| {
        if !chosen(located, &request.only) {
            report.not_chosen += 1;
            return Ok(Vec::new());
        }
        let seen = judged.entry(located.source.path.clone()).or_insert_with(HashSet::new);
        for image in tree.images() {
            // One image under two names is judged once.
            let (top, own) = (&located.descriptor.digest, &image.descriptor.digest);
            if !seen.insert((top.clone(), (top != own).then(|| Box::new(own.clone())))) {
                continue;
            }
            report.items.push(judge.item(located, image, tree_index(tree), &mut shared)?);
            if let Some(successor) = successor(&bases, located, tree, image) {
                successors.insert(image.descriptor.digest.clone(), successor);
            }
        }
        Ok(Vec::new())
    });
    drop((judged, shared));
    report.items.shrink_to_fit();
    if report.items.is_empty() && report.not_chosen > 0 && findings.is_empty() {
        let left_out = format!("--only left out {}", text::count(report.not_chosen, "image"));
        findings.push(context.nothing(nothing(&request.paths.join(" ")).detail(left_out)));
    }
    report.findings.extend(findings);
    let unread = bases.unread(&report.findings)?;
    report.findings.extend(unread);
    name_bases(&mut report.items);
    follow_outdated_bases(&mut report.items);
    if !request.all {
        leave_superseded(&mut report.items, &successors);
    }
    report.count();
    Ok(report)
}

fn chosen(located: &Located, only: &[String]) -> bool {
    let shown = located.shown();
    let fits = |pattern: &String| located.name.as_deref().is_some_and(|name| glob(pattern, name)) || glob(pattern, &shown);
    only.is_empty() || only.iter().any(fits)
}

/// The image that takes the place of this one, by a statement.
fn successor(bases: &Bases<'_>, located: &Located, tree: &Tree, image: &Image) -> Option<Digest> {
    let of = |digest: &Digest| bases.stated(&located.source, tree, digest);
    let superseded = |stated: Stated| stated.successor.filter(|_| stated.status == Some(Status::Superseded));
    let (own, top) = (&image.descriptor.digest, &located.descriptor.digest);
    let stated = of(own);
    // What is said of an index may hold for some of its platforms only.
    let holds = stated.status == Some(Status::Superseded);
    superseded(stated).or_else(|| (top != own && holds).then(|| superseded(of(top)))?)
}

/// An image that others are based on, or should be, and that itself names no base and has none here, is a base. One on which nothing
/// is based may be an app whose base is missing: that stays unknown.
fn name_bases(items: &mut [OutdatedItem]) {
    let under: BTreeSet<Digest> =
        items.iter().flat_map(|item| [item.base.base_manifest.clone(), item.base.newer_manifest.clone()]).flatten().collect();
    // Of an index, all platforms count as one: not every app has all of them.
    let under: BTreeSet<Digest> = items.iter().filter(|item| under.contains(&item.manifest)).map(|item| item.digest.clone()).collect();
    for item in items {
        let says_nothing = item.base.base_manifest.is_none() && item.base.base_name.is_none();
        if item.standing == OutdatedStatus::Unknown && says_nothing && under.contains(&item.digest) {
            item.standing = OutdatedStatus::Base;
            item.reason = None;
        }
    }
}

/// An image whose base is outdated itself is not current: a batch would move both.
fn follow_outdated_bases(items: &mut [OutdatedItem]) {
    // Most images are nobody's base, and of those nothing follows.
    let bases: HashSet<Digest> = items.iter().filter_map(|item| item.base.base_manifest.clone()).collect();
    let is_outdated_base = |item: &&OutdatedItem| item.standing == OutdatedStatus::Outdated && bases.contains(&item.manifest);
    let mut outdated: HashSet<Digest> = items.iter().filter(is_outdated_base).map(|item| item.manifest.clone()).collect();
    loop {
        let on_it = |item: &&mut OutdatedItem| {
            item.standing == OutdatedStatus::Current && item.base.base_manifest.as_ref().is_some_and(|base| outdated.contains(base))
        };
        let mut found = Vec::new();
        for item in items.iter_mut().filter(on_it) {
            item.standing = OutdatedStatus::Outdated;
            item.reason = Some("its base is outdated itself".to_owned());
            found.extend(bases.get(&item.manifest).cloned());
        }
        if found.is_empty() {
            return;
        }
        outdated.extend(found);
    }
}

/// An image whose place another one takes, which was judged too, keeps no gate red. The last in a row counts, so those that take each
/// other's places all do, and so does a platform that is said to be followed by the index that it is in.
fn leave_superseded(items: &mut [OutdatedItem], successors: &BTreeMap<Digest, Digest>) {
    let follows =
        |item: &OutdatedItem| successors.get(&item.manifest).filter(|successor| **successor != item.manifest && **successor != item.digest);
    let mut behind: HashMap<Digest, Vec<usize>> = HashMap::new();
    for (number, item) in items.iter().enumerate() {
        if let Some(successor) = follows(item) {
            behind.entry(successor.clone()).or_default().push(number);
        }
    }
    // What counts: at first what nothing follows, then what leads to something that counts as well.
    let alone = |number: &usize| items.get(*number).is_some_and(|item| follows(item).is_none());
    let mut counting: Vec<usize> = (0..items.len()).filter(alone).collect();
    while let Some(number) = counting.pop() {
        let Some(digests) = items.get(number).map(|item| [item.manifest.clone(), item.digest.clone()]) else { continue };
        for digest in digests {
            for number in behind.remove(&digest).into_iter().flatten() {
                let Some(item) = items.get_mut(number) else { continue };
                item.reason = Some(format!("{digest} takes its place"));
                item.standing = OutdatedStatus::Superseded;
                counting.push(number);
            }
        }
    }
}

/// What many images have in common, kept once.
#[derive(Default)]
struct Shared {
    platforms: Platforms,
    bases: HashSet<Arc<Followed>>,
}

struct Judge<'j, 'c> {
    bases: &'j Bases<'c>,
    verify: Option<Verify>,
    context: Context<'c>,
}

impl Judge<'_, '_> {
    fn item(&self, located: &Located, image: &Image, index: Option<&ImageIndex>, shared: &mut Shared) -> Result<OutdatedItem> {
        image.check_layers()?;
        let based = based_image(image, index, self.bases, self.verify, self.context)?;
        let lead = self.bases.follow(image, index, &based)?;
        let mut item = OutdatedItem {
            image: located.shown(),
            digest: located.descriptor.digest.clone(),
            manifest: image.descriptor.digest.clone(),
            platform: image.platform().map(|platform| shared.platforms.shared(platform)),
            standing: OutdatedStatus::Unknown,
            proof: None,
            base: Arc::default(),
            reason: None,
        };
        let mut base = Followed {
            base_name: based.name().map(str::to_owned),
            base_manifest: based.base().map(|base| base.image.descriptor.digest.clone()),
            ..Followed::default()
        };
        let target = match &lead {
            Lead::Found(found) => {
                let target = self.bases.target(image, &based, found)?;
                base.base_name = found.name.clone().or(base.base_name);
                base.newer_manifest.clone_from(&target.manifest);
                base.newer_reference = target.manifest.is_some().then(|| found.opened.located.shown());
                base.why = Some(found.rule);
                match &target.manifest {
                    None => Err(format!("{} has no such platform", found.opened.located.shown())),
                    Some(_) => Ok(target),
                }
            }
            Lead::NotHere(name) => Err(format!("no local image is called {}", text::escape(name))),
            Lead::NoName if base.base_manifest.is_some() => Err("its base has no name to look for".to_owned()),
            Lead::NoName => Err("no local image is its base, and it names none".to_owned()),
            Lead::Undecided(error) => {
                base.newer_manifest = None;
                let details = error.finding().details.last().map(|why| format!(": {why}")).unwrap_or_default();
                Err(format!("{}{details}", error.finding().message))
            }
        };
        let judged = standing(&based, target.as_ref().map_err(Clone::clone));
        self.set(&mut item, image, &based, judged)?;
        item.base = shared.bases.get(&base).cloned().unwrap_or_else(|| Arc::new(base));
        shared.bases.insert(Arc::clone(&item.base));
        Ok(item)
    }

    fn set(&self, item: &mut OutdatedItem, image: &Image, based: &Based, judged: base::Standing) -> Result<()> {
        use base::Standing as Judged;
        match judged {
            Judged::Current(confidence) => (item.standing, item.proof) = (OutdatedStatus::Current, Some(confidence)),
            Judged::Outdated { confidence, ended } => {
                (item.standing, item.proof, item.reason) = (OutdatedStatus::Outdated, Some(confidence), ended);
            }
            Judged::NoBase => item.standing = OutdatedStatus::NoBase,
            Judged::Unknown(reason) => item.reason = Some(self.reason(image, based, reason)?),
        }
        Ok(())
    }

    /// Why it is not known: what keeps the base from being known goes first.
    fn reason(&self, image: &Image, based: &Based, reason: String) -> Result<String> {
        let conflict = matches!(based.outcome, Outcome::Conflict { .. } | Outcome::Ambiguous(_));
        if !conflict {
            return Ok(reason);
        }
        let finding = super::base::finding(image, based, self.bases)?;
        let message = finding.map_or(reason, |finding| finding.message);
        let hint = super::base::settling(image, based, self.bases)?.into_iter().next();
        Ok(hint.map_or_else(|| message.clone(), |hint| format!("{message}. {hint}")))
    }
}

impl OutdatedReport {
    fn count(&mut self) {
        for item in &self.items {
            *match item.standing {
                OutdatedStatus::Current => &mut self.current,
                OutdatedStatus::Outdated => &mut self.outdated,
                OutdatedStatus::Base => &mut self.bases,
                OutdatedStatus::NoBase => &mut self.no_base,
                OutdatedStatus::Superseded => &mut self.superseded,
                OutdatedStatus::Unknown => &mut self.unknown,
            } += 1;
            let claimed = item.standing == OutdatedStatus::Current && item.proof == Some(Confidence::Claimed);
            self.claimed += usize::from(claimed);
        }
        // An entry that cannot be verified may be an image.
        self.unknown += self.findings.iter().filter(|finding| finding.code == Code::DigestAlgorithmUnknown).count();
    }
}
