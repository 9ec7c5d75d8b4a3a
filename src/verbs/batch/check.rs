//! What is looked at before `batch apply` writes anything: the names that are taken, the old images that are to be marked, and the
//! room on the disk.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::archives::file_name;
use super::plan_file::{PlanEntry, PlanFile, key};
use super::request::{As, Request};
use crate::format::json::{Document, Node};
use crate::foundation::fsys::{Directory, WriteDirectory, shown};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result};
use crate::oci::media_type::OCI_MANIFEST;
use crate::oci::{Manifest, Name, annotation};
use crate::plan::batch::{Item, ItemStatus};
use crate::read::Source;
use crate::verbs::{Context, room};
use crate::write::Taken;
use crate::write::journal::{Final, Past};

/// How many names or images an error lists.
const SHOWN: usize = 12;

/// What is looked at before anything is written.
pub(super) struct Check {
    /// The names of the output's index.
    names: HashMap<Name<'static>, Digest>,
    /// What that index lists, if old images are to be marked in it.
    listed: Option<HashSet<Digest>>,
    /// The first old images that are not there, and how many there are.
    elsewhere: (Vec<String>, usize),
    taken: Vec<Taken>,
    /// The first images that are at the end of their lives, and how many there are.
    stopped: (Vec<String>, usize),
    files: HashSet<String>,
    collision: Option<String>,
    form: As,
    /// Layers by digest, with their sizes.
    layers: HashMap<Digest, u64>,
    /// The manifests of new bases, by the places in which they lie.
    bases: HashMap<String, HashSet<Digest>>,
    documents: u64,
}

impl Check {
    pub(super) fn new(request: &Request, context: Context<'_>) -> Result<Self> {
        let (names, digests) = match (request.form, Directory::open(&request.output)) {
            (As::Layout, Ok(directory)) => listed(&directory, request.supersede.is_some(), context)?,
            _ => (HashMap::new(), HashSet::new()),
        };
        let listed = request.supersede.is_some().then_some(digests);
        let (taken, files, layers) = (Vec::new(), HashSet::new(), HashMap::new());
        let (elsewhere, stopped) = ((Vec::new(), 0), (Vec::new(), 0));
        Ok(Self {
            names,
            listed,
            elsewhere,
            taken,
            stopped,
            files,
            collision: None,
            form: request.form,
            layers,
            bases: HashMap::new(),
            documents: 0,
        })
    }

    /// Looks at an item of the plan.
    pub(super) fn see(&mut self, item: &Item) {
        if item.status != ItemStatus::Move {
            return;
        }
        if let Some(listed) = &self.listed {
            if !listed.contains(&item.digest) {
                add(&mut self.elsewhere, item);
            }
            // A statement on each old subject and on the new image: a document, a manifest and a list each.
            self.documents += 3 * (item.platforms.len() as u64 + 2);
        }
        if item.warnings.iter().any(|code| code == Code::LifecycleStopped.slug()) {
            add(&mut self.stopped, item);
        }
        self.taken.extend(taken(&self.names, item));
        if self.form == As::Archives && !self.files.insert(file_name(item)) {
            self.collision = Some(file_name(item));
        }
        for base in item.platforms.iter().map(|placed| &placed.new) {
            if let Some(source) = &base.source {
                let manifest = base.manifest.as_ref().unwrap_or(&base.digest);
                if !self.bases.get(source).is_some_and(|known| known.contains(manifest)) {
                    self.bases.entry(source.clone()).or_default().insert(manifest.clone());
                }
            }
        }
        for layer in &item.layers {
            self.layers.insert(layer.digest.clone(), layer.size);
        }
        self.documents += 2 * item.platforms.len() as u64 + 1;
    }

    /// The names that other images have, and that they lose.
    pub(super) fn taken(&mut self) -> Vec<Taken> {
        std::mem::take(&mut self.taken)
    }

