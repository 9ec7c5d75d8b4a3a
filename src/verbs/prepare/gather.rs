//! What a place holds, as shipments: the named entries with everything below them and everything that refers to that.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::Request;
use crate::foundation::{Algorithm, Code, Digest, Fact, Finding, Result, Severity};
use crate::oci::{Descriptor, ImageName, Index, Name, artifact, collection, cosign};
use crate::plan::lifecycle::time::Moment;
use crate::plan::prepare::{Beside, Kind, LeftOut, Piece, Profile, Shipment};
use crate::plan::referrers::{Standing, diagnose, seen};
use crate::read::referrers::{Lookup, Marked, Referrer, Scope, Tag, lists_referrers_of, marked};
use crate::read::{Child, Located, Reference, Source, Tree, Walk, load, locate, walk};
use crate::verbs::Context;
use crate::verbs::copy::Everything;
use crate::verbs::lifecycle::{Reader, Strange, replaced};
use crate::verbs::narrow::{Narrowed, explained, narrow};

/// An entry that is shipped.
#[derive(Debug, Clone)]
pub(super) struct Top {
    /// Its name where it came from, which decides where it goes.
    pub(super) name: String,
    /// Its name in the place that is pushed, for who reads nothing but the annotation of the specification, if that is another one.
    pub(super) other_local: Option<String>,
    pub(super) descriptor: Descriptor,
    /// What had the name, if this is a part of it.
    pub(super) whole: Option<Descriptor>,
    /// Whether it has no name now, and goes by its digest.
    pub(super) former: bool,
    /// Whether it never had one with a repository, and goes where the user said.
    pub(super) unnamed: bool,
    /// What of it goes along, if not all does.
    pub(super) part: Option<Arc<Narrowed>>,
}

impl Top {
    fn new(name: String, descriptor: Descriptor, former: bool) -> Self {
        let other_local = descriptor.ref_name().filter(|local| *local != name).map(str::to_owned);
        Self { name, other_local, descriptor, whole: None, former, unnamed: false, part: None }
    }

    /// Its name in the place that is pushed.
    pub(super) fn local(&self) -> &str {
        self.other_local.as_ref().unwrap_or(&self.name)
    }

    /// What has no name, by its digest: in the repositories of its former names, for who pinned the digest there; else where the
    /// user wants such images.
    fn nameless(entry: &Descriptor, request: &Request) -> Vec<Self> {
        let former = former_repositories(entry).into_iter().map(|repository| format!("{repository}@{}", entry.digest));
        let mut tops: Vec<Self> = former.map(|name| Self::new(name, entry.clone(), true)).collect();
        if let (true, Some(repository)) = (tops.is_empty(), &request.unnamed_into) {
            tops.push(Self { unnamed: true, ..Self::new(format!("{repository}@{}", entry.digest), entry.clone(), true) });
        }
        tops
    }
}

/// A descriptor and the name that leads to it.
type Entry = (Option<String>, Descriptor);

/// The name of an entry in full: in the annotation of containerd, a repository may stand alone.
fn name_of(entry: &Descriptor) -> Option<String> {
    let (text, name) = (entry.name()?, entry.full_name()?);
    Some(if name.is_full() && !ImageName::parse(text).is_full() { name.as_str().to_owned() } else { text.to_owned() })
}

fn is_digest(name: &str) -> bool {
    ImageName::parse(name).digest == Some(name)
}

/// The repositories in which an image had names that it lost.
fn former_repositories(entry: &Descriptor) -> Vec<String> {
    let mut repositories: Vec<String> = Vec::new();
    for name in entry.former_names() {
        let former = ImageName::parse(name);
        if former.is_full() && !repositories.iter().any(|known| known == former.repository) {
            repositories.push(former.repository.to_owned());
        }
    }
    repositories
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) shipments: Vec<Shipment>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) findings: Vec<Finding>,
}

pub(super) fn left(entry: &Descriptor, why: &str) -> LeftOut {
    LeftOut { digest: entry.digest.clone(), names: entry.name().map(str::to_owned).into_iter().collect(), why: why.to_owned() }
}

