//! What is known when a script begins, from which its conditions may follow.

use std::collections::{BTreeMap, BTreeSet};

use super::{Argument, Trace};
use crate::format::tar::Kind;
use crate::plan::verdict::shell::{Given, Known, Script};
use crate::plan::verdict::users::{is_number, user};
use crate::plan::verdict::view::View;
use crate::read::rootfs::split;

/// Names before `=`, and those that stand behind commands that set variables, wherever they are in a text.
pub(super) fn names_set(text: &[u8]) -> BTreeSet<Vec<u8>> {
    const NAMING: [&[u8]; 10] =
        [b"read", b"getopts", b"export", b"declare", b"typeset", b"readonly", b"mapfile", b"readarray", b"for", b"printf"];
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut found = BTreeSet::new();
    for line in text.split(|byte| matches!(byte, b'\n' | b';' | b'|' | b'&')) {
        let mut names = false;
        let mut rest = line;
        while !rest.is_empty() {
            let (name, after) = rest.split_at(rest.iter().take_while(|byte| is_name(byte)).count());
            let sets = [&b"="[..], b"+=", b":=", b"["].iter().any(|sign| after.starts_with(sign));
            if !name.is_empty() && (sets || names) {
                found.insert(name.to_vec());
            }
            names |= NAMING.contains(&name);
            rest = after.get(after.iter().take_while(|byte| !is_name(byte)).count()..).unwrap_or_default();
        }
    }
    found
}

/// Whether a text may set variables whose names are not in it.
fn sets_any(text: &[u8]) -> bool {
    const SIGNS: [&[u8]; 6] = [b"eval ", b"export $", b"export \"$", b"set -a", b"allexport", b"declare -x \"$"];
    let has = |sign: &&[u8]| text.windows(sign.len()).any(|window| window == *sign);
    let reads = |line: &[u8]| {
        let line = line.trim_ascii();
        [&b". "[..], b"source "].iter().any(|name| {
            line.starts_with(name)
                || line.windows(name.len() + 1).any(|part| part.ends_with(name) && matches!(part.first(), Some(b' ' | b'\t')))
        }) && line.contains(&b'$')
    };
    SIGNS.iter().any(has) || text.split(|byte| matches!(byte, b'\n' | b';' | b'&' | b'|')).any(reads)
}

/// Whether a condition on a file holds that is the app's own matter: the file is the app's, or there is none in a directory of the app.
/// Where the base keeps the user from getting there, that is no matter of the app.
fn holds(view: &View, flag: &[u8], path: &[u8]) -> Option<bool> {
    if !view.enters(path) {
        return None;
    }
    let Some(entry) = view.find(path) else {
        let folder = view.find(split(path).0)?;
        let is_free = view.rootfs().lookup(path).is_none();
        return (is_free && folder.kind() == Kind::Directory && view.is_own(folder)).then_some(false);
    };
    if !view.is_own(entry) || entry.kind() != Kind::File {
        return None;
    }
    Some(match flag {
        b"-e" | b"-f" => true,
        b"-d" => false,
        b"-x" => entry.mode() & 0o111 != 0 && view.allows(entry, 1),
        b"-r" => view.allows(entry, 4),
        _ => return None,
    })
}

impl Trace<'_> {
    /// A script without what is never run.
    pub(super) fn worked_out(&mut self, text: &[u8], place: &str, arguments: &[Argument]) -> Script {
        let strict = std::mem::take(&mut self.strict);
        let mut variables: BTreeMap<Vec<u8>, Option<Vec<u8>>> =
            self.view.launch.environment.iter().map(|(name, value)| (name.clone(), (!self.open).then(|| value.clone()))).collect();
        for name in &self.tainted {
            variables.insert(name.clone(), None);
        }
        // Of a word that is not known it is not known how many words it is.
        let words: Vec<Vec<u8>> = arguments.iter().map_while(Clone::clone).collect();
        let given = Given { whole: words.len() == arguments.len(), words };
        let view = self.view;
        let file = |flag: &[u8], path: &[u8]| holds(view, flag, path);
        let command = |name: &[u8]| {
            if name.contains(&b'/') {
                let path = view.absolute(name);
                return holds(view, b"-x", &path);
            }
            let entry = view.find(&view.command(name)?)?;
            view.is_own(entry).then_some(true)
        };
        let source = |path: &[u8]| {
            let entry = view.find(path).filter(|entry| view.is_own(*entry))?;
            view.bytes(entry).map(<[u8]>::to_vec)
        };
        let ending = |end: &[u8]| {
            const MOST: usize = 8;
            let fits = |path: &[u8]| path.ends_with(end) || path == end.get(1..).unwrap_or_default();
            let all = view.rootfs().own().into_iter().filter(|entry| view.is_own(*entry) && fits(&entry.path()));
            let all: Vec<_> = all.take(MOST + 1).map(|entry| view.bytes(entry).map(<[u8]>::to_vec)).collect();
            // The base may have one too.
            (all.len() <= MOST && !view.has_base_file(end)).then(|| all.into_iter().collect()).flatten()
        };
        let known = Known {
            whole: !self.inherited.contains_key(b"0".as_slice()),
            ending: &ending,
            variables,
            open: self.open,
            given,
            name: place.starts_with('/').then(|| place.as_bytes().to_vec()),
            user: self.user.as_deref().and_then(|user| number(view, user)),
            place: match self.directories.as_slice() {
                [directory] => Some(directory.clone()),
                _ => None,
            },
            file: &file,
            command: &command,
            text: &source,
        };
        let script = Script::parse_knowing(text, strict, Some(&known));
        // What it starts may be given them.
        self.tainted.extend(names_set(text));
        self.open |= sets_any(text);
        script
    }
}

/// The number of a user; root's is the same everywhere.
fn number(view: &View, name: &str) -> Option<Vec<u8>> {
    let name = name.split(':').next().unwrap_or_default();
    match name {
        "" | "root" => Some(b"0".to_vec()),
        name if is_number(name) => Some(name.as_bytes().to_vec()),
        name => user(view, name.as_bytes()).map(|number| number.to_string().into_bytes()),
    }
}
