//! What is said of an image: the statements on it and on its platforms, and what it says itself.

use std::sync::Arc;

use crate::core::{Code, Digest, Finding, Severity};
use crate::oci::{Descriptor, Platform, Verified, annotation, media_type};
use crate::plan::lifecycle::convention::is_statement;
use crate::plan::lifecycle::declared::{Declaration, Places, declared};
use crate::plan::lifecycle::field::{Field, Value};
use crate::plan::lifecycle::resolve::{Resolution, resolve};
use crate::plan::lifecycle::statement::{self, Statement};
use crate::plan::lifecycle::time::Moment;
use crate::read::referrers::{Lookup, Scope, marked};
use crate::read::{Child, Image, ImageIndex, Source, Tree};
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
    /// What it says itself.
    pub(super) declared: Vec<Declaration>,
    /// What holds of it.
    pub(super) resolution: Resolution,
    /// The index whose statements hold for it, because it has none of its own.
    pub(super) through: Option<Digest>,
    /// How many of the statements are signed. No signature is verified here.
    pub(super) signed: usize,
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
                index.index.annotations.get(annotation::CREATED).cloned().or_else(|| images(index).into_iter().find_map(image))
            }
            (None, None) => None,
        }
    }

    /// The image to use instead, by statements. Those on an index name one for each platform; where they name the index only,
    /// a platform does not follow it by itself: the lineage looks into the new index.
    pub(super) fn successor(&self) -> Option<Digest> {
        let platform = self.platform().map(Platform::to_string);
        let value = |field: Field| self.resolution.fields.get(&field).map(|held| &held.stated.value);
        if let (Some(Value::Platforms(platforms)), Some(platform)) = (value(Field::SupersededByPlatforms), platform)
            && let Some(digest) = platforms.get(&platform)
        {
            return Some(digest.clone());
        }
        match value(Field::SupersededBy) {
            Some(Value::Digest(digest)) if self.through.is_none() => Some(digest.clone()),
            _ => None,
        }
    }
}

/// All images below an index.
fn images(index: &ImageIndex) -> Vec<&Image> {
    let mut found = Vec::new();
    for child in &index.children {
        match child {
            Child::Image(image) => found.push(&**image),
            Child::Index(inner) => found.extend(images(inner)),
            Child::Attestation(_) | Child::Other(_) | Child::Missing(_) => {}
        }
    }
    found
}

/// Reads statements out of one source. Made once for all images of it.
#[derive(Debug)]
pub(in crate::verbs) struct Reader<'a> {
    source: Arc<Source>,
    lookup: Lookup<'a>,
    context: Context<'a>,
    pub(super) now: Moment,
}

impl<'a> Reader<'a> {
    pub(in crate::verbs) fn new(source: &Arc<Source>, now: Moment, context: Context<'a>) -> Self {
        Self { source: Arc::clone(source), lookup: Lookup::new(source, Scope::Quick, context.limits), context, now }
    }

