//! Holds a listing of a registry against the plan of what was to be pushed.

use std::path::{Path, PathBuf};

use crate::foundation::fsys::{File, shown};
use crate::foundation::{Code, Error, Fact, Finding, Limits, Result};
use crate::plan::sync::{Listings, Presence, Promise, Promises, plan, read, verify};
use crate::read::nothing;
use crate::report::sync::{Checked, Replaced, SyncReport};
use crate::verbs::Context;

/// A listing.
#[derive(Debug, Clone)]
pub struct Listing {
    /// What it is of, where it does not say so itself.
    pub name: Option<String>,
    /// Its content.
    pub content: Content,
}

/// Where a listing is.
#[derive(Debug, Clone)]
pub enum Content {
    /// In a file.
    File(PathBuf),
    /// In memory: what came from standard input.
    Bytes(Vec<u8>),
}

impl Listing {
    /// Reads `FILE` or `NAME=FILE`; a file of the whole text wins.
    pub fn parse(text: &str) -> Self {
        let path = PathBuf::from(text);
        match text.split_once('=') {
            // Whoever opens the other file gets the error.
            Some((name, file)) if File::open(&path).is_err() => Self { name: Some(name.to_owned()), content: Content::File(file.into()) },
            _ => Self { name: None, content: Content::File(path) },
        }
    }
}

/// Says of each item of the plan whether it is there; with `lists` the lists of referrers must be there too.
///
/// # Errors
/// `sync.plan`, `sync.listing`, and those of reading files.
pub fn verify_sync(plan_path: &Path, listings: &[Listing], lists: bool, context: Context<'_>) -> Result<SyncReport> {
    let Promises { mut promises, shortcomings } =
        plan(&bytes(plan_path, context.limits)?, context.limits).map_err(|error| error.at(shown(plan_path)))?;
    // A registry without the referrers API has them, and whoever looks for statements there looks at nothing else.
    for promise in &mut promises {
        promise.required |= lists && promise.kind == "list";
    }
    let mut said = Listings::default();
    for listing in listings {
        let (content, from) = match &listing.content {
            Content::File(path) => (bytes(path, context.limits)?, shown(path)),
            Content::Bytes(bytes) => (bytes.clone(), "standard input".to_owned()),
        };
        read(&content, listing.name.as_deref(), &from, &mut said, context.limits)?;
    }
    let verdicts = verify(&promises, &said);
    let mut report = SyncReport {
        plan: shown(plan_path),
        items: Vec::new(),
        there: 0,
        missing: 0,
        another: 0,
        not_told: 0,
        replaced: Vec::new(),
        findings: Vec::new(),
    };
    if !shortcomings.is_empty() {
        let short = Finding::new(Code::SyncShort, "not everything that was to be pushed is in the plan").at(shown(plan_path));
        report.findings.push(shortcomings.into_iter().fold(short, Finding::detail));
    }
    if promises.is_empty() {
        report.findings.push(context.nothing(nothing(&shown(plan_path))));
    }
    // As long as something is missing, the older statement may be the only one that anybody finds.
    let all = promises.iter().zip(&verdicts).all(|(promise, (standing, _))| !promise.required || *standing == Presence::There);
    let replaced = promises.iter().filter(|promise| all && promise.replaced);
    report.replaced = replaced.map(|promise| Replaced::by_regctl(&promise.reference)).collect();
    for (promise, (standing, found)) in promises.into_iter().zip(verdicts) {
        match standing {
            Presence::There => report.there += 1,
            Presence::Missing => report.missing += 1,
            Presence::Another => report.another += 1,
            Presence::NotTold => report.not_told += 1,
        }
        if promise.required {
            report.findings.extend(finding(&promise, standing, &found));
        }
        let Promise { reference, digest, kind, required, .. } = promise;
        report.items.push(Checked { reference, digest, kind, required, standing, found });
    }
    Ok(report)
}

fn finding(promise: &Promise, standing: Presence, found: &[crate::foundation::Digest]) -> Option<Finding> {
    let finding = match standing {
        Presence::There => return None,
        Presence::Missing => Finding::new(Code::SyncMissing, "it is not in the registry"),
        Presence::Another => Finding::new(Code::SyncOther, "its name stands for another digest in the registry")
            .found(Fact::new(found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), "the listing")),
        Presence::NotTold => Finding::new(Code::SyncUntold, "the listing does not say whether it is there"),
    };
    Some(finding.at(&promise.reference).expected(Fact::new(&promise.digest, "the plan")))
}

/// A plan has an item for each document, so it may be as large as an index.
fn bytes(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    File::open(path)?.read_all(limits.index_bytes)?.ok_or_else(|| {
        Error::new(Code::DocTooLarge, "the file is too large")
            .at(shown(path))
            .expected(Fact::new(format!("at most {} bytes", limits.index_bytes), "the limits"))
    })
}
