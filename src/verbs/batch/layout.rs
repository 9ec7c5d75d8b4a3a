//! Results into a layout.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::inputs::Once;
use super::request::Request;
use crate::foundation::fsys::{ReadAt as _, Region};
use crate::foundation::workers::Worker;
use crate::foundation::{Code, Digest, Error, Finding, Result};
use crate::oci::Descriptor;
use crate::plan::batch::Item;
use crate::read::{Source, Tree, layer, load};
use crate::verbs::rebase::Plan;
use crate::verbs::{Context, Verify};
use crate::write::journal::{Final, ItemRecord, Past};
use crate::write::{Content, GroupCommit, Payload, Trouble};

/// A layout that takes the results of a batch.
pub(super) struct LayoutTarget<'a, 'l> {
    pub(super) group_commit: &'a GroupCommit<'l>,
    pub(super) past: &'a Past,
    /// Whether layers become one file with those of their sources where that can be.
    pub(super) link: bool,
    pub(super) verify: Verify,
    /// The blobs of the layout, for reading.
    pub(super) stored: Arc<Source>,
    /// Layers that were hashed and not copied: those that the old bases leave behind.
    hashed: Once<Digest, std::result::Result<(), Box<Finding>>>,
    /// Layers of finished items whose files are those that the journal knows.
    sound: Mutex<BTreeSet<Digest>>,
    /// The bytes of the layers of all results, were each written on its own.
    pub(super) apparent: AtomicU64,
    pub(super) context: Context<'a>,
}

impl<'a, 'l> LayoutTarget<'a, 'l> {
    pub(super) fn new(group_commit: &'a GroupCommit<'l>, past: &'a Past, request: &Request, context: Context<'a>) -> Result<Self> {
        Ok(Self {
            group_commit,
            past,
            link: request.link,
            verify: request.verify,
            stored: Source::blobs(&request.output, context.limits)?,
            hashed: Once::default(),
            sound: Mutex::default(),
            apparent: AtomicU64::new(0),
            context,
        })
    }

    /// Takes everything that the result of an item needs. It has names when the group commit is published.
    pub(super) fn write(&self, item: &Item, plan: &Plan, worker: &mut Worker<'_>) -> Result<ItemRecord, Trouble> {
        let events = self.context.events;
        let copied: BTreeSet<&Digest> = plan.blobs.iter().map(|(_, layer)| &layer.digest).collect();
        for (source, layer) in &plan.inputs {
            if !copied.contains(&layer.digest) {
                self.hash(source, layer).map_err(Trouble::Input)?;
            }
        }
        for (source, layer) in &plan.blobs {
            // A layer that names addresses may stay away: it is external for everyone.
            if !layer.urls.is_empty() && source.container().blob(&layer.digest).map_err(Trouble::Input)?.is_none() {
                continue;
            }
            let region = source.region(layer).map_err(Trouble::Input)?;
            let file = if self.link { whole(&region) } else { None };
            let payload = Payload { digest: layer.digest.clone(), size: layer.size, content: Content::Source(&region) };
            self.group_commit.layer(&payload, file, worker, events)?;
            self.apparent.fetch_add(layer.size, Ordering::Relaxed);
        }
        for document in plan.kept.iter().chain(plan.documents.iter().map(|document| &document.blob)) {
            let payload = Payload { digest: document.digest().clone(), size: document.size(), content: Content::Bytes(document.bytes()) };
            self.group_commit.document(&payload, worker, &crate::foundation::event::Silent)?;
        }
        let entry = plan.entries.first().map(|(_, entry)| entry.to_string());
        Ok(ItemRecord {
            item: item.key.clone(),
            status: Final::Done,
            digest: item.result.as_ref().map(|result| result.digest.clone()),
            name: item.output.clone(),
            entry,
            archive: None,
            code: None,
            message: None,
        })
    }

    /// Hashes a layer that is not copied, once.
    fn hash(&self, source: &Arc<Source>, layer: &Descriptor) -> Result<()> {
        let checked = self.hashed.get(layer.digest.clone(), || {
            let check = || match source.container().blob(&layer.digest)? {
                Some(_) => layer::check_content(source, layer, self.context.events),
                None => Ok(()),
            };
            check().map_err(|error: Error| Box::new(error.into_finding()))
        });
        checked.map_err(|finding| Error::of(*finding))
    }

    /// Whether the result of an item that was done before is still there: documents are hashed, layers are the files that the journal
    /// knows, or are hashed too.
    ///
    /// # Errors
    /// `io`.
    pub(super) fn is_whole(&self, item: &Item, record: &ItemRecord) -> Result<bool> {
        let Some(expected) = item.result.as_ref().filter(|result| record.digest.as_ref() == Some(&result.digest)) else { return Ok(false) };
        let text = record.entry.as_deref().unwrap_or_default();
        let Ok(document) = crate::format::json::Document::parse(text.as_bytes(), self.context.limits) else { return Ok(false) };
        let Ok(descriptor) = Descriptor::parse(document.root(), self.context.limits) else { return Ok(false) };
        if descriptor.digest != expected.digest {
            return Ok(false);
        }
        let tree = match load(&self.stored, &descriptor, self.context.limits) {
            Ok(tree) => tree,
            Err(error) if error.code() == Code::Io => return Err(error),
            // Whatever is wrong with it, it is made again.
            Err(_) => return Ok(false),
        };
        if let Tree::Artifact { .. } = tree {
            return Ok(false);
        }
        for layer in tree.images().iter().flat_map(|image| &image.manifest.layers) {
            if !self.is_sound(layer)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_sound(&self, layer: &Descriptor) -> Result<bool> {
        let known = |digest: &Digest| self.sound.lock().unwrap_or_else(PoisonError::into_inner).contains(digest);
        if known(&layer.digest) {
            return Ok(true);
        }
        let stamp = self.group_commit.root().stamp(&layer.digest.blob_path());
        let noted = self.past.blobs.get(&layer.digest);
        let sound = match (stamp, noted) {
            (None, _) if !layer.urls.is_empty() => true,
            (None, _) => false,
            (Some(stamp), Some(noted)) if self.verify == Verify::Digest && noted.fits(&stamp) => true,
            (Some(_), _) => match layer::check_content(&self.stored, layer, &crate::foundation::event::Silent) {
                Ok(()) => true,
                Err(error) if error.code() == Code::Io => return Err(error),
                Err(_) => false,
            },
        };
        if sound {
            self.sound.lock().unwrap_or_else(PoisonError::into_inner).insert(layer.digest.clone());
        }
        Ok(sound)
    }
}

/// The open file that a region is the whole of.
fn whole(region: &Region) -> Option<&crate::foundation::fsys::File> {
    region.file().filter(|file| file.length() == region.length())
}
