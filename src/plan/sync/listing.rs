//! Listings of a registry, as people and clients write them.
//!
//! ```text
//! sha256:…  registry.site/team/app:1           what a name stands for
//! sha256:…  registry.site/team/app             the digest is in the repository
//! registry.site/team/app@sha256:…              the same (crane digest --full-ref)
//! -         registry.site/team/app:1           the name was asked for, and is not there
//! sha256:…                                     with the name on the command line (crane digest, regctl manifest head)
//! {"Name":…,"Digest":…}                        skopeo inspect: the digest is in the repository; under which tag, it does not say
//! {"subject":{…},"descriptors":[…]}            regctl artifact list --format '{{json .}}'
//! {"reference":…,"manifests|referrers":[…]}    oras discover --format json
//! {"manifests":[…]}                            an answer of the referrers API, with the name on the command line
//! ```
//!
//! Lists of tags (`skopeo list-tags`, `regctl tag ls`, `crane ls`) name no digests, and prove nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::{Code, Digest, Error, Fact, Limits, Result};
use crate::format::json::{Document, Kind, Node};

/// What listings tell.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// What each name or `REPOSITORY@DIGEST` stands for; nothing, where it was asked for and is not there.
    pub by_reference: BTreeMap<String, BTreeSet<Digest>>,
    /// The names of which some line says that they are not there.
    pub missing: BTreeSet<String>,
    /// The digests that are in each repository.
    pub by_repository: BTreeMap<String, BTreeSet<Digest>>,
}

/// A name taken apart: repository, tag, digest.
struct Named {
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Named {
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("docker://").unwrap_or(text);
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse().ok()?)),
            None => (text, None),
        };
        let slash = name.rfind('/')?;
        let colon = name.rfind(':').filter(|colon| *colon > slash);
        let (repository, tag) = match colon {
            Some(colon) => (name.get(..colon)?, Some(name.get(colon + 1..)?.to_owned())),
            None => (name, None),
        };
        (!repository.is_empty()).then(|| Self { repository: repository.to_owned(), tag, digest })
    }
}

impl Told {
    fn there(&mut self, named: &Named, digest: &Digest) {
        self.by_repository.entry(named.repository.clone()).or_default().insert(digest.clone());
        if let Some(tag) = &named.tag {
            self.by_reference.entry(format!("{}:{tag}", named.repository)).or_default().insert(digest.clone());
        }
    }

    fn missing(&mut self, named: &Named) {
        let reference = match (&named.tag, &named.digest) {
            (_, Some(digest)) => format!("{}@{digest}", named.repository),
            (Some(tag), None) => format!("{}:{tag}", named.repository),
            (None, None) => return,
        };
        self.by_reference.entry(reference.clone()).or_default();
        self.missing.insert(reference);
    }
}

/// Reads one listing into `told`. `name` is what the command line says that it is of, `from` where it was read.
///
/// # Errors
/// `sync.listing`.
pub fn read(bytes: &[u8], name: Option<&str>, from: &str, told: &mut Told, limits: &Limits) -> Result<()> {
    let named = name
        .map(|name| {
            Named::parse(name).ok_or_else(|| {
                wrong("the name of the listing is none", from)
                    .expected(Fact::new("REGISTRY/REPOSITORY[:TAG]", "airbase"))
                    .found(Fact::new(name, "the command line"))
            })
        })
        .transpose()?;
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("the listing is not text", from))?;
    let start = text.trim_start();
    if start.starts_with('{') || start.starts_with('[') {
        let document = Document::parse(bytes, limits).map_err(|error| {
            wrong("the listing begins like JSON and is none", from)
                .detail(&error.finding().message)
                .hint("Give the output of several commands as several files.")
        })?;
        return json(document.root(), named.as_ref(), from, told);
    }
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            words(line, named.as_ref(), told).map_err(|error| error.at(format!("{from}, line {}", number + 1)))?;
        }
    }
    Ok(())
}

fn wrong(what: &str, from: &str) -> Error {
    Error::new(Code::SyncListing, what.to_owned()).at(from)
}

