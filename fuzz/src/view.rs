//! Everything that a source says, for comparing two of them.

use std::path::Path;

use airbase::foundation::fsys::ReadAt as _;
use airbase::foundation::{Code, Limits};
use airbase::read::{Source, SourceKind, Stored};

/// What is read from a source.
#[derive(Debug, PartialEq, Eq)]
pub struct View {
    /// Which kind it is.
    pub kind: SourceKind,
    /// `index.json`.
    pub index: Vec<u8>,
    /// Everything under `blobs/`.
    pub stored: Vec<Stored>,
    /// The bytes of the blobs, in that order.
    pub blobs: Vec<Vec<u8>>,
    /// What is odd about the container.
    pub findings: Vec<Code>,
}

/// Reads the source at `path`, or says why it is refused.
///
/// # Errors
/// The code of the refusal.
///
/// # Panics
/// If a blob that is listed cannot be found or read.
pub fn view(path: &Path, limits: &Limits) -> Result<View, Code> {
    let source = Source::open(path, limits).map_err(|error| error.code())?;
    let container = source.container();
    let stored = container.stored().map_err(|error| error.code())?;
    let mut blobs = Vec::new();
    for entry in &stored {
        if let Stored::Blob(digest) = entry {
            let region = container.blob(digest).expect("a blob that is listed").expect("a blob that is listed");
            let mut bytes = vec![0; usize::try_from(region.length()).expect("a size")];
            region.read_exact_at(&mut bytes, 0).expect("bytes that are there");
            blobs.push(bytes);
        }
    }
    Ok(View {
        kind: source.kind(),
        index: container.index().map_err(|error| error.code())?,
        stored,
        blobs,
        findings: container.findings().iter().map(|finding| finding.code).collect(),
    })
}
