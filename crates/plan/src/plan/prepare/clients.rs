//! The commands of other programs, and what they leave behind.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Serialize;

use super::{Kind, Piece, Profile, Shipment};
use crate::foundation::Digest;
use crate::oci::media_type;

/// A program that pushes, or takes what was prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Client {
    /// regctl.
    Regctl,
    /// oras.
    Oras,
    /// skopeo.
    Skopeo,
    /// crane.
    Crane,
    /// cosign, for what it saved.
    Cosign,
    /// podman.
    Podman,
    /// containerd's ctr.
    Ctr,
    /// docker.
    Docker,
    /// trivy.
    #[cfg_attr(feature = "cli", value(skip))]
    Trivy,
    /// syft.
    #[cfg_attr(feature = "cli", value(skip))]
    Syft,
}

impl Client {
    /// The name of the program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regctl => "regctl",
            Self::Oras => "oras",
            Self::Skopeo => "skopeo",
            Self::Crane => "crane",
            Self::Cosign => "cosign",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Ctr => "ctr",
            Self::Trivy => "trivy",
            Self::Syft => "syft",
        }
    }
}

/// What kind of place is pushed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    /// A layout directory.
    Layout,
    /// An archive of a layout.
    Archive,
    /// The same with docker's `manifest.json` beside it.
    Docker,
}

/// Where it is pushed from.
#[derive(Debug, Clone)]
pub struct Place {
    /// The path.
    pub path: String,
    /// What it is.
    pub kind: PlaceKind,
    /// Whether the archive lies in gzip or zstd.
    pub compressed: bool,
    /// How many entries `index.json` has.
    pub entries: usize,
}

/// What one client does for one image.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pushed {
    /// The client.
    pub client: Client,
    /// The words of the command; none if it cannot do it.
    pub command: Box<[Word]>,
    /// Whether everything arrives.
    pub suffices: bool,
    /// What it would leave behind.
    pub leaves: Vec<Digest>,
    /// Why it cannot do it, or leaves something behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Word>,
}

/// How another program takes what was written.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Load {
    /// The program.
    pub client: Client,
    /// The words of the command; none if it cannot take it.
    pub command: Box<[Word]>,
    /// Why it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Most words are the same for all of a hundred thousand images.
pub type Word = Cow<'static, str>;

/// A command: words that are always the same, and then those that are not.
fn words(fixed: &[&'static str], rest: &[&str]) -> Box<[Word]> {
    let fixed = fixed.iter().copied().map(Word::Borrowed);
    fixed.chain(rest.iter().map(|word| Word::Owned((*word).to_owned()))).collect()
}

/// What each client can do. Digests are in the commands, because a name with a colon or a slash cannot be given to oras and
/// regctl; skopeo takes names only, and takes those.
pub(super) fn push(profile: Profile, place: &Place, shipment: &Shipment, reference: &str) -> Vec<Pushed> {
    if shipment.odd_documents {
        // All of them were seen to give it a digest of sha256, or to be refused by the registry.
        let clients = [Client::Regctl, Client::Oras, Client::Skopeo, Client::Crane];
        return clients.map(|client| cannot(client, "clients and registries keep manifests under digests of sha256 only")).into();
    }
    let way = Pushing { all: profile == Profile::Registry, place, shipment, reference };
    let mut pushes = vec![way.with_regctl(), way.with_oras(), way.with_skopeo(), way.with_crane()];
    pushes.extend(way.with_cosign());
    for pushed in pushes.iter_mut().filter(|pushed| !pushed.command.is_empty() && !shipment.external.is_empty()) {
        pushed.leaves.extend(shipment.external.iter().cloned());
        pushed.suffices = false;
        pushed.why.get_or_insert_with(|| "layers that are kept elsewhere are not here".into());
    }
    pushes
}

/// What is pushed from where to where.
struct Pushing<'p> {
    /// With its referrers.
    all: bool,
    place: &'p Place,
    shipment: &'p Shipment,
    reference: &'p str,
}

