//! The inputs of a plan that is carried out, opened once, and what each item gives.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::plan_file::{PlanFile, number};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, Severity};
use crate::oci::{Descriptor, Name};
use crate::plan::base::{Candidate, Prefix, prefix};
use crate::plan::batch::{BaseItem, Item, ItemStatus, Placed};
use crate::plan::lifecycle::time::Moment;
use crate::plan::rebase::Preferences;
use crate::read::{Image, Located, Source, Tree, load};
use crate::verbs::lifecycle::{Statements, Stopped};
use crate::verbs::narrow::{Choice, select};
use crate::verbs::rebase::compose::Decided;
use crate::verbs::rebase::decide::{PlatformMove, against};
use crate::verbs::rebase::{self, Plan, TrustPlatform, trusted, virtual_image};
use crate::verbs::{Context, Opened};

/// Values that are made once, by whoever asks first; who asks meanwhile waits.
#[derive(Debug)]
pub(super) struct Once<K, V>(Mutex<HashMap<K, Arc<OnceLock<V>>>>);

impl<K, V> Default for Once<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Hash + Eq, V: Clone> Once<K, V> {
    pub(super) fn get(&self, key: K, make: impl FnOnce() -> V) -> V {
        let place = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        place.get_or_init(make).clone()
    }
}

/// A source with its entries by digest.
#[derive(Debug)]
struct Indexed {
    source: Arc<Source>,
    /// Sorted by the beginnings of digests.
    by_digest: Vec<(u64, u32)>,
}

/// What another thread found out, good or bad.
type Shared<T> = std::result::Result<Arc<T>, Box<Finding>>;

/// Makes what items give.
pub(super) struct Inputs<'a> {
    pub(super) plan_file: &'a PlanFile,
    /// Where relative paths of the plan begin.
    root: Option<PathBuf>,
    request: rebase::Request,
    context: Context<'a>,
    sources: Once<String, Shared<Indexed>>,
    bases: Once<(String, Digest), Shared<Opened>>,
    results: Once<u64, Shared<Opened>>,
    /// What is said of images and bases by now: days may be between a plan and its run.
    statements: Statements<'a>,
}

impl<'a> Inputs<'a> {
    pub(super) fn new(plan_file: &'a PlanFile, root: Option<&Path>, context: Context<'a>) -> Result<Self> {
        let settings = &plan_file.header.settings;
        let choice = Choice::of(settings)?;
        let request = rebase::Request { prefer: Preferences::parse(&settings.prefer)?, choice, ..rebase::Request::of("") };
        Ok(Self {
            plan_file,
            root: root.map(Path::to_owned),
            request,
            context,
            sources: Once::default(),
            bases: Once::default(),
            results: Once::default(),
            // A withdrawal counts whatever the clock says.
            statements: Statements::new(Moment::LAST, context),
        })
    }

    /// Lets go of everything that was opened.
    pub(super) fn close(&mut self) {
        (self.sources, self.bases, self.results) = (Once::default(), Once::default(), Once::default());
    }

    fn source(&self, path: &str) -> Result<Arc<Indexed>> {
        let opened = self.sources.get(path.to_owned(), || {
            let place = self.root.as_deref().map_or_else(|| PathBuf::from(path), |root| root.join(path));
            let source = Source::open(&place, self.context.limits).map_err(|error| Box::new(opening(error, path).into_finding()))?;
            let mut by_digest: Vec<(u64, u32)> =
                (0..).zip(&source.index.manifests).map(|(position, entry)| (entry.digest.beginning(), position)).collect();
            by_digest.sort_unstable();
            Ok(Arc::new(Indexed { source, by_digest }))
        });
        opened.map_err(|finding| Error::of(*finding))
    }