    /// Who refers to what in this source.
    pub(in crate::verbs) fn lookup(&self) -> &Lookup<'a> {
        &self.lookup
    }

    /// What is said of the tree: of its top first, then of everything below it that runs. Without an own statement a platform is
    /// what the index is said to be.
    pub(super) fn subjects<'t>(&self, tree: &'t Tree) -> Vec<Subject<'t>> {
        let mut subjects = Vec::new();
        match tree {
            Tree::Image(image) => subjects.push(self.image(image, false)),
            Tree::Index(index) => self.index(index, false, &mut subjects),
            // What is said of a collection is said of it alone: its members are images of their own.
            Tree::Collection(index) => {
                let places = Places { index: Some(&index.index.annotations), ..Places::default() };
                subjects.push(self.subject(&index.descriptor, false, None, Some(index), places));
            }
            Tree::Artifact { descriptor, .. } => subjects.push(self.subject(descriptor, false, None, None, Places::default())),
        }
        subjects
    }

    fn index<'t>(&self, index: &'t ImageIndex, child: bool, subjects: &mut Vec<Subject<'t>>) {
        let places = Places { index: Some(&index.index.annotations), ..Places::default() };
        let own = self.subject(&index.descriptor, child, None, Some(index), places);
        let speaks = own.resolution.speaker().is_some().then(|| own.resolution.clone());
        subjects.push(own);
        for below in &index.children {
            match below {
                Child::Image(image) => {
                    let mut subject = self.image(image, true);
                    if let Some(resolution) = speaks.as_ref().filter(|_| subject.resolution.speaker().is_none()) {
                        subject.resolution = resolution.clone();
                        subject.through = Some(index.descriptor.digest.clone());
                    }
                    subjects.push(subject);
                }
                Child::Index(inner) => self.index(inner, true, subjects),
                Child::Attestation(_) | Child::Other(_) | Child::Missing(_) => {}
            }
        }
    }

    /// One image, as if no index led to it.
    pub(super) fn image<'t>(&self, image: &'t Image, child: bool) -> Subject<'t> {
        let places = places(image);
        self.subject(&image.descriptor, child, Some(image), None, places)
    }

    fn subject<'t>(
        &self,
        descriptor: &Descriptor,
        child: bool,
        image: Option<&'t Image>,
        index: Option<&'t ImageIndex>,
        places: Places<'_>,
    ) -> Subject<'t> {
        let (declared, mut findings) = declared(places, None);
        let own = findings.len();
        let created = match (image, index) {
            (Some(image), _) => created(image),
            (None, Some(index)) => {
                let own = index.index.annotations.get(annotation::CREATED).cloned();
                own.into_iter().chain(images(index).into_iter().flat_map(created)).collect()
            }
            (None, None) => Vec::new(),
        };
        let (statements, signed) = self.statements(descriptor, &created, &mut findings);
        let resolution = resolve(&statements, &declared, self.now);
        findings.extend(statements.iter().flat_map(|statement| statement.findings.iter().cloned()));
        findings.extend(resolution.findings.iter().cloned());
        let unread = findings.iter().skip(own).any(|finding| finding.severity >= Severity::Damage);
        let place = format!("{}@{}", self.source.shown(), descriptor.digest);
        let findings = findings.into_iter().map(|finding| finding.at(&place)).collect();
        let descriptor = descriptor.clone();
        Subject { descriptor, child, image, index, statements, declared, resolution, through: None, signed, findings, unread }
    }

    /// The statements on what `descriptor` names, and how many of them something signs.
    pub(super) fn statements(&self, descriptor: &Descriptor, created: &[String], findings: &mut Vec<Finding>) -> (Vec<Statement>, usize) {
        let mut statements = Vec::new();
        let mut signed = 0;
        let found = self.lookup.of(descriptor);
        // What is odd about other referrers is told by `doctor`; a list that cannot be read may hide a statement.
        findings.extend(found.findings);
        for referrer in found.referrers.iter().filter(|referrer| referrer.ending.is_none() && is_statement(referrer.artifact_type())) {
            let document = self.document(&referrer.artifact.content, findings);
            let read = statement::Referrer {
                digest: &referrer.descriptor.digest,
                artifact_type: referrer.artifact_type(),
                annotations: &referrer.artifact.annotations,
                subject: descriptor,
                document: document.as_ref(),
            };
            statements.extend(Statement::read(read, created, self.context.limits));
            let on_it = self.lookup.of_digest(&referrer.descriptor.digest);
            signed += usize::from(on_it.referrers.iter().any(crate::read::referrers::Referrer::is_signature));
        }
        (statements, signed)
    }

    /// What else refers to `descriptor`: its signatures, SBOMs and the like.
    pub(super) fn others(&self, descriptor: &Descriptor) -> Vec<String> {
        let found = self.lookup.of(descriptor).referrers;
        let others = found.iter().filter(|referrer| !is_statement(referrer.artifact_type()));
        let marked = marked(&self.source, self.context.limits).iter().filter(|marked| marked.subject == descriptor.digest);
        let marked = marked.map(|marked| format!("{} {}", marked.artifact_type(), marked.entry.digest));
        others.map(|referrer| format!("{} {}", referrer.artifact_type(), referrer.descriptor.digest)).chain(marked).collect()
    }

    /// The content of a statement, where it can be a document: one layer that is not empty. One that is not here leaves the
    /// annotations, which say nearly as much.
    fn document(&self, content: &[Descriptor], findings: &mut Vec<Finding>) -> Option<Verified> {
        let [layer] = content else { return None };
        if layer.media_type == media_type::OCI_EMPTY || layer.size > self.context.limits.document_bytes {
            return None;
        }
        match self.source.document(layer, self.context.limits) {
            Ok(document) => Some(document),
            Err(error) if error.code() == Code::BlobMissing => None,
            Err(error) => {
                findings.push(error.into_finding());
                None
            }
        }
    }
}

/// Where an image says something itself.
pub(super) fn places(image: &Image) -> Places<'_> {
    Places { manifest: Some(&image.manifest.annotations), index: None, labels: Some(&image.config.labels) }
}

/// The creation times that an image gives itself.
fn created(image: &Image) -> Vec<String> {
    image.manifest.annotations.get(annotation::CREATED).into_iter().chain(&image.config.created).cloned().collect()
}