impl Pushing<'_> {
    fn source(&self) -> String {
        format!("{}@{}", self.place.path, self.shipment.digest)
    }

    /// That a client would stop half-way, if it would.
    fn broken(&self, client: Client) -> Option<Pushed> {
        let carries = self.all && !self.shipment.broken.is_empty();
        carries.then(|| cannot(client, "something that a referrer consists of is not here, so it would stop half-way: see the findings"))
    }

    fn with_regctl(&self) -> Pushed {
        if let Some(broken) = self.broken(Client::Regctl) {
            return broken;
        }
        let tagged = self.shipment.pieces.iter().any(|piece| piece.kind == Kind::DigestTag && piece.seen().is_some());
        let layout = format!("ocidir://{}", self.source());
        let mut regctl = vec!["regctl", "image", "copy"];
        regctl.extend(self.all.then_some("--referrers"));
        regctl.extend((self.all && tagged).then_some("--digest-tags"));
        match self.place.kind {
            PlaceKind::Layout if !self.place.path.contains([':', '@', ' ']) => {
                done(Client::Regctl, words(&regctl, &[&layout, self.reference]), left(self.shipment, |seen| seen.regctl, true))
            }
            PlaceKind::Layout => cannot(Client::Regctl, "regctl 0.11 cannot be given this path"),
            PlaceKind::Archive | PlaceKind::Docker => cannot(
                Client::Regctl,
                "regctl 0.11 copies from layouts, and loses referrers when it imports an archive: copy it into a layout first",
            ),
        }
    }

    fn with_oras(&self) -> Pushed {
        if let Some(broken) = self.broken(Client::Oras) {
            return broken;
        }
        if self.place.compressed {
            return cannot(Client::Oras, "oras 1.3 reads archives that are not compressed");
        }
        if !self.shipment.listed {
            return cannot(Client::Oras, "oras 1.3 finds by digest what index.json lists only");
        }
        let mut oras = vec!["oras", "cp"];
        oras.extend(self.all.then_some("-r"));
        oras.push("--from-oci-layout");
        done(Client::Oras, words(&oras, &[&self.source(), self.reference]), left(self.shipment, |seen| seen.oras, false))
    }

    fn with_skopeo(&self) -> Pushed {
        let (place, shipment) = (self.place, self.shipment);
        let why = if place.path.contains(':') {
            "skopeo 1.9 cannot be given a path with a colon"
        } else if shipment.odd_layers {
            "skopeo 1.9 gives layers digests of sha256, and the manifest names others"
        } else if media_type::is_docker(&shipment.media_type) {
            "skopeo 1.9 finds no entry with Docker's media types in a layout"
        } else if !shipment.named {
            "skopeo 1.9 finds by org.opencontainers.image.ref.name only, which is missing or the name of another entry first"
        } else if shipment.nested {
            "skopeo 1.9 copies no index within an index"
        } else {
            let transport = if place.kind == PlaceKind::Layout { "oci" } else { "oci-archive" };
            let (from, to) = (format!("{transport}:{}:{}", place.path, shipment.local()), format!("docker://{}", self.reference));
            let command = words(&["skopeo", "copy", "--all", "--preserve-digests"], &[&from, &to]);
            return done(Client::Skopeo, command, left(shipment, |_| false, false));
        };
        cannot(Client::Skopeo, why)
    }

    fn with_crane(&self) -> Pushed {
        match (self.place.kind, self.place.entries) {
            (PlaceKind::Layout, 1) => {
                let command = words(&["crane", "push"], &[&self.place.path, self.reference]);
                done(Client::Crane, command, left(self.shipment, |_| false, false))
            }
            (PlaceKind::Layout, _) => cannot(
                Client::Crane,
                "crane 0.22 pushes a layout of one entry only; with --index the tag would be index.json, under another digest",
            ),
            _ => cannot(Client::Crane, "crane 0.22 pushes an archive with another manifest, under another digest"),
        }
    }

    /// cosign loads what it saved.
    fn with_cosign(&self) -> Option<Pushed> {
        let stays = |piece: &&Piece| piece.kind == Kind::Referrer || (piece.kind == Kind::DigestTag && piece.seen().is_some());
        (self.shipment.saved && self.place.kind == PlaceKind::Layout).then(|| {
            let leaves = self.shipment.pieces.iter().filter(stays).map(|piece| piece.digest.clone()).collect();
            done(Client::Cosign, words(&["cosign", "load", "--dir"], &[&self.place.path, self.reference]), leaves)
        })
    }
}

