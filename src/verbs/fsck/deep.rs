//! Levels 3 and 4: what layers inflate to, and whether that is a tar archive that every runtime unpacks alike.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use super::Checker;
use super::names::{Names, broken_links};
use crate::format::tar::Member;
use crate::foundation::fsys::{ReadAt as _, Region};
use crate::foundation::{Algorithm, Code, Digest, Fact, Finding, Result, Severity};
use crate::oci::{Config, Descriptor, Manifest, digest_mismatch, media_type};
use crate::read::layer::{Examined, Visit, examine};
use crate::read::rootfs::{BrokenLink, Builder, Unpacker, inner_path};
use crate::read::verify;
use crate::verbs::Context;

/// The layers that are to be inflated.
#[derive(Debug, Default)]
pub(super) struct Deep {
    tasks: Vec<Task>,
    /// Where a blob stands among the tasks, if it is inflated as its media type says and hashed with that algorithm.
    places: BTreeMap<(Digest, media_type::Compression, Algorithm), usize>,
    /// The layers of each image, the lowest first; none where a layer cannot be read here.
    images: Vec<Vec<Option<usize>>>,
    /// Layers of other kinds.
    opaque: BTreeMap<Digest, String>,
}

/// One layer, and everything that is said of it.
#[derive(Debug)]
struct Task {
    layer: Descriptor,
    region: Region,
    algorithm: Algorithm,
    /// The diffIDs that it should have, each with the config that says so.
    diff_ids: BTreeMap<Digest, Digest>,
}

/// What was found about a layer.
struct Seen {
    examined: Examined,
    names: Names,
}

/// The names of the hard links that lead out of a layer, by their targets.
type Links = BTreeMap<Vec<u8>, Vec<u8>>;

