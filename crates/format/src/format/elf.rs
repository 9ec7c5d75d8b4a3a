//! What a loader reads of an ELF file: program headers and the dynamic section, never the section headers, which may be missing.
//!
//! Every offset and size is checked, tables end where the file ends, and lists end after as many steps as they can have entries,
//! so a hostile file gives an error or few facts, and never a hang.

use std::collections::BTreeMap;

/// The longest name that is read. C++ has names of some thousand bytes.
const LONGEST_NAME: usize = 16 << 10;

/// The first bytes of an ELF file.
pub const MAGIC: &[u8] = b"\x7fELF";

/// Why a file cannot be read as ELF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

type Result<T> = std::result::Result<T, Malformed>;

/// What a loader reads of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elf {
    /// The machine that it is for.
    pub machine: u16,
    /// Whether it has 64-bit addresses.
    pub wide: bool,
    /// The loader that it asks for.
    pub interpreter: Option<Vec<u8>>,
    /// Whether it has a dynamic section.
    pub dynamic: bool,
    /// The libraries that it needs, in their order.
    pub needed: Vec<Vec<u8>>,
    /// Its own name.
    pub soname: Option<Vec<u8>>,
    /// `DT_RPATH`.
    pub rpath: Option<Vec<u8>>,
    /// `DT_RUNPATH`.
    pub runpath: Option<Vec<u8>>,
    /// Whether all symbols are bound when it is loaded.
    pub bind_now: bool,
    /// Whether the directories of the loader are not searched.
    pub no_default_libraries: bool,
    /// The versions that it needs.
    pub versions_needed: Vec<NeededVersion>,
    /// The versions that it defines.
    pub versions_defined: Vec<Vec<u8>>,
    /// The symbols that others must define.
    pub undefined: Vec<Symbol>,
    /// The symbols that it defines for others.
    pub defined: Vec<Symbol>,
}

/// A version that a library must define.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededVersion {
    /// The library, as `DT_NEEDED` calls it.
    pub file: Vec<u8>,
    /// The version.
    pub version: Vec<u8>,
    /// Whether it may be missing.
    pub weak: bool,
}

/// A symbol of the dynamic table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: Vec<u8>,
    /// Its version.
    pub version: Option<Vec<u8>>,
    /// Whether it may be missing.
    pub weak: bool,
    /// Whether it is data, which is bound when the file is loaded.
    pub data: bool,
}

const PT_LOAD: u64 = 1;
const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;
const DT_NEEDED: u64 = 1;
const DT_HASH: u64 = 4;
const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const DT_SONAME: u64 = 14;
const DT_RPATH: u64 = 15;
const DT_BIND_NOW: u64 = 24;
const DT_RUNPATH: u64 = 29;
const DT_FLAGS: u64 = 30;
const DT_GNU_HASH: u64 = 0x6fff_fef5;
const DT_FLAGS_1: u64 = 0x6fff_fffb;
const DT_VERSYM: u64 = 0x6fff_fff0;
const DT_VERDEF: u64 = 0x6fff_fffc;
const DT_VERDEFNUM: u64 = 0x6fff_fffd;
const DT_VERNEED: u64 = 0x6fff_fffe;
const DT_VERNEEDNUM: u64 = 0x6fff_ffff;
const DF_BIND_NOW: u64 = 8;
const DF_1_NOW: u64 = 1;
const DF_1_NODEFLIB: u64 = 0x800;
/// `VER_FLG_BASE`: the version is the name of the file itself.
const VERSION_BASE: u64 = 1;
/// `VER_FLG_WEAK`.
const VERSION_WEAK: u64 = 2;

/// The bytes of a file with the byte order and the width of its numbers.
#[derive(Clone, Copy)]
struct File<'a> {
    bytes: &'a [u8],
    wide: bool,
    little: bool,
}

