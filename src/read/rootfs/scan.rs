//! What is known of a layer after one pass over it: its members, the digest of every file, and the bytes of those that say what
//! others need.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use super::{Builder, Rootfs, Unpacker, inner_path};
use crate::core::event::Events;
use crate::core::limits::{CHUNK_BYTES, MIB};
use crate::core::{Algorithm, Digest, Error, Hasher, Limits, Result};
use crate::format::elf;
use crate::format::tar::{Kind, Member};
use crate::oci::Descriptor;
use crate::read::Source;
use crate::read::layer::scan;

/// Programs and scripts up to this size are kept.
const PROGRAM_BYTES: u64 = 128 * MIB;
/// Other files up to this size are kept: scripts without a first line, modules, lists, settings.
const TEXT_BYTES: u64 = 512 << 10;
/// Below these nothing says what a program needs.
const UNREAD: &[&str] = &["usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/zoneinfo/", "usr/share/i18n/", "var/cache/"];

/// How many bytes may still be kept, over all layers.
#[derive(Debug)]
pub struct Budget(pub u64);

/// A file of a layer.
#[derive(Debug)]
pub struct Kept {
    /// The digest of its content.
    pub digest: Digest,
    /// Its bytes, if they were kept.
    pub bytes: Option<Arc<[u8]>>,
}

/// A layer.
#[derive(Debug)]
pub struct Scan {
    members: Vec<Member>,
    files: BTreeMap<u32, Kept>,
}

impl Scan {
    /// Reads a layer once; the blob is checked against its digest.
    ///
    /// # Errors
    /// `layer.*`, `blob.*`, `stream.*` and `tar.*`.
    pub fn read(source: &Source, layer: &Descriptor, budget: &mut Budget, limits: &Limits, events: &dyn Events) -> Result<Self> {
        let mut found = Self { members: Vec::new(), files: BTreeMap::new() };
        scan(source, layer, limits, events, &mut |ordinal, member, content| {
            if member.kind == Kind::File {
                found.files.insert(ordinal, file(member, content, budget)?);
            }
            found.members.push(member.clone());
            Ok(())
        })?;
        Ok(found)
    }

    /// A file by the number of its member.
    pub fn file(&self, ordinal: u32) -> Option<&Kept> {
        self.files.get(&ordinal)
    }

    /// The files of these layers, the lowest first.
    ///
    /// # Errors
    /// `tar.too_many`.
    pub fn merge(layers: &[Arc<Self>], unpacker: Unpacker) -> Result<Rootfs> {
        let mut builder = Builder::new(unpacker);
        for layer in layers {
            layer.members.iter().try_for_each(|member| builder.member(member))?;
            builder.end_layer();
        }
        Ok(builder.finish())
    }
}

fn file(member: &Member, content: &mut dyn Read, budget: &mut Budget) -> Result<Kept> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; CHUNK_BYTES.min(usize::try_from(member.size).unwrap_or(CHUNK_BYTES).max(1))];
    let mut bytes: Option<Vec<u8>> = None;
    let mut first = true;
    loop {
        let count = content
            .read(&mut buffer)
            .map_err(|error| error.downcast::<Error>().unwrap_or_else(|error| Error::io("read a layer", error)))?;
        let chunk = buffer.get(..count).unwrap_or_default();
        if first && wanted(member, chunk) && member.size <= budget.0 {
            budget.0 -= member.size;
            bytes = Some(Vec::new());
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
    Ok(Kept { digest: hasher.finish(), bytes: bytes.map(Into::into) })
}

fn wanted(member: &Member, start: &[u8]) -> bool {
    if start.starts_with(elf::MAGIC) || start.starts_with(b"#!") {
        return member.size <= PROGRAM_BYTES;
    }
    let path = inner_path(&member.name);
    member.size <= TEXT_BYTES && !path.ends_with(b".pyc") && !UNREAD.iter().any(|folder| path.starts_with(folder.as_bytes()))
}
