//! Attaches something to an image: an SBOM, a report, a statement.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Carrier, Carry, Subject, subjects};
use crate::format::json::Excerpt;
use crate::foundation::clock::Time;
use crate::foundation::fsys::{self, ReadAt, Region, shown};
use crate::foundation::{Algorithm, Code, Digest, Error, Fact, Hasher, Result, TypedDigest, limits};
use crate::oci::{Descriptor, Platform, Verified, annotation, media_type};
use crate::plan::annotate::NewDocument;
use crate::plan::referrers::{Content, EMPTY, Item, NewReferrer, OF_ENTRIES, ReferrerChange, manifest};
use crate::read::referrers::{Lookup, Scope};
use crate::read::{Child, Reference, Walk, walk};
use crate::report::attach::{AttachReport, Attached};
use crate::report::rebase::{OutputReport, WrittenReport};
use crate::verbs::output::{Outgoing, Output, check_name, write};
use crate::verbs::{Context, Opened, open};

/// A file that becomes a layer of the referrer.
#[derive(Debug, Clone)]
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// What it is; without it the ending of the name says.
    pub media_type: Option<String>,
}

/// What is known of a subject that is not here.
#[derive(Debug, Clone)]
pub struct Missing {
    /// Its media type.
    pub media_type: String,
    /// Its size in bytes.
    pub size: u64,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Attach {
    /// The subject; for something standalone, where it goes.
    pub image: String,
    /// The content. Without any the annotations say everything.
    pub files: Vec<File>,
    /// What it is.
    pub artifact_type: String,
    /// Its annotations.
    pub annotations: Vec<(String, String)>,
    /// When it was made, unless an annotation says it.
    pub created: Time,
    /// Attach it to every platform of an index too.
    pub all: bool,
    /// Attach it to every member of a collection instead of the collection.
    pub members: bool,
    /// Attach it to one platform only.
    pub platform: Option<Platform>,
    /// Takes a subject that is not in the layout.
    pub missing: Option<Missing>,
    /// Where the image goes with its referrers; without it the layout itself is added to.
    pub output: Option<Output>,
    /// The names there; without any it keeps its own.
    pub names: Vec<String>,
    /// The date of the members of an archive.
    pub mtime: u64,
}

/// Attaches.
///
/// # Errors
/// `usage.argument` for a type that is no media type or an annotation that cannot be there, `referrer.fallback_tag`, those of
/// references, of reading the files and of writing. With an error nothing was written.
pub fn attach(request: &Attach, context: Context<'_>) -> Result<AttachReport> {
    let mut draft = draft(request)?;
    let mut outgoing = Outgoing::default();
    draft.content = content(&request.files, &mut outgoing)?;
    request.names.iter().try_for_each(|name| check_name(name))?;
    let opened = match open(&request.image, context) {
        Err(error) if error.code() == Code::RefNotFound && request.missing.is_some() => None,
        other => Some(other?),
    };
    let subjects = match &opened {
        Some(opened) => chosen(opened, request)?,
        None => vec![missing(request)?],
    };
    let (attached, changes): (Vec<Attached>, Vec<ReferrerChange>) =
        subjects.into_iter().map(|subject| attachment(subject, &draft, &mut outgoing)).unzip();
    outgoing.document(&Verified::authored(EMPTY.to_vec()));
    let (mut findings, mut incomplete) = (Vec::new(), false);
    let mut entries = Vec::new();
    let reference = Reference::existing(&request.image)?;
    if let Some(opened) = &opened {
        outgoing.input(&opened.located.source);
    }
    let output = match (&request.output, &opened) {
        (None, _) => Output::Layout(reference.path.clone()),
        (Some(output), None) => output.clone(),
        (Some(output), Some(opened)) => {
            let carried = take_along(opened, &mut outgoing, context)?;
            incomplete = carried.incomplete;
            findings.extend(carried.findings);
            findings.extend(opened.located.source.left_behind());
            entries = names(opened, &request.names);
            entries.extend(carried.entries);
            output.clone()
        }
    };
    for change in changes {
        outgoing.refer(change);
    }
    if let (None, Some(opened)) = (&request.output, &opened) {
        outgoing.enlist(&opened.located.source)?;
    }
    let committed = write(&output, &outgoing, &entries, request.mtime, context)?;
    findings.extend(committed.findings.iter().cloned());
    Ok(AttachReport {
        image: opened.as_ref().map_or_else(|| request.image.clone(), |opened| opened.located.shown()),
        artifact_type: draft.artifact_type,
        annotations: draft.annotations,
        attached,
        output: OutputReport { kind: output.kind().to_owned(), path: shown(output.path()) },
        changed: committed.index_changed,
        written: WrittenReport::of(&committed, request.files.len(), 0),
        findings,
        incomplete,
    })
}

/// What is attached to one subject, and what the lists of the layout are to say of it.
fn attachment(subject: Subject, draft: &NewReferrer, outgoing: &mut Outgoing<'_>) -> (Attached, ReferrerChange) {
    let authored = manifest(draft, Some(&subject.descriptor));
    outgoing.document(&authored.blob);
    let attached = Attached {
        subject: subject.descriptor.digest.clone(),
        platform: subject.descriptor.platform.as_deref().cloned(),
        digest: authored.blob.digest().clone(),
    };
    let add = vec![item(&authored, draft)];
    (attached, ReferrerChange { add, child: subject.child, subject: subject.descriptor, remove: Vec::new(), clean: false })
}

/// Writes the same without a subject, as an artifact of its own.
///
/// # Errors
/// As [`attach`].
pub fn standalone(request: &Attach, context: Context<'_>) -> Result<AttachReport> {
    let mut draft = draft(request)?;
    let mut outgoing = Outgoing::default();
    draft.content = content(&request.files, &mut outgoing)?;
    request.names.iter().try_for_each(|name| check_name(name))?;
    let Some(output) = &request.output else { return Err(Error::new(Code::Bug, "an artifact of its own has no place")) };
    let authored = manifest(&draft, None);
    outgoing.document(&authored.blob);
    outgoing.document(&Verified::authored(EMPTY.to_vec()));
    let mut entry = authored.descriptor().to_value(context.limits)?;
    entry.set("artifactType", crate::format::json::Value::string(&draft.artifact_type));
    let entry: Excerpt = entry.render().into();
    let names: Vec<Option<String>> = request.names.iter().cloned().map(Some).collect();
    let names = if names.is_empty() { vec![None] } else { names };
    let entries: Vec<(Option<String>, Excerpt)> = names.into_iter().map(|name| (name, entry.clone())).collect();
    let committed = write(output, &outgoing, &entries, request.mtime, context)?;
    Ok(AttachReport {
        image: request.image.clone(),
        artifact_type: draft.artifact_type,
        annotations: draft.annotations,
        attached: vec![Attached { subject: authored.blob.digest().clone(), platform: None, digest: authored.blob.digest().clone() }],
        output: OutputReport { kind: output.kind().to_owned(), path: shown(output.path()) },
        changed: committed.index_changed,
        written: WrittenReport::of(&committed, request.files.len(), 0),
        findings: committed.findings,
        incomplete: false,
    })
}

fn draft(request: &Attach) -> Result<NewReferrer> {
    check_media_type(&request.artifact_type, "--type")?;
    let mut annotations: BTreeMap<String, String> = BTreeMap::new();
    for (key, text) in &request.annotations {
        if OF_ENTRIES.contains(&key.as_str()) {
            return Err(Error::new(Code::UsageArgument, "that annotation has another meaning on what is attached")
                .found(Fact::new(key, "-a"))
                .expected(Fact::new("a key that does not name images", "airbase")));
        }
        // regctl and others compare these as text or refuse what is no date.
        if key == annotation::CREATED && Time::parse(text).is_none() {
            return Err(Error::new(Code::UsageArgument, format!("{key} is not a date"))
                .expected(Fact::new("YYYY-MM-DDThh:mm:ssZ", "image-spec, annotations.md; RFC 3339"))
                .found(Fact::new(text, "-a")));
        }
        annotations.insert(key.clone(), text.clone());
    }
    annotations.entry(annotation::CREATED.to_owned()).or_insert_with(|| request.created.to_string());
    Ok(NewReferrer { artifact_type: request.artifact_type.clone(), annotations, content: Vec::new() })
}

fn check_media_type(text: &str, option: &str) -> Result<()> {
    if media_type::is_media_type(text) {
        return Ok(());
    }
    Err(Error::new(Code::UsageArgument, "that is not a media type")
        .expected(Fact::new("TYPE/SUBTYPE, such as application/spdx+json", "RFC 6838, section 4.2"))
        .found(Fact::new(text, option)))
}

fn content(files: &[File], outgoing: &mut Outgoing<'_>) -> Result<Vec<Content>> {
    let mut content = Vec::with_capacity(files.len());
    for file in files {
        let media_type = match &file.media_type {
            Some(media_type) => {
                check_media_type(media_type, "--media-type")?;
                media_type.clone()
            }
            None => guessed(&file.path).to_owned(),
        };
        let region = Region::whole(Arc::new(fsys::File::open(&file.path)?));
        let digest = hashed(&region, &file.path)?;
        // oras and regctl give the file this name again when they fetch it.
        let name = file.path.file_name().map(|name| name.to_string_lossy().into_owned());
        let annotations = name.into_iter().map(|name| (annotation::TITLE.to_owned(), name)).collect();
        content.push(Content { media_type, digest: digest.clone(), size: region.length(), annotations });
        outgoing.file(region, &digest);
    }
    Ok(content)
}

/// The media type that the ending of a name stands for; what is not known is bytes.
fn guessed(path: &Path) -> &'static str {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let endings = [
        (".spdx.json", "application/spdx+json"),
        (".cdx.json", "application/vnd.cyclonedx+json"),
        (".sarif", "application/sarif+json"),
        (".intoto.jsonl", "application/vnd.in-toto+json"),
        (".json", "application/json"),
        (".xml", "application/xml"),
        (".txt", "text/plain"),
        (".md", "text/markdown"),
        (".html", "text/html"),
        (".pdf", "application/pdf"),
    ];
    endings.into_iter().find(|(ending, _)| name.ends_with(ending)).map_or("application/octet-stream", |(_, media_type)| media_type)
}