fn done(client: Client, command: Box<[Word]>, leaves: Vec<Digest>) -> Pushed {
    let why = match client {
        _ if leaves.is_empty() => None,
        Client::Regctl => Some("regctl 0.11 copies only referrers that the fallback tag of their subject lists, and tags of cosign"),
        Client::Cosign => Some("cosign 2.4 loads the image that it saved with its signatures and attestations, and nothing else"),
        Client::Oras => Some("oras 1.3 copies no tags of cosign, and no referrers that are listed nowhere or misdescribe their subject"),
        _ => Some("it copies no referrers"),
    };
    Pushed { client, command, suffices: leaves.is_empty(), leaves, why: why.map(Word::Borrowed) }
}

fn cannot(client: Client, why: &'static str) -> Pushed {
    Pushed { client, command: Box::default(), suffices: false, leaves: Vec::new(), why: Some(why.into()) }
}

/// The referrers that stay: those that a client does not see, and whatever refers to those.
fn left(shipment: &Shipment, sees: impl Fn(crate::plan::referrers::Seen) -> bool, tags: bool) -> Vec<Digest> {
    let mut left: HashSet<&Digest> = HashSet::new();
    let mut digests = Vec::new();
    for piece in &shipment.pieces {
        let stays = match piece.kind {
            Kind::Referrer => !piece.seen().is_some_and(&sees) || piece.subject().is_some_and(|subject| left.contains(subject)),
            // What `cosign save` wrote has no tag in the layout.
            Kind::DigestTag => !tags || piece.seen().is_none(),
            _ => false,
        };
        if stays && left.insert(&piece.digest) {
            digests.push(piece.digest.clone());
        }
    }
    digests
}

/// How runtimes and scanners take what was written.
pub fn loads(profile: Profile, place: &Place, shipments: &[Shipment]) -> Vec<Load> {
    let load = |client: Client, rest: &[&str]| Load { client, command: words(&[client.name()], rest), why: None };
    let path = place.path.as_str();
    let pull = |transport: &str, shipment: &Shipment| {
        let cannot =
            |why: &str| Load { client: Client::Podman, command: Box::default(), why: Some(format!("{}: {why}", shipment.local())) };
        if path.contains(':') {
            cannot("podman 4 cannot be given a path with a colon")
        } else if media_type::is_docker(&shipment.media_type) {
            cannot("podman 4 finds no entry with Docker's media types in a layout; write -o docker-archive:FILE.tar for it")
        } else {
            load(Client::Podman, &["pull", &format!("{transport}:{path}:{}", shipment.local())])
        }
    };
    match (profile, place.kind) {
        (Profile::Registry, _) => Vec::new(),
        (Profile::Runtime, PlaceKind::Layout) => shipments.iter().map(|shipment| pull("oci", shipment)).collect(),
        (Profile::Runtime, kind) => {
            let docker = (kind == PlaceKind::Docker).then(|| load(Client::Docker, &["load", "-i", path]));
            let mut loads: Vec<Load> = docker.into_iter().collect();
            // From an archive of an image layout `podman load` takes an image only where it is the only one.
            if kind == PlaceKind::Docker {
                loads.push(load(Client::Podman, &["load", "-i", path]));
            } else {
                loads.extend(shipments.iter().map(|shipment| pull("oci-archive", shipment)));
            }
            // Where the kubelet looks.
            loads.push(load(Client::Ctr, &["--namespace", "k8s.io", "images", "import", path]));
            loads
        }
        (Profile::Scanner, kind) => {
            let scheme = if kind == PlaceKind::Layout { "oci-dir" } else { "oci-archive" };
            vec![load(Client::Trivy, &["image", "--input", path]), load(Client::Syft, &[&format!("{scheme}:{path}")])]
        }
    }
}