impl<'a> File<'a> {
    fn number(self, at: u64, size: usize) -> Result<u64> {
        let start = usize::try_from(at).map_err(|_| Malformed("an offset is too large"))?;
        let bytes = start.checked_add(size).and_then(|end| self.bytes.get(start..end)).ok_or(Malformed("it ends in a table"))?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Ok(if self.little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    }

    /// A number as wide as an address.
    fn word(self, at: u64) -> Result<u64> {
        self.number(at, if self.wide { 8 } else { 4 })
    }

    fn half(self, at: u64) -> Result<u64> {
        self.number(at, 2)
    }

    fn text(self, at: u64) -> Result<&'a [u8]> {
        let start = usize::try_from(at).map_err(|_| Malformed("an offset is too large"))?;
        let rest = self.bytes.get(start..).ok_or(Malformed("a name is outside of the file"))?;
        let rest = rest.get(..rest.len().min(LONGEST_NAME)).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == 0).ok_or(Malformed("a name has no end"))?;
        Ok(rest.get(..end).unwrap_or_default())
    }
}

/// Where something is in the file, and how long it is.
type Range = (u64, u64);

/// A segment that is mapped: where in memory, where in the file, and how long.
struct Load {
    address: u64,
    offset: u64,
    size: u64,
}

impl Elf {
    /// Reads a file.
    ///
    /// # Errors
    /// Why it is none that a loader would take.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if !bytes.starts_with(MAGIC) {
            return Err(Malformed("it does not begin as ELF does"));
        }
        let little = match bytes.get(5) {
            Some(1) => true,
            Some(2) => false,
            _ => return Err(Malformed("its byte order is unknown")),
        };
        let wide = match bytes.get(4) {
            Some(2) => true,
            Some(1) => false,
            _ => return Err(Malformed("its class is unknown")),
        };
        let file = File { bytes, wide, little };
        let machine = u16::try_from(file.half(18)?).unwrap_or_default();
        let mut elf = Self { machine, wide, ..Self::default() };
        let (loads, dynamic) = elf.segments(file)?;
        if let Some((offset, size)) = dynamic {
            elf.dynamic = true;
            elf.read_dynamic(file, &loads, offset, size)?;
        }
        Ok(elf)
    }

    fn segments(&mut self, file: File<'_>) -> Result<(Vec<Load>, Option<Range>)> {
        let (table, size_at, count_at) = if file.wide { (file.word(32)?, 54, 56) } else { (file.word(28)?, 42, 44) };
        let (size, count) = (file.half(size_at)?, file.half(count_at)?);
        let (mut loads, mut dynamic) = (Vec::new(), None);
        for number in 0..count {
            let at = table.saturating_add(number.saturating_mul(size));
            let kind = file.number(at, 4)?;
            let (offset, address, length) = if file.wide {
                (file.word(at.saturating_add(8))?, file.word(at.saturating_add(16))?, file.word(at.saturating_add(32))?)
            } else {
                (file.word(at.saturating_add(4))?, file.word(at.saturating_add(8))?, file.word(at.saturating_add(16))?)
            };
            match kind {
                PT_LOAD => loads.push(Load { address, offset, size: length }),
                PT_DYNAMIC => dynamic = Some((offset, length)),
                PT_INTERP => self.interpreter = Some(file.text(offset)?.to_vec()),
                _ => {}
            }
        }
        Ok((loads, dynamic))
    }

    fn read_dynamic(&mut self, file: File<'_>, loads: &[Load], offset: u64, size: u64) -> Result<()> {
        let step = if file.wide { 16 } else { 8 };
        let mut entries: Vec<(u64, u64)> = Vec::new();
        for number in 0..size / step {
            let at = offset.saturating_add(number * step);
            let (tag, value) = (file.word(at)?, file.word(at.saturating_add(step / 2))?);
            if tag == 0 {
                break;
            }
            entries.push((tag, value));
        }
        let value = |wanted: u64| entries.iter().find(|(tag, _)| *tag == wanted).map(|(_, value)| *value);
        let place = |wanted: u64| value(wanted).and_then(|address| offset_of(loads, address));
        let Some(strings) = place(DT_STRTAB) else { return Ok(()) };
        let text = |at: u64| file.text(strings.saturating_add(at)).map(<[u8]>::to_vec);
        for (tag, value) in &entries {
            match *tag {
                DT_NEEDED => self.needed.push(text(*value)?),
                DT_SONAME => self.soname = Some(text(*value)?),
                DT_RPATH => self.rpath = Some(text(*value)?),
                DT_RUNPATH => self.runpath = Some(text(*value)?),
                DT_BIND_NOW => self.bind_now = true,
                DT_FLAGS => self.bind_now |= value & DF_BIND_NOW != 0,
                DT_FLAGS_1 => {
                    self.bind_now |= value & DF_1_NOW != 0;
                    self.no_default_libraries |= value & DF_1_NODEFLIB != 0;
                }
                _ => {}
            }
        }
        let mut names: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        if let (Some(at), Some(count)) = (place(DT_VERNEED), value(DT_VERNEEDNUM)) {
            self.read_needs(file, strings, at, count, &mut names)?;
        }
        if let (Some(at), Some(count)) = (place(DT_VERDEF), value(DT_VERDEFNUM)) {
            self.read_definitions(file, strings, at, count, &mut names)?;
        }
        let Some(symbols) = place(DT_SYMTAB) else { return Ok(()) };
        let count = match (place(DT_HASH), place(DT_GNU_HASH)) {
            (Some(hash), _) => file.number(hash.saturating_add(4), 4)?,
            (None, Some(hash)) => counted_by_hash(file, hash)?,
            // The names follow the symbols in every file that a linker made.
            (None, None) => strings.saturating_sub(symbols) / if file.wide { 24 } else { 16 },
        };
        self.read_symbols(file, (symbols, count), strings, place(DT_VERSYM), &names)
    }

    fn read_needs(&mut self, file: File<'_>, strings: u64, at: u64, count: u64, names: &mut BTreeMap<u64, Vec<u8>>) -> Result<()> {
        let mut at = at;
        for _ in 0..count.min(file.bytes.len() as u64) {
            let library = file.text(strings.saturating_add(file.number(at.saturating_add(4), 4)?))?;
            let mut inner = at.saturating_add(file.number(at.saturating_add(8), 4)?);
            for _ in 0..file.half(at.saturating_add(2))? {
                let flags = file.half(inner.saturating_add(4))?;
                let index = file.half(inner.saturating_add(6))?;
                let version = file.text(strings.saturating_add(file.number(inner.saturating_add(8), 4)?))?;
                names.insert(index & 0x7fff, version.to_vec());
                let weak = flags & VERSION_WEAK != 0;
                self.versions_needed.push(NeededVersion { file: library.to_vec(), version: version.to_vec(), weak });
                inner = inner.saturating_add(file.number(inner.saturating_add(12), 4)?);
            }
            match file.number(at.saturating_add(12), 4)? {
                0 => break,
                next => at = at.saturating_add(next),
            }
        }
        Ok(())
    }

    fn read_definitions(&mut self, file: File<'_>, strings: u64, at: u64, count: u64, names: &mut BTreeMap<u64, Vec<u8>>) -> Result<()> {
        let mut at = at;
        for _ in 0..count.min(file.bytes.len() as u64) {
            let flags = file.half(at.saturating_add(2))?;
            let index = file.half(at.saturating_add(4))?;
            let inner = at.saturating_add(file.number(at.saturating_add(12), 4)?);
            let version = file.text(strings.saturating_add(file.number(inner, 4)?))?;
            if flags & VERSION_BASE == 0 {
                names.insert(index & 0x7fff, version.to_vec());
            }
            self.versions_defined.push(version.to_vec());
            match file.number(at.saturating_add(16), 4)? {
                0 => break,
                next => at = at.saturating_add(next),
            }
        }
        Ok(())
    }

    fn read_symbols(
        &mut self,
        file: File<'_>,
        (symbols, count): (u64, u64),
        strings: u64,
        versions: Option<u64>,
        names: &BTreeMap<u64, Vec<u8>>,
    ) -> Result<()> {
        let step: u64 = if file.wide { 24 } else { 16 };
        if count.saturating_mul(step) > file.bytes.len() as u64 {
            return Err(Malformed("its symbol table is larger than the file"));
        }
        // Names are parts of the file: many symbols with one long name are not what a linker makes.
        let mut room = file.bytes.len().saturating_mul(4);
        for number in 1..count {
            let at = symbols.saturating_add(number * step);
            let (info, other, section, value) = if file.wide {
                (at.saturating_add(4), at.saturating_add(5), at.saturating_add(6), at.saturating_add(8))
            } else {
                (at.saturating_add(12), at.saturating_add(13), at.saturating_add(14), at.saturating_add(4))
            };
            let (info, other) = (file.number(info, 1)?, file.number(other, 1)? & 3);
            let (section, value) = (file.half(section)?, file.word(value)?);
            let (binding, kind) = (info >> 4, info & 15);
            if binding == 0 {
                continue;
            }
            let name = file.text(strings.saturating_add(file.number(at, 4)?))?.to_vec();
            if name.is_empty() {
                continue;
            }
            room = room.checked_sub(name.len()).ok_or(Malformed("its symbols have more names than the file has room for"))?;
            let version = match versions {
                Some(table) => {
                    let index = file.half(table.saturating_add(number * 2))? & 0x7fff;
                    names.get(&index).filter(|_| index > 1).cloned()
                }
                None => None,
            };
            let symbol = Symbol { name, version, weak: binding == 2, data: kind == 1 };
            if section == 0 {
                self.undefined.push(symbol);
            } else if other != 1 && other != 2 && (value != 0 || kind == 6 || section == 0xfff1) {
                self.defined.push(symbol);
            }
        }
        Ok(())
    }
}

