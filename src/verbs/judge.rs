//! Judges moves: reads the layers of an image before and after, each once, and asks `plan::verdict` what becomes of it.
//! `verdict`, `rebase` and `batch plan` do it in the same way.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Context;
use super::rebase::decide::PlatformMove;
use crate::foundation::limits::MIB;
use crate::foundation::{Code, Digest, Error, ExitClass, Finding, Limits, Result, Severity};
use crate::oci::{Config, Descriptor, Platform};
use crate::plan::rebase::image::{Moved, Origin};
use crate::plan::verdict::{Answer, Judgement, Memo, Patched, Side, judge};
use crate::read::rootfs::{Budget, Scan};
use crate::read::{Image, Source};

/// How many bytes of the files of one base, and of one app, are held at most. They are counted by themselves, so that what is known of
/// a base does not depend on the app.
const KEPT_BYTES: u64 = 512 * MIB;
/// How many bytes of bases are remembered for other images.
const REMEMBERED_BYTES: u64 = 192 * MIB;

/// An image as a stack of layers, the lowest first, each with the source that has it.
struct Stack<'a> {
    layers: Vec<(&'a Arc<Source>, &'a Descriptor)>,
    /// How many of the lowest are the base's.
    seam: usize,
    config: &'a Config,
}

impl<'a> Stack<'a> {
    fn of(image: &'a Image, seam: usize) -> Self {
        let layers = image.manifest.layers.iter().map(|layer| (&image.source, layer)).collect();
        Self { layers, seam, config: &image.config }
    }
}

/// Who judges. Bases are read once for many images, by several threads.
pub(super) struct Judge<'c> {
    bases: Memory,
    programs: Arc<Memo>,
    context: Context<'c>,
}

impl<'c> Judge<'c> {
    pub(super) fn new(context: Context<'c>) -> Self {
        Self { bases: Memory::default(), programs: Arc::default(), context }
    }

    /// The bounds of what it reads.
    pub(super) fn limits(&self) -> &Limits {
        self.context.limits
    }

    /// What becomes of a platform that was decided.
    ///
    /// # Errors
    /// Those of layers that are not what their digests say, and `io`.
    pub(super) fn moved(&self, platform_move: &PlatformMove<'_>, moved: &Moved) -> Result<Judgement> {
        let app = platform_move.app;
        let mut before = Stack::of(app, platform_move.seam);
        // A layout without the layers of the old base is none the worse if that is here.
        for (place, below) in before.layers.iter_mut().zip(platform_move.old.iter().flat_map(|old| &old.image.manifest.layers)) {
            if let Some(old) = &platform_move.old
                && app.source.container().blob(&place.1.digest)?.is_none()
            {
                *place = (&old.image.source, below);
            }
        }
        let from = |origin: &Origin| if *origin == Origin::Base { &platform_move.new.image.source } else { &app.source };
        let layers = moved.layers.iter().map(|(origin, layer)| (from(origin), layer)).collect();
        let seam = moved.layers.iter().filter(|(origin, _)| *origin == Origin::Base).count();
        let config = Config::parse(&moved.config.blob, self.context.limits)?;
        let after = Stack { layers, seam, config: &config };
        self.judge(app.platform(), &before, &after, platform_move.old.is_some())
    }

    /// What becomes of `old` where it is not moved: nothing changes, what cannot be followed is unknown all the same, and of fixes
    /// nothing is known, since there is no older base to compare with.
    ///
    /// # Errors
    /// As [`Judge::moved`].
    pub(super) fn unmoved(&self, image: &Image, seam: usize) -> Result<Judgement> {
        let same = || Stack::of(image, seam);
        let mut judgement = self.judge(image.platform(), &same(), &same(), false)?;
        judgement.findings.push(Finding::new(Code::VerdictSystem, "the platform is not moved: it is based on that base already"));
        Ok(judgement)
    }

    fn judge(&self, platform: Option<&Platform>, before: &Stack<'_>, after: &Stack<'_>, old_base_is_known: bool) -> Result<Judgement> {
        if let Some(platform) = platform.filter(|platform| platform.os != "linux") {
            let message = format!("images of {} are not followed", platform.os);
            return Ok(unknown(Error::new(Code::VerdictUnclear, message)));
        }
        let mut own = Own { known: BTreeMap::new(), budget: Budget::programs(KEPT_BYTES) };
        let (from, to) = match (self.layers(before, &mut own), self.layers(after, &mut own)) {
            (Ok(from), Ok(to)) => (from, to),
            (Err(error), _) | (_, Err(error)) => return if is_answer(&error) { Ok(unknown(error)) } else { Err(error) },
        };
        let before = Side { layers: &from, seam: before.seam, config: before.config };
        let after = Side { layers: &to, seam: after.seam, config: after.config };
        judge(&before, &after, old_base_is_known, &self.programs)
    }

