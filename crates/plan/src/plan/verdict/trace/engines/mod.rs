//! Node.js, PHP and Java with their scripts: what is loaded, and what leads out of it.

mod java;
mod node;
mod php;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Argument, Caller, Trace, Use};
use crate::format::tar::Kind;
use crate::plan::verdict::languages::engines::java::newest;
use crate::plan::verdict::languages::engines::{Engine, Text};
use crate::plan::verdict::languages::quoted_paths;
use crate::plan::verdict::loader::{Loading, shown};
use crate::read::rootfs::Entry;

/// How many files of code of one image are read.
const MOST_FILES: usize = 40_000;
/// How many bytes of classes are unpacked.
const MOST_CLASSES: usize = 512 << 20;

/// An interpreter that runs.
#[derive(Debug)]
pub(in crate::plan::verdict::trace) struct Machine<'p, 'v> {
    pub(in crate::plan::verdict::trace) engine: Engine,
    pub(in crate::plan::verdict::trace) path: &'p [u8],
    pub(in crate::plan::verdict::trace) entry: Entry<'v>,
    pub(in crate::plan::verdict::trace) libraries: Arc<Loading>,
}

/// Arguments of an interpreter, one after the other.
struct Words<'a> {
    all: &'a [Argument],
    at: usize,
}

impl Words<'_> {
    fn next(&mut self) -> Option<Argument> {
        self.at += 1;
        self.all.get(self.at - 1).cloned()
    }

    /// The next one, if it is known.
    fn value(&mut self) -> Option<Vec<u8>> {
        self.next().flatten()
    }
}

const UNKNOWN_SCRIPT: &str = "it runs a script whose name is only known when it runs";

impl<'v> Trace<'v> {
    pub(in crate::plan::verdict::trace) fn engine(&mut self, machine: &Machine<'_, 'v>, arguments: &[Argument], caller: Caller<'_>) {
        let mut words = Words { all: arguments, at: 0 };
        self.note_release(machine);
        match machine.engine {
            Engine::Node => self.node(machine, &mut words, caller),
            Engine::Php => self.php(machine, &mut words, caller),
            Engine::Java => self.java(machine, &mut words, caller),
        }
    }

    /// Which release it is; of the app's own one it does not matter.
    pub(super) fn note_release(&mut self, machine: &Machine<'_, 'v>) {
        if self.view.is_own(machine.entry) {
            return;
        }
        let bytes = self.view.bytes(machine.entry).unwrap_or_default();
        let number = |start: &[u8], parts: usize| {
            let at = bytes.windows(start.len()).position(|window| window == start)? + start.len();
            let number: Vec<u8> = bytes.get(at..)?.iter().copied().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').collect();
            Some(number.split(|byte| *byte == b'.').take(parts).collect::<Vec<_>>().join(&b'.'))
        };
        let release = match machine.engine {
            Engine::Node => number(b"/node-v", 1),
            Engine::Php => number(b"PHP/", 2),
            Engine::Java => self.java_release(machine).and_then(|release| newest(&release)).map(|newest| newest.to_string().into_bytes()),
        };
        let releases: BTreeSet<Vec<u8>> = release.into_iter().filter(|release| !release.is_empty()).collect();
        self.found.releases.entry(machine.path.to_vec()).or_insert_with(|| (shown(machine.path), releases));
    }

    /// All code of the app that an interpreter may load by a name that is only known when it runs.
    pub(super) fn world(&mut self, engine: Engine, by: &str) -> Vec<Vec<u8>> {
        if self.found.worlds.contains_key(&engine) {
            return Vec::new();
        }
        let view = self.view;
        let is_code =
            |entry: &Entry<'_>| entry.kind() == Kind::File && engine.endings().iter().any(|ending| entry.name().ends_with(ending));
        let root = view.find(b"/");
        let of_base = root.into_iter().flat_map(|root| view.rootfs().files(root)).filter(|entry| is_code(entry) && !view.is_own(*entry));
        let of_base =
            of_base.map(|entry| (entry.path(), view.digest(entry).cloned())).filter(|(path, _)| !path.starts_with(b"usr/share/doc/"));
        self.found.worlds.insert(engine, (by.to_owned(), of_base.collect()));
        let own = view.rootfs().own().into_iter().filter(|entry| is_code(entry) && view.is_own(*entry) && !view.is_packaged(*entry));
        let own: Vec<Vec<u8>> = own.map(|entry| [b"/".as_slice(), &entry.path()].concat()).take(MOST_FILES + 1).collect();
        if own.len() > MOST_FILES {
            self.unclear(by, "there is more code of the app than is followed");
        }
        own
    }

    /// A file of code that was not looked at before; none if there is nothing to read.
    pub(super) fn code_of(&mut self, machine: &Machine<'_, 'v>, file: &[u8], guarded: bool) -> Option<&'v [u8]> {
        if !self.seen.insert((file.to_vec(), Vec::new(), Some("an engine".to_owned()))) {
            return None;
        }
        let found = self.view.find(file)?;
        self.found.reached.insert(found.path());
        if self.view.elf(found).is_some() {
            self.closure(machine.path, machine.entry, &[file.to_vec()], guarded);
            return None;
        }
        let text = self.view.bytes(found);
        if text.is_none() && self.view.is_own(found) {
            self.unclear(&shown(file), "it is no file that can be read as a script");
        }
        text
    }

    /// Whether a file is what the app itself has written.
    pub(super) fn is_apps(&self, file: &[u8]) -> bool {
        self.view.find(file).is_none_or(|entry| self.view.is_own(entry) && !self.view.is_packaged(entry))
    }

    /// What of a text leads out of the code; gives what it loads, and whether by names that it makes.
    pub(super) fn leads(
        &mut self,
        machine: &Machine<'_, 'v>,
        said: Text,
        text: &[u8],
        (place, depth): (&str, usize),
    ) -> (Vec<Vec<u8>>, bool) {
        if said.asks {
            self.found.versions.entry(machine.path.to_vec()).or_insert_with(|| place.to_owned());
        }
        if said.asks_libraries {
            for library in &machine.libraries.files {
                self.found.versions.entry(library.clone()).or_insert_with(|| place.to_owned());
            }
        }
        for path in quoted_paths(text) {
            self.uses(&path, Use::Taken, place, true);
        }
        self.starts(said.starts, place, depth);
        (said.loads, said.computes)
    }
}
