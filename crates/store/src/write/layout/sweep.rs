//! Deleting blobs that nobody needs.
//!
//! The store lock is held exclusively, so no writer of ours has a blob that no index names yet. Other programs know no such lock;
//! for them the caller leaves alone what is young. The index is exchanged first: what it no longer names can go, and a kill in
//! between leaves blobs that nobody names.

use std::cell::RefCell;

use super::index::IndexPlan;
use super::store::Store;
use super::{Change, INDEX, Layout, MERGES, Revision};
use crate::foundation::fsys::{IndexLock, Stamp, StoreLock, WriteDirectory, is_temporary};
use crate::foundation::{Algorithm, Code, Digest, Error, Result};
use crate::write::Committed;

/// After how many blobs is looked whether the index is still the same.
const DELETED_AT_ONCE: usize = 64;

/// What is to go.
#[derive(Debug, Clone, Default)]
pub struct Sweep {
    /// What happens to the index.
    pub revision: Revision,
    /// The blobs that nobody needs when that has happened, and as what files they were seen: what is another file by then stays.
    pub delete: Vec<(Digest, Option<Stamp>)>,
    /// What has a temporary name and is old. What somebody holds stays all the same.
    pub leftovers: Vec<String>,
}

/// What went.
#[derive(Debug, Clone, Default)]
pub struct Swept {
    /// What was written.
    pub committed: Committed,
    /// How many blobs were deleted.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Whether a path beneath a layout ends with a temporary name.
fn is_leftover(path: &str) -> bool {
    is_temporary(path.rsplit('/').next().unwrap_or(path).as_bytes())
}

impl Layout {
    /// Changes the index and deletes blobs. `decide` says what is to go, given the text of the index; it is asked again when the
    /// index was exchanged, and deletes only what it names then.
    ///
    /// # Errors
    /// `write.busy` while somebody writes, those of [`Layout::commit`] and of `decide`; `io` and `io.space` where nothing happened
    /// yet, `io.after_publication` where the index was exchanged or something was deleted.
    pub fn sweep(&self, decide: &dyn Fn(&[u8]) -> Result<Sweep>) -> Result<Swept> {
        let Some(root) = self.open()? else { return Err(self.unusable()) };
        let _alone = StoreLock::exclusive(root, self.options.lock_timeout)?;
        self.check(root)?;
        let mut swept = Swept::default();
        match self.exchange_and_delete(root, decide, &mut swept) {
            Ok(()) => Ok(swept),
            Err(error) if matches!(error.code(), Code::Io | Code::IoSpace) && (swept.committed.index_changed || swept.blobs > 0) => {
                Err(self.after_publication(&error))
            }
            Err(error) => Err(error),
        }
    }

    /// Calls `look` while no other writer of ours is at work.
    ///
    /// # Errors
    /// `write.busy` while somebody writes, and those of `look`.
    pub fn alone<T>(&self, look: &dyn Fn() -> Result<T>) -> Result<T> {
        let Some(root) = self.open()? else { return Err(self.unusable()) };
        let _alone = StoreLock::exclusive(root, self.options.lock_timeout)?;
        look()
    }

    /// Deletes; `false` if somebody without a lock wrote the index meanwhile, so that it must be decided again.
    fn delete(&self, root: &WriteDirectory, plan: &IndexPlan, blobs: &[(Digest, Option<Stamp>)], swept: &mut Swept) -> Result<bool> {
        for some in blobs.chunks(DELETED_AT_ONCE) {
            if !self.is_unchanged(root, plan)? {
                return Ok(false);
            }
            for (digest, seen) in some {
                let path = digest.blob_path();
                let Some(stamp) = root.examine(&path)?.filter(|stamp| seen.is_none_or(|seen| seen == *stamp)) else { continue };
                root.unlink(&path)?;
                swept.blobs += 1;
                swept.bytes = swept.bytes.saturating_add(stamp.size());
            }
        }
        Ok(true)
    }

    /// `swept` is what has happened, also where this ends with an error.
    fn exchange_and_delete(&self, root: &Store, decide: &dyn Fn(&[u8]) -> Result<Sweep>, swept: &mut Swept) -> Result<()> {
        let delete = RefCell::new((Vec::new(), Vec::new()));
        let revise = |text: &[u8]| {
            let sweep = decide(text)?;
            *delete.borrow_mut() = (sweep.delete, sweep.leftovers);
            Ok(sweep.revision)
        };
        let change = Change { revise: Some(&revise), ..Change::default() };
        for _ in 0..MERGES {
            let plan = self.plan(root, change)?;
            self.write_documents(root, &plan.documents, &mut swept.committed)?;
            if plan.text.is_some() {
                swept.committed.index_changed |= self.commit_index(root, plan, change, &mut swept.committed)?;
                continue;
            }
            // Nothing is left to change, so what was decided last holds for the index as it is: unless somebody without a lock
            // wrote since.
            let _index = IndexLock::take(root, self.options.lock_timeout)?;
            if !self.is_unchanged(root, &plan)? {
                continue;
            }
            let (blobs, leftovers) = &*delete.borrow();
            if !self.delete(root, &plan, blobs, swept)? {
                continue;
            }
            leftovers.iter().filter(|name| is_leftover(name)).try_for_each(|name| root.remove_abandoned(name, &|_| Ok(true)).map(drop))?;
            if !leftovers.is_empty() {
                swept.committed.flushing(|| root.sync())?;
            }
            for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
                if let Some(shelf) = root.beneath(&format!("blobs/{}", algorithm.name()))? {
                    swept.committed.flushing(|| shelf.sync())?;
                }
            }
            return Ok(());
        }
        Err(Error::new(Code::WriteConflict, format!("another program keeps writing {INDEX}")))
    }
}
