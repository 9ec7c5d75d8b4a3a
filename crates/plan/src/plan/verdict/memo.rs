//! What was found out of bases, for other images on them: a thousand apps lie on the same files and start the same shell.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::base::Base;
use super::compare::contains;
use super::languages::{Import, InterpreterFacts, Language, imports};
use crate::format::elf::Elf;
use crate::foundation::{Digest, Result};
use crate::read::rootfs::{Scan, Unpacker};

/// A symbol that nobody defines: its name, the number of the file that needs it, and whether the program does not start for it.
pub(super) type Unresolved = (Vec<u8>, usize, bool);

/// How many bytes of symbols, of the files of bases, and of what programs say of themselves are kept at most; then all are forgotten.
const SYMBOL_BYTES: usize = 4 << 20;
const BASE_BYTES: usize = 64 << 20;
const MARK_BYTES: usize = 1 << 20;
const IMPORT_BYTES: usize = 8 << 20;

/// Values that follow from their keys alone, so that it does not matter who made them.
#[derive(Debug)]
struct Known<V>(Mutex<Held<V>>);

#[derive(Debug)]
struct Held<V> {
    values: HashMap<Digest, Arc<V>>,
    bytes: usize,
}

impl<V> Default for Known<V> {
    fn default() -> Self {
        Self(Mutex::new(Held { values: HashMap::new(), bytes: 0 }))
    }
}

impl<V> Known<V> {
    /// What is known under a key, or is made now, with about how many bytes it takes.
    fn get(&self, key: Digest, most: usize, make: impl FnOnce() -> Result<(V, usize)>) -> Result<Arc<V>> {
        if let Some(known) = self.held().values.get(&key) {
            return Ok(Arc::clone(known));
        }
        let (made, bytes) = make()?;
        let made = Arc::new(made);
        let mut held = self.held();
        if held.bytes.saturating_add(bytes) > most {
            (held.values, held.bytes) = (HashMap::new(), 0);
        }
        if bytes <= most && held.values.insert(key, Arc::clone(&made)).is_none() {
            held.bytes += bytes;
        }
        Ok(made)
    }

    fn held(&self) -> MutexGuard<'_, Held<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a program says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// Its commands may be links of any kind, so its name is no sign of it.
    pub(super) busybox: bool,
    pub(super) bash: bool,
    pub(super) gawk: bool,
    pub(super) mawk: bool,
    /// Whether it knows the option of shells.
    pub(super) pipefail: bool,
}

impl Marks {
    fn of(bytes: &[u8]) -> Self {
        let has = |text: &[u8]| contains(bytes, text);
        Self { busybox: has(b"BusyBox v"), bash: has(b"GNU bash"), gawk: has(b"GNU Awk"), mawk: has(b"mawk "), pipefail: has(b"pipefail") }
    }
}

/// What is known of bases and programs, by the digests of all that it comes from.
#[derive(Debug, Default)]
pub struct Memo {
    symbols: Known<Vec<Unresolved>>,
    bases: Known<Base>,
    marks: Known<Marks>,
    languages: Known<Option<Language>>,
    interpreters: Known<InterpreterFacts>,
    imports: Known<Vec<Import>>,
}

impl Memo {
    /// The symbols that nobody defines in a program whose files have these digests.
    pub(super) fn symbols(&self, key: Digest, make: impl FnOnce() -> Vec<Unresolved>) -> Arc<Vec<Unresolved>> {
        const EACH: usize = 128;
        let made = self.symbols.get(key, SYMBOL_BYTES, || {
            let made = make();
            let bytes = made.iter().map(|(name, ..)| name.len() + EACH).sum::<usize>() + EACH;
            Ok((made, bytes))
        });
        made.unwrap_or_default()
    }

    /// What a program of this digest says of itself.
    pub(super) fn marks(&self, digest: &Digest, bytes: &[u8]) -> Marks {
        const EACH: usize = 128;
        self.marks.get(digest.clone(), MARK_BYTES, || Ok((Marks::of(bytes), EACH))).map_or_else(|_| Marks::of(bytes), |marks| *marks)
    }

    /// The language that a program of this digest is the interpreter of.
    pub(super) fn language(&self, digest: &Digest, elf: &Elf) -> Option<Language> {
        const EACH: usize = 128;
        self.languages.get(digest.clone(), MARK_BYTES, || Ok((Language::of(elf), EACH))).map_or_else(|_| Language::of(elf), |known| *known)
    }

    /// What the files of an interpreter with these digests say.
    pub(super) fn told(&self, language: Language, digests: &[&Digest], make: impl FnOnce() -> InterpreterFacts) -> Arc<InterpreterFacts> {
        let key = digests.iter().fold(format!("{language:?}"), |text, digest| format!("{text} {}", digest.hex()));
        let made = self.interpreters.get(Digest::sha256(key.as_bytes()), MARK_BYTES, || {
            let made = make();
            let bytes = made.size();
            Ok((made, bytes))
        });
        made.unwrap_or_default()
    }

    /// What a module of a base loads, whose content has this digest.
    pub(super) fn imports(&self, language: Language, digest: &Digest, text: &[u8]) -> Arc<Vec<Import>> {
        const EACH: usize = 64;
        let key = Digest::sha256(format!("{language:?} {}", digest.hex()).as_bytes());
        let made = self.imports.get(key, IMPORT_BYTES, || {
            let made = imports(language, text);
            let bytes = (made.len() + 2) * EACH;
            Ok((made, bytes))
        });
        made.unwrap_or_default()
    }

    /// What is known of the base of these layers.
    pub(super) fn base(&self, layers: &[Arc<Scan>], unpacker: Unpacker) -> Result<Arc<Base>> {
        let mut text = format!("{unpacker:?}");
        for layer in layers {
            text.push_str(&layer.content.hex());
        }
        self.bases.get(Digest::sha256(text.as_bytes()), BASE_BYTES, || {
            let made = Base::of(layers, unpacker)?;
            let bytes = made.size();
            Ok((made, bytes))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_not_made_again_and_never_more_than_so_many() {
        let memo = Memo::default();
        let key = |number: usize| Digest::sha256(number.to_string().as_bytes());
        let lack = vec![(b"gone".to_vec(), 1, true)];
        assert_eq!(*memo.symbols(key(0), || lack.clone()), lack);
        assert_eq!(*memo.symbols(key(0), || unreachable!("it is known")), lack);
        for number in 1..SYMBOL_BYTES / 4096 * 3 {
            memo.symbols(key(number), || vec![(vec![b'a'; 4096], 0, true)]);
            assert!(memo.symbols.held().bytes <= SYMBOL_BYTES);
        }
        assert_eq!(*memo.symbols(key(0), Vec::new), [], "it was forgotten, and is made again");
        memo.symbols(key(1), || vec![(vec![b'a'; SYMBOL_BYTES], 0, true)]);
        assert_eq!(memo.symbols.held().bytes, 0, "what is too large is not kept");
    }
}