/// Where in the file an address is mapped from.
fn offset_of(loads: &[Load], address: u64) -> Option<u64> {
    let load = loads.iter().find(|load| address >= load.address && address - load.address < load.size)?;
    load.offset.checked_add(address - load.address)
}

/// The number of symbols by the last chain of a GNU hash table.
fn counted_by_hash(file: File<'_>, at: u64) -> Result<u64> {
    let (buckets, first, bloom) = (file.number(at, 4)?, file.number(at.saturating_add(4), 4)?, file.number(at.saturating_add(8), 4)?);
    let table = at.saturating_add(16).saturating_add(bloom.saturating_mul(if file.wide { 8 } else { 4 }));
    let mut last = 0;
    for number in 0..buckets.min(file.bytes.len() as u64) {
        last = last.max(file.number(table.saturating_add(number * 4), 4)?);
    }
    if last < first {
        return Ok(first);
    }
    let chains = table.saturating_add(buckets.saturating_mul(4));
    for _ in 0..file.bytes.len() {
        if file.number(chains.saturating_add((last - first).saturating_mul(4)), 4)? & 1 == 1 {
            return Ok(last + 1);
        }
        last += 1;
    }
    Err(Malformed("its hash table has no end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This program itself, which has a loader, libraries and versions; and every beginning of a part of it, which must not panic.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test reads the program that it is in")]
    fn a_real_file_is_read_and_a_damaged_one_refused() {
        let Ok(bytes) = std::fs::read("/proc/self/exe") else { return };
        let elf = Elf::parse(&bytes).unwrap();
        assert!(elf.dynamic && elf.machine != 0, "{elf:?}");
        assert!(elf.needed.iter().any(|name| name.starts_with(b"libc.")), "{:?}", elf.needed);
        for length in (0..4096).chain([bytes.len() / 2]) {
            let _ = Elf::parse(&bytes[..length]);
        }
        let head = bytes[..8192].to_vec();
        for position in 0..1024 {
            let mut flipped = head.clone();
            flipped[position] ^= 0xff;
            let _ = Elf::parse(&flipped);
        }
        assert_eq!(Elf::parse(b"#!/bin/sh\n"), Err(Malformed("it does not begin as ELF does")));
    }
}
