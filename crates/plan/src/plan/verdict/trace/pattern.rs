//! Patterns for names of files.

use std::collections::BTreeSet;

use crate::plan::verdict::shell::fits;
use crate::plan::verdict::view::View;
use crate::read::rootfs::Entry;

/// How many files a pattern may match.
const MOST_MATCHES: usize = 1000;

/// The files that match a pattern, whose bytes say whether they are signs of it.
pub(super) fn matching(view: &View, directory: &[u8], pattern: &[(u8, bool)]) -> BTreeSet<Vec<u8>> {
    let start = if pattern.first() == Some(&(b'/', false)) { Vec::new() } else { directory.to_vec() };
    let mut found = vec![start];
    for part in pattern.split(|byte| *byte == (b'/', false)).filter(|part| !part.is_empty()) {
        let name: Vec<u8> = part.iter().map(|(byte, _)| *byte).collect();
        let mut next = Vec::new();
        for place in &found {
            if part.iter().all(|(_, sign)| !sign) {
                let path = [place.as_slice(), &name].join(&b'/');
                if view.exists(&path) {
                    next.push(path);
                }
                continue;
            }
            let at = if place.is_empty() { b"/".to_vec() } else { place.clone() };
            for child in view.find(&at).into_iter().flat_map(Entry::children) {
                if (!child.name().starts_with(b".") || name.starts_with(b".")) && fits(part, child.name()) {
                    next.push([place.as_slice(), child.name()].join(&b'/'));
                }
            }
        }
        next.truncate(MOST_MATCHES);
        found = next;
    }
    found.into_iter().filter(|path| !path.is_empty()).collect()
}
