//! What the name of a base means now.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Bases, Candidate, Holder, keep, locked};
use crate::foundation::clock::Time;
use crate::foundation::{Code, Digest, Error, Fact, Result, text};
use crate::oci::{ImageName, Platform};
use crate::plan::base::{
    Based, Edition, Evidence, NameRule, Question, Stated, Target, Undecided, built_on, is_renamed, is_same_image, meaning, same_name,
};
use crate::plan::batch::jump::highest;
use crate::plan::lifecycle::field::Status;
use crate::plan::mapping::Rule;
use crate::read::{Image, ImageIndex, Located, Reference, locate_among};
use crate::verbs::Opened;

/// How many statements from one image to the next are followed. Nobody has more than a few.
const MOST: usize = 32;

/// How many candidates a refusal lists.
const LISTED: usize = 8;

/// What became of looking for the base's name.
#[derive(Debug)]
pub(in crate::verbs) enum Lead {
    /// It means this image now.
    Found(Box<Found>),
    /// No local image has this name.
    NotHere(String),
    /// There is no name to look for.
    NoName,
    /// Several local images have the name, and which one is meant is not known.
    Undecided(Box<Error>),
}

/// The image that the name of a base means.
#[derive(Debug, Clone)]
pub(in crate::verbs) struct Found {
    /// The name that was followed.
    pub name: Option<String>,
    /// Why it means this one.
    pub rule: NameRule,
    /// Where it is, and what is below it.
    pub opened: Opened,
}

impl Found {
    fn digest(&self) -> &Digest {
        &self.opened.located.descriptor.digest
    }
}

