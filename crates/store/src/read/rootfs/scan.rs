//! What is known of a layer after one pass over it: its members, the digest of every file, and the bytes of those that say what
//! others need.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, OnceLock};

use super::{Builder, Rootfs, Unpacker, inner_path, split};
use crate::format::elf::{self, Elf};
use crate::format::tar::{Kind, Member};
use crate::foundation::event::Events;
use crate::foundation::limits::{CHUNK_BYTES, MIB};
use crate::foundation::{Algorithm, Digest, Error, Hasher, Limits, Result};
use crate::oci::Descriptor;
use crate::read::Source;
use crate::read::layer::scan;

/// Programs and scripts up to this size are kept.
const PROGRAM_BYTES: u64 = 128 * MIB;
/// Other files up to this size are kept: scripts without a first line, modules, lists, settings.
const TEXT_BYTES: u64 = 512 << 10;
/// How many bytes a file gets room for before they are there: its header may say anything.
const ROOM_BYTES: u64 = 16 * MIB;
/// Code of languages that has no first line: bundles of JavaScript, archives of Java.
const CODE_BYTES: u64 = 64 * MIB;
const CODE: &[&str] = &[".js", ".mjs", ".cjs", ".php", ".jar", ".war"];
/// Below these nothing says what a program needs.
const UNREAD: &[&str] = &["usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/zoneinfo/", "usr/share/i18n/", "var/cache/"];

/// Databases of packages, users and groups up to this size are kept, whatever else is.
const DATABASE_BYTES: u64 = 64 * MIB;

/// Which files are kept, and how many bytes of them at most over all layers.
#[derive(Debug)]
pub struct Budget {
    left: u64,
    programs: bool,
}

impl Budget {
    /// Keeps what programs and scripts are followed by, and databases.
    pub fn programs(bytes: u64) -> Self {
        Self { left: bytes, programs: true }
    }

    /// Keeps databases of packages, users and groups; of libraries only the names that they give themselves.
    pub fn databases(bytes: u64) -> Self {
        Self { left: bytes, programs: false }
    }
}

/// A file of a layer.
#[derive(Debug)]
pub struct Kept {
    /// The digest of its content.
    pub digest: Digest,
    /// Its bytes, if they were kept.
    pub bytes: Option<Box<[u8]>>,
    /// Whether it is neither a program nor a text, so that nobody needs its bytes.
    pub data: bool,
    /// The name that a library gives itself, where programs are not kept.
    pub soname: Option<Vec<u8>>,
    /// What it is as a program or a library, once somebody asked.
    parsed: OnceLock<Option<Arc<Elf>>>,
}

impl Kept {
    /// The file as a loader reads it, parsed once for all who ask; none if it is no ELF file, or cannot be read as one.
    pub fn elf(&self) -> Option<Arc<Elf>> {
        let parse = || Elf::parse(self.bytes.as_deref()?).ok().map(Arc::new);
        self.parsed.get_or_init(parse).clone()
    }
}

/// A layer.
#[derive(Debug)]
pub struct Scan {
    /// The digest of its content.
    pub content: Digest,
    members: Vec<Member>,
    files: BTreeMap<u32, Kept>,
    kept: u64,
}

impl Scan {
    /// Reads a layer once; the blob is checked against its digest.
    ///
    /// # Errors
    /// `layer.*`, `blob.*`, `stream.*` and `tar.*`.
    pub fn read(source: &Source, layer: &Descriptor, budget: &mut Budget, limits: &Limits, events: &dyn Events) -> Result<Self> {
        let (mut members, mut files) = (Vec::new(), BTreeMap::new());
        let content = scan(source, layer, limits, events, &mut |ordinal, member, content| {
            if member.kind == Kind::File {
                files.insert(ordinal, file(member, content, budget)?);
            }
            members.push(member.clone());
            Ok(())
        })?;
        let kept = files.values().filter_map(|file: &Kept| file.bytes.as_ref()).map(|bytes| bytes.len() as u64).sum();
        Ok(Self { content, members, files, kept })
    }

    /// A file by the number of its member.
    pub fn file(&self, ordinal: u32) -> Option<&Kept> {
        self.files.get(&ordinal)
    }

    /// One without files that says that it keeps so many bytes, for tests of those who keep scans.
    #[doc(hidden)]
    pub fn of_size(kept: u64) -> Self {
        Self { content: Digest::sha256(b""), members: Vec::new(), files: BTreeMap::new(), kept }
    }

    /// One with these members, and all bytes of its files, for tests of those who look at files.
    #[doc(hidden)]
    pub fn of_files(files: Vec<(Member, Vec<u8>)>) -> Self {
        let content = Digest::sha256(format!("{files:?}").as_bytes());
        let kept = |bytes: &Vec<u8>| Kept {
            digest: Digest::sha256(bytes),
            bytes: Some(bytes.as_slice().into()),
            data: false,
            soname: None,
            parsed: OnceLock::new(),
        };
        let all = (0..).zip(&files).filter(|(_, (member, _))| member.kind == Kind::File);
        let all = all.map(|(ordinal, (_, bytes))| (ordinal, kept(bytes))).collect();
        Self { content, members: files.into_iter().map(|(member, _)| member).collect(), files: all, kept: 0 }
    }

    /// How many bytes of files are kept.
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// About how many bytes of memory it takes.
    pub fn size(&self) -> u64 {
        const EACH: u64 = 320;
        // Symbols of what is parsed take about a quarter of the programs that have them.
        self.kept.saturating_add(self.kept / 4).saturating_add(EACH.saturating_mul(self.members.len() as u64))
    }

