//! Levels 3 and 4: what layers inflate to, and whether that is a tar archive that every runtime unpacks alike.

use std::collections::{BTreeMap, BTreeSet};

use super::Checker;
use super::names::{Names, broken_links, climbs};
use crate::core::fsys::{ReadAt as _, Region};
use crate::core::{Algorithm, Code, Digest, Fact, Finding, Result, Severity};
use crate::oci::{Config, Descriptor, Manifest, digest_mismatch, media_type};
use crate::read::layer::{Examined, examine, inner_path};
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
            let region = self.container.blob(&layer.digest).ok().flatten().filter(|region| region.length() == layer.size)?;
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
                Finding::new(Code::StreamTrailing, "something stands behind the compressed data of a layer")
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

    /// Looks for the targets of hard links in the layers below. Hardly any layer has such links, so the names of the others are
    /// not kept but read again.
    fn links(&mut self, deep: &Deep, outward: &[Option<Links>]) {
        let links = |layer: &Option<usize>| layer.and_then(|task| outward.get(task)?.as_ref()).filter(|links| !links.is_empty());
        let mut wanted: BTreeMap<usize, BTreeSet<&[u8]>> = BTreeMap::new();
        for image in &deep.images {
            for (position, layer) in image.iter().enumerate() {
                for below in links(layer).into_iter().flat_map(|_| image.iter().take(position).flatten()) {
                    wanted.entry(*below).or_default().extend(links(layer).into_iter().flat_map(BTreeMap::keys).map(Vec::as_slice));
                }
            }
        }
        let context = self.context;
        let searched: Vec<(usize, &Task, BTreeSet<&[u8]>)> =
            wanted.into_iter().filter_map(|(task, targets)| Some((task, deep.tasks.get(task)?, targets))).collect();
        let place = |(_, task, _): &(usize, &Task, _)| (task.region.length(), task.region.sequence());
        let results = if searched.is_empty() {
            Ok(Vec::new())
        } else {
            verify::each(&searched, place, context.jobs, context.events, "inflate", |(_, task, targets)| find(task, targets, context))
        };
        let results = match results.and_then(|results| results.into_iter().collect::<Result<Vec<_>>>()) {
            Ok(results) => results,
            Err(error) => return self.add(error, "blobs"),
        };
        let found: BTreeMap<usize, BTreeSet<Vec<u8>>> = searched.iter().map(|(task, ..)| *task).zip(results).collect();
        let mut broken: BTreeMap<usize, Links> = BTreeMap::new();
        for image in &deep.images {
            for (position, layer) in image.iter().enumerate() {
                let (Some(task), Some(links)) = (layer, links(layer)) else { continue };
                let below = image.get(..position).unwrap_or_default();
                // Where a layer below could not be read, nobody knows what is in it.
                if below.iter().any(|below| below.is_none_or(|task| outward.get(task).is_none_or(Option::is_none))) {
                    continue;
                }
                let there =
                    |target: &Vec<u8>| below.iter().flatten().any(|task| found.get(task).is_some_and(|found| found.contains(target)));
                let missing = links.iter().filter(|(target, _)| climbs(target) || !there(target));
                broken.entry(*task).or_default().extend(missing.map(|(target, name)| (target.clone(), name.clone())));
            }
        }
        for (task, links) in broken {
            if let (Some(task), Some(finding)) = (deep.tasks.get(task), broken_links(&links)) {
                self.findings.push(finding.at(&task.layer.digest));
            }
        }
    }
}

fn look(task: &Task, members: bool, context: Context<'_>) -> Result<Seen> {
    let mut names = Names::default();
    let mut visit = |member| names.visit(&member);
    let visit: Option<crate::read::layer::Visit<'_>> = if members { Some(&mut visit) } else { None };
    let examined = examine(task.region.clone(), &task.layer, task.algorithm, visit, context.limits, context.events)?;
    Ok(Seen { examined, names })
}

/// Which of `targets` a layer has.
fn find(task: &Task, targets: &BTreeSet<&[u8]>, context: Context<'_>) -> Result<BTreeSet<Vec<u8>>> {
    let mut found = BTreeSet::new();
    let mut visit = |member: crate::format::tar::Member| {
        let path = inner_path(&member.name);
        if targets.contains(path.as_slice()) {
            found.insert(path);
        }
    };
    examine(task.region.clone(), &task.layer, task.algorithm, Some(&mut visit), context.limits, context.events)?;
    Ok(found)
}
