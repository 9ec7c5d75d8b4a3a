//! Makes statements on an image.

use std::sync::Arc;

use super::state::{Reader, Subject};
use crate::core::{Code, Digest, Error, Finding, Result};
use crate::oci::{Descriptor, Platform, Verified, annotation, media_type};
use crate::plan::lifecycle::change::Change;
use crate::plan::lifecycle::field::{Field, Record, Value};
use crate::plan::lifecycle::profile::{Draft, Profile, write as author};
use crate::plan::lifecycle::resolve::{Role, next_sequence, replaced_by_next};
use crate::plan::lifecycle::time::Moment;
use crate::plan::referrers::{Content, Draft as Manifest, EMPTY, Item, Wish, manifest};
use crate::read::{Source, SourceKind};
use crate::report::lifecycle::set::{SetReport, Stated};
use crate::report::lifecycle::texts;
use crate::verbs::output::{Cargo, Output, write};
use crate::verbs::{Context, Opened, open};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Set {
    /// The image.
    pub image: String,
    /// What shall hold.
    pub change: Change,
    /// For which readers. Without one the default is taken, and what is so already is not said again in another form.
    pub profile: Option<Profile>,
    /// Who says so.
    pub issuer: Option<String>,
    /// On one platform only.
    pub platform: Option<Platform>,
    /// Only on what the reference names, not on the platforms below it.
    pub index_only: bool,
    /// When.
    pub now: Moment,
}

/// States it, on the image and on each of its platforms: a node pins either.
///
/// # Errors
/// `usage.argument` if nothing is asked for, `lifecycle.profile`, `usage.output` for archives, `referrer.fallback_tag`, and those
/// of references and of writing. With an error nothing was written.
pub fn set(request: &Set, context: Context<'_>) -> Result<SetReport> {
    if request.change.set.is_empty() && request.change.clear.is_empty() {
        return Err(Error::new(Code::UsageArgument, "nothing is to be stated")
            .hint("Give what shall hold, such as --eol 2026-12-01 or --status deprecated."));
    }
    let opened = open(&request.image, context)?;
    refuse_archive(&opened.located.source, "lifecycle set")?;
    let reader = Reader::new(&opened.located.source, request.now, context);
    let mut making = Making::new(request.now, request.profile.clone(), request.issuer.clone());
    for subject in chosen(&opened, &reader, request)? {
        making.state(&subject, &request.change)?;
    }
    making.finish(&opened, context)
}

fn chosen<'t>(opened: &'t Opened, reader: &Reader<'_>, request: &Set) -> Result<Vec<Subject<'t>>> {
    let mut subjects = reader.subjects(&opened.tree);
    if request.platform.is_some() {
        let digest = &opened.image(request.platform.as_ref())?.descriptor.digest;
        subjects.retain(|subject| subject.descriptor.digest == *digest);
    } else if request.index_only {
        subjects.truncate(1);
    }
    Ok(subjects)
}

/// Refuses to change an archive.
///
/// # Errors
/// `usage.output`.
pub(super) fn refuse_archive(source: &Source, verb: &str) -> Result<()> {
    if source.kind() == SourceKind::Layout {
        return Ok(());
    }
    Err(Error::new(Code::UsageOutput, format!("{verb} would change an archive, and archives are never changed"))
        .at(source.shown())
        .hint("Copy it into a layout first: `airbase copy ARCHIVE DIR`."))
}

/// Statements that are being made, on any number of subjects of one source; they become visible together.
#[derive(Debug)]
pub(in crate::verbs) struct Making<'a> {
    cargo: Cargo<'a>,
    now: Moment,
    profile: Option<Profile>,
    issuer: Option<String>,
    pub(in crate::verbs) subjects: Vec<Stated>,
    pub(in crate::verbs) findings: Vec<Finding>,
    /// Whether a statement that is there could not be read.
    pub(in crate::verbs) unread: bool,
    any: bool,
}

impl<'a> Making<'a> {
    pub(super) fn new(now: Moment, profile: Option<Profile>, issuer: Option<String>) -> Self {
        Self { cargo: Cargo::default(), now, profile, issuer, subjects: Vec::new(), findings: Vec::new(), unread: false, any: false }
    }

    /// States `change` on a subject, unless it is so.
    pub(super) fn state(&mut self, subject: &Subject<'_>, change: &Change) -> Result<()> {
        self.findings.extend(subject.findings.iter().cloned());
        self.unread |= subject.unread;
        // What holds by a statement on the index, and what the image says of itself, goes into the first statement of its own,
        // which would otherwise hide it.
        let holds = subject.resolution.kept();
        let older = subject
            .resolution
            .roles
            .iter()
            .filter(|(digest, role)| **role != Role::SaysNothing && subject.statements.iter().any(|one| one.digest == **digest))
            .count();
        let next = match change.next(&holds, self.now) {
            Some(next) => next,
            // It is so by the index; a node that pins the platform is told by nothing but its own statement.
            None if subject.through.is_some() => holds.clone(),
            // Asked for in a form that is not there yet.
            None if self.profile.is_some() && !self.has_form(subject, &holds)? => holds.clone(),
            None => {
                self.subjects.push(Stated {
                    digest: subject.descriptor.digest.clone(),
                    platform: subject.platform().cloned(),
                    statement: None,
                    artifact_type: None,
                    says: texts(&holds),
                    older: older.saturating_sub(1),
                });
                return Ok(());
            }
        };
        let (digest, artifact_type) = self.make(subject, next.clone(), Vec::new())?;
        self.subjects.push(Stated {
            digest: subject.descriptor.digest.clone(),
            platform: subject.platform().cloned(),
            statement: Some(digest),
            artifact_type: Some(artifact_type),
            says: texts(&next),
            older,
        });
        Ok(())
    }