    /// A warning that something new is made of images that are at the end of their lives.
    pub(super) fn stopped(&self) -> Option<Finding> {
        let (first, count) = &self.stopped;
        if *count == 0 {
            return None;
        }
        let message = format!("something new is made of {}", ended(*count));
        let mut finding = Finding::new(Code::LifecycleStopped, message);
        finding.details.clone_from(first);
        let more = count - first.len();
        Some(if more > 0 { finding.detail(format!("and {more} more")) } else { finding })
    }

    /// Refuses what cannot be done as a whole.
    ///
    /// # Errors
    /// `usage.output`, `batch.collision`, `batch.output_taken`.
    pub(super) fn judge(&self, request: &Request) -> Result<()> {
        const AFTERWARDS: &str = "leave --supersede away and mark them afterwards: `airbase lifecycle supersede OLD --by NEW`.";
        if self.form == As::Archives && request.supersede.is_some() {
            return Err(Error::new(
                Code::UsageOutput,
                "--supersede marks old images where the results go, and archives hold the results alone",
            )
            .expected(Fact::new("the layout that holds the old images", "-o"))
            .found(Fact::new("archives", "--as"))
            .hint(format!("Write into that layout, or {AFTERWARDS}")));
        }
        let (first, count) = &self.elsewhere;
        if *count > 0 {
            let error =
                Error::new(Code::UsageOutput, format!("--supersede marks old images where the results go, and {} not there", are(*count)))
                    .at(shown(&request.output))
                    .details(first.iter().cloned())
                    .hint(format!("Copy them there first with `airbase copy`, or {AFTERWARDS}"));
            let more = count - first.len();
            return Err(if more > 0 { error.detail(format!("and {more} more")) } else { error });
        }
        if let Some(name) = &self.collision {
            return Err(Error::new(Code::BatchCollision, format!("several archives would be called {name}"))
                .hint("Make the plan with --name so that the names differ in letters, digits, `.`, `_` and `-`."));
        }
        if self.taken.is_empty() || request.overwrite {
            return Ok(());
        }
        Err(output_taken(&self.taken, &request.output))
    }

    /// Says how much room is missing, if it is certain that some is.
    ///
    /// # Errors
    /// `io.space`, `io`.
    pub(super) fn room(&mut self, request: &Request, plan_file: &PlanFile, past: &Past, context: Context<'_>) -> Result<()> {
        // The blobs may have a file system of their own.
        let space = crate::foundation::fsys::space(&request.output.join("blobs/sha256"), context.faults)?;
        let done = past.done() as u64;
        let all = plan_file.entries.iter().filter(|entry| entry.standing == ItemStatus::Move).count() as u64;
        if done >= all {
            return Ok(());
        }
        let (wanted, what, hint) = match self.form {
            // Each holds the layers of its own image; those of the bases come on top.
            As::Archives => {
                let ours = |entry: &&PlanEntry| {
                    let key = key(entry.key);
                    let whole = || past.item(&key).is_some_and(|record| record.status == Final::Done);
                    entry.standing == ItemStatus::Move && request.shard.is_none_or(|shard| shard.holds(&key)) && !whole()
                };
                let sizes = plan_file.entries.iter().filter(ours).map(|entry| space.taken_by(entry.bytes));
                (
                    sizes.fold(0, u64::saturating_add),
                    "the images' own layers in archives that are not there yet",
                    "Free some space, or write elsewhere.",
                )
            }
            // Layers that are linked need none.
            As::Layout if request.link => return Ok(()),
            As::Layout => {
                self.layers.extend(self.base_layers(request, context));
                // An output that is not there, or cannot be opened, is taken for one that has nothing: then more space is asked for.
                let root = WriteDirectory::open(&request.output, context.faults).ok();
                let is_new = |digest: &Digest| root.as_ref().is_none_or(|root| root.stamp(&digest.blob_path()).is_none());
                let layers = self.layers.iter().filter(|(digest, _)| is_new(digest));
                let layers = layers.map(|(_, size)| space.taken_by(*size)).fold(0, u64::saturating_add);
                let share = request.shard.map_or(1, |shard| shard.count);
                let documents = self.documents.saturating_mul(all - done) / all.max(1);
                (
                    layers.saturating_add(documents.saturating_mul(space.block)) / share,
                    "the layers and documents that are not there yet",
                    "Free some space, write elsewhere, or give layers a second name instead of copying them with --link.",
                )
            }
        };
        room::refuse(space, wanted, what, &request.output, hint)
    }