impl Bases<'_> {
    /// What the name of the base means now. It is never the image itself, which may have the name that it gives its base.
    ///
    /// # Errors
    /// Those of a rule's target, and of documents that cannot be read.
    pub(in crate::verbs) fn follow(&self, image: &Image, index: Option<&ImageIndex>, based: &Based) -> Result<Lead> {
        let first = self.follow_name(image, index, based, based.name())?;
        let Some(base) = based.base() else { return Ok(first) };
        let mut names = based.names_here();
        names.sort_unstable();
        names.dedup();
        let mut leads = vec![first];
        for name in names.into_iter().filter(|name| Some(*name) != based.name()) {
            leads.push(self.follow_name(image, index, based, Some(name))?);
        }
        Ok(agreed(base, leads))
    }

    /// What this name of the base means now.
    fn follow_name(&self, image: &Image, index: Option<&ImageIndex>, based: &Based, name: Option<&str>) -> Result<Lead> {
        let found = |holder: Holder, rule| Found { name: name.map(str::to_owned), rule, opened: holder.opened };
        if let Some(holder) = self.by_digest_rule(based)? {
            return Ok(if is_of(image, &holder.opened) {
                Lead::Undecided(Box::new(itself(&holder.opened.located.shown(), image)))
            } else {
                Lead::Found(Box::new(found(holder, NameRule::Map)))
            });
        }
        let Some(name) = name else { return self.without_name(image, based) };
        let jumped = self.jump(name);
        let wanted = jumped.as_deref().unwrap_or(name);
        let renamed = based.renamed();
        if let Some(holder) = self.by_rule(wanted)? {
            if is_of(image, &holder.opened) {
                return Ok(Lead::Undecided(Box::new(itself(wanted, image))));
            }
            let stranger = renamed.and_then(|base| Some((base, self.leads_away(image, &holder, base)?)));
            return Ok(match stranger {
                Some((base, why)) => Lead::Undecided(Box::new(other_base(wanted, &holder, base, why))),
                None => Lead::Found(Box::new(found(holder, NameRule::Map))),
            });
        }
        let holders = self.holders(wanted, based.base().map(|base| &**base))?;
        let holders = match others_than(image, &holders) {
            Some(others) if others.is_empty() => return Ok(Lead::Undecided(Box::new(itself(wanted, image)))),
            Some(others) => Arc::new(others),
            None => holders,
        };
        if let Some(lead) = renamed.map(|base| self.by_name_here(image, wanted, base, &holders)).transpose()?.flatten() {
            return Ok(match lead {
                Ok(holder) => Lead::Found(Box::new(found(holder, NameRule::Map))),
                Err(error) => Lead::Undecided(Box::new(error)),
            });
        }
        let editions: Vec<Edition> = holders.iter().map(|holder| holder.edition.clone()).collect();
        let platforms = platforms(image, index);
        let base = based.base().map(|base| &**base);
        let said = base.is_some() && based.own.iter().any(|own| own.name.as_deref().is_some_and(|own| same_name(wanted, own)));
        let question = Question { name: wanted, old: base, said, platforms: &platforms, now: self.now() };
        let alone = !ImageName::parse(wanted).is_full() && editions.len() > 1;
        let decided = if alone { Err(only_a_tag(editions.len())) } else { meaning(&editions, &question) };
        let meant = match decided {
            Ok(Some(meant)) => meant,
            Ok(None) => return Ok(Lead::NotHere(wanted.to_owned())),
            Err(undecided) => return Ok(Lead::Undecided(Box::new(several(wanted, &holders, &undecided)))),
        };
        let Some(holder) = holders.get(meant.at) else { return Ok(Lead::NotHere(wanted.to_owned())) };
        let rule = if jumped.is_some() && meant.rule == NameRule::Only { NameRule::Jump } else { meant.rule };
        Ok(Lead::Found(Box::new(match self.successor(image, &holder.edition)? {
            Some(next) => found(next, NameRule::SupersededBy),
            None => found(holder.clone(), rule),
        })))
    }

    /// A base without a name may have a successor by a statement.
    fn without_name(&self, image: &Image, based: &Based) -> Result<Lead> {
        let Some(base) = based.base() else { return Ok(Lead::NoName) };
        let Some(pinned) = self.with_digest(&base.top)? else { return Ok(Lead::NoName) };
        let holder = self.holder(pinned.located.clone(), false)?;
        Ok(match self.successor(image, &holder.edition)? {
            Some(next) => Lead::Found(Box::new(Found { name: None, rule: NameRule::SupersededBy, opened: next.opened })),
            None => Lead::NoName,
        })
    }

    /// The image that follows an edition by statements, as far as those that follow are here. Where `image` itself follows, it is built on
    /// what it replaces and has nothing to be moved onto.
    fn successor(&self, image: &Image, edition: &Edition) -> Result<Option<Holder>> {
        let mut seen = BTreeSet::from([edition.digest.clone()]);
        let mut at: Option<Holder> = None;
        let mut next = edition.stated.successor.clone();
        while let Some(digest) = next.take().filter(|_| seen.len() < MOST) {
            if !seen.insert(digest.clone()) {
                // They follow each other, which says nothing.
                return Ok(None);
            }
            let Some(found) = self.with_digest(&digest)? else { break };
            let holder = self.holder(found.located.clone(), false)?;
            if is_of(image, &holder.opened) {
                return Ok(None);
            }
            if holder.edition.platforms.is_empty() {
                break;
            }
            next.clone_from(&holder.edition.stated.successor);
            at = Some(holder);
        }
        Ok(at)
    }

    /// What was found, as the decision compares it.
    ///
    /// # Errors
    /// As [`Bases::catalogue`].
    pub(in crate::verbs) fn target(&self, image: &Image, based: &Based, found: &Found) -> Result<Target> {
        let new = self.candidate(image, &found.opened);
        let manifest = new.as_ref().map(|new| new.image.descriptor.digest.clone());
        let top = found.opened.located.descriptor.digest.clone();
        let opened = &found.opened;
        let mut stated = self.stated_of_base(&opened.located.source, &opened.tree, manifest.as_ref().unwrap_or(&top))?;
        // Who replaces the image that it is built on has nothing newer to be built on.
        if stated.status == Some(Status::Superseded) && self.is_followed_by(image, &stated) {
            stated.status = None;
        }
        let older = new.as_ref().zip(based.base()).is_some_and(|(new, old)| is_older(new, old));
        Ok(Target { top, manifest, rule: found.rule, stated, older })
    }

    /// Whether the image takes the place of what this is said of.
    pub(in crate::verbs) fn is_followed_by(&self, image: &Image, stated: &Stated) -> bool {
        // What cannot be read is another image, as far as anybody knows.
        let follows = |digest: &Digest| self.with_digest(digest).is_ok_and(|found| found.is_some_and(|found| is_of(image, &found)));
        stated.successor.as_ref().is_some_and(follows)
    }

    /// The target of the rule for this name, if there is one.
    pub(super) fn by_rule(&self, name: &str) -> Result<Option<Holder>> {
        let target = self.rules.iter().find_map(|rule| rule.apply(name));
        target.map(|target| self.mapped(&target, name)).transpose()
    }

    /// Where a base goes that has other names here than the image gives it: its names here lead on only by a rule about one of them.
    /// `holders` have the name that the image gives it; what differs from that is not known. `None` if nothing speaks against those.
    fn by_name_here(
        &self,
        image: &Image,
        name: &str,
        base: &Candidate,
        holders: &[Holder],
    ) -> Result<Option<std::result::Result<Holder, Error>>> {
        let about = base.names.iter().find_map(|own| Some((own, self.rules.iter().find(|rule| rule.is_about(own))?.apply(own)?)));
        if let Some((own, target)) = about {
            let mapped = self.mapped(&target, own)?;
            let agree = holders.iter().all(|holder| holder.edition.digest == mapped.edition.digest);
            return Ok(Some(if agree { Ok(mapped) } else { Err(two_ways(name, base, holders, &[mapped])) }));
        }
        let mut others = Vec::new();
        for own in base.names.iter().filter(|_| !holders.is_empty()) {
            others.extend(self.with_name(own)?.iter().filter(|other| other.edition.digest != base.top).cloned());
        }
        let is_known = |other: &Holder| holders.iter().any(|holder| holder.edition.digest == other.edition.digest);
        others.retain(|other| !is_known(other) && !is_of(image, &other.opened));
        Ok((!others.is_empty()).then(|| Err(two_ways(name, base, holders, &others))))
    }

    /// Why what a rule makes of the name that the image gives its base may not follow that base, which has other names here: then the
    /// digest that led to it is that of a base of its base.
    fn leads_away(&self, image: &Image, holder: &Holder, base: &Candidate) -> Option<String> {
        let is_it = holder.edition.is(&base.top) || holder.opened.located.name.as_deref().is_some_and(|name| base.may_be(name));
        let new = self.candidate(image, &holder.opened).filter(|_| !is_it)?;
        built_on(&new, base)
    }

    /// Whether there are rules.
    pub(super) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Whether a rule is about one of these names, or of these digests, and nothing else.
    pub(super) fn has_rule_for<'n>(
        &self,
        names: impl Iterator<Item = &'n str> + Clone,
        digests: impl Iterator<Item = &'n Digest> + Clone,
    ) -> bool {
        let by_digest = |rule: &Rule| digests.clone().any(|digest| rule.for_digest(digest, names.clone().next()).is_some());
        self.rules.iter().any(|rule| names.clone().any(|name| rule.is_about(name)) || by_digest(rule))
    }

    /// What settles that a base with the digest that the image records has other names here than the image gives it: the rules to
    /// type. Nothing for other conflicts.
    ///
    /// # Errors
    /// Those of documents that cannot be read.
    pub(in crate::verbs) fn settling(&self, image: &Image, claim: &Evidence, base: &Candidate) -> Result<Vec<String>> {
        let Some(name) = claim.name.as_deref().filter(|_| is_renamed(Some(claim), Some(base))) else { return Ok(Vec::new()) };
        let mut leads = self.with_name(name)?.to_vec();
        for own in &base.names {
            leads.extend(self.with_name(own)?.iter().cloned());
        }
        let mut seen = BTreeSet::new();
        let runs = |lead: &Holder| self.candidate(image, &lead.opened).is_some();
        leads.retain(|lead| runs(lead) && seen.insert(lead.edition.digest.clone()));
        let mut hints: Vec<String> = leads
            .iter()
            .take(LISTED)
            .map(|lead| {
                let (lead, name) = (lead.opened.located.shown(), text::escape(name));
                format!("If {} is its base, and {name} means {lead} now: --map {}", base.reference, shell(&format!("{name}={lead}")))
            })
            .collect();
        hints.push(format!("Or say what follows it: --map {}", shell(&format!("{}=REFERENCE", base.top))));
        Ok(hints)
    }

    fn by_digest_rule(&self, based: &Based) -> Result<Option<Holder>> {
        let base = based.base().into_iter().flat_map(|base| [&base.top, &base.image.descriptor.digest]);
        let digests: Vec<&Digest> = base.chain(based.own.iter().filter_map(|own| own.digest.as_ref())).collect();
        let target = self.rules.iter().find_map(|rule| digests.iter().find_map(|digest| rule.for_digest(digest, based.name())));
        target.map(|target| self.mapped(&target, "a digest")).transpose()
    }

    fn mapped(&self, target: &str, of: &str) -> Result<Holder> {
        if let Some(known) = locked(&self.mapped).get(target) {
            return Ok(known.clone());
        }
        let reference = Reference::existing(target).map_err(|error| error.detail(format!("--map made {target} of {of}")))?;
        let open: Vec<_> = self.all_sources().filter(|source| source.path == reference.path).cloned().collect();
        let holder = self.holder(locate_among(&reference, &open, self.limits())?, true)?;
        keep(&self.mapped, target.to_owned(), &holder);
        Ok(holder)
    }

    fn jump(&self, name: &str) -> Option<String> {
        let allow = self.allow?;
        if let Some(known) = locked(&self.jumps).get(name) {
            return known.clone();
        }
        let found = highest(name, self.names().iter().map(String::as_str), allow).map(str::to_owned);
        locked(&self.jumps).insert(name.to_owned(), found.clone());
        found
    }

    /// The local images that may be meant by a name. A tag alone means something in one layout only: that of the old base. And a
    /// layout may hold one repository under bare tags, as regctl keeps them: there the tag of the full name is looked for too.
    fn holders(&self, name: &str, old: Option<&Candidate>) -> Result<Arc<Vec<Holder>>> {
        let parsed = ImageName::parse(name);
        let bare = |old: &&Candidate| !old.names.is_empty() && old.names.iter().all(|name| !ImageName::parse(name).is_full());
        if parsed.is_full() {
            let found = self.with_name(name)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let Some((old, tag)) = old.filter(bare).zip(parsed.tag) else { return self.with_name(name) };
        let source = &old.image.source;
        let Some(entry) = source.index.manifests.iter().find(|entry| entry.name() == Some(tag)) else {
            return self.with_name(name);
        };
        let located = Located { source: Arc::clone(source), descriptor: entry.clone(), name: Some(tag.to_owned()) };
        let mut holders = vec![self.holder(located, true)?];
        if !parsed.is_full() {
            // The same tag in another layout may be another repository, or the new edition.
            let others = self.with_name(name)?;
            let apart = others.iter().filter(|other| other.edition.among_bases && other.edition.digest != entry.digest);
            holders.extend(apart.cloned());
        }
        Ok(Arc::new(holders))
    }
}