    /// Whether a statement of the type that the profile would write says so already.
    fn has_form(&self, subject: &Subject<'_>, holds: &Record) -> Result<bool> {
        let draft = self.draft(subject, holds.clone());
        let wanted = author(&draft, &subject.descriptor, &self.profile.clone().unwrap_or_default())?.artifact_type;
        let speaks = |role: Option<&Role>| matches!(role, Some(Role::Speaks | Role::Adds | Role::Older));
        Ok(subject.statements.iter().any(|statement| {
            statement.artifact_type == wanted
                && speaks(subject.resolution.roles.get(&statement.digest))
                && statement.record().iter().all(|(field, value)| holds.get(field) == Some(value))
        }))
    }

    fn draft(&self, subject: &Subject<'_>, says: Record) -> Draft {
        Draft {
            says,
            made: self.now.to_the_second(),
            sequence: next_sequence(&subject.statements, self.issuer.as_deref()),
            replaces: replaced_by_next(&subject.statements),
            issuer: self.issuer.clone(),
            subject_created: subject.created(),
        }
    }

    /// Makes one statement, which says `says` and takes the place of all that are there; those in `remove` leave the lists.
    pub(super) fn make(&mut self, subject: &Subject<'_>, mut says: Record, remove: Vec<Digest>) -> Result<(Digest, String)> {
        for (field, key) in [(Field::Version, annotation::VERSION), (Field::Revision, annotation::REVISION)] {
            if let Some(own) = subject.own(key) {
                says.entry(field).or_insert_with(|| Value::Text(own.to_owned()));
            }
        }
        let draft = self.draft(subject, says);
        self.write(&draft, &subject.descriptor, subject.child, remove)
    }

    /// Makes the statement of a draft on a subject that may not be there yet.
    pub(super) fn write(&mut self, draft: &Draft, subject: &Descriptor, child: bool, remove: Vec<Digest>) -> Result<(Digest, String)> {
        let parts = author(draft, subject, &self.profile.clone().unwrap_or_default())?;
        let mut draft = Manifest { artifact_type: parts.artifact_type, annotations: parts.annotations, content: Vec::new() };
        for (layer_type, bytes) in parts.layers {
            let document = Verified::authored(bytes);
            if layer_type != media_type::OCI_EMPTY {
                draft.content.push(Content {
                    media_type: layer_type,
                    digest: document.digest().clone(),
                    size: document.size(),
                    annotations: std::collections::BTreeMap::new(),
                });
            }
            self.cargo.document(&document);
        }
        let authored = manifest(&draft, Some(subject));
        self.cargo.document(&Verified::authored(EMPTY.to_vec()));
        self.cargo.document(&authored.blob);
        let item =
            Item { descriptor: authored.descriptor(), artifact_type: Some(draft.artifact_type.clone()), annotations: draft.annotations };
        self.any = true;
        self.cargo.refer(Wish { subject: subject.clone(), child, add: vec![item], remove, clean: false });
        Ok((authored.blob.digest().clone(), draft.artifact_type))
    }

    /// Changes the lists of a subject.
    pub(super) fn refer(&mut self, subject: &Subject<'_>, add: Vec<Item>, remove: Vec<Digest>) {
        self.any = true;
        self.cargo.refer(Wish { subject: subject.descriptor.clone(), child: subject.child, add, remove, clean: false });
    }

    /// Writes all of it; without anything to write the layout is not touched.
    pub(super) fn commit(&mut self, source: &Arc<Source>, context: Context<'_>) -> Result<bool> {
        if !self.any {
            return Ok(false);
        }
        let mut cargo = std::mem::take(&mut self.cargo);
        cargo.enlist(source)?;
        // It was read just now, and need not be parsed again to be changed.
        cargo.input(source);
        let committed = write(&Output::Layout(source.path.clone()), &cargo, &[], 0, context)?;
        self.findings.extend(committed.findings);
        Ok(committed.index_changed)
    }

    /// What is to be written, for who writes more with it.
    pub(in crate::verbs) fn into_cargo(self) -> Cargo<'a> {
        self.cargo
    }

    pub(super) fn finish(mut self, opened: &Opened, context: Context<'_>) -> Result<SetReport> {
        let changed = self.commit(&opened.located.source, context)?;
        let (image, at) = (opened.located.shown(), self.now);
        Ok(SetReport { image, at, subjects: self.subjects, successor: None, changed, findings: self.findings })
    }
}