/// Which entries are shipped: those with names, or the one that is meant. Tags that keep referrers go with their subjects.
pub(super) fn tops(
    source: &Arc<Source>,
    reference: &Reference,
    request: &Request,
    context: Context<'_>,
) -> Result<(Vec<Top>, Vec<LeftOut>, Vec<Finding>)> {
    let mut one = reference.names_one() || request.profile == Profile::Scanner;
    let entries: Box<dyn Iterator<Item = Entry> + '_> = if one {
        let located = locate(reference, context.limits)?;
        let members = if request.profile == Profile::Scanner { None } else { members(source, &located.descriptor, context)? };
        one = members.is_none();
        let mut entries = members.unwrap_or_default();
        let name = if located.descriptor.name().is_some() { name_of(&located.descriptor) } else { located.name };
        entries.push((name, located.descriptor));
        Box::new(entries.into_iter())
    } else {
        let all = &source.index.manifests;
        let named = |entry: &&Descriptor| entry.name().is_some_and(|name| Tag::parse(name).is_none() && !is_digest(name));
        let there: HashSet<&Digest> = all.iter().filter(named).map(|entry| &entry.digest).collect();
        // Of an image that is called by a digest alone, and has no other name, it is reported that it has none.
        let by_digest = move |entry: &&Descriptor| entry.name().is_some_and(is_digest) && !there.contains(&entry.digest);
        let named = all.iter().filter(named).map(|entry| (name_of(entry), entry.clone()));
        Box::new(named.chain(all.iter().filter(by_digest).map(|entry| (None, entry.clone()))))
    };
    let nameless: Vec<Top> = if one || request.profile != Profile::Registry || !request.choice.platforms.is_empty() {
        Vec::new()
    } else {
        let mut everything = Everything::of(source, context)?;
        everything.refuse_unread()?;
        let nameless = everything.tops.iter().filter(|top| top.name.is_none());
        nameless.flat_map(|top| Top::nameless(&top.descriptor, request)).collect()
    };
    let (mut tops, mut left_out, mut findings): (Vec<Top>, Vec<LeftOut>, Vec<Finding>) = Default::default();
    let mut first: HashMap<Name<'static>, Digest> = HashMap::new();
    for (name, descriptor) in entries {
        let found = if name.is_none() && request.profile == Profile::Registry { Top::nameless(&descriptor, request) } else { Vec::new() };
        if !found.is_empty() {
            tops.extend(found);
            continue;
        }
        let Some(name) = name else {
            left_out.push(left(&descriptor, "it has no name"));
            findings.push(
                Finding::new(Code::PrepareName, "an image without a name has no place in a registry")
                    .at(&descriptor.digest)
                    .hint("Give it one with `airbase tag`, or say where such images go: `airbase prepare --unnamed-into REPO`."),
            );
            continue;
        };
        if !descriptor.is_index() && !descriptor.is_manifest() {
            left_out.push(left(&descriptor, "it is neither a manifest nor an index, and no client pushes it"));
            continue;
        }
        // Two entries of one name: oras takes the last, regctl and skopeo the first.
        let first = first.entry(Name::parse(&name).into_owned()).or_insert_with(|| descriptor.digest.clone());
        if *first != descriptor.digest {
            findings.push(
                Finding::new(Code::PrepareTwice, "two entries of the layout have one name, and clients take one or the other")
                    .at(&name)
                    .expected(Fact::new(&*first, "the first"))
                    .found(Fact::new(&descriptor.digest, "a later one"))
                    .hint("Give one of them another name with `airbase tag PATH@DIGEST NAME`."),
            );
        }
        if request.profile != Profile::Registry || !request.choice.is_whole() {
            let tree = match load(source, &descriptor, context.limits) {
                Err(error) if !one => {
                    findings.push(error.into_finding());
                    left_out.push(left(&descriptor, "it cannot be read whole"));
                    continue;
                }
                other => other?,
            };
            if tree.images().is_empty() && (request.profile != Profile::Registry || !request.choice.platforms.is_empty()) {
                if one {
                    return Err(tree.not_an_image().at(source.shown()));
                }
                left_out.push(left(&descriptor, "it is no image, and no runtime takes it"));
                continue;
            }
            let located = Located { source: Arc::clone(source), descriptor: descriptor.clone(), name: Some(name.clone()) };
            let narrowed = match narrow(&located, &request.choice, context) {
                // What is not whole is reported by whoever walks it.
                Err(error) if !one && error.code() != Code::BlobMissing => {
                    findings.push(error.into_finding().severity(Severity::Damage));
                    left_out.push(left(&descriptor, "it has no such platform"));
                    continue;
                }
                Err(error) if !one && error.code() == Code::BlobMissing => None,
                other => other?,
            };
            if let Some(mut narrowed) = narrowed {
                findings.append(&mut narrowed.findings);
                let whole = Some(descriptor).filter(|whole| narrowed.descriptor.digest != whole.digest);
                let top = Top::new(name, narrowed.descriptor.clone(), false);
                tops.push(Top { whole, part: Some(Arc::new(narrowed)), ..top });
                continue;
            }
        }
        tops.push(Top::new(name, descriptor, false));
    }
    tops.extend(nameless);
    Ok((tops, left_out, findings))
}

