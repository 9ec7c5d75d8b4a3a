//! What is said of an image: the statements on it, on the indexes above it and on its platforms, and what it says itself.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use super::above::{Above, Unreadable};
use super::strange::{Strange, of_type};

use crate::foundation::{Code, Digest, Error, Fact, Finding, Severity};
use crate::oci::{Artifact, Descriptor, Platform, Verified, annotation, artifact, collection, media_type};
use crate::plan::lifecycle::convention::{Conventions, OWN_TYPE};
use crate::plan::lifecycle::declared::{Declaration, Places, declared};
use crate::plan::lifecycle::field::{Field, Value};
use crate::plan::lifecycle::held::SaidBy;
use crate::plan::lifecycle::level::down;
use crate::plan::lifecycle::lineage::Member;
use crate::plan::lifecycle::resolve::{self, Question, Resolution, Said};
use crate::plan::lifecycle::statement::{self, Statement};
use crate::plan::lifecycle::time::Moment;
use crate::read::referrers::{Lookup, Referrer, Scope, Unread, marked};
use crate::read::{Child, Image, ImageIndex, Source, Tree, each_index, load};
use crate::verbs::Context;

/// An index, or the manifest of one platform, and what is said of it.
#[derive(Debug, Clone)]
pub(super) struct Subject<'a> {
    /// How the layout leads to it.
    pub(super) descriptor: Descriptor,
    /// Whether an index leads to it, and not `index.json`.
    pub(super) child: bool,
    /// The image, if it is one platform's.
    pub(super) image: Option<&'a Image>,
    /// The index, if it is one.
    pub(super) index: Option<&'a ImageIndex>,
    /// The statements on it, those that say nothing included.
    pub(super) statements: Vec<Statement>,
    /// Those on the indexes above it, as they hold for it.
    pub(super) above: Vec<Statement>,
    /// Whether there is a list of referrers of it, or of an index above it.
    pub(super) listed: bool,
    /// How many entries may be statements on it, or on an index above it, and cannot be read.
    pub(super) unreadable: usize,
    /// What it says itself.
    pub(super) declared: Vec<Declaration>,
    /// What holds of it.
    pub(super) resolution: Resolution,
    /// The index that the standing follows from, if it does not follow from a statement on this.
    pub(super) through: Option<Digest>,
    /// The statements that something signs. No signature is verified here.
    pub(super) signed: BTreeSet<Digest>,
    /// Those of the statements on it that its index lists beside it, and nothing else.
    pub(super) beside: Vec<Referrer>,
    /// What is odd.
    pub(super) findings: Vec<Finding>,
    /// Whether some of that is a statement, or a list of them, that could not be read: a new statement may hide what it says.
    pub(super) unread: bool,
}