fn hashed(region: &Region, path: &Path) -> Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; limits::CHUNK_BYTES];
    let mut at = 0;
    loop {
        let count = region.read_at(&mut buffer, at).map_err(|error| Error::io(format!("read {}", shown(path)), error))?;
        if count == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
        at = at.saturating_add(count as u64);
    }
}

/// What it is attached to.
fn chosen(opened: &Opened, request: &Attach) -> Result<Vec<Subject>> {
    if request.platform.is_some() {
        let image = opened.image(request.platform.as_ref())?;
        let child = image.descriptor.digest != opened.located.descriptor.digest;
        return Ok(vec![Subject { descriptor: image.descriptor.clone(), child }]);
    }
    if request.members {
        return members(opened, request.all);
    }
    let mut subjects = subjects(&opened.tree);
    if !request.all {
        subjects.truncate(1);
    }
    Ok(subjects)
}

/// The members of a collection; with `all`, their platforms too.
fn members(opened: &Opened, all: bool) -> Result<Vec<Subject>> {
    let Some((index, members)) = crate::verbs::collection::members(&opened.tree) else {
        return Err(Error::new(Code::UsageArgument, "--members is for collections, and this is none").at(opened.located.shown()));
    };
    // How `index.json` leads to a member counts: oras compares media type, digest and size, and the collection repeats those.
    let tops: HashSet<&Digest> = members.iter().map(|member| &member.descriptor.digest).collect();
    let below = subjects(&opened.tree).into_iter().skip(1);
    if let Some(Child::Missing(gone)) = index.children.iter().find(|child| matches!(child, Child::Missing(_))) {
        return Err(Error::new(Code::BlobMissing, "a member of the collection is not there").at(&gone.digest));
    }
    let mut chosen: Vec<Subject> = members.iter().map(|member| Subject { descriptor: bare(&member.descriptor), child: true }).collect();
    chosen.extend(below.filter(|subject| all && !tops.contains(&subject.descriptor.digest)));
    Ok(chosen)
}