/// Whether an image lies below a top, in whatever compression.
fn is_of(image: &Image, opened: &Opened) -> bool {
    opened.tree.images().iter().any(|other| is_same_image(image, other))
}

/// The holders of a name without those that are the image; `None` if that is all of them.
fn others_than(image: &Image, holders: &[Holder]) -> Option<Vec<Holder>> {
    let others = || holders.iter().filter(|holder| !is_of(image, &holder.opened)).cloned().collect();
    holders.iter().any(|holder| is_of(image, &holder.opened)).then(others)
}

/// The refusal of an image that would be moved onto itself.
pub(in crate::verbs) fn itself(name: &str, image: &Image) -> Error {
    Error::new(Code::BaseNameUnknown, "the new base would be the image itself")
        .at(format!("{}@{}", image.source.shown(), image.descriptor.digest))
        .found(Fact::new(text::escape(name), "the name of its base"))
        .hint("Name the new base with --onto, or say where its name leads: --map NAME=REFERENCE.")
}

fn only_a_tag(count: usize) -> Undecided {
    Undecided { why: "a tag alone does not say of which repository it is".to_owned(), among: (0..count).collect() }
}

/// The refusal of a rule that leads to what may be built on the proven base.
fn other_base(name: &str, holder: &Holder, base: &Candidate, why: String) -> Error {
    Error::new(Code::BaseConflict, "what --map makes of the name of the base may be built on the base with the recorded digest")
        .expected(Fact::new(text::escape(name), "the image"))
        .found(Fact::new(&base.reference, "the recorded digest and the layers"))
        .detail(why)
        .hint(format!(
            "If {} is the old base, say so by its digest: --map {}",
            base.reference,
            shell(&format!("{}={}", base.top, holder.opened.located.shown()))
        ))
        .hint("Else put the base that the image names beside the others and name it with --bases or --from.")
}

