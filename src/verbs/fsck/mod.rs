//! Checks sources and lists everything that is wrong.
//!
//! Level 0 reads the structure: `oci-layout`, `index.json`, every manifest and index (which are hashed before they are read,
//! because nothing unhashed is believed here), and compares sizes. Level 1 also hashes and reads configs and compares them with
//! their manifests. Level 2 hashes every blob, named by a document or not. Level 3 also inflates the layers of images and compares
//! them with their diffIDs; level 4 reads them as tar archives in the same pass.

mod deep;
mod names;
mod owners;
mod stored;
mod structure;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use deep::Deep;
use structure::Sort;

use super::Context;
use crate::foundation::fsys::{Directory, shown};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, Severity};
use crate::read::{Container, Found, Reference, Source, SourceKind, View, check_transport, find};
use crate::report::exit_of;
use crate::report::fsck::{Checked, FsckReport};

/// The last level there is.
const DEEPEST: u8 = 4;

/// Checks every source at `paths`. A folder of sources is searched.
///
/// # Errors
/// Only `usage.argument`; whatever is wrong with a source is in the report.
pub fn fsck(paths: &[String], level: u8, allow_sparse: bool, context: Context<'_>) -> Result<FsckReport> {
    if level > DEEPEST {
        return Err(Error::new(Code::UsageArgument, "there is no such level")
            .expected(Fact::new(
                "0 structure and sizes, 1 manifests and configs, 2 all digests, 3 diffIDs, 4 the files in layers",
                "this version",
            ))
            .found(Fact::new(level, "--level")));
    }
    let mut report = FsckReport { level, clean: true, sources: Vec::new(), findings: Vec::new() };
    for path in paths {
        let reference = Reference::existing(path)?;
        if reference.names_one() {
            return Err(Error::new(Code::UsageArgument, "fsck checks whole sources")
                .expected(Fact::new("the path of a layout, an archive or a folder of them", "fsck"))
                .found(Fact::new(&reference.text, "the command line"))
                .hint(format!("Give the path alone: {}", reference.shown_path())));
        }
        let Found { paths, findings, passed } = find(&reference.path, context.limits)?;
        report.findings.extend(findings);
        let before = report.sources.len();
        for path in &paths {
            let view = if *path == reference.path { reference.view() } else { View::Whole };
            let checked = check(path, view, level, allow_sparse, context);
            if *path == reference.path {
                checked.kind.map_or(Ok(()), |kind| check_transport(&reference, kind))?;
            }
            report.sources.push(checked);
        }
        // What could not be read was looked at; the error says what was wrong with it.
        let has_something = |source: &Checked| source.entries > 0 || exit_of(&source.findings).is_some();
        if !report.sources.iter().skip(before).any(has_something) {
            report.findings.push(context.nothing(passed.nothing(&reference.shown_path())));
        }
    }
    report.clean = exit_of(report.all_findings()).is_none();
    Ok(report)
}

struct Checker<'a> {
    container: Box<dyn Container>,
    level: u8,
    allow_sparse: bool,
    context: Context<'a>,
    findings: Vec<Finding>,
    seen: HashMap<Digest, (u64, Sort)>,
    entries: usize,
    /// What is named and could not be opened, which was said then.
    unopened: BTreeSet<Digest>,
    documents: usize,
    hashed: BTreeSet<Digest>,
    hashed_bytes: u64,
    /// How many blobs were hashed that are no documents.
    contents: usize,
    deep: Deep,
    inflated: usize,
}

fn check(path: &Path, view: View, level: u8, allow_sparse: bool, context: Context<'_>) -> Checked {
    let mut checked = Checked {
        path: shown(path),
        kind: None,
        entries: 0,
        documents: 0,
        blobs: 0,
        hashed: 0,
        hashed_bytes: 0,
        inflated: 0,
        unreferenced: 0,
        unreferenced_bytes: 0,
        findings: Vec::new(),
    };
    let container = match Source::open_container(path, view, context.limits) {
        Ok(container) => container,
        Err(error) => {
            // Nothing of it was checked, whatever the reason.
            checked.findings.push(error.into_finding().severity(Severity::Refusal));
            return checked;
        }
    };
    checked.kind = Some(container.kind());
    let mut checker = Checker {
        container,
        level,
        allow_sparse,
        context,
        findings: Vec::new(),
        seen: HashMap::new(),
        entries: 0,
        unopened: BTreeSet::new(),
        documents: 0,
        hashed: BTreeSet::new(),
        hashed_bytes: 0,
        contents: 0,
        deep: Deep::default(),
        inflated: 0,
    };
    checker.findings.extend(checker.container.findings());
    checker.leftovers(path);
    checker.structure();
    checker.layers();
    checker.stored(&mut checked);
    checked.entries = checker.entries;
    checked.documents = checker.documents;
    checked.hashed = checker.hashed.len() + checker.contents;
    checked.hashed_bytes = checker.hashed_bytes;
    checked.inflated = checker.inflated;
    checked.findings = checker.findings;
    owners::name(&mut checked.findings, checker.container.as_ref(), context.limits);
    let place = |finding: &Finding| (std::cmp::Reverse(finding.severity), finding.code.slug(), finding.place.clone());
    checked.findings.sort_by_key(place);
    checked
}

impl Checker<'_> {
    fn add(&mut self, error: Error, place: &str) {
        self.findings.push(error.at(place).into());
    }

    /// A document could not be read, so nothing below it was checked. That is damage even where the reason, such as an unknown
    /// algorithm, is only worth a warning in other places: "clean" must mean that everything was checked.
    fn unread(&mut self, error: Error, place: &str) {
        let mut finding = error.at(place).into_finding();
        finding.severity = finding.severity.max(Severity::Damage);
        self.findings.push(finding);
    }

    /// Names what a killed writer may have left behind.
    fn leftovers(&mut self, path: &Path) {
        if self.container.kind() != SourceKind::Layout {
            return;
        }
        match Directory::open(path).and_then(|directory| directory.leftovers()) {
            Ok(names) => {
                let finding = |name| Finding::new(Code::LayoutLeftover, "a writer left a file behind, or is writing now").at(name);
                self.findings.extend(names.into_iter().map(finding));
            }
            Err(error) => self.add(error, &shown(path)),
        }
    }
}
