//! Reads what is said of the images of one source: the statements on them, on the indexes above them and on their platforms.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use super::above::{Above, Unreadable};
use super::beside::{Beside, in_entry};
use super::strange::Strange;
use super::subject::{Level, Subject, What, created, created_of_index, successor};

use crate::foundation::{Code, Digest, Error, Fact, Finding, Severity};
use crate::oci::{Artifact, Descriptor, Platform, Verified, media_type};
use crate::plan::lifecycle::convention::OWN_TYPE;
use crate::plan::lifecycle::declared::declared;
use crate::plan::lifecycle::level::down;
use crate::plan::lifecycle::lineage::Member;
use crate::plan::lifecycle::resolve::{self, Question, Said};
use crate::plan::lifecycle::statement::{self, Statement};
use crate::read::referrers::{Lookup, Scope, Unread, marked};
use crate::read::{Child, Image, ImageIndex, Source, Tree, load};
use crate::verbs::Context;

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

    /// The platforms of an index that are not here and that something is said of: who is told of the others has to know of these.
    pub(super) fn missing<'t>(&self, tree: &'t Tree) -> Vec<Subject<'t>> {
        let gone = tree.index().into_iter().flat_map(ImageIndex::missing).filter(|gone| !gone.is_attestation() && !gone.is_artifact());
        let subjects = gone.map(|gone| self.subject(What::Artifact(gone), true, &[], &Beside::default()).0);
        subjects.filter(|subject| subject.resolution.speaker().is_some() || subject.resolution.unreadable > 0).collect()
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
        let declared = declared(what.places(), None, self.context.conventions);
        // What stands in the entry that leads to it is the word of who listed it.
        let entry = in_entry(descriptor, self.context.conventions);
        let misread = declared.misread.iter().chain(&entry.misread);
        let mut findings: Vec<Finding> = misread.map(|word| word.finding.clone()).collect();
        let created = match what {
            What::Image(image) => created(image),
            What::Index(index) => created_of_index(index),
            What::Artifact(_) => Vec::new(),
        };
        let mut own = self.level_with(descriptor, &created, beside);
        let words = [Some(&entry), index.map(|_| &declared)].into_iter().flatten().filter(|words| words.says_of_below());
        own.words = words.map(|words| (descriptor.digest.clone(), words.clone())).collect();
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
            words: Vec::new(),
            resolution: resolve::resolve(Said::default(), &self.question),
            through: None,
            signed: own.signed.clone(),
            beside: own.beside.clone(),
            findings,
            unread,
        };
        // An index says it of what is below it; its own words are its own already.
        subject.hear_words(&own.words.iter().filter(|(_, words)| index.is_none() || *words == entry).cloned().collect::<Vec<_>>());
        let everywhere = self.beside_everywhere().and_then(|beside| beside.words.get(&descriptor.digest)).into_iter().flatten();
        subject.hear_words(&everywhere.filter(|(_, words)| *words != entry).cloned().collect::<Vec<_>>());
        let platform = subject.platform().map(Platform::to_string);
        for level in above.iter().chain(&others) {
            subject.unreadable += level.unreadable;
            subject.hear_words(&level.words);
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
            let resolution = resolve::resolve(Said { unreadable: level.unreadable, ..Said::of(&level.statements) }, &self.question);
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
