//! What the library tells while it works. It never prints; the caller decides what a user sees.

/// Receives progress. All methods may be called from several threads at once.
pub trait Events: Sync {
    /// A stage of `items` pieces and `bytes` bytes begins; earlier stages are over.
    fn begin(&self, stage: &str, items: u64, bytes: u64) {
        let _ = (stage, items, bytes);
    }
    /// So many more bytes of the stage are done.
    fn bytes(&self, bytes: u64) {
        let _ = bytes;
    }
    /// One more piece of the stage is done.
    fn item(&self) {}
    /// The stage is over.
    fn end(&self) {}
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Events for Silent {}