/// The refusal of a base whose name in the image means one image, and whose name here another one.
fn two_ways(name: &str, base: &Candidate, holders: &[Holder], others: &[Holder]) -> Error {
    let lead = |holder: &Holder| {
        let reference = holder.opened.located.shown();
        format!("If {reference} is meant: --map {}", shell(&format!("{}={reference}", base.top)))
    };
    let here = base.names.iter().map(|own| text::escape(own)).collect::<Vec<_>>().join(", ");
    let error = Error::new(Code::BaseAmbiguous, "the name that the image gives its base and the name of that here mean different images")
        .expected(Fact::new(text::escape(name), "the image"))
        .found(Fact::new(here, format!("the names of {} here", base.reference)));
    holders.iter().chain(others).take(LISTED).fold(error, |error, holder| error.hint(lead(holder)))
}

/// What the names of a base mean together, of which the image says none: in whatever order they stand, they have to agree.
fn agreed(base: &Candidate, leads: Vec<Lead>) -> Lead {
    // A rule is the word of the user.
    let is_ruled = |lead: &Lead| matches!(lead, Lead::Found(found) if found.rule == NameRule::Map);
    let ruled = leads.iter().any(is_ruled);
    let mut leads: Vec<Lead> = leads.into_iter().filter(|lead| !ruled || is_ruled(lead)).collect();
    if let Some(undecided) = leads.iter().position(|lead| matches!(lead, Lead::Undecided(_))) {
        return leads.swap_remove(undecided);
    }
    let mut moved_on: Vec<&Found> = Vec::new();
    for lead in &leads {
        let Lead::Found(found) = lead else { continue };
        // A name that still means the base itself, as `os:12.4` does for good, does not say that no other name has moved on.
        let digest = found.digest();
        if !is_of(&base.image, &found.opened) && moved_on.iter().all(|known| known.digest() != digest) {
            moved_on.push(found);
        }
    }
    match moved_on.as_slice() {
        [] => {
            // Of several manifests of the base the one that the image is based on.
            let is_base =
                |found: &Found| found.opened.tree.images().iter().any(|own| own.descriptor.digest == base.image.descriptor.digest);
            let exact = leads.iter().position(|lead| matches!(lead, Lead::Found(found) if is_base(found)));
            let found = exact.or_else(|| leads.iter().position(|lead| matches!(lead, Lead::Found(_)))).unwrap_or(0);
            leads.swap_remove(found)
        }
        [one] => Lead::Found(Box::new((*one).clone())),
        several => Lead::Undecided(Box::new(several_names(base, several))),
    }
}