/// The members of a collection, which are pushed under their own names before it.
fn members(source: &Arc<Source>, top: &Descriptor, context: Context<'_>) -> Result<Option<Vec<Entry>>> {
    if !top.is_index() {
        return Ok(None);
    }
    let index = Index::parse(&source.document(top, context.limits)?, &top.media_type, context.limits)?;
    let named = |member: collection::Member| {
        let plain = Descriptor::plain(&member.descriptor.media_type, &member.descriptor.digest, member.descriptor.size);
        (Some(member.name).filter(|name| name.parse::<Digest>().is_err()), plain)
    };
    Ok(collection::is_collection(&index).then(|| collection::members(&index).into_iter().map(named).collect()))
}

/// After how many tops the room of those that are done is given back.
const TOPS_AT_ONCE: usize = 4096;

/// Reads the shipments. Of a whole place, what goes with none of them is reported.
pub(super) fn gather(
    source: &Arc<Source>,
    mut tops: Vec<Top>,
    reference: &Reference,
    request: &Request,
    context: Context<'_>,
) -> Result<Gathered> {
    let profile = request.profile;
    let scope = if reference.names_one() { Scope::Usual } else { Scope::Thorough };
    let listed: HashSet<&Digest> = source.index.manifests.iter().map(|entry| &entry.digest).collect();
    let mut gather = Gather {
        source,
        lookup: Lookup::new(source, scope, context.limits),
        names: source.index.manifests.iter().rev().filter_map(|entry| Some((entry.name()?, entry))).collect(),
        found: source.index.manifests.iter().rev().filter_map(|entry| Some((entry.ref_name()?, entry))).collect(),
        listed,
        saved: saved(source),
        marks: marks(source, context),
        reader: Reader::new(source, request.now, context),
        now: request.now,
        context,
        went: HashSet::new(),
        gathered: Gathered::default(),
    };
    tops.reverse();
    while let Some(top) = tops.pop() {
        gather.ship(top, profile)?;
        // What becomes a shipment gives its room back.
        if tops.len().is_multiple_of(TOPS_AT_ONCE) {
            tops.shrink_to_fit();
        }
    }
    if profile == Profile::Registry {
        gather.gathered.findings.extend(gather.lookup.unplaced_findings());
        let strange = Strange::of(source, context.conventions);
        let strange = strange.iter().filter(|strange| strange.may_be_among(&gather.went));
        gather.gathered.findings.extend(strange.map(|strange| strange.finding().clone()));
    }
    if scope == Scope::Thorough {
        gather.others();
    }
    Ok(gather.gathered)
}

struct Gather<'a> {
    source: &'a Arc<Source>,
    lookup: Lookup<'a>,
    names: HashMap<&'a str, &'a Descriptor>,
    /// What is found under the annotation of the specification alone: of two entries the first, as skopeo and regctl take it.
    found: HashMap<&'a str, &'a Descriptor>,
    listed: HashSet<&'a Digest>,
    /// The one image that `cosign load` takes from here.
    saved: Option<&'a Digest>,
    /// What `cosign save` wrote, by the image that it speaks of.
    marks: HashMap<&'a Digest, Vec<&'a Marked>>,
    reader: Reader<'a>,
    now: Moment,
    context: Context<'a>,
    /// Everything that goes along or is reported to stay.
    went: HashSet<Digest>,
    gathered: Gathered,
}

fn marks<'s>(source: &'s Source, context: Context<'_>) -> HashMap<&'s Digest, Vec<&'s Marked>> {
    let mut marks: HashMap<&Digest, Vec<&Marked>> = HashMap::new();
    for marked in &marked(source, context.limits).found {
        marks.entry(&marked.subject).or_default().push(marked);
    }
    marks
}

/// The image that `cosign load` takes from a layout, if there is only one.
fn saved(source: &Source) -> Option<&Digest> {
    let mut saved = source.index.manifests.iter().filter(|entry| cosign::is_saved(entry));
    saved.next().filter(|_| saved.next().is_none()).map(|entry| &entry.digest)
}