    /// The entry of a source with this digest, preferably the one with this name.
    fn located(&self, path: &str, digest: &Digest, name: Option<&str>) -> Result<Located> {
        let indexed = self.source(path)?;
        let entries = &indexed.source.index.manifests;
        let start = indexed.by_digest.partition_point(|(known, _)| *known < digest.beginning());
        let near = indexed.by_digest.get(start..).unwrap_or_default().iter().take_while(|(known, _)| *known == digest.beginning());
        let listed: Vec<&Descriptor> = near
            .filter_map(|(_, position)| entries.get(usize::try_from(*position).ok()?))
            .filter(|entry| entry.digest == *digest)
            .collect();
        let entry = match listed.iter().find(|entry| entry.name() == name).or_else(|| listed.first()) {
            Some(entry) => Some((*entry).clone()),
            // Bases need not be listed.
            None => self.unlisted(&indexed.source, digest)?,
        };
        let Some(descriptor) = entry else {
            let now = name.and_then(|name| entries.iter().find(|entry| entry.full_name() == Some(Name::parse(name))));
            let found = now.map_or_else(|| "no such image".to_owned(), |entry| entry.digest.to_string());
            return Err(Error::new(Code::BatchInputChanged, "an image is no longer what it was when the plan was made")
                .at(name.map_or_else(|| path.to_owned(), |name| format!("{path}:{name}")))
                .expected(Fact::new(digest, "the plan"))
                .found(Fact::new(found, "index.json")));
        };
        let name = descriptor.name().or(name).map(str::to_owned);
        Ok(Located { source: Arc::clone(&indexed.source), descriptor, name })
    }