impl Subject<'_> {
    /// The platform, if it is one's.
    pub(super) fn platform(&self) -> Option<&Platform> {
        self.image.and_then(Image::platform).or(self.descriptor.platform.as_deref())
    }

    /// A value that the image gives itself, of the annotation `key`. A label of that name may be its base's.
    pub(super) fn own(&self, key: &str) -> Option<&str> {
        let maps = [self.image.map(|image| &image.manifest.annotations), self.index.map(|index| &index.index.annotations)];
        maps.into_iter().flatten().find_map(|map| map.get(key)).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// When it was created, as it spells it; an index without a date is as old as its first platform.
    pub(super) fn created(&self) -> Option<String> {
        let image = |image: &Image| image.manifest.annotations.get(annotation::CREATED).cloned().or_else(|| image.config.created.clone());
        match (self.image, self.index) {
            (Some(own), _) => image(own),
            (None, Some(index)) => {
                index.index.annotations.get(annotation::CREATED).cloned().or_else(|| index.images().into_iter().find_map(image))
            }
            (None, None) => None,
        }
    }

    /// The image to use instead, by statements. Where those on an index name the new index only, a platform does not follow it by
    /// itself: the lineage looks into the new index.
    pub(super) fn successor(&self) -> Option<(Digest, Option<Moment>)> {
        successor(&self.resolution, &self.descriptor.digest)
    }

    /// All that is said of it.
    pub(super) fn all(&self) -> Vec<Statement> {
        self.statements.iter().chain(&self.above).cloned().collect()
    }

    /// Puts together again what is said, after what the image says itself was looked at again.
    pub(super) fn resolve(&mut self, question: &Question) {
        let all = self.all();
        let said = Said { statements: &all, declared: &self.declared, unreadable: self.unreadable };
        self.resolution = resolve::resolve(said, question);
        let speaker = self.resolution.speaker();
        let from = self.above.iter().find(|statement| Some(&statement.digest) == speaker);
        self.through = from.filter(|from| !self.statements.contains(from)).map(|from| from.subject.clone());
    }

    /// Adds what another place says of it.
    pub(super) fn hear(&mut self, level: Level, question: &Question) {
        self.listed |= level.listed;
        self.unreadable += level.unreadable;
        self.signed.extend(level.signed);
        let new = Finding::new_among(&self.findings, level.findings);
        self.findings.extend(new);
        for statement in level.statements {
            if self.statements.iter().all(|known| known.digest != statement.digest) {
                self.statements.push(statement);
            }
        }
        self.resolve(question);
    }

    /// Adds what another place says of an index above it.
    pub(super) fn hear_from_above(&mut self, level: &Level, question: &Question) {
        self.listed |= level.listed;
        self.unreadable += level.unreadable;
        self.signed.extend(level.signed.iter().cloned());
        let (platform, digest) = (self.platform().map(Platform::to_string), self.descriptor.digest.clone());
        for statement in &level.statements {
            if self.above.iter().all(|known| known.digest != statement.digest) {
                self.above.push(down(statement, platform.as_deref(), &digest));
            }
        }
        self.resolve(question);
    }

    /// Whether something signs the statement that the standing follows from.
    pub(super) fn speaker_is_signed(&self) -> bool {
        self.resolution.speaker().is_some_and(|speaker| self.signed.contains(speaker))
    }
}

fn successor(resolution: &Resolution, of: &Digest) -> Option<(Digest, Option<Moment>)> {
    let held = resolution.fields.get(&Field::SupersededBy)?;
    let (own, made) = match &held.source {
        SaidBy::Statement { on, made, .. } => (on == of, *made),
        SaidBy::Image => (true, None),
    };
    match &held.stated.value {
        Value::Digest(digest) if own || held.stated.key.starts_with(BY_PLATFORM) => Some((digest.clone(), made)),
        _ => None,
    }
}

/// How the key of a successor begins that the statement on an index gives to a platform.
const BY_PLATFORM: &str = "supersededBy.platforms.";

/// What is said of one document by referrers.
#[derive(Debug, Clone, Default)]
pub(super) struct Level {
    /// The index or manifest.
    pub(super) digest: Option<Digest>,
    /// The statements.
    pub(super) statements: Vec<Statement>,
    /// Those that something signs.
    pub(super) signed: BTreeSet<Digest>,
    /// Whether there is a list of its referrers.
    pub(super) listed: bool,
    /// How many entries may be statements and cannot be read.
    pub(super) unreadable: usize,
    /// Those that an index lists beside it, and nothing else.
    pub(super) beside: Vec<Referrer>,
    /// What is odd.
    pub(super) findings: Vec<Finding>,
}

/// What the indexes of a source list beside their platforms and that refers to one of them or to the index, as attestations do.
#[derive(Debug, Default)]
struct Beside {
    by_subject: HashMap<Digest, Vec<Referrer>>,
    /// What cannot be read, by what is below its index: it may be a statement on any of that.
    unread: HashMap<Digest, Vec<Finding>>,
    /// Indexes that the system could not read: what they list may be a statement on any image here.
    trouble: Vec<Finding>,
}