    /// The files of these layers, the lowest first.
    ///
    /// # Errors
    /// `tar.too_many`.
    pub fn merge(layers: &[Arc<Self>], unpacker: Unpacker) -> Result<Rootfs> {
        Self::ground(layers, unpacker).map(|Ground(builder)| builder.finish())
    }

    /// These layers as what others lie on.
    ///
    /// # Errors
    /// `tar.too_many`.
    pub fn ground(layers: &[Arc<Self>], unpacker: Unpacker) -> Result<Ground> {
        let mut builder = Builder::new(unpacker);
        layers.iter().try_for_each(|layer| layer.apply(&mut builder))?;
        Ok(Ground(builder.shared()))
    }

    /// Puts the layer onto what is there.
    pub(super) fn apply(&self, builder: &mut Builder) -> Result<()> {
        self.members.iter().try_for_each(|member| builder.member(member))?;
        builder.end_layer();
        Ok(())
    }

    /// Its members, in their order.
    pub fn members(&self) -> &[Member] {
        &self.members
    }
}

/// The files of a base, without their content: many images lie on it, and it is put together once.
#[derive(Debug)]
pub struct Ground(pub(super) Builder);

impl Ground {
    /// About how many bytes of memory it takes.
    pub fn size(&self) -> usize {
        self.0.rootfs().size()
    }
}

fn file(member: &Member, content: &mut dyn Read, budget: &mut Budget) -> Result<Kept> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; CHUNK_BYTES.min(usize::try_from(member.size).unwrap_or(CHUNK_BYTES).max(1))];
    let mut bytes: Option<Vec<u8>> = None;
    let mut first = true;
    let mut library = false;
    loop {
        let count = content
            .read(&mut buffer)
            .map_err(|error| error.downcast::<Error>().unwrap_or_else(|error| Error::io("read a layer", error)))?;
        let chunk = buffer.get(..count).unwrap_or_default();
        library |= first && budget.wants_name(member, chunk);
        if first && (budget.wants(member, chunk) || library) && member.size <= budget.left {
            bytes = Some(Vec::with_capacity(usize::try_from(member.size.min(ROOM_BYTES)).unwrap_or_default()));
        }
        first = false;
        if count == 0 {
            break;
        }
        hasher.update(chunk);
        if let Some(bytes) = &mut bytes {
            bytes.extend_from_slice(chunk);
        }
    }
    let mut kept = Kept { digest: hasher.finish(), bytes: None, data: false, soname: None, parsed: OnceLock::new() };
    if library {
        kept.soname = bytes.and_then(|bytes| Elf::parse(&bytes).ok()).and_then(|elf| elf.soname);
    } else if bytes.as_ref().is_some_and(|bytes| is_data(member, bytes)) {
        kept.data = true;
    } else if let Some(bytes) = bytes {
        budget.left = budget.left.saturating_sub(member.size);
        kept.bytes = Some(bytes.into());
    }
    Ok(kept)
}

impl Budget {
    fn wants(&self, member: &Member, start: &[u8]) -> bool {
        let path = inner_path(&member.name);
        if is_database(&path) {
            return member.size <= DATABASE_BYTES;
        }
        if !self.programs {
            return false;
        }
        if start.starts_with(elf::MAGIC) || start.starts_with(b"#!") {
            return member.size <= PROGRAM_BYTES;
        }
        let code = CODE.iter().any(|end| path.ends_with(end.as_bytes()));
        member.size <= if code { CODE_BYTES } else { TEXT_BYTES }
            && !path.ends_with(b".pyc")
            && !UNREAD.iter().any(|folder| path.starts_with(folder.as_bytes()))
    }

    /// Whether only the name of a library is wanted.
    fn wants_name(&self, member: &Member, start: &[u8]) -> bool {
        let named = || split(&member.name).1.windows(3).any(|window| window == b".so");
        !self.programs && start.starts_with(elf::MAGIC) && member.size <= PROGRAM_BYTES && named()
    }
}

/// Whether a file is no program, no text, no database and no module of a language, and nothing that a loader reads.
fn is_data(member: &Member, bytes: &[u8]) -> bool {
    const READ: [&[u8]; 10] = [b"ld.so.cache", b".py", b".pm", b".pl", b".ph", b".rb", b".jar", b".war", b".class", b".js"];
    let path = inner_path(&member.name);
    let is_followed = bytes.starts_with(elf::MAGIC) || bytes.starts_with(b"#!") || is_database(&path);
    !is_followed && bytes.contains(&0) && !READ.iter().any(|end| path.ends_with(end))
}

/// What says which packages and users an image has, and which system it is.
fn is_database(path: &[u8]) -> bool {
    const NAMES: [&[u8]; 6] =
        [b"lib/apk/db/installed", b"usr/lib/apk/db/installed", b"etc/passwd", b"etc/group", b"etc/os-release", b"usr/lib/os-release"];
    let dpkg = |path: &[u8]| {
        path == b"status"
            || path == b"diversions"
            || path.starts_with(b"status.d/")
            || path.starts_with(b"updates/")
            || (path.starts_with(b"info/") && path.ends_with(b".list"))
    };
    NAMES.contains(&path) || path.strip_prefix(b"var/lib/dpkg/").is_some_and(dpkg)
}