    fn unlisted(&self, source: &Arc<Source>, digest: &Digest) -> Result<Option<Descriptor>> {
        let reference = crate::read::Reference::of_digest(&source.path, digest);
        match crate::read::locate_among(&reference, std::slice::from_ref(source), self.context.limits) {
            Ok(located) => Ok(Some(located.descriptor)),
            Err(error) if error.code() == Code::RefNotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn base(&self, base: &BaseItem) -> Result<Arc<Opened>> {
        if let Some(key) = &base.item {
            return self.result(number(key)?);
        }
        let invalid = || Error::new(Code::BatchPlanInvalid, "the plan names a base and not where it lies").at(&base.digest);
        let path = base.source.as_ref().ok_or_else(invalid)?;
        let read = self.bases.get((path.clone(), base.digest.clone()), || {
            let read = || {
                let located = self.located(path, &base.digest, base.name.as_deref())?;
                let tree = load(&located.source, &located.descriptor, self.context.limits)?;
                Ok(Arc::new(Opened { located, tree }))
            };
            read().map_err(|error: Error| Box::new(error.into_finding()))
        });
        read.map_err(|finding| Error::of(*finding))
    }

    /// What an item gives, for those that are based on it. A shard makes what it needs of others here, and writes nothing of it.
    ///
    /// # Errors
    /// `batch.held` if it cannot be had.
    pub(super) fn result(&self, key: u64) -> Result<Arc<Opened>> {
        let entry = self.plan_file.with_key(key).ok_or_else(|| {
            Error::new(Code::BatchHeld, "the item that it waits for is not in the plan")
                .found(Fact::new(super::plan_file::key(key), "the plan"))
        })?;
        let made = self.results.get(key, || {
            let make = || {
                let item = self.plan_file.item(entry)?;
                let (plan, from) = self.make(&item)?;
                virtual_image(&plan, &from, self.context).map(Arc::new)
            };
            make().map_err(|error| Box::new(error.into_finding()))
        });
        made.map_err(|finding| {
            Error::new(Code::BatchHeld, "its new base would be the result of an item that cannot be done")
                .found(Fact::new(finding.code.slug(), finding.place.clone().unwrap_or_else(|| super::plan_file::key(key))))
                .detail(&finding.message)
        })
    }

    /// What an item gives, exactly what the plan promises.
    ///
    /// # Errors
    /// `batch.*`, and those of documents that cannot be read.
    pub(super) fn make(&self, item: &Item) -> Result<(Plan, Located)> {
        if item.status != ItemStatus::Move {
            return Err(Error::new(Code::BatchHeld, "the item that it waits for is not one that is moved").at(&item.image));
        }
        let located = self.located(&item.source, &item.digest, item.name.as_deref())?;
        let tree = load(&located.source, &located.descriptor, self.context.limits)?;
        if let Some(error) = self.statements.stopped(&located, &tree).as_ref().and_then(Stopped::refusal) {
            return Err(error.hint("Make the plan again: this was not known when it was made."));
        }
        let opened = trusted(Opened { located, tree }, TrustPlatform::Refuse)?;
        let index = match &opened.tree {
            Tree::Index(index) => Some(&**index),
            _ => None,
        };
        let request = rebase::Request { names: item.output.iter().cloned().collect(), ..self.request.clone() };
        let mut decided: Vec<(&Image, Option<PlatformMove<'_>>)> = Vec::new();
        let selection = select(&opened, &request.choice)?;
        for image in &selection.images {
            let own = &image.descriptor.digest;
            let placed = item.platforms.iter().find(|placed| placed.manifest.as_ref().unwrap_or(&item.digest) == own);
            let placed = placed.ok_or_else(|| {
                Error::new(Code::BatchPlanInvalid, "the plan does not say what becomes of a platform")
                    .at(&item.image)
                    .found(Fact::new(own, "the image"))
            })?;
            decided.push((image, Some(self.platform_move(image, placed)?)));
        }
        let plan = Decided { opened: &opened, selection: &selection, index, platforms: decided }.compose(&request, self.context)?;
        let expected = item.result.as_ref().map(|result| &result.digest);
        let found = plan.report.result.as_ref().map(|result| &result.digest);
        if expected != found {
            let shown = |digest: Option<&Digest>| digest.map_or_else(|| "nothing".to_owned(), Digest::to_string);
            return Err(Error::new(Code::BatchOutputDiffers, "what came out is not what the plan promises")
                .at(&item.image)
                .expected(Fact::new(shown(expected), "the plan"))
                .found(Fact::new(shown(found), "the rebase")));
        }
        Ok((plan, opened.located))
    }

    /// Refuses a new base that must not be used any more, or may be of that kind.
    fn refuse_stopped(&self, base: &Opened, manifest: &Digest) -> Result<()> {
        let stated = self.statements.of(&base.located.source, &base.tree, manifest);
        match against(&stated, base).filter(|finding| finding.severity > Severity::Warning) {
            Some(finding) => Err(Error::of(finding).hint("Make the plan again: this was not known when it was made.")),
            None => Ok(()),
        }
    }

    fn platform_move<'i>(&self, image: &'i Image, placed: &Placed) -> Result<PlatformMove<'i>> {
        let old = placed.old.as_ref().map(|old| self.base(old).and_then(|found| candidate(old, &found))).transpose()?;
        let found = self.base(&placed.new)?;
        let new = candidate(&placed.new, &found)?;
        if placed.new.item.is_none() {
            self.refuse_stopped(&found, &new.image.descriptor.digest)?;
        }
        let proofs = match old.as_ref().map(|old| prefix(image, &old.image)) {
            None => Vec::new(),
            Some(Prefix::Proven(proofs)) if proofs.len() == placed.seam => proofs,
            Some(_) => {
                return Err(Error::new(Code::BaseMismatch, "the image is not based on the old base that the plan names")
                    .at(&image.descriptor.digest)
                    .found(Fact::new(old.as_ref().map(|old| old.reference.clone()).unwrap_or_default(), "the plan")));
            }
        };
        Ok(PlatformMove {
            app: image,
            old,
            scratch: None,
            evidence: None,
            clue: None,
            proofs,
            seam: placed.seam,
            new,
            rule: None,
            base_name: placed.base_name.clone(),
            inflated: BTreeSet::new(),
            names_its_base: false,
            findings: Vec::new(),
            judged: None,
            result: None,
            accepted: placed.accepted()?,
        })
    }
}

/// The image of a base for a platform.
fn candidate(base: &BaseItem, Opened { located, tree }: &Opened) -> Result<Candidate> {
    let manifest = base.manifest.as_ref().unwrap_or(&base.digest);
    let image = tree.images().into_iter().find(|image| image.descriptor.digest == *manifest);
    let image = image.filter(|_| tree.descriptor().digest == base.digest).ok_or_else(|| {
        Error::new(Code::BatchInputChanged, "a base is no longer what it was when the plan was made")
            .at(located.shown())
            .expected(Fact::new(manifest, "the plan"))
            .found(Fact::new(&tree.descriptor().digest, "the source"))
    })?;
    Ok(Candidate {
        image: image.clone(),
        reference: located.shown(),
        names: base.name.iter().cloned().collect(),
        former: Vec::new(),
        top: base.digest.clone(),
        claims: Vec::new(),
    })
}

/// Why a source could not be opened: one that is not there is another input than the plan was made for, one that the system cannot
/// read now may be the same.
fn opening(error: Error, path: &str) -> Error {
    if !error.is_not_found() && error.code() != Code::RefPathMissing {
        return error.at(path);
    }
    Error::new(Code::BatchInputChanged, "a source that the plan names is not there")
        .at(path)
        .detail(error)
        .hint("Run where the inputs lie as they did, or say where with --root DIR.")
}