impl Beside {
    /// Looks through every index that is listed.
    fn everywhere(source: &Source, lookup: &Lookup<'_>, context: Context<'_>) -> Self {
        let (limits, conventions) = (context.limits, context.conventions);
        let mut beside = Self::default();
        let mut seen = HashSet::new();
        let listed = source.index.manifests.iter().filter(|entry| entry.is_index() && entry.lists_referrers_of().is_none());
        let listed = listed.filter(|entry| !entry.name().is_some_and(crate::read::referrers::is_referrer_tag));
        for entry in listed.filter(|entry| seen.insert(&entry.digest)) {
            let mut below = Vec::new();
            let walked = each_index(source, [entry], limits, &mut |descriptor, index| {
                match index {
                    // A collection is no image.
                    Ok(index) if collection::is_collection(&index) => {}
                    Ok(index) => below.extend(index.manifests),
                    // One that is damaged or gone is reported by whoever looks at its image.
                    Err(error) => beside.trouble.extend(Some(error.into_finding().at(&descriptor.digest)).filter(Finding::is_unread)),
                }
                Ok(())
            });
            if let Err(error) = walked {
                beside.unread.entry(entry.digest.clone()).or_default().push(error.into_finding());
            }
            beside.take(&entry.digest, below.iter(), lookup, conventions);
        }
        beside
    }

    /// Looks through everything below one index.
    fn take<'d>(
        &mut self,
        top: &Digest,
        below: impl Iterator<Item = &'d Descriptor> + Clone,
        lookup: &Lookup<'_>,
        conventions: &Conventions,
    ) {
        let unread: Vec<Finding> = below.clone().filter_map(|child| self.add(child, lookup, conventions)).collect();
        for digest in below.map(|child| &child.digest).chain([top]).filter(|_| !unread.is_empty()) {
            let known = self.unread.entry(digest.clone()).or_default();
            let new = Finding::new_among(known, unread.clone());
            known.extend(new);
        }
    }

    /// Adds a child of an index if it refers to anything; what of it cannot be read.
    fn add(&mut self, child: &Descriptor, lookup: &Lookup<'_>, conventions: &Conventions) -> Option<Finding> {
        if let Some(strange) = of_type(child, conventions) {
            return Some(strange);
        }
        // Platforms refer to nothing, and there may be a hundred thousand of them.
        let is_platform = child.platform.as_ref().is_some_and(|platform| !platform.is_unknown()) && !child.is_attestation();
        if (is_platform && !child.is_artifact()) || child.is_index() || !artifact::may_refer(&child.media_type) {
            return None;
        }
        match lookup.unlisted(&child.digest) {
            // What is no statement may be missing: an image is often copied without its attestations.
            Ok(None) if child.artifact_type.as_deref().is_some_and(|artifact_type| conventions.is_statement(artifact_type)) => {
                let gone = Finding::new(Code::ReferrerGone, "a statement on the life cycle is listed and is not there").at(&child.digest);
                Some(gone.found(Fact::new("nothing", child.digest.blob_path())).severity(Severity::Damage))
            }
            Ok(referrer) => {
                let subject =
                    referrer.as_ref().and_then(|referrer| referrer.artifact.subject.as_ref()).map(|subject| subject.digest.clone());
                if let (Some(referrer), Some(subject)) = (referrer, subject) {
                    self.by_subject.entry(subject).or_default().push(referrer);
                }
                None
            }
            Err(error) => Some(error.into_finding().at(&child.digest)),
        }
    }
}

/// What the indexes of a source mean for what is below them.
#[derive(Debug, Default)]
struct Everywhere {
    /// Those that something is said of, by what lies below them, and those that cannot be read.
    above: OnceLock<(Above, Vec<Level>)>,
    beside: OnceLock<Beside>,
}

/// Reads statements out of one source. Made once for all images of it.
#[derive(Debug)]
pub(in crate::verbs) struct Reader<'a> {
    source: Arc<Source>,
    lookup: Lookup<'a>,
    pub(super) context: Context<'a>,
    pub(super) question: Question,
    /// What the indexes of this source mean for what is below them, for who asks whether they lead to it or not.
    everywhere: Option<Everywhere>,
    /// Whether what cannot be read, and is tied to no image, is told of each.
    tells_unplaced: bool,
    /// See [`Self::strange`].
    strange: OnceLock<Vec<Strange>>,
}

