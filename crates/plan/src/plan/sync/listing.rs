//! Listings of a registry, as users and clients write them.
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
//! {"manifests":[…]}                            an answer of the referrers API, with the repository on the command line
//! {"mediaType":…,"digest":…,"size":…}          oras manifest fetch --descriptor, with the name on the command line
//! {"config":…} {"manifests":[{"platform":…}]}  a document as it is in the registry (crane manifest, skopeo inspect --raw, oras manifest
//!                                              fetch, regctl manifest get --format raw-body), with the name on the command line: its
//!                                              bytes are hashed. That it names others does not prove that those are there
//! Name: … Digest: …                            regctl manifest get; likewise
//! Subject: … Referrers: … Digest: …            regctl artifact list
//! Ref: … Digest: … Referrers: …                regctl artifact tree
//! ```
//!
//! Lists of tags (`skopeo list-tags`, `regctl tag ls`, `crane ls`) name no digests, and prove nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::format::json::{Document, Kind, Node};
use crate::foundation::{Algorithm, Code, Digest, Error, Fact, Limits, Result};

/// What listings tell.
#[derive(Debug, Clone, Default)]
pub struct Listings {
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

impl Listings {
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

/// Reads one listing into `listings`. `name` is what the command line says that it is of, `from` where it was read.
///
/// # Errors
/// `sync.listing`.
pub fn read(bytes: &[u8], name: Option<&str>, from: &str, listings: &mut Listings, limits: &Limits) -> Result<()> {
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
        if is_stored(document.root(), named.as_ref()) {
            return stored(bytes, named.as_ref(), from, listings);
        }
        return json(document.root(), named.as_ref(), from, listings);
    }
    if ["Name:", "Ref:", "Subject:"].iter().any(|key| start.starts_with(key)) {
        return fields(text, from, listings);
    }
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let place = |error: Error| error.at(format!("{from}, line {}", number + 1));
        // `echo "$(ask $name) $name"` gives this where asking failed.
        let is_name = |word: &str| word.parse::<Digest>().is_err();
        if line.starts_with([' ', '\t']) && line.split_whitespace().count() == 1 && is_name(line.trim()) {
            let refused = wrong("the line has nothing where its digest belongs: was it not there, or did asking fail?", from);
            return Err(place(
                refused
                    .expected(Fact::new("DIGEST NAME, or - NAME for what is not there", "airbase"))
                    .found(Fact::new(line, "the listing")),
            ));
        }
        let line = line.trim();
        if !line.is_empty() {
            words(line, named.as_ref(), listings).map_err(place)?;
        }
    }
    Ok(())
}

fn wrong(what: &str, from: &str) -> Error {
    Error::new(Code::SyncListing, what.to_owned()).at(from)
}

