//! Whether everything of a plan was pushed: what was promised, held against what a listing of the registry tells.

mod listing;

pub use listing::{Listings, read};

use serde::Serialize;

use crate::format::json::{Document, Kind, Node};
use crate::foundation::{Code, Digest, Error, Fact, Limits, Result};
use crate::plan::referrers::is_of_lists;

/// What was promised of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// `R/app:1` or `R/app@sha256:…`.
    pub reference: String,
    /// The repository with its registry.
    pub repository: String,
    /// The digest.
    pub digest: Digest,
    /// What it is.
    pub kind: String,
    /// Whether it must be there.
    pub required: bool,
    /// Whether it is a statement that later ones replace.
    pub replaced: bool,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// It is there, under the digest that was promised.
    There,
    /// The listing says that it is not there.
    Missing,
    /// Its name stands for another digest.
    Another,
    /// The listing says nothing of it.
    NotTold,
}

/// The name and version of a plan.
const SCHEMA: &str = "airbase.prepare/v1";

/// What a plan promises, and what was wrong when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promises {
    /// What is to be there.
    pub promises: Vec<Promise>,
    /// The codes of what prevented a stronger promise.
    pub shortcomings: Vec<String>,
}

/// Reads a plan.
///
/// # Errors
/// `sync.plan`.
pub fn plan(bytes: &[u8], limits: &Limits) -> Result<Promises> {
    let wrong = |what: &str| Error::new(Code::SyncPlan, what.to_owned()).expected(Fact::new(SCHEMA, "airbase prepare --format json"));
    let document =
        Document::parse(bytes, limits).map_err(|error| wrong("the plan is no JSON document").detail(&error.finding().message))?;
    let root = document.root();
    let schema = root.get("schema").and_then(Node::as_str);
    if schema.as_deref() != Some(SCHEMA) {
        return Err(wrong("the file is no plan").found(Fact::new(schema.as_deref().unwrap_or("no schema"), "the file")));
    }
    let items = root.get("items").filter(|items| items.kind() == Kind::Array).ok_or_else(|| wrong("the plan has no items"))?;
    let promises = items
        .items()
        .map(|item| {
            let text = |name: &str| item.get(name).and_then(Node::as_str).map(std::borrow::Cow::into_owned);
            let promise = || {
                Some(Promise {
                    reference: text("reference")?,
                    repository: text("repository")?,
                    digest: text("digest")?.parse().ok()?,
                    kind: text("kind")?,
                    required: item.get("required")?.as_bool()?,
                    replaced: item.get("replaced").and_then(Node::as_bool).unwrap_or(false),
                })
            };
            promise().ok_or_else(|| wrong("an item of the plan lacks something"))
        })
        .collect::<Result<_>>()?;
    let findings = root.get("findings").into_iter().flat_map(Node::items);
    let is_worse = |finding: &Node<'_>| finding.get("severity").and_then(Node::as_str).as_deref() != Some("note");
    let code =
        |finding: Node<'_>| finding.get("code").and_then(Node::as_str).map_or_else(|| "no code".to_owned(), std::borrow::Cow::into_owned);
    // What one client cannot do is promised all the same, and somebody else may have done it.
    let is_of_clients = |slug: &String| Code::from_slug(slug).is_some_and(|code| code == Code::PrepareClient || is_of_lists(code));
    let shortcomings = findings.filter(is_worse).map(code).filter(|slug| !is_of_clients(slug)).collect();
    Ok(Promises { promises, shortcomings })
}

/// How each promise stands, and what its name stands for where that is something else.
pub fn verify(promises: &[Promise], listings: &Listings) -> Vec<(Presence, Vec<Digest>)> {
    promises
        .iter()
        .map(|promise| {
            let by_digest = promise.reference == format!("{}@{}", promise.repository, promise.digest);
            let known = listings.by_reference.get(&promise.reference);
            let in_repository = listings.by_repository.get(&promise.repository).is_some_and(|digests| digests.contains(&promise.digest));
            match known {
                // Whatever another line says: who asked last is not known.
                _ if listings.missing.contains(&promise.reference) => (Presence::Missing, known.into_iter().flatten().cloned().collect()),
                _ if by_digest && in_repository => (Presence::There, Vec::new()),
                None => (Presence::NotTold, Vec::new()),
                // Two answers for one name: whoever asks may get either.
                Some(digests) => {
                    let others: Vec<Digest> = digests.iter().filter(|digest| **digest != promise.digest).cloned().collect();
                    match (digests.is_empty(), others.is_empty()) {
                        (true, _) => (Presence::Missing, others),
                        (false, true) => (Presence::There, others),
                        (false, false) => (Presence::Another, others),
                    }
                }
            }
        })
        .collect()
}
