//! The verbs as functions: read, plan, write, in this order, with typed results and no printing.
//!
//! Each file is one verb, or what several share: `bases` finds bases, [`Output`] says where a result goes. Everything that
//! a verb learned is in its report (`crate::report`). Imports all folders but `cli`.

pub mod base;
mod bases;
pub mod batch;
pub mod collection;
pub mod copy;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod files;
pub mod fsck;
pub mod gc;
pub mod index;
pub mod inspect;
mod judge;
mod layers;
pub mod lifecycle;
mod narrow;
pub mod outdated;
mod output;
mod overlooked;
mod places;
pub mod prepare;
mod proof;
pub mod rebase;
pub mod referrers;
pub mod rm;
mod room;
pub mod sync;
pub mod tag;
pub mod verdict;
pub mod why;

use std::sync::Arc;

use crate::foundation::event::{Events, Silent};
use crate::foundation::fsys::Faults;
use crate::foundation::limits::MIB;
use crate::foundation::{Code, ExitClass, Finding, Limits, Result, Severity};
use crate::oci::{Descriptor, Platform};
use crate::plan::lifecycle::convention::Conventions;
use crate::read::{Image, Located, Reference, Source, Tree, load, locate_among};

use bases::Bases;
pub use narrow::{Choice, Sparse};
pub use output::{Form, Output};
pub use places::Places;
pub use proof::Verify;

/// How many bytes of databases of packages and users are held in memory at most.
const KEPT_DATABASES: u64 = 256 * MIB;

/// What every verb needs to know.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The bounds.
    pub limits: &'a Limits,
    /// Who hears of progress.
    pub events: &'a dyn Events,
    /// How many threads may work.
    pub jobs: usize,
    /// What the site reads as statements on the life cycle, beside what everybody does.
    pub conventions: &'a Conventions,
    /// Whether an answer about no image at all is a good one.
    pub allow_empty: bool,
    /// How long to wait for a lock.
    pub lock_timeout: std::time::Duration,
    /// Injected faults; none outside tests.
    pub faults: &'a Faults,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Context").field("jobs", &self.jobs).finish_non_exhaustive()
    }
}

static NO_FAULTS: Faults = Faults::none();
static NO_CONVENTIONS: Conventions = Conventions::NONE;

impl Context<'static> {
    /// The standard bounds, nobody listening, two threads.
    pub fn standard() -> Self {
        let lock_timeout = std::time::Duration::from_secs(30);
        let (limits, conventions) = (&Limits::STANDARD, &NO_CONVENTIONS);
        Self { limits, events: &Silent, jobs: 2, conventions, allow_empty: false, lock_timeout, faults: &NO_FAULTS }
    }
}

impl Context<'_> {
    /// That nothing was looked at: it stops the caller's next step, unless nothing is what was expected.
    fn nothing(&self, finding: Finding) -> Finding {
        if self.allow_empty { finding.severity(Severity::Note) } else { finding }
    }
}

/// What came of one of several paths: what is damaged there, or cannot be read, is a finding, so that the others are still looked at.
///
/// # Errors
/// All of `result` where no other path was given; else those that are a mistake in what was typed.
fn one_of<T>(paths: &[String], reference: &Reference, result: Result<T>, findings: &mut Vec<Finding>) -> Result<Option<T>> {
    match result {
        Err(error) if paths.len() > 1 && matches!(error.exit_class(), ExitClass::Corrupt | ExitClass::Io) => {
            findings.push(error.at(reference.shown_path()).into());
            Ok(None)
        }
        result => result.map(Some),
    }
}

/// That an image which was named by its place alone has more names there than the one that its result has.
fn names_left(reference: &Reference, located: &Located) -> Option<Finding> {
    let own = located.name.as_deref().filter(|_| reference.name.is_none())?;
    let entries = located.source.index.manifests.iter().filter(|entry| entry.digest == located.descriptor.digest);
    let others: Vec<&str> = entries.filter_map(Descriptor::name).filter(|name| *name != own).collect();
    let finding = || Finding::new(Code::RefNamesLeft, "the image has other names, which the result does not have").at(located.shown());
    (!others.is_empty()).then(|| others.into_iter().fold(finding(), Finding::detail))
}

/// A reference, opened and read.
#[derive(Debug, Clone)]
pub struct Opened {
    /// What it means.
    pub located: Located,
    /// What hangs below it.
    pub tree: Tree,
}

/// Opens a reference and reads the documents below it.
///
/// # Errors
/// Those of resolving the reference and of reading its documents.
pub fn open(text: &str, context: Context<'_>) -> Result<Opened> {
    open_among(text, &[], context)
}

/// As [`open`]; a source among `sources` is not read again.
fn open_among(text: &str, sources: &[Arc<Source>], context: Context<'_>) -> Result<Opened> {
    let located = locate_among(&Reference::existing(text)?, sources, context.limits)?;
    let tree = load(&located.source, &located.descriptor, context.limits)?;
    Ok(Opened { located, tree })
}

impl Opened {
    /// The one image that is meant.
    ///
    /// # Errors
    /// `ref.platform`, `image.not_an_image`.
    pub fn image(&self, platform: Option<&Platform>) -> Result<&Image> {
        self.tree.only_image(platform).map_err(|error| error.at(self.located.shown()))
    }
}