/// The refusal of a base that has several names here, of which the image says none, and which mean different images.
fn several_names(base: &Candidate, leads: &[&Found]) -> Error {
    let named = |found: &Found| found.name.as_deref().map(text::escape).unwrap_or_default();
    let error =
        Error::new(Code::BaseAmbiguous, "the base has several names here that mean different images, and the image says none of them")
            .found(Fact::new(&base.reference, "the layers"))
            .details(leads.iter().map(|lead| format!("{} means {}", named(lead), lead.opened.located.shown())));
    leads.iter().take(LISTED).fold(error, |error, lead| {
        let reference = lead.opened.located.shown();
        error.hint(format!("If {reference} follows it: --map {}", shell(&format!("{}={reference}", base.top))))
    })
}

/// The platforms of the index that the image belongs to, or its own.
fn platforms(image: &Image, index: Option<&ImageIndex>) -> Vec<Option<Platform>> {
    let platforms: Vec<_> = index.into_iter().flat_map(ImageIndex::images).map(|image| image.platform().cloned()).collect();
    if platforms.is_empty() { vec![image.platform().cloned()] } else { platforms }
}

/// Whether a base was created before another one.
pub(in crate::verbs) fn is_older(new: &Candidate, old: &Candidate) -> bool {
    let time = |candidate: &Candidate| candidate.image.config.created.as_deref().and_then(Time::parse);
    time(new).zip(time(old)).is_some_and(|(new, old)| new < old)
}