impl Gather<'_> {
    fn ship(&mut self, top: Top, profile: Profile) -> Result<()> {
        let mut found = Walk::default();
        let kind = match self.walk(&top, &mut found).and_then(|()| self.kind(&top)) {
            Ok(kind) => kind,
            Err(error) => {
                let located = Located { source: Arc::clone(self.source), descriptor: top.descriptor.clone(), name: None };
                let error = explained(&located, error, self.context);
                self.gathered.findings.push(error.into_finding());
                self.gathered.left_out.push(left(&top.descriptor, "it cannot be read whole"));
                self.went.insert(top.descriptor.digest.clone());
                return Ok(());
            }
        };
        let missing = self.missing(&found.blobs)?;
        if !missing.is_empty() {
            self.gathered.findings.extend(missing.iter().map(gone));
            self.gathered.left_out.push(left(&top.descriptor, "a blob of it is not there, so no client can push it"));
            self.went.extend(found.documents.iter().map(|(descriptor, _)| descriptor.digest.clone()));
            return Ok(());
        }
        let mut shipment = Shipment {
            name: String::new(),
            other_local: None,
            digest: top.descriptor.digest.clone(),
            media_type: top.descriptor.media_type.clone(),
            pieces: Vec::new(),
            nested: false,
            listed: self.listed.contains(&top.descriptor.digest),
            named: self.found.get(top.local()).is_some_and(|entry| entry.digest == top.descriptor.digest),
            narrowed: top.whole.is_some(),
            saved: self.saved == Some(&top.descriptor.digest),
            unnamed: top.unnamed,
            external: found.external.iter().map(|layer| layer.digest.clone()).collect(),
            odd_documents: found.documents.iter().any(|(one, _)| one.digest.algorithm() != Algorithm::Sha256),
            odd_layers: found.blobs.iter().any(|blob| blob.digest.algorithm() != Algorithm::Sha256),
            broken: Vec::new(),
        };
        let mut subjects: VecDeque<Descriptor> = VecDeque::new();
        // A walk gives what is named before what names it, so the top is the last.
        let documents = found.documents.last().into_iter().chain(found.documents.iter().rev().skip(1).rev());
        for (descriptor, _) in documents.filter(|(one, _)| one.is_index() || one.is_manifest()) {
            let is_top = descriptor.digest == top.descriptor.digest;
            shipment.nested |= descriptor.is_index() && !is_top;
            let kind = match descriptor {
                _ if is_top => kind,
                one if one.is_attestation() => Kind::Attestation,
                one if one.is_index() => Kind::Index,
                _ => Kind::Platform,
            };
            self.went.insert(descriptor.digest.clone());
            shipment.pieces.push(plain(descriptor, kind));
            if kind != Kind::Attestation {
                subjects.push_back(descriptor.clone());
            }
        }
        if profile == Profile::Registry {
            self.marked(&subjects, &mut shipment)?;
        }
        self.referrers(subjects, profile, &mut shipment)?;
        if let (Some(whole), Profile::Registry) = (&top.whole, profile) {
            self.leave_statements(whole);
            self.leave_beside(whole)?;
        }
        self.mark_replaced(&top, &mut shipment)?;
        shipment.other_local = top.other_local;
        shipment.name = top.name;
        // Most have one piece, and a list that grows begins with room for several.
        shipment.pieces.shrink_to_fit();
        self.gathered.shipments.push(shipment);
        Ok(())
    }

    /// What `cosign save` wrote beside the image, which gets a tag in a registry.
    fn marked(&mut self, subjects: &VecDeque<Descriptor>, shipment: &mut Shipment) -> Result<()> {
        let of_these: Vec<&Marked> = subjects.iter().filter_map(|subject| self.marks.get(&subject.digest)).flatten().copied().collect();
        for marked in of_these {
            let Some(ending) = cosign::ending(&marked.entry) else { continue };
            let blobs: Vec<Descriptor> = marked.layers.iter().chain([&marked.config]).filter(|blob| blob.data.is_none()).cloned().collect();
            let missing = self.missing(&blobs)?;
            self.gathered.findings.extend(missing.iter().map(gone));
            shipment.broken.extend(missing);
            self.went.insert(marked.entry.digest.clone());
            let beside = Beside {
                artifact_type: Some(marked.artifact_type().to_owned()),
                subject: Some(marked.subject.clone()),
                tag: Some(format!("{}.{ending}", marked.subject.fallback_tag())),
                ..Beside::default()
            };
            shipment.pieces.push(Piece { beside: Some(Box::new(beside)), ..plain(&marked.entry, Kind::DigestTag) });
        }
        Ok(())
    }

    /// Marks statements that later ones replace.
    fn mark_replaced(&self, top: &Top, shipment: &mut Shipment) -> Result<()> {
        let mut subjects = HashSet::new();
        let referrers = shipment.pieces.iter().filter(|piece| piece.kind == Kind::Referrer);
        // Of one that stands alone nothing is replaced.
        if top.part.is_some() || referrers.filter_map(Piece::subject).all(|subject| subjects.insert(subject)) {
            return Ok(());
        }
        let tree = load(self.source, &top.descriptor, self.context.limits)?;
        let replaced: HashSet<Digest> = replaced(&self.reader, &tree, self.now).into_iter().collect();
        for piece in shipment.pieces.iter_mut().filter(|piece| piece.kind == Kind::Referrer) {
            let is_replaced = replaced.contains(&piece.digest);
            piece.beside.iter_mut().for_each(|beside| beside.replaced = is_replaced);
        }
        Ok(())
    }

    /// All of it that goes along.
    fn walk(&self, top: &Top, found: &mut Walk) -> Result<()> {
        if let Some(part) = &top.part {
            part.found.documents.iter().for_each(|document| found.documents.push(document.clone()));
            found.blobs.clone_from(&part.found.blobs);
            found.external.clone_from(&part.found.external);
            return Ok(());
        }
        walk(self.source, &top.descriptor, self.context.limits, found, &mut HashSet::new())
    }

    fn kind(&self, top: &Top) -> Result<Kind> {
        if top.part.as_ref().is_some_and(|part| part.made) {
            return Ok(Kind::Index);
        }
        Ok(match load(self.source, &top.descriptor, self.context.limits)? {
            Tree::Image(_) => Kind::Image,
            Tree::Index(_) => Kind::Index,
            Tree::Collection(_) => Kind::Collection,
            Tree::Artifact { .. } => Kind::Artifact,
        })
    }

    /// Everything that refers to the subjects, and to that, in this order: who is left behind leaves its own behind too.
    fn referrers(&mut self, mut subjects: VecDeque<Descriptor>, profile: Profile, shipment: &mut Shipment) -> Result<()> {
        let mut seen_subjects = HashSet::new();
        while let Some(subject) = subjects.pop_front() {
            if !seen_subjects.insert(subject.digest.clone()) {
                continue;
            }
            let found = self.lookup.of(&subject);
            let wanted = profile == Profile::Registry;
            if wanted {
                self.gathered.findings.extend(found.findings);
            }
            let standing = if self.listed.contains(&subject.digest) { Standing::Entry } else { Standing::Child };
            for referrer in &found.referrers {
                self.went.insert(referrer.descriptor.digest.clone());
                if wanted {
                    self.add(referrer, standing, &subject, shipment)?;
                } else {
                    let why =
                        format!("it refers to an image ({}), and runtimes and scanners would take it for one", referrer.artifact_type());
                    let names = referrer.listed.names.clone();
                    self.gathered.left_out.push(LeftOut { digest: referrer.descriptor.digest.clone(), names, why });
                }
                subjects.push_back(referrer.descriptor.clone());
            }
            if let Some(entry) = found.fallback.filter(|list| list.is_list).and_then(|list| self.names.get(list.name.as_str()).copied()) {
                self.went.insert(entry.digest.clone());
                if wanted {
                    let (tag, subject) = (Some(subject.digest.fallback_tag()), Some(subject.digest.clone()));
                    let beside = Beside { tag, subject, ..Beside::default() };
                    shipment.pieces.push(Piece { beside: Some(Box::new(beside)), ..plain(entry, Kind::List) });
                }
            }
        }
        Ok(())
    }

    /// What an index of which some platforms go along lists beside them has no place of its own where the index is not.
    fn leave_beside(&mut self, whole: &Descriptor) -> Result<()> {
        // In what was written it is not.
        if self.source.container().blob(&whole.digest)?.is_none() {
            return Ok(());
        }
        let Tree::Index(index) = load(self.source, whole, self.context.limits)? else { return Ok(()) };
        for child in index.descendants() {
            let (Child::Other(entry) | Child::Attestation(entry)) = child else { continue };
            if !artifact::may_refer(&entry.media_type) || self.went.contains(&entry.digest) {
                continue;
            }
            if let Some(referrer) = self.lookup.unlisted(&entry.digest)? {
                self.went.insert(entry.digest.clone());
                let why = format!("only the index lists it ({}), of which only a part is pushed", referrer.artifact_type());
                self.gathered.left_out.push(LeftOut { digest: entry.digest.clone(), names: Vec::new(), why });
            }
        }
        Ok(())
    }

    /// What refers to an index of which some platforms go along, and to that, says nothing of an image that is pushed.
    fn leave_statements(&mut self, whole: &Descriptor) {
        let mut subjects = vec![whole.clone()];
        while let Some(subject) = subjects.pop() {
            let found = self.lookup.of(&subject);
            self.gathered.findings.extend(found.findings);
            let list = found.fallback.filter(|list| list.is_list).and_then(|list| self.names.get(list.name.as_str()));
            self.went.extend(list.map(|entry| entry.digest.clone()));
            for referrer in found.referrers.iter().filter(|referrer| self.went.insert(referrer.descriptor.digest.clone())) {
                let why = format!("it refers to the index ({}), of which only a part is pushed", referrer.artifact_type());
                let names = referrer.listed.names.clone();
                self.gathered.left_out.push(LeftOut { digest: referrer.descriptor.digest.clone(), names, why });
                subjects.push(referrer.descriptor.clone());
            }
        }
    }

    fn add(&mut self, referrer: &Referrer, standing: Standing, subject: &Descriptor, shipment: &mut Shipment) -> Result<()> {
        self.gathered.findings.extend(diagnose(referrer, standing));
        self.gathered.findings.extend(referrer.findings.iter().cloned());
        let blobs: Vec<Descriptor> = referrer.artifact.blobs().filter(|blob| blob.data.is_none()).cloned().collect();
        let missing = self.missing(&blobs)?;
        self.gathered.findings.extend(missing.iter().map(gone));
        shipment.broken.extend(missing);
        let tag = referrer.ending.as_ref().map(|ending| format!("{}.{ending}", subject.digest.fallback_tag()));
        let kind = if tag.is_some() { Kind::DigestTag } else { Kind::Referrer };
        let beside = Beside {
            artifact_type: Some(referrer.artifact_type().to_owned()),
            subject: Some(subject.digest.clone()),
            seen: Some(seen(referrer, standing)),
            tag,
            replaced: false,
        };
        shipment.pieces.push(Piece { beside: Some(Box::new(beside)), ..plain(&referrer.descriptor, kind) });
        Ok(())
    }

    /// What is not there cannot be pushed.
    fn missing(&self, blobs: &[Descriptor]) -> Result<Vec<Digest>> {
        let mut missing = Vec::new();
        for blob in blobs {
            if self.source.container().blob(&blob.digest)?.is_none() {
                missing.push(blob.digest.clone());
            }
        }
        Ok(missing)
    }

    /// Entries that go with nothing.
    fn others(&mut self) {
        for entry in &self.source.index.manifests {
            if !self.went.insert(entry.digest.clone()) {
                continue;
            }
            let why = match entry.name().and_then(Tag::parse) {
                Some(_) => "by its name it belongs to something that is not pushed",
                None if entry.name().is_some() => continue,
                // Lists that others took the place of.
                None if lists_referrers_of(self.source, entry, self.context.limits).is_some() => continue,
                None if entry.annotations.contains_key(crate::oci::annotation::CONTAINERD_SUBJECT) => {
                    "it refers to something that is not pushed"
                }
                None => "it has no name, and never had one that says a repository",
            };
            self.gathered.left_out.push(left(entry, why));
        }
    }
}

fn gone(digest: &Digest) -> Finding {
    Finding::new(Code::BlobMissing, "a blob is not there, so no client can push what needs it")
        .at(digest)
        .found(Fact::new("nothing", digest.blob_path()))
}

fn plain(descriptor: &Descriptor, kind: Kind) -> Piece {
    let collection = || Beside { artifact_type: Some(collection::ARTIFACT_TYPE.to_owned()), ..Beside::default() };
    Piece {
        digest: descriptor.digest.clone(),
        media_type: descriptor.media_type.clone(),
        size: descriptor.size,
        platform: descriptor.platform.clone(),
        kind,
        beside: (kind == Kind::Collection).then(collection).map(Box::new),
    }
}