impl<'a> Reader<'a> {
    /// For who says something more of the images of a source: of each it tells what cannot be read.
    pub(in crate::verbs) fn new(source: &Arc<Source>, question: impl Into<Question>, context: Context<'a>) -> Self {
        let lookup = Lookup::new(source, Scope::Usual, context.limits);
        let (source, question) = (Arc::clone(source), question.into());
        Self { source, lookup, context, question, everywhere: Some(Everywhere::default()), tells_unplaced: true, strange: OnceLock::new() }
    }

    /// The same for one tree. If its index leads to the platforms, no other one is looked for.
    pub(in crate::verbs) fn of_tree(source: &Arc<Source>, tree: &Tree, question: impl Into<Question>, context: Context<'a>) -> Self {
        let everywhere = tree.index().is_none().then(Everywhere::default);
        Self { everywhere, ..Self::new(source, question, context) }
    }

    /// For who asks where images stand: what cannot be read and is tied to no image is told once for the whole source.
    pub(in crate::verbs) fn everywhere(source: &Arc<Source>, question: impl Into<Question>, context: Context<'a>) -> Self {
        Self { tells_unplaced: false, ..Self::new(source, question, context) }
    }

    /// Who refers to what in this source.
    pub(in crate::verbs) fn lookup(&self) -> &Lookup<'a> {
        &self.lookup
    }

    /// What is said of the tree: of its top first, then of everything below it that runs.
    pub(super) fn subjects<'t>(&self, tree: &'t Tree) -> Vec<Subject<'t>> {
        let mut subjects = Vec::new();
        match tree {
            Tree::Image(image) => subjects.push(self.image(image, false)),
            Tree::Index(index) => self.index(index, false, &mut subjects),
            // What is said of a collection is said of it alone: its members are images of their own.
            Tree::Collection(index) => {
                subjects.push(self.subject(What::Index(index), false, &[], &Beside::default()).0);
            }
            Tree::Artifact { descriptor, .. } => {
                subjects.push(self.subject(What::Artifact(descriptor), false, &[], &Beside::default()).0);
            }
        }
        subjects
    }

    /// As [`Self::subjects`], and of a collection its members too.
    pub(super) fn with_members<'t>(&self, tree: &'t Tree) -> Vec<Subject<'t>> {
        let mut subjects = self.subjects(tree);
        if let Tree::Collection(collection) = tree {
            for member in &collection.children {
                match member {
                    Child::Image(image) => subjects.push(self.image(image, true)),
                    Child::Index(index) => self.index(index, true, &mut subjects),
                    Child::Attestation(_) | Child::Other(_) | Child::Missing(_) => {}
                }
            }
        }
        subjects
    }

    fn index<'t>(&self, index: &'t ImageIndex, child: bool, subjects: &mut Vec<Subject<'t>>) {
        let beside = self.beside(index);
        let (own, level) = self.subject(What::Index(index), child, &[], &beside);
        subjects.push(own);
        // What the indexes say that lead to the child at hand, the outermost first.
        let mut above = vec![level];
        for (depth, below) in index.levels() {
            above.truncate(depth);
            let what = match below {
                Child::Image(image) => What::Image(image),
                Child::Index(inner) => What::Index(inner),
                Child::Attestation(_) | Child::Other(_) | Child::Missing(_) => continue,
            };
            let (own, level) = self.subject(what, true, &above, &beside);
            subjects.push(own);
            above.push(level);
        }
    }

    /// One image, of which no index is known that leads to it.
    pub(super) fn image<'t>(&self, image: &'t Image, child: bool) -> Subject<'t> {
        self.subject(What::Image(image), child, &[], &Beside::default()).0
    }

    /// What the index of a tree lists beside its platforms, where it is not looked for in all indexes.
    fn beside(&self, index: &ImageIndex) -> Beside {
        let mut beside = Beside::default();
        let below: Vec<&Descriptor> = index.descendants().map(Child::descriptor).collect();
        beside.take(&index.descriptor.digest, below.into_iter(), &self.lookup, self.context.conventions);
        beside
    }

    fn beside_everywhere(&self) -> Option<&Beside> {
        let everywhere = self.everywhere.as_ref()?;
        Some(everywhere.beside.get_or_init(|| Beside::everywhere(&self.source, &self.lookup, self.context)))
    }

    fn subject<'t>(&self, what: What<'t>, child: bool, above: &[Level], beside: &Beside) -> (Subject<'t>, Level) {
        let (descriptor, image, index) = match what {
            What::Image(image) => (&image.descriptor, Some(image), None),
            What::Index(index) => (&index.descriptor, None, Some(index)),
            What::Artifact(descriptor) => (descriptor, None, None),
        };
        let (declared, mut findings) = declared(what.places(), None, self.context.conventions);
        let created = match what {
            What::Image(image) => created(image),
            What::Index(index) => created_of_index(index),
            What::Artifact(_) => Vec::new(),
        };
        let own = self.level_with(descriptor, &created, beside);
        let mut levels = own.findings.clone();
        let others = self.elsewhere(&descriptor.digest, above);
        levels.extend(others.iter().flat_map(|level| level.findings.iter().cloned()));
        // Of what is no statement, it is a finding that it cannot be read, and no more.
        let is_unread = |level: &Level| {
            let mut odd = level.statements.iter().flat_map(|statement| &statement.findings);
            let nowhere = level.digest.is_none() && !level.findings.is_empty();
            level.unreadable > 0 || nowhere || odd.any(|finding| finding.severity >= Severity::Damage)
        };
        let unread = is_unread(&own) || others.iter().any(is_unread);
        findings.append(&mut levels);
        let mut subject = Subject {
            descriptor: descriptor.clone(),
            child,
            image,
            index,
            statements: own.statements.clone(),
            above: Vec::new(),
            listed: own.listed || above.iter().chain(&others).any(|level| level.listed),
            unreadable: own.unreadable,
            declared,
            resolution: resolve::resolve(Said::default(), &self.question),
            through: None,
            signed: own.signed.clone(),
            beside: own.beside.clone(),
            findings,
            unread,
        };
        let platform = subject.platform().map(Platform::to_string);
        for level in above.iter().chain(&others) {
            subject.unreadable += level.unreadable;
            subject.signed.extend(level.signed.iter().cloned());
            subject.above.extend(level.statements.iter().map(|statement| down(statement, platform.as_deref(), &descriptor.digest)));
        }
        subject.resolve(&self.question);
        subject.findings.extend(subject.resolution.findings.iter().cloned());
        let place = format!("{}@{}", self.source.shown(), descriptor.digest);
        subject.findings = std::mem::take(&mut subject.findings).into_iter().map(|finding| finding.at(&place)).collect();
        (subject, own)
    }

    /// What is said of the indexes above `digest` that are not among `known`.
    fn elsewhere(&self, digest: &Digest, known: &[Level]) -> Vec<Level> {
        let Some(everywhere) = &self.everywhere else { return Vec::new() };
        let (above, unreadable) = everywhere.above.get_or_init(|| {
            let beside = self.beside_everywhere().into_iter().flat_map(|beside| beside.by_subject.keys());
            let above = Above::of(&self.source, &self.lookup, beside, self.context.limits);
            let unreadable = above.unreadable().map(|unreadable| self.unreadable(unreadable)).collect();
            (above, unreadable)
        });
        let others =
            above.of_digest(digest).into_iter().filter(|index| known.iter().all(|level| level.digest.as_ref() != Some(&index.digest)));
        let mut levels: Vec<Level> = others
            .map(|index| {
                let created = match load(&self.source, index, self.context.limits) {
                    Ok(Tree::Index(index)) => created_of_index(&index),
                    _ => Vec::new(),
                };
                self.level(index, &created)
            })
            .collect();
        levels.extend(unreadable.iter().cloned());
        levels
    }

    /// What an index that cannot be read means for every image: whatever is said of its platforms may be said of this one.
    fn unreadable(&self, unreadable: &Unreadable) -> Level {
        let speaks = |index: &Descriptor| {
            let level = self.level(index, &[]);
            level.unreadable > 0 || level.statements.iter().any(Statement::is_valid)
        };
        Level {
            unreadable: usize::from(unreadable.indexes.iter().any(speaks)),
            findings: vec![unreadable.finding.clone().detail("statements on it may hold for any image here")],
            ..Level::default()
        }
    }

    /// What is said of what `descriptor` names; `created` are the creation times that it gives itself.
    pub(super) fn level(&self, descriptor: &Descriptor, created: &[String]) -> Level {
        self.level_with(descriptor, created, &Beside::default())
    }

    fn level_with(&self, descriptor: &Descriptor, created: &[String], beside: &Beside) -> Level {
        let mut level = Level { digest: Some(descriptor.digest.clone()), ..Level::default() };
        let found = self.lookup.of(descriptor);
        // What is odd about other referrers is reported by `doctor`; a list that cannot be read may hide a statement.
        // Where something refers to it, whoever brought it here brought referrers along, with or without a list of them.
        level.listed = found.fallback.is_some_and(|list| list.children.is_some()) || !found.referrers.is_empty();
        let conventions = self.context.conventions;
        let may_be_statement = |unread: &&Unread| conventions.may_be_statement(unread.artifact_type.as_deref());
        let unplaced = || self.lookup.unplaced().iter().filter(|unread| !unread.seems_image).filter(may_be_statement);
        level.unreadable = found.unread.iter().filter(may_be_statement).count() + unplaced().count();
        level.findings.extend(found.findings);
        if self.tells_unplaced {
            // Who says something more must know all that is said: those who answer tell of these once for the whole source.
            level.findings.extend(self.lookup.unplaced_findings().into_iter().filter(Finding::is_unread));
        }
        let strange = self.strange().iter().filter(|strange| strange.may_be_of(&descriptor.digest));
        level.unreadable += strange.count();
        let mut referrers = found.referrers;
        for beside in self.beside_everywhere().into_iter().chain([beside]) {
            let unread = beside.unread.get(&descriptor.digest).into_iter().flatten().chain(&beside.trouble).cloned().collect();
            let unread = Finding::new_among(&level.findings, unread);
            level.unreadable += unread.len();
            level.findings.extend(unread);
            for referrer in beside.by_subject.get(&descriptor.digest).into_iter().flatten() {
                if referrers.iter().all(|known| known.descriptor.digest != referrer.descriptor.digest) {
                    referrers.push(referrer.clone());
                    level.beside.extend(Some(referrer.clone()).filter(|one| conventions.is_statement(one.artifact_type())));
                }
            }
        }
        for referrer in referrers.iter().filter(|one| one.ending.is_none() && conventions.is_statement(one.artifact_type())) {
            let document = self.document(&referrer.artifact.content).unwrap_or_else(|unread| {
                level.findings.push(unread.finding);
                level.unreadable += 1;
                None
            });
            let read = statement::Referrer {
                digest: &referrer.descriptor.digest,
                artifact_type: referrer.artifact_type(),
                annotations: &referrer.artifact.annotations,
                subject: descriptor,
                document: document.as_ref(),
                has_content: content(&referrer.artifact).is_some(),
            };
            level.statements.extend(Statement::read(read, created, self.context.conventions, self.context.limits));
            let on_it = self.lookup.of_digest(&referrer.descriptor.digest);
            if on_it.referrers.iter().any(crate::read::referrers::Referrer::is_signature) {
                level.signed.insert(referrer.descriptor.digest.clone());
            }
        }
        level.findings.extend(level.statements.iter().flat_map(|statement| statement.findings.iter().cloned()));
        level
    }

    /// What is said of images that are not among `here`: they are gone, and the statements on them are not.
    pub(super) fn gone(&self, here: &BTreeSet<Digest>) -> Vec<Member> {
        let (digests, tags) = self.lookup.subjects();
        let tags = tags.iter().filter_map(|tag| tag.replacen('-', ":", 1).parse().ok());
        let all: BTreeSet<Digest> = digests.into_iter().chain(tags).filter(|digest| !here.contains(digest)).collect();
        let member = |digest: Digest| {
            let level = self.level(&Descriptor::plain("", &digest, 0), &[]);
            let resolution =
                resolve::resolve(Said { statements: &level.statements, declared: &[], unreadable: level.unreadable }, &self.question);
            resolution.speaker()?;
            Some(Member {
                superseded_by: successor(&resolution, &digest),
                standing: resolution.standing,
                unreadable: resolution.unreadable > 0,
                ..Member::gone(digest)
            })
        };
        all.into_iter().filter_map(member).collect()
    }

    /// What else refers to `descriptor`: its signatures, SBOMs and the like.
    pub(super) fn others(&self, descriptor: &Descriptor) -> Vec<String> {
        let found = self.lookup.of(descriptor).referrers;
        let others = found.iter().filter(|referrer| !self.context.conventions.is_statement(referrer.artifact_type()));
        let marked = marked(&self.source, self.context.limits).found.iter().filter(|marked| marked.subject == descriptor.digest);
        let marked = marked.map(|marked| format!("{} {}", marked.artifact_type(), marked.entry.digest));
        others.map(|referrer| format!("{} {}", referrer.artifact_type(), referrer.descriptor.digest)).chain(marked).collect()
    }

    /// What cannot be read and is not tied to any image: a finding of the whole source.
    pub(super) fn unplaced(&self) -> Vec<Finding> {
        self.lookup.unplaced_findings().into_iter().chain(self.strange().iter().map(Strange::finding).cloned()).collect()
    }

    /// Entries that may be statements, and that nobody here reads.
    fn strange(&self) -> &[Strange] {
        self.strange.get_or_init(|| Strange::of(&self.source, self.context.conventions))
    }

    /// The content of a statement, where it can be a document of ours: the layer of our type, or one layer of JSON. Annotations may
    /// say less than it does, so one that is not here is unreadable too, and so is one of two.
    pub(super) fn document(&self, content: &[Descriptor]) -> Result<Option<Verified>, Box<Unread>> {
        let mut own = content.iter().filter(|layer| layer.media_type == OWN_TYPE);
        let layer = match (own.next(), own.next(), content) {
            (Some(layer), None, _) => layer,
            (Some(layer), Some(other), _) => {
                let error = Error::new(Code::LifecycleUnreadable, "a statement on the life cycle has two documents");
                let error = error.expected(Fact::new("one layer", OWN_TYPE)).found(Fact::new(&other.digest, "another one"));
                return Err(Box::new(Unread::of(layer, error)));
            }
            (None, _, [layer]) if layer.media_type.ends_with("json") && layer.media_type != media_type::OCI_EMPTY => layer,
            (None, ..) => return Ok(None),
        };
        self.source.document(layer, self.context.limits).map(Some).map_err(|error| Box::new(Unread::of(layer, error)))
    }
}