/// The refusal of a name that several images have: the candidates, their dates, and what settles it.
fn several(name: &str, holders: &[Holder], undecided: &Undecided) -> Error {
    let among: Vec<&Holder> = undecided.among.iter().filter_map(|at| holders.get(*at)).collect();
    let reference = |holder: &Holder| {
        let twice = among.iter().filter(|other| other.opened.located.shown() == holder.opened.located.shown()).count() > 1;
        if twice { Located { name: None, ..holder.opened.located.clone() }.shown() } else { holder.opened.located.shown() }
    };
    let created = |holder: &Holder| {
        let mut dates: Vec<&str> = holder.edition.platforms.iter().map(|own| own.created.as_deref().unwrap_or("no date")).collect();
        dates.dedup();
        dates.join(", ")
    };
    let mut error = Error::new(Code::BaseAmbiguous, format!("{} names different local images", text::escape(name)))
        .details(
            among
                .iter()
                .take(LISTED)
                .map(|holder| format!("{}  {}  created {}", reference(holder), holder.edition.digest, text::escape(&created(holder)))),
        )
        .detail(&undecided.why);
    for holder in among.iter().take(LISTED) {
        error = error.hint(format!("If {} is meant: --map {}", reference(holder), shell(&format!("{name}={}", reference(holder)))));
    }
    let onto = among.iter().take(LISTED).map(|holder| format!("--onto {}", shell(&reference(holder)))).collect::<Vec<_>>();
    error.hint(format!("Or for one image alone: {}", onto.join(" or ")))
}

/// A word as a shell takes it.
fn shell(text: &str) -> String {
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/:.@_-+,=".contains(&byte)) && !text.contains('=') {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The refusal of an image whose base has no name that leads anywhere.
pub(in crate::verbs) fn nowhere(image: &Image, based: &Based, name: Option<&str>) -> Error {
    let mut error = Error::new(Code::BaseNameUnknown, "it is not known what the image should be moved onto")
        .at(format!("{}@{}", image.source.shown(), image.descriptor.digest))
        .detail(name.map_or_else(
            || "neither the image nor its base has a name to look for".to_owned(),
            |name| format!("no local image is called {}", text::escape(name)),
        ));
    if let Some(name) = name {
        error = error.hint(format!("Say where the base lies: --map {}", shell(&format!("{name}=REFERENCE"))));
    } else if let Some(base) = based.base() {
        error = error.hint(format!("Say which image follows its base: --map {}", shell(&format!("{}=REFERENCE", base.top))));
    }
    error.hint("Name the new base with --onto.")
}