fn words(line: &str, given: Option<&Named>, listings: &mut Listings) -> Result<()> {
    let refuse = |what: &str| {
        Error::new(Code::SyncListing, what.to_owned())
            .expected(Fact::new("DIGEST NAME", "airbase"))
            .found(Fact::new(line.chars().take(200).collect::<String>(), "the listing"))
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    let digest = |word: &str| word.parse::<Digest>().ok();
    match words.as_slice() {
        [one] => match (digest(one), Named::parse(one), given) {
            (Some(digest), _, Some(given)) => listings.there(given, &digest),
            (Some(_), _, None) => {
                return Err(refuse("a digest stands alone, and nothing says of what it is").hint("Give the listing as NAME=FILE."));
            }
            (None, Some(Named { repository, tag, digest: Some(digest) }), _) => {
                listings.there(&Named { repository, tag, digest: None }, &digest);
            }
            (None, Some(_), _) => return Err(refuse("a name stands alone, and no digest").hint(DIGESTS)),
            (None, None, _) => return Err(refuse("the line is neither a digest nor a name").hint(DIGESTS)),
        },
        [one, two] => {
            let (first, name) = if Named::parse(one).is_some() && digest(one).is_none() { (two, one) } else { (one, two) };
            let named = Named::parse(name).ok_or_else(|| refuse("the line has no name with a repository"))?;
            match digest(first) {
                _ if *first == "-" => listings.missing(&named),
                Some(digest) if named.digest.as_ref().is_some_and(|own| *own != digest) => {
                    return Err(refuse("the line gives one thing two digests"));
                }
                Some(digest) => listings.there(&named, &digest),
                None => return Err(refuse("the line has no digest")),
            }
        }
        _ => return Err(refuse("the line has more than a digest and a name")),
    }
    Ok(())
}

fn json(root: Node<'_>, given: Option<&Named>, from: &str, listings: &mut Listings) -> Result<()> {
    let text = |node: Node<'_>, name: &str| node.get(name).and_then(Node::as_str).map(std::borrow::Cow::into_owned);
    let digest = |node: Node<'_>| text(node, "digest").and_then(|digest| digest.parse::<Digest>().ok());
    // skopeo inspect
    if let (Some(name), Some(found)) = (text(root, "Name"), text(root, "Digest")) {
        let named = Named::parse(&name).ok_or_else(|| wrong("skopeo gives no repository", from))?;
        let found: Digest = found.parse().map_err(|_| wrong("skopeo gives no digest", from))?;
        // It does not say which tag was asked for; whoever asked may.
        let asked = given.filter(|given| given.repository == named.repository).unwrap_or(&named);
        listings.there(asked, &found);
        return Ok(());
    }
    if root.get("Tags").or_else(|| root.get("tags")).is_some() {
        return Err(wrong("the listing names tags and no digests, so it proves nothing", from).hint(DIGESTS));
    }
    // regctl artifact list --format '{{json .}}'
    if let Some(descriptors) = root.get("descriptors").filter(|list| list.kind() == Kind::Array) {
        let subject = root.get("subject").and_then(|subject| text(subject, "Reference"));
        let named = subject.as_deref().and_then(Named::parse);
        let Some(named) = named.as_ref().or(given) else { return Err(nameless(from)) };
        let repository = Named { repository: named.repository.clone(), tag: None, digest: None };
        // A registry answers with a list for what is not there too, so it says nothing of the subject.
        listings.by_repository.entry(repository.repository).or_default().extend(descriptors.items().filter_map(digest));
        return Ok(());
    }
    // oras manifest fetch --descriptor
    if let (Some(found), true, true) = (digest(root), root.get("size").is_some(), root.get("reference").is_none()) {
        let Some(given) = given else { return Err(nameless(from)) };
        listings.there(given, &found);
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
            listings.there(&Named { repository, tag, digest: None }, &digest);
        } else if let (Some(digest), true) = (digest(node), node.get("mediaType").is_some()) {
            let Some(given) = given else { return Err(nameless(from)) };
            found = true;
            listings.there(&Named { repository: given.repository.clone(), tag: None, digest: None }, &digest);
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

/// Whether it is a document as it is in the registry, rather than the answer to a question about others.
fn is_stored(root: Node<'_>, given: Option<&Named>) -> bool {
    let has = |name: &str| root.get(name).is_some();
    if !has("schemaVersion") || has("Digest") || has("reference") {
        return false;
    }
    let of_one = given.is_some_and(|given| given.tag.is_some() || given.digest.is_some());
    // What is answered about referrers says what they are; an index of images does not, and need not say their platforms.
    let entries = || root.get("manifests").into_iter().flat_map(Node::items);
    let platforms = entries().next().is_some()
        && (entries().any(|entry| entry.get("platform").is_some()) || entries().all(|entry| entry.get("artifactType").is_none()));
    has("config") || has("subject") || has("annotations") || has("artifactType") || platforms || (of_one && has("manifests"))
}

/// Hashes it. A shell may have added the end of a line.
fn stored(bytes: &[u8], given: Option<&Named>, from: &str, listings: &mut Listings) -> Result<()> {
    let Some(given) = given else { return Err(nameless(from)) };
    let whole = Digest::sha256(bytes);
    let (algorithm, wanted) = match &given.digest {
        Some(digest) => (digest.algorithm(), Some(digest)),
        None => (Algorithm::Sha256, None),
    };
    if algorithm != Algorithm::Sha256 {
        return Err(wrong("a document under a digest of another algorithm is not hashed", from).hint(DIGESTS));
    }
    let bare = bytes.strip_suffix(b"\n").map(Digest::sha256);
    match (wanted, bare) {
        (Some(wanted), bare) if whole == *wanted || bare.as_ref() == Some(wanted) => listings.there(given, wanted),
        (Some(_), _) => return Err(wrong("the document has not the digest of its name", from).found(Fact::new(whole, "its bytes"))),
        // Manifests end in no end of line, as far as anybody has seen; two digests for one name would be a contradiction.
        (None, Some(bare)) => listings.there(given, &bare),
        (None, None) => listings.there(given, &whole),
    }
    Ok(())
}

/// What regctl prints for users: `Key: value`, and lists of what refers to it. What an index names is not proven by that.
fn fields(text: &str, from: &str, listings: &mut Listings) -> Result<()> {
    let refuse = |line: &str| {
        wrong("the listing looks like regctl's and has no digest where one belongs", from).found(Fact::new(line, "the listing"))
    };
    let mut own: Option<Named> = None;
    let mut section = "";
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let is_top = !line.starts_with([' ', '\t']);
        let (key, value) = line.split_once(':').map_or((line.trim(), ""), |(key, value)| (key.trim(), value.trim()));
        if is_top {
            section = key;
        }
        match (is_top, key) {
            (true, "Name" | "Ref" | "Subject") => {
                let named = Named::parse(value).ok_or_else(|| refuse(line))?;
                // Of a subject it is asked who refers to it, and that has an answer where it is not there, too.
                if let Some(digest) = named.digest.as_ref().filter(|_| key != "Subject") {
                    listings.there(&Named { tag: None, digest: None, repository: named.repository.clone() }, &digest.clone());
                }
                own = Some(named);
            }
            (true, "Digest") => {
                let digest: Digest = value.parse().map_err(|_| refuse(line))?;
                listings.there(own.as_ref().ok_or_else(|| refuse(line))?, &digest);
            }
            (false, "Digest") if section == "Referrers" => {
                let digest: Digest = value.parse().map_err(|_| refuse(line))?;
                let repository = own.as_ref().ok_or_else(|| refuse(line))?.repository.clone();
                listings.there(&Named { repository, tag: None, digest: None }, &digest);
            }
            (false, _) if section == "Referrers" && line.starts_with("  - ") => {
                let word = line.trim_start_matches("  - ").split_whitespace().next().unwrap_or_default().trim_end_matches(':');
                let digest: Digest = word.parse().map_err(|_| refuse(line))?;
                let repository = own.as_ref().ok_or_else(|| refuse(line))?.repository.clone();
                listings.there(&Named { repository, tag: None, digest: None }, &digest);
            }
            _ => {}
        }
    }
    Ok(())
}

/// How digests are asked for.
const DIGESTS: &str = "Names prove nothing. Ask for digests: `regctl manifest head REFERENCE`, `crane digest REFERENCE`, `oras resolve REFERENCE` or `skopeo inspect docker://REFERENCE`.";

fn nameless(from: &str) -> Error {
    wrong("the listing does not say of which repository it is", from).hint("Give it as NAME=FILE: registry.site/team/app=list.json.")
}
