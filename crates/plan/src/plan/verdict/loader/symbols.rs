//! Symbols that nobody defines.

use std::collections::HashMap;
use std::sync::Arc;

use super::Closure;
use crate::foundation::{Code, Digest};
use crate::plan::verdict::memo::Unresolved;
use crate::read::rootfs::Entry;

impl Closure<'_> {
    pub(super) fn symbols(&mut self) {
        // Where a library is missing, so are its symbols.
        if !self.found.lacks.is_empty() {
            return;
        }
        let interpreter = self.loaded.first().and_then(|program| program.elf.interpreter.clone()).unwrap_or_default();
        let loader = self.find(&interpreter);
        let found = match self.key(loader) {
            Some(key) => self.view.memo.symbols(key, || self.unresolved(loader)),
            None => Arc::new(self.unresolved(loader)),
        };
        for (name, position, fatal) in found.iter() {
            self.lack(Code::VerdictSymbol, name, &self.by(*position), *fatal);
        }
    }

    /// What the symbols depend on: the content of all files, in their order, and whether that of the loader could be kept.
    fn key(&self, loader: Option<Entry<'_>>) -> Option<Digest> {
        let mut text = format!("{} {} {}", self.musl, self.binds_now(), self.view.elf(loader?).is_some());
        for entry in self.loaded.iter().map(|loaded| self.find(&loaded.path)).chain([loader]) {
            text.push_str(&self.view.digest(entry?)?.hex());
        }
        Some(Digest::sha256(text.as_bytes()))
    }

    fn binds_now(&self) -> bool {
        self.view.launch.variable(b"LD_BIND_NOW").is_some()
    }

    fn unresolved(&self, loader: Option<Entry<'_>>) -> Vec<Unresolved> {
        let mut defined: HashMap<&[u8], Vec<Option<&[u8]>>> = HashMap::new();
        let loader = loader.and_then(|entry| self.view.elf(entry));
        for elf in self.loaded.iter().map(|loaded| &loaded.elf).chain(&loader) {
            for symbol in &elf.defined {
                defined.entry(&symbol.name).or_default().push(symbol.version.as_deref());
            }
        }
        let mut lacks = Vec::new();
        for (position, asking) in self.loaded.iter().enumerate() {
            for symbol in asking.elf.undefined.iter().filter(|symbol| !symbol.weak) {
                let there = defined.get(symbol.name.as_slice()).is_some_and(|versions| {
                    self.musl
                        || symbol.version.is_none()
                        || versions.iter().any(|version| version.is_none() || *version == symbol.version.as_deref())
                });
                let there = there || (self.musl && is_large_file(&symbol.name, &defined));
                if !there {
                    let fatal = self.musl || symbol.data || asking.elf.bind_now || self.binds_now();
                    lacks.push((symbol.name.clone(), position, fatal));
                }
            }
        }
        lacks
    }
}

/// musl 1.2.4 and later resolves `open64` as `open`.
fn is_large_file(name: &[u8], defined: &HashMap<&[u8], Vec<Option<&[u8]>>>) -> bool {
    name.strip_suffix(b"64").is_some_and(|plain| defined.contains_key(plain))
}