/// The first of what a referrer carries: a manifest that has nothing to carry has the two bytes `{}` there, or nothing. Of an image
/// it is not the config, which says what the image is.
pub(super) fn content(artifact: &Artifact) -> Option<&Descriptor> {
    let config = artifact.config.iter().filter(|config| !media_type::is_image_config(&config.media_type));
    artifact.content.iter().chain(config).find(|blob| blob.size > 2)
}

/// Where an image says something itself.
pub(super) fn places_of(image: &Image) -> Places<'_> {
    Places { manifest: Some(&image.manifest.annotations), index: None, labels: Some(&image.config.labels) }
}

/// What something is said of.
#[derive(Clone, Copy)]
enum What<'t> {
    Image(&'t Image),
    Index(&'t ImageIndex),
    Artifact(&'t Descriptor),
}

impl<'t> What<'t> {
    /// Where it speaks of itself.
    fn places(self) -> Places<'t> {
        match self {
            Self::Image(image) => places_of(image),
            Self::Index(index) => Places { index: Some(&index.index.annotations), ..Places::default() },
            Self::Artifact(_) => Places::default(),
        }
    }
}

/// The creation times that an image gives itself.
fn created(image: &Image) -> Vec<String> {
    image.manifest.annotations.get(annotation::CREATED).into_iter().chain(&image.config.created).cloned().collect()
}

pub(super) fn created_of_index(index: &ImageIndex) -> Vec<String> {
    let own = index.index.annotations.get(annotation::CREATED).cloned();
    own.into_iter().chain(index.images().into_iter().flat_map(created)).collect()
}
