//! What is to be pushed to a registry: under which names and digests, and with which commands of which client.
//!
//! Pure: what a layout holds goes in ([`Shipment`]), the plan comes out ([`Prepared`]), which is also what a listing of the
//! registry is held against afterwards (`plan::sync`). Which client carries what was measured, not read: skopeo and crane carry
//! no referrers, regctl those that the fallback tag lists, oras those that it reaches and that are described without a mistake.

mod clients;
mod target;

pub use clients::{Client, Load, Place, PlaceKind, Pushed, Word, loads};
pub use target::{Naming, Registry, Rule, Target, check_keep_tag};

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, Severity};
use crate::oci::{ImageName, Platform};
use crate::plan::referrers::Seen;

/// For whom it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// A registry: everything, with referrers in both forms.
    #[default]
    Registry,
    /// A container runtime: images alone, under their full names.
    Runtime,
    /// A scanner: one image.
    Scanner,
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An image of one platform, at the top.
    Image,
    /// An index.
    Index,
    /// A collection.
    Collection,
    /// A manifest that is no image.
    Artifact,
    /// A manifest that an index lists.
    Platform,
    /// BuildKit's attestation in an index.
    Attestation,
    /// It refers to something of the image.
    Referrer,
    /// The list of referrers under a fallback tag.
    List,
    /// It belongs to something by its tag: cosign's older signatures.
    DigestTag,
}

/// A document of a shipment.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: Cow<'static, str>,
    /// Its size in bytes.
    pub size: u64,
    /// Its platform, where its descriptor says it.
    pub platform: Option<Box<Platform>>,
    /// What it is.
    pub kind: Kind,
    /// What else is to be said of it. Most pieces are images, of which there is nothing.
    pub beside: Option<Box<Beside>>,
}

/// What is said of a piece that is no image.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// Its artifact type, if it has one.
    pub artifact_type: Option<String>,
    /// What it refers to.
    pub subject: Option<Digest>,
    /// Which clients see it, if it is a referrer.
    pub seen: Option<Seen>,
    /// Its tag, if it belongs to something by that.
    pub tag: Option<String>,
    /// Whether it is a statement that says nothing any more which later ones do not.
    pub replaced: bool,
}

impl Piece {
    /// What it refers to.
    pub fn subject(&self) -> Option<&Digest> {
        self.beside.as_ref()?.subject.as_ref()
    }

    /// Which clients see it.
    fn seen(&self) -> Option<Seen> {
        self.beside.as_ref()?.seen
    }
}

/// An entry of `index.json` with everything that goes with it.
#[derive(Debug, Clone)]
pub struct Shipment {
    /// Its name, which decides where it goes.
    pub name: String,
    /// Its name in the place that is pushed from, if that is another one.
    pub other_local: Option<String>,
    /// The digest of what it lists.
    pub digest: Digest,
    /// The media type of that.
    pub media_type: Cow<'static, str>,
    /// All of it, the top first.
    pub pieces: Vec<Piece>,
    /// Whether an index lies within an index.
    pub nested: bool,
    /// Whether `index.json` lists its digest.
    pub listed: bool,
    /// Whether its name there stands for it; a collection may mean an image whose name has moved on.
    pub named: bool,
    /// Whether it is one platform of what had the name.
    pub narrowed: bool,
    /// Whether `cosign load` takes it: it is the only image of a layout that `cosign save` wrote.
    pub saved: bool,
    /// Whether it never had a name with a repository, so that one was chosen for it.
    pub unnamed: bool,
    /// Layers that are kept elsewhere and are not here.
    pub external: Vec<Digest>,
    /// Whether manifests or configs have digests of another algorithm than sha256.
    pub odd_documents: bool,
    /// Whether layers have.
    pub odd_layers: bool,
    /// What referrers consist of and is not here.
    pub broken: Vec<Digest>,
}

impl Shipment {
    /// Its name in the place that is pushed from.
    pub fn local(&self) -> &str {
        self.other_local.as_ref().unwrap_or(&self.name)
    }
}

/// Something that must be found in the registry afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// What to ask the registry for: `R/app:1`, or `R/app@sha256:…` for what has no name.
    pub reference: String,
    /// The repository, with the registry.
    pub repository: String,
    /// The digest that is promised.
    pub digest: Digest,
    /// The media type.
    pub media_type: Cow<'static, str>,
    /// The size in bytes.
    pub size: u64,
    /// What it is.
    pub kind: Kind,
    /// The platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The artifact type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What it refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Digest>,
    /// Whether it must be there. Lists of referrers need not: registries with the referrers API have none, and others join
    /// theirs with what they had.
    pub required: bool,
    /// Whether it is a statement that says nothing any more which later ones do not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replaced: bool,
}

/// One image that is pushed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Push {
    /// Its name in the layout.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
    /// Where it goes.
    pub reference: String,
    /// How many manifests and indexes go with it.
    pub manifests: usize,
    /// How many referrers.
    pub referrers: usize,
    /// What each client can do.
    pub clients: Vec<Pushed>,
}

