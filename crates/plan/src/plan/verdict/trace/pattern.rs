//! Patterns for names of files.

use std::collections::BTreeSet;

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

fn fits(pattern: &[(u8, bool)], name: &[u8]) -> bool {
    // For each place in the name whether the pattern up to here fits it.
    let mut fitting: Vec<bool> = (0..=name.len()).map(|at| at == 0).collect();
    let mut at = 0;
    while let Some((byte, sign)) = pattern.get(at) {
        let set =
            if *sign && *byte == b'[' { pattern.get(at..).unwrap_or_default().iter().position(|(byte, _)| *byte == b']') } else { None };
        let mut next = vec![false; name.len() + 1];
        for position in 0..=name.len() {
            if !fitting.get(position).copied().unwrap_or(false) {
                continue;
            }
            if *sign && *byte == b'*' {
                next.iter_mut().skip(position).for_each(|place| *place = true);
                break;
            }
            let Some(letter) = name.get(position) else { continue };
            let one = match (sign, byte) {
                // Sets may mean more than they say.
                (true, b'?' | b'[') => true,
                _ => letter == byte,
            };
            if one && let Some(place) = next.get_mut(position + 1) {
                *place = true;
            }
        }
        fitting = next;
        at += set.unwrap_or(0) + 1;
    }
    fitting.last().copied().unwrap_or(false)
}