/// Without the words of the collection: what is written of a member elsewhere does not repeat them.
fn bare(descriptor: &Descriptor) -> Descriptor {
    Descriptor::plain(&descriptor.media_type, &descriptor.digest, descriptor.size)
}

fn missing(request: &Attach) -> Result<Subject> {
    let reference = Reference::existing(&request.image)?;
    let (Some(TypedDigest::Whole(digest)), Some(missing)) = (&reference.digest, &request.missing) else {
        return Err(Error::new(Code::RefNotFound, "a subject that is not here must be named by its whole digest")
            .at(&request.image)
            .hint("Write PATH@DIGEST."));
    };
    check_media_type(&missing.media_type, "--subject-media-type")?;
    Ok(Subject { descriptor: Descriptor::plain(&missing.media_type, digest, missing.size), child: false })
}

fn item(authored: &NewDocument, draft: &NewReferrer) -> Item {
    Item { descriptor: authored.descriptor(), artifact_type: Some(draft.artifact_type.clone()), annotations: draft.annotations.clone() }
}

/// The image and the referrers that it has.
fn take_along<'a>(opened: &'a Opened, outgoing: &mut Outgoing<'a>, context: Context<'_>) -> Result<super::Carried> {
    let source = &opened.located.source;
    let mut found = Walk::default();
    walk(source, &opened.located.descriptor, context.limits, &mut found, &mut HashSet::new())?;
    found.documents.iter().for_each(|(_, document)| outgoing.document(document));
    found.blobs.iter().for_each(|blob| outgoing.blob(source, blob));
    let lookup = Lookup::new(source, Scope::Usual, context.limits);
    Carrier::of(source, &lookup, &Carry::default(), context).carry(subjects(&opened.tree), outgoing)
}

fn names(opened: &Opened, names: &[String]) -> Vec<(Option<String>, Excerpt)> {
    let raw = &opened.located.descriptor.raw;
    if names.is_empty() {
        return vec![(opened.located.name.clone(), raw.clone())];
    }
    names.iter().map(|name| (Some(name.clone()), raw.clone())).collect()
}