impl Push {
    /// Whether this client brings everything.
    pub fn suffices(&self, client: Client) -> bool {
        self.clients.iter().any(|pushed| pushed.client == client && pushed.suffices)
    }
}

/// Something of the layout that is not pushed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// Its digest.
    pub digest: Digest,
    /// Its names.
    pub names: Vec<String>,
    /// Why.
    pub why: String,
}

/// The plan.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// What is pushed.
    pub sending: Sending,
    /// What is not.
    pub left_out: Vec<LeftOut>,
    /// What should be known.
    pub findings: Vec<Finding>,
}

/// What is pushed. The commands are made when they are printed: those of a hundred thousand images have a million words.
#[derive(Debug, Clone)]
pub struct Sending {
    naming: Naming,
    profile: Profile,
    place: Place,
    shipments: Vec<Shipment>,
}

impl Sending {
    /// Nothing.
    pub fn nothing(naming: &Naming, profile: Profile, place: &Place) -> Self {
        Self { naming: naming.clone(), profile, place: place.clone(), shipments: Vec::new() }
    }

    /// Whether nothing is pushed.
    pub fn is_empty(&self) -> bool {
        self.shipments.is_empty()
    }

    /// What must be there afterwards, each once: two names in one repository share their platforms.
    pub fn items(&self) -> impl Iterator<Item = Item> {
        let items = self.targets().flat_map(|(shipment, target, reference)| {
            shipment.pieces.iter().map(move |piece| item(piece, &target, &reference, &shipment.digest))
        });
        let mut seen = HashSet::new();
        // By its digest: so many references would be most of what is kept.
        items.filter(move |item| seen.insert(Digest::sha256(item.reference.as_bytes())))
    }

    /// Each image that is pushed, and how.
    pub fn pushes(&self) -> impl Iterator<Item = Push> {
        self.targets().map(|(shipment, _, reference)| {
            let count = |kinds: &[Kind]| shipment.pieces.iter().filter(|piece| kinds.contains(&piece.kind)).count();
            Push {
                name: shipment.name.clone(),
                digest: shipment.digest.clone(),
                manifests: count(&[Kind::Index, Kind::Platform, Kind::Attestation]) - usize::from(is_index(shipment)),
                referrers: count(&[Kind::Referrer, Kind::DigestTag]),
                clients: clients::push(self.profile, &self.place, shipment, &reference),
                reference,
            }
        })
    }

    /// Where each goes. What has no such place was left out.
    fn targets(&self) -> impl Iterator<Item = (&Shipment, Target, String)> {
        self.shipments.iter().filter_map(|shipment| {
            let target = target(&self.naming, shipment).ok()?;
            let reference = target.reference(&shipment.digest);
            Some((shipment, target, reference))
        })
    }
}

impl Serialize for Sending {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(2))?;
        members.serialize_entry("items", &Each(|| self.items()))?;
        members.serialize_entry("pushes", &Each(|| self.pushes()))?;
        members.end()
    }
}

/// A list whose items are made one by one.
struct Each<F>(F);

impl<I: Iterator<Item: Serialize>, F: Fn() -> I> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0())
    }
}

/// Decides.
pub fn prepare(naming: &Naming, profile: Profile, place: &Place, mut shipments: Vec<Shipment>) -> Prepared {
    let mut findings = Vec::new();
    let mut left_out = Vec::new();
    let mut referring = false;
    let mut untagged = Vec::new();
    let mut goes = Vec::with_capacity(shipments.len());
    // By the digest of the name in the registry.
    let mut taken: HashMap<Digest, &Shipment> = HashMap::new();
    for shipment in &shipments {
        goes.push(false);
        let (target, reference) = match placed(naming, shipment, &mut taken) {
            Ok(Some(placed)) => placed,
            Ok(None) => continue,
            Err((error, why)) => {
                findings.push(error.into_finding());
                left_out.push(LeftOut { digest: shipment.digest.clone(), names: vec![shipment.name.clone()], why: why.to_owned() });
                continue;
            }
        };
        if naming.registry.is_none() {
            // Names stay as they are, and nobody pushes to where they came from.
            continue;
        }
        findings.extend(absent_layers(shipment, &reference));
        referring |= shipment.pieces.iter().any(|piece| piece.kind == Kind::Referrer);
        if let (Profile::Registry, None) = (profile, &target.tag) {
            untagged.push(reference);
        }
        if let Some(goes) = goes.last_mut() {
            *goes = true;
        }
    }
    let mut goes = goes.into_iter();
    shipments.retain(|_| goes.next() == Some(true));
    let sending = Sending { shipments, ..Sending::nothing(naming, profile, place) };
    findings.extend(nobody(&sending));
    if !untagged.is_empty() {
        findings.push(untagged_finding(untagged));
    }
    findings.extend(referring.then(tag_by_tag));
    Prepared { sending, left_out, findings }
}