impl Checker<'_> {
    /// Notes the layers of an image.
    pub(super) fn deepen(&mut self, manifest: &Manifest, config: &Config) {
        let mut image = Vec::with_capacity(manifest.layers.len());
        for (position, layer) in manifest.layers.iter().enumerate() {
            let diff_id = config.diff_ids.get(position).map(|diff_id| (diff_id.clone(), manifest.config.digest.clone()));
            image.push(self.task(layer, diff_id));
        }
        self.deep.images.push(image);
    }

    fn task(&mut self, layer: &Descriptor, diff_id: Option<(Digest, Digest)>) -> Option<usize> {
        let Some((_, compression)) = media_type::layer(&layer.media_type) else {
            self.deep.opaque.insert(layer.digest.clone(), layer.media_type.to_string());
            return None;
        };
        let algorithm = diff_id.as_ref().map_or(Algorithm::Sha256, |(diff_id, _)| diff_id.algorithm());
        let key = (layer.digest.clone(), compression, algorithm);
        let place = if let Some(place) = self.deep.places.get(&key) {
            *place
        } else {
            // What is missing or has another size is reported when the walk gets there.
            let region = match self.container.blob(&layer.digest) {
                Err(error) if error.raw_os_error().is_some() => {
                    self.unread(error, &layer.digest.to_string());
                    return None;
                }
                region => region.ok().flatten().filter(|region| region.length() == layer.size)?,
            };
            self.deep.tasks.push(Task { layer: layer.clone(), region, algorithm, diff_ids: BTreeMap::new() });
            self.deep.places.insert(key, self.deep.tasks.len() - 1);
            self.deep.tasks.len() - 1
        };
        if let (Some(task), Some((diff_id, config))) = (self.deep.tasks.get_mut(place), diff_id) {
            task.diff_ids.entry(diff_id).or_insert(config);
        }
        Some(place)
    }

    /// Inflates the layers that were noted, and with them hashes their blobs.
    pub(super) fn layers(&mut self) {
        let deep = std::mem::take(&mut self.deep);
        for (digest, media_type) in &deep.opaque {
            // A note: the layer may be as it should be for those who can read it.
            self.findings.push(
                Finding::new(Code::LayerNotConvertible, "a layer is no filesystem layer, so it was not inflated")
                    .severity(Severity::Note)
                    .at(digest)
                    .found(Fact::new(media_type, "the manifest")),
            );
        }
        if deep.tasks.is_empty() {
            return;
        }
        let (context, members) = (self.context, self.level >= 4);
        let place = |task: &Task| (task.region.length(), task.region.sequence());
        let results = verify::each(&deep.tasks, place, context.jobs, context.events, "inflate", |task| look(task, members, context));
        let results = match results {
            Ok(results) => results,
            Err(error) => return self.add(error, "blobs"),
        };
        let mut outward = Vec::with_capacity(results.len());
        for (task, result) in deep.tasks.iter().zip(results) {
            self.inflated += 1;
            outward.push(self.judge(task, result));
        }
        self.links(&deep, &outward);
    }

    /// Reports what one layer was found to be. Gives the hard links that lead out of it, if its names are known.
    fn judge(&mut self, task: &Task, result: Result<Seen>) -> Option<Links> {
        let place = task.layer.digest.to_string();
        let Seen { examined, names } = match result {
            Ok(seen) => seen,
            Err(error) => {
                self.add(error, &place);
                return None;
            }
        };
        let first = self.hashed.insert(task.layer.digest.clone());
        if first {
            self.hashed_bytes += task.region.length();
        }
        if examined.blob != task.layer.digest {
            // That is the reason for everything else.
            if first {
                self.add(digest_mismatch(&task.layer.digest, &examined.blob), &place);
            }
            return None;
        }
        let content = match examined.content {
            Ok(content) => content,
            Err(error) => {
                self.unread(error, &place);
                return None;
            }
        };
        for (diff_id, config) in task.diff_ids.iter().filter(|(diff_id, _)| **diff_id != content) {
            self.findings.push(
                Finding::new(Code::LayerDiffIdMismatch, "a layer inflates to something else than its config says")
                    .at(&place)
                    .expected(Fact::new(diff_id, format!("diff_ids in the config {config}")))
                    .found(Fact::new(&content, "the inflated layer")),
            );
        }
        if examined.trailing {
            self.findings.push(
                Finding::new(Code::StreamTrailing, "trailing data after the compressed data of a layer")
                    .at(&place)
                    .expected(Fact::new("the end of the blob, or zeros", "the compressed data"))
                    .found(Fact::new("other bytes", "the blob")),
            );
        }
        let (findings, outward) = names.into_parts();
        self.findings.extend(findings.into_iter().map(|finding| finding.at(&place)));
        match examined.archive {
            Ok(odd) => {
                self.findings.extend(odd.into_iter().map(|finding| finding.at(&place)));
                Some(outward)
            }
            Err(error) => {
                self.unread(error, &place);
                None
            }
        }
    }

    /// Looks for the targets of hard links in the layers below, as a runtime would find them. Hardly any layer has such links, so
    /// the names of the others are not kept but read again.
    fn links(&mut self, deep: &Deep, outward: &[Option<Links>]) {
        let mut searched: BTreeSet<Vec<usize>> = BTreeSet::new();
        for image in &deep.images {
            // Where a layer could not be read, nobody knows what the links above it lead to.
            let known: Vec<usize> = image.iter().map_while(|task| task.filter(|task| links_of(outward, *task).is_some())).collect();
            let last = known.iter().rposition(|task| links_of(outward, *task).is_some_and(|links| !links.is_empty()));
            searched.extend(last.and_then(|last| known.get(..=last)).map(<[usize]>::to_vec));
        }
        if searched.is_empty() {
            return;
        }
        let context = self.context;
        let searched: Vec<Vec<&Task>> =
            searched.iter().map(|image| image.iter().filter_map(|task| deep.tasks.get(*task)).collect()).collect();
        let place = |image: &Vec<&Task>| {
            (image.iter().map(|task| task.region.length()).sum(), image.first().and_then(|task| task.region.sequence()))
        };
        let results = verify::each(&searched, place, context.jobs, context.events, "inflate", |image| merged(image, context));
        let results = match results.and_then(|results| results.into_iter().collect::<Result<Vec<_>>>()) {
            Ok(results) => results,
            Err(error) => return self.add(error, "blobs"),
        };
        let mut broken: BTreeMap<&Digest, Links> = BTreeMap::new();
        for (image, rootfs) in searched.iter().zip(&results) {
            for link in rootfs {
                let Some(task) = image.get(link.layer) else { continue };
                broken.entry(&task.layer.digest).or_default().entry(inner_path(&link.target)).or_insert_with(|| link.name.clone());
            }
        }
        for (layer, links) in broken {
            self.findings.extend(broken_links(&links).map(|finding| finding.at(layer)));
        }
    }
}

fn links_of(outward: &[Option<Links>], task: usize) -> Option<&Links> {
    outward.get(task)?.as_ref()
}

fn look(task: &Task, members: bool, context: Context<'_>) -> Result<Seen> {
    let mut names = Names::default();
    let mut visit = |_: u32, member: &Member, _: &mut dyn Read| {
        names.visit(member);
        Ok(())
    };
    let visit: Option<Visit<'_>> = if members { Some(&mut visit) } else { None };
    let examined = examine(task.region.clone(), &task.layer, task.algorithm, visit, context.limits, context.events)?;
    Ok(Seen { examined, names })
}

/// The hard links that lead to nothing where these layers are applied.
fn merged(image: &[&Task], context: Context<'_>) -> Result<Vec<BrokenLink>> {
    let mut builder = Builder::new(Unpacker::Overlay);
    for task in image {
        let mut visit = |_: u32, member: &Member, _: &mut dyn Read| builder.member(member);
        examine(task.region.clone(), &task.layer, task.algorithm, Some(&mut visit), context.limits, context.events)?;
        builder.end_layer();
    }
    Ok(builder.finish().broken_links().to_vec())
}
