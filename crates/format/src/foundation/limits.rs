//! Every bound in one place.
//!
//! A bound fails closed and by name; none truncates. Each value says why it is what it is, and each can be raised by
//! the caller: an operator who trusts a large input should not need another tool.

/// The bounds that reading and planning obey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest manifest, nested index or config, in bytes. The distribution specification asks registries for at least
    /// 4 MiB, so nothing larger can be relied upon elsewhere.
    pub document_bytes: u64,
    /// Largest `index.json`, in bytes: 200 000 images with two statements each in both forms fit.
    pub index_bytes: u64,
    /// Most descriptors in `index.json`.
    pub index_entries: usize,
    /// Deepest nesting of a JSON document; real documents stay below ten.
    pub json_depth: usize,
    /// Most members of one JSON object; real ones have a few hundred annotations at most.
    pub json_members: usize,
    /// Most layers of one image. Runtimes stop at 127; ten thousand is beyond any builder.
    pub layers: usize,
    /// Deepest nesting of indexes.
    pub graph_depth: usize,
    /// Most manifests visited in one walk.
    pub graph_nodes: usize,
    /// Most documents of one image with all its platforms, those counted again that several paths lead to. An index of the
    /// largest size has about as many entries.
    pub tree_documents: usize,
    /// Most members of an archive.
    pub archive_entries: usize,
    /// Largest PAX extended header, in bytes.
    pub pax_bytes: u64,
    /// Longest member name carried by a GNU long-name header, in bytes.
    pub long_name_bytes: u64,
    /// Most bytes of all names and link targets of an archive or a layer together, of each only what is beyond [`USUAL_NAME`]. Names
    /// are in memory, and with extensions each may have 64 KiB.
    pub name_bytes: u64,
    /// Largest uncompressed layer that is read, in bytes. Layers stream, so this bounds time, not memory.
    pub layer_bytes: u64,
    /// Largest archive inside gzip, zstd or xz, in bytes as it inflates. It streams too; as it lies on the disk, an archive has no bound.
    pub archive_bytes: u64,
    /// Largest zstd window, as a power of two; the zstd command refuses more by default too.
    pub zstd_window_log: u32,
}

/// One mebibyte in bytes.
pub const MIB: u64 = 1 << 20;

/// What a name may have without being counted; the name of a blob has 77 bytes.
pub const USUAL_NAME: usize = 128;

/// What a document inside a compressed archive may always have, whatever it was compressed to.
pub const SMALL_BYTES: u64 = 8 * MIB;

/// How many times as large as the compressed archive a document in it may be beyond that. JSON full of digests is a few times as large.
pub const EXPANSION: u64 = 50;

/// How many members a compressed archive may always have; beyond that each takes at least [`MEMBER_BYTES`] of it.
pub const FEW_MEMBERS: u64 = 1 << 16;

/// What a member of a compressed archive takes at least: the digest in its name alone has 32 bytes that nothing makes smaller.
pub const MEMBER_BYTES: u64 = 16;

/// How much is read, hashed or written at a time. 128 KiB was as fast as 1 MiB and 5 % faster than 8 KiB.
pub const CHUNK_BYTES: usize = 128 << 10;

impl Limits {
    /// The bounds used when nobody asks for others.
    pub const STANDARD: Self = Self {
        document_bytes: 4 * MIB,
        index_bytes: 512 * MIB,
        index_entries: 2_000_000,
        json_depth: 64,
        json_members: 1 << 16,
        layers: 10_000,
        graph_depth: 32,
        graph_nodes: 4_000_000,
        tree_documents: 1 << 15,
        archive_entries: 4_000_000,
        pax_bytes: MIB,
        long_name_bytes: 64 << 10,
        name_bytes: 16 * MIB,
        layer_bytes: 256 << 30,
        archive_bytes: 1 << 40,
        zstd_window_log: 27,
    };
}
