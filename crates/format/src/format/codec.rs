//! How a file may be compressed: one table that tells what a file is by its content and its name, which of it is read, and which
//! is written.

/// How layers and the archives that are written may be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

/// How something that can be read is packed: as layers may be, or with xz, for which there is no media type of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// As layers may be.
    Layer(Compression),
    /// xz. It is read and never written.
    Xz,
}

impl Packing {
    /// Not compressed.
    pub const PLAIN: Self = Self::Layer(Compression::None);

    /// How many bytes tell how something is packed: as many as the longest magic has.
    pub const TELLING_BYTES: usize = 6;

    /// How something is packed, by its first bytes; what cannot be read here is plain for this purpose.
    pub fn by_first_bytes(start: &[u8]) -> Self {
        Codec::by_first_bytes(start).and_then(|codec| codec.reads).unwrap_or(Self::PLAIN)
    }
}

impl std::fmt::Display for Packing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Layer(Compression::None) => "none",
            Self::Layer(Compression::Gzip) => "gzip",
            Self::Layer(Compression::Zstd) => "zstd",
            Self::Xz => "xz",
        })
    }
}

/// One way to pack or compress a file.
#[derive(Debug)]
pub struct Codec {
    /// What it is called.
    pub name: &'static str,
    /// Whether the first bytes of a file are those of this kind.
    begins: fn(&[u8]) -> bool,
    /// What the names of archives end in, in lower case.
    archives: &'static [&'static str],
    /// What the names of other files of this kind end in.
    files: &'static [&'static str],
    /// How it is read; `None` if it is not.
    pub reads: Option<Packing>,
    /// What to do with a file that cannot be read here.
    pub instead: &'static str,
}

/// Everything that is known. gzip: RFC 1952, section 2.3.1; zstd: RFC 8878, section 3.1; xz: The .xz File Format, section 2.1.1.1.
const CODECS: [Codec; 9] = [
    Codec { name: "tar", begins: |_| false, archives: &[".tar", ".oci"], files: &[], reads: Some(Packing::PLAIN), instead: "" },
    Codec {
        name: "gzip",
        begins: |start| start.starts_with(b"\x1f\x8b"),
        archives: &[".tar.gz", ".tgz"],
        files: &[".gz"],
        reads: Some(Packing::Layer(Compression::Gzip)),
        instead: "",
    },
    Codec {
        name: "zstd",
        // A stream may begin with a skippable frame.
        begins: |start| matches!(start, [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]),
        archives: &[".tar.zst", ".tzst", ".tar.zstd"],
        files: &[".zst", ".zstd"],
        reads: Some(Packing::Layer(Compression::Zstd)),
        instead: "",
    },
    Codec {
        name: "xz",
        begins: |start| start.starts_with(b"\xfd7zXZ\0"),
        archives: &[".tar.xz", ".txz"],
        files: &[".xz"],
        reads: Some(Packing::Xz),
        instead: "",
    },
    Codec {
        name: "bzip2",
        begins: |start| start.starts_with(b"BZh"),
        archives: &[".tar.bz2", ".tbz2", ".tbz"],
        files: &[".bz2"],
        reads: None,
        instead: "Decompress it first: `bzip2 -dk FILE`.",
    },
    Codec {
        name: "lz4",
        begins: |start| start.starts_with(b"\x04\x22\x4d\x18"),
        archives: &[".tar.lz4"],
        files: &[".lz4"],
        reads: None,
        instead: "Decompress it first: `lz4 -dk FILE`.",
    },
    Codec {
        name: "lzma",
        // It has no magic.
        begins: |_| false,
        archives: &[".tar.lzma", ".tlz"],
        files: &[".lzma"],
        reads: None,
        instead: "Decompress it first: `xz -dk --format=lzma FILE`.",
    },
    Codec {
        name: "a zip archive",
        begins: |start| start.starts_with(b"PK\x03\x04"),
        archives: &[".zip"],
        files: &[],
        reads: None,
        instead: "Unpack it into a directory first: `unzip FILE -d DIR`.",
    },
    Codec {
        name: "a 7z archive",
        begins: |start| start.starts_with(b"7z\xbc\xaf\x27\x1c"),
        archives: &[".7z"],
        files: &[],
        reads: None,
        instead: "Unpack it into a directory first.",
    },
];

impl Codec {
    /// What the first bytes of a file say that it is; `None` if they say nothing, as those of a tar archive.
    pub fn by_first_bytes(start: &[u8]) -> Option<&'static Self> {
        CODECS.iter().find(|codec| (codec.begins)(start))
    }

    /// What the name of an archive says that it is, in upper or lower case: the kind, and the name without its ending.
    pub fn of_archive(name: &str) -> Option<(&'static Self, &str)> {
        ending(name, |codec| codec.archives).map(|(codec, _, stem)| (codec, stem))
    }

    /// What the name of any file says that it is: the kind, and the ending.
    pub fn of_file(name: &str) -> Option<(&'static Self, &'static str)> {
        let found = ending(name, |codec| codec.archives).or_else(|| ending(name, |codec| codec.files));
        found.map(|(codec, ending, _)| (codec, ending))
    }
}

/// The longest ending of `name` that is in the table.
fn ending(name: &str, endings: fn(&Codec) -> &'static [&'static str]) -> Option<(&'static Codec, &'static str, &str)> {
    let fits = |ending: &str| {
        let at = name.len().checked_sub(ending.len())?;
        let (stem, own) = (name.get(..at)?, name.get(at..)?);
        own.eq_ignore_ascii_case(ending).then_some(stem)
    };
    let all = CODECS.iter().flat_map(|codec| endings(codec).iter().map(move |ending| (codec, *ending)));
    all.filter_map(|(codec, ending)| fits(ending).map(|stem| (codec, ending, stem))).max_by_key(|(_, ending, _)| ending.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_by_their_longest_ending() {
        let of = |name| Codec::of_archive(name).map(|(codec, stem)| (codec.name, stem));
        assert_eq!(of("app.tar"), Some(("tar", "app")));
        assert_eq!(of("app.TAR"), Some(("tar", "app")));
        assert_eq!(of("app.1.tzst"), Some(("zstd", "app.1")));
        assert_eq!(of("app.tar.gz"), Some(("gzip", "app")));
        assert_eq!(of("notes.gz"), None);
        assert_eq!(of("é.tar"), Some(("tar", "é")));
        assert_eq!(of("é"), None);
        assert_eq!(Codec::of_file("notes.gz").map(|(codec, ending)| (codec.name, ending)), Some(("gzip", ".gz")));
    }

    #[test]
    fn what_is_not_read_says_what_to_do() {
        for codec in CODECS {
            assert_eq!(codec.reads.is_none(), !codec.instead.is_empty(), "{}", codec.name);
        }
    }
}