fn words(line: &str, given: Option<&Named>, told: &mut Told) -> Result<()> {
    let refuse = |what: &str| {
        Error::new(Code::SyncListing, what.to_owned())
            .expected(Fact::new("DIGEST NAME", "airbase"))
            .found(Fact::new(line.chars().take(200).collect::<String>(), "the listing"))
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    let digest = |word: &str| word.parse::<Digest>().ok();
    match words.as_slice() {
        [one] => match (digest(one), Named::parse(one), given) {
            (Some(digest), _, Some(given)) => told.there(given, &digest),
            (Some(_), _, None) => {
                return Err(refuse("a digest stands alone, and nothing says of what it is").hint("Give the listing as NAME=FILE."));
            }
            (None, Some(Named { repository, tag, digest: Some(digest) }), _) => {
                told.there(&Named { repository, tag, digest: None }, &digest);
            }
            (None, Some(_), _) => return Err(refuse("a name stands alone, and no digest").hint("A list of names proves nothing.")),
            (None, None, _) => return Err(refuse("the line is neither a digest nor a name")),
        },
        [one, two] => {
            let (first, name) = if Named::parse(one).is_some() && digest(one).is_none() { (two, one) } else { (one, two) };
            let named = Named::parse(name).ok_or_else(|| refuse("the line has no name with a repository"))?;
            match digest(first) {
                _ if *first == "-" => told.missing(&named),
                Some(digest) if named.digest.as_ref().is_some_and(|own| *own != digest) => {
                    return Err(refuse("the line gives one thing two digests"));
                }
                Some(digest) => told.there(&named, &digest),
                None => return Err(refuse("the line has no digest")),
            }
        }
        _ => return Err(refuse("the line has more than a digest and a name")),
    }
    Ok(())
}

fn json(root: Node<'_>, given: Option<&Named>, from: &str, told: &mut Told) -> Result<()> {
    let text = |node: Node<'_>, name: &str| node.get(name).and_then(Node::as_str).map(std::borrow::Cow::into_owned);
    let digest = |node: Node<'_>| text(node, "digest").and_then(|digest| digest.parse::<Digest>().ok());
    // skopeo inspect
    if let (Some(name), Some(found)) = (text(root, "Name"), text(root, "Digest")) {
        let named = Named::parse(&name).ok_or_else(|| wrong("skopeo gives no repository", from))?;
        let found: Digest = found.parse().map_err(|_| wrong("skopeo gives no digest", from))?;
        // It does not say which tag was asked for; whoever asked may.
        let asked = given.filter(|given| given.repository == named.repository).unwrap_or(&named);
        told.there(asked, &found);
        return Ok(());
    }
    if root.get("Tags").or_else(|| root.get("tags")).is_some() {
        return Err(wrong("the listing names tags and no digests, so it proves nothing", from).hint(
            "Ask for the digests: `regctl manifest head REFERENCE`, `crane digest REFERENCE` or `skopeo inspect docker://REFERENCE`.",
        ));
    }
    // regctl artifact list --format '{{json .}}'
    if let Some(descriptors) = root.get("descriptors").filter(|list| list.kind() == Kind::Array) {
        let subject = root.get("subject").and_then(|subject| text(subject, "Reference"));
        let named = subject.as_deref().and_then(Named::parse);
        let Some(named) = named.as_ref().or(given) else { return Err(nameless(from)) };
        let repository = Named { repository: named.repository.clone(), tag: None, digest: None };
        told.by_repository.entry(repository.repository.clone()).or_default().extend(descriptors.items().filter_map(digest));
        if let Some(own) = named.digest.clone() {
            told.there(&repository, &own);
        }
        return Ok(());
    }
    // oras discover --format json, as deep as it goes; and an index, which says no names.
    let mut waiting = vec![root];
    let mut found = false;
    while let Some(node) = waiting.pop() {
        let reference = text(node, "reference");
        let own = reference.as_deref().and_then(Named::parse);
        if let Some(Named { repository, tag, digest: Some(digest) }) = own {
            found = true;
            told.there(&Named { repository, tag, digest: None }, &digest);
        } else if let (Some(digest), true) = (digest(node), node.get("mediaType").is_some()) {
            let Some(given) = given else { return Err(nameless(from)) };
            found = true;
            told.there(&Named { repository: given.repository.clone(), tag: None, digest: None }, &digest);
        }
        for list in ["manifests", "referrers"] {
            if let Some(list) = node.get(list).filter(|list| list.kind() == Kind::Array) {
                found = true;
                waiting.extend(list.items());
            }
        }
    }
    if found { Ok(()) } else { Err(wrong("the listing is of no kind that is known", from)) }
}

fn nameless(from: &str) -> Error {
    wrong("the listing does not say of which repository it is", from).hint("Give it as NAME=FILE: registry.site/team/app=list.json.")
}