    fn layers(&self, stack: &Stack<'_>, own: &mut Own) -> Result<Vec<Arc<Scan>>> {
        let mut left = KEPT_BYTES;
        let read = |source: &Source, layer: &Descriptor, budget: &mut Budget| {
            Scan::read(source, layer, budget, self.context.limits, self.context.events).map(Arc::new)
        };
        let mut layers = Vec::new();
        for (position, (source, layer)) in stack.layers.iter().enumerate() {
            if position < stack.seam {
                let scan = self.bases.get((layer.digest.clone(), left), || read(source, layer, &mut Budget::programs(left)))?;
                left = left.saturating_sub(scan.kept());
                layers.push(scan);
                continue;
            }
            let scan = match own.known.get(&layer.digest) {
                Some(scan) => Arc::clone(scan),
                None => read(source, layer, &mut own.budget)?,
            };
            own.known.insert(layer.digest.clone(), Arc::clone(&scan));
            layers.push(scan);
        }
        Ok(layers)
    }
}

/// The layers of one app: they are in both images, and nobody else has them.
struct Own {
    known: BTreeMap<Digest, Arc<Scan>>,
    budget: Budget,
}

/// The judgement on a move of which this was learned and nothing else.
pub(super) fn unknown(error: Error) -> Judgement {
    let finding = error.into_finding().severity(Severity::Warning);
    let answer = Answer::Unknown;
    Judgement { answer, patched: Patched::Unknown, hidden: Vec::new(), findings: vec![finding], reached: 0 }
}

/// Whether an error says something of the image, so that the verdict is that nothing is known. Blobs with other bytes than their
/// digests say stop everything, and so does what the system could not read now.
fn is_answer(error: &Error) -> bool {
    match error.code() {
        Code::BlobDigestMismatch | Code::BlobChanged | Code::DescriptorSizeMismatch => false,
        _ => matches!(error.exit_class(), ExitClass::Corrupt | ExitClass::Precondition),
    }
}

/// What a thread found out of a layer; others wait for it.
type Place = Arc<OnceLock<std::result::Result<Arc<Scan>, Box<Finding>>>>;

/// The layer, and how many bytes of it could be kept.
type Key = (Digest, u64);

/// Layers of bases that were read, as many as there is room for.
#[derive(Default)]
struct Memory(Mutex<Held>);

#[derive(Default)]
struct Held {
    places: HashMap<Key, (Place, u64)>,
    /// Counts uses, by which the one that was not used for longest is found.
    uses: u64,
}

impl Memory {
    fn get(&self, key: Key, read: impl FnOnce() -> Result<Arc<Scan>>) -> Result<Arc<Scan>> {
        let place = {
            let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            held.uses += 1;
            let uses = held.uses;
            let (place, used) = held.places.entry(key).or_default();
            *used = uses;
            Arc::clone(place)
        };
        let mut fresh = false;
        let read = || {
            fresh = true;
            read().map_err(|error| Box::new(error.into_finding()))
        };
        let scan = place.get_or_init(read).clone();
        if fresh {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).shrink();
        }
        scan.map_err(|finding| Error::of(*finding))
    }
}

impl Held {
    /// Forgets what was not used for longest, until the rest fits.
    fn shrink(&mut self) {
        let size = |place: &Place| place.get().and_then(|scan| scan.as_ref().ok()).map_or(0, |scan| scan.size());
        let mut all: Vec<(u64, u64, Key)> = self.places.iter().map(|(key, (place, used))| (*used, size(place), key.clone())).collect();
        let mut sum: u64 = all.iter().map(|(_, size, _)| size).sum();
        all.sort_unstable();
        for (_, size, key) in all {
            if sum <= REMEMBERED_BYTES {
                break;
            }
            self.places.remove(&key);
            sum -= size;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn key(text: &str) -> Key {
        (Digest::sha256(text.as_bytes()), 1)
    }

    #[test]
    fn a_layer_of_a_base_is_read_once_whoever_asks() {
        let (memory, reads) = (Memory::default(), AtomicUsize::new(0));
        let read = || {
            reads.fetch_add(1, Ordering::Relaxed);
            Ok(Arc::new(Scan::of_size(0)))
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..100).for_each(|_| drop(memory.get(key("a"), read).unwrap())));
            }
        });
        assert_eq!(reads.into_inner(), 1);
    }

    #[test]
    fn what_was_not_used_for_longest_is_forgotten() {
        let memory = Memory::default();
        let read = |text: &str, size| {
            let mut fresh = false;
            let scan = memory.get(key(text), || {
                fresh = true;
                Ok(Arc::new(Scan::of_size(size)))
            });
            scan.unwrap();
            fresh
        };
        // As much again as a quarter of what is kept is counted.
        let third = REMEMBERED_BYTES / 15 * 4;
        assert!(read("a", third) && read("b", third) && read("c", third));
        assert!(!read("a", third), "it is there");
        assert!(read("d", third), "it takes the place of b");
        assert!(!read("a", third) && !read("c", third) && read("b", third));
        assert!(read("large", 2 * REMEMBERED_BYTES), "nobody can keep it");
        assert!(read("large", 2 * REMEMBERED_BYTES));
    }

    #[test]
    fn a_layer_that_cannot_be_read_says_so_to_all() {
        let memory = Memory::default();
        for _ in 0..2 {
            let error = memory.get(key("a"), || Err(Error::new(Code::Io, "failed to read"))).unwrap_err();
            assert_eq!((error.code(), error.exit_class()), (Code::Io, ExitClass::Io));
        }
    }
}