/// Where a shipment goes in the registry, and the reference there; nothing if the same image goes there already. Otherwise why it is left
/// out. `taken` has the digests of references.
fn placed<'s>(
    naming: &Naming,
    shipment: &'s Shipment,
    taken: &mut HashMap<Digest, &'s Shipment>,
) -> std::result::Result<Option<(Target, String)>, (Error, &'static str)> {
    let top = &shipment.digest;
    let target = target(naming, shipment).map_err(|error| (error, "the registry would refuse its name"))?;
    if let Some(finding) = another_digest(&shipment.name, top).filter(|_| !shipment.narrowed) {
        return Err((Error::of(finding), "its name says another digest"));
    }
    let reference = target.reference(top);
    match taken.entry(Digest::sha256(reference.as_bytes())) {
        Entry::Occupied(other) if other.get().digest == *top => Ok(None),
        Entry::Occupied(other) => {
            let error = Error::new(Code::PrepareTwice, "two entries of the layout would have one name in the registry")
                .at(&reference)
                .expected(Fact::new(&other.get().digest, &other.get().name))
                .found(Fact::new(top, &shipment.name));
            Err((error, "its name in the registry is taken by another entry"))
        }
        Entry::Vacant(place) => {
            place.insert(shipment);
            Ok(Some((target, reference)))
        }
    }
}

fn tag_by_tag() -> Finding {
    Finding::new(Code::PrepareTagByTag, "a program that pushes tag by tag replaces the lists of referrers of the registry by these")
        .detail("That is so with skopeo for every tag and with `oras restore`, on registries without the referrers API.")
        .hint("Push with regctl or oras as written here: both join the lists.")
}

fn target(naming: &Naming, shipment: &Shipment) -> Result<Target> {
    let digest = &shipment.digest;
    match naming.unnamed(digest)?.filter(|_| shipment.unnamed) {
        Some(target) => Ok(target),
        None => naming.target(&shipment.name, digest),
    }
}

/// What no client brings there whole.
fn nobody(sending: &Sending) -> Option<Finding> {
    let alone = |push: &Push| !push.clients.iter().any(|pushed| pushed.suffices);
    let lines: Vec<String> = sending.pushes().filter(alone).map(|push| push.reference).collect();
    let finding = Finding::new(Code::PrepareClient, "no client brings all of it there")
        .hint("What `airbase prepare -o DIR` writes suits most clients; the reasons of each are printed with its commands.");
    (!lines.is_empty()).then(|| lines.into_iter().fold(finding, Finding::detail))
}

/// What a registry may collect, because no tag holds it.
fn untagged_finding(references: Vec<String>) -> Finding {
    const LISTED: usize = 12;
    let more = references.len().saturating_sub(LISTED);
    let finding =
        Finding::new(Code::PrepareUntagged, "images are pushed by their digests alone, and a registry may delete what has no tag");
    let finding = references.into_iter().take(LISTED).fold(finding, Finding::detail);
    let finding = if more > 0 { finding.detail(format!("and {more} more")) } else { finding };
    finding.hint("Give them tags with --keep-tag 'retired-{digest12}', or have the registry keep untagged manifests.")
}

/// Layers that no client can push: the registry takes their addresses, or has them, or refuses the image.
fn absent_layers(shipment: &Shipment, reference: &str) -> Option<Finding> {
    let finding = Finding::new(Code::BlobExternal, "layers that are kept elsewhere are not here and are not pushed")
        .severity(Severity::Warning)
        .at(reference)
        .hint("Push them to the registry first, or have it accept their addresses (distribution: validation.manifests.urls.allow).");
    (!shipment.external.is_empty()).then(|| shipment.external.iter().fold(finding, Finding::detail))
}

/// A name with a digest is of what has that digest.
pub fn another_digest(name: &str, own: &Digest) -> Option<Finding> {
    let digest = ImageName::parse(name).digest.filter(|digest| *digest != own.to_string())?;
    Some(
        Finding::new(Code::PrepareName, "the digest in the name of the image is another than its own")
            .at(name)
            .expected(Fact::new(digest, "its name in index.json"))
            .found(Fact::new(own, "index.json"))
            .hint("Give it another name with `airbase tag PATH@DIGEST NAME`."),
    )
}

/// Whether the top itself counts as an index.
fn is_index(shipment: &Shipment) -> bool {
    shipment.pieces.first().is_some_and(|piece| piece.kind == Kind::Index)
}

fn item(piece: &Piece, target: &Target, reference: &str, top: &Digest) -> Item {
    let digest = &piece.digest;
    let beside = piece.beside.as_deref();
    let reference = match beside.and_then(|beside| beside.tag.as_ref()) {
        _ if digest == top => reference.to_owned(),
        Some(tag) => format!("{}:{tag}", target.repository),
        None => format!("{}@{digest}", target.repository),
    };
    Item {
        reference,
        repository: target.repository.clone(),
        digest: digest.clone(),
        media_type: piece.media_type.clone(),
        size: piece.size,
        kind: piece.kind,
        platform: piece.platform.as_deref().cloned(),
        artifact_type: beside.and_then(|beside| beside.artifact_type.clone()),
        subject: piece.subject().cloned(),
        required: piece.kind != Kind::List,
        replaced: beside.is_some_and(|beside| beside.replaced),
    }
}