    /// The layers of the new bases, as far as that is known without opening archives.
    fn base_layers(&self, request: &Request, context: Context<'_>) -> HashMap<Digest, u64> {
        let mut layers = HashMap::new();
        for (path, manifests) in &self.bases {
            let place = request.root.as_deref().map_or_else(|| PathBuf::from(path), |root| root.join(path));
            // What cannot be read is reported by the items that need it.
            let Ok(source) = Source::blobs(&place, context.limits) else { continue };
            for digest in manifests {
                let Ok(Some(blob)) = source.document_by_digest(digest, context.limits) else { continue };
                let Ok(manifest) = Manifest::parse(&blob, OCI_MANIFEST, context.limits) else { continue };
                layers.extend(
                    manifest.layers.into_iter().filter(|layer| layer.urls.is_empty()).map(|layer| (layer.digest.clone(), layer.size)),
                );
            }
        }
        layers
    }
}

/// Counts an item, and keeps the first ones.
fn add((first, count): &mut (Vec<String>, usize), item: &Item) {
    if first.len() < SHOWN {
        first.push(format!("{}  {}", item.image, item.digest));
    }
    *count += 1;
}

fn ended(count: usize) -> String {
    if count == 1 {
        "an image that is at the end of its life".to_owned()
    } else {
        format!("{count} images that are at the end of their lives")
    }
}

fn are(count: usize) -> String {
    if count == 1 { "one of them is".to_owned() } else { format!("{count} of them are") }
}

/// The name that an item gives to its result, if another image than its input has it.
pub(super) fn taken(names: &HashMap<Name<'static>, Digest>, item: &Item) -> Option<Taken> {
    let name = item.output.as_ref()?;
    let stands = names.get(&Name::parse(name).into_owned())?;
    let expected = item.result.as_ref().map(|result| &result.digest);
    (Some(stands) != expected && *stands != item.digest).then(|| Taken { name: name.clone(), digest: stands.clone() })
}

/// The refusal to take names away.
pub(super) fn output_taken(taken: &[Taken], output: &Path) -> Error {
    let more = taken.len().saturating_sub(SHOWN);
    let error = Error::new(Code::BatchOutputTaken, "the output holds other images under names that the batch wants to give")
        .at(shown(output))
        .details(taken.iter().take(SHOWN).map(|taken| format!("{}  {}", taken.name, taken.digest)));
    if more > 0 { error.detail(format!("and {more} more")) } else { error }
}

/// The names in an index that is there, and with `digests` everything that it lists.
pub(super) fn listed(
    directory: &Directory,
    digests: bool,
    context: Context<'_>,
) -> Result<(HashMap<Name<'static>, Digest>, HashSet<Digest>)> {
    let (mut names, mut all) = (HashMap::new(), HashSet::new());
    let Some(file) = directory.file("index.json")? else { return Ok((names, all)) };
    // What is wrong with it is reported when it is written to.
    let Some(bytes) = file.read_all(context.limits.index_bytes)? else { return Ok((names, all)) };
    let Ok(document) = Document::parse(&bytes, context.limits) else { return Ok((names, all)) };
    for entry in document.root().get("manifests").into_iter().flat_map(Node::items) {
        let text = |key: &str| {
            let text = entry.get("annotations").and_then(|map| map.get(key)).and_then(Node::as_str);
            text.filter(|text| !text.is_empty())
        };
        let (full, own) = (text(annotation::CONTAINERD_NAME), text(annotation::REF_NAME));
        let name = full.as_deref().map(Name::full).or_else(|| own.as_deref().map(Name::parse));
        let Some(digest) = entry.get("digest").and_then(Node::as_str).and_then(|text| text.parse::<Digest>().ok()) else { continue };
        if digests {
            all.insert(digest.clone());
        }
        if let Some(name) = name {
            names.insert(name.into_owned(), digest);
        }
    }
    Ok((names, all))
}
