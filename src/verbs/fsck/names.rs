//! The names in one layer: where they lead, what they hide, and what they link to.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use crate::format::tar::{Kind, Member};
use crate::foundation::{Code, Fact, Finding, text};
use crate::read::rootfs::{climbs, inner_path, split};

/// Names are cut at this length where they are shown.
const SHOWN: usize = 200;

/// What the names of a layer were found to be.
#[derive(Debug, Default)]
pub(super) struct Names {
    seen: Seen,
    /// The first case of each, and how many there are: a layer may have millions of members.
    wrong: BTreeMap<(Code, &'static str), (String, usize)>,
    /// The targets of hard links that are not earlier in the layer, each with the name of the first link to it.
    outward: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Paths that were met: of each only a fingerprint, since a layer may have millions. The keys are new in each run, so nobody can make
/// two paths that are taken for one.
#[derive(Debug, Default)]
struct Seen {
    keys: [RandomState; 2],
    prints: HashSet<(u64, u64)>,
}

impl Seen {
    fn print(&self, path: &[u8]) -> (u64, u64) {
        let [one, two] = &self.keys;
        (one.hash_one(path), two.hash_one(path))
    }

    fn has(&self, path: &[u8]) -> bool {
        self.prints.contains(&self.print(path))
    }

    /// Whether it is new.
    fn add(&mut self, path: &[u8]) -> bool {
        let print = self.print(path);
        self.prints.insert(print)
    }
}

impl Names {
    /// Looks at the next member.
    pub(super) fn visit(&mut self, member: &Member) {
        // Builders write such names (podman's did), and every runtime takes them for names below the root of the image.
        if member.name.first() == Some(&b'/') {
            self.wrong(Code::LayerAbsoluteName, "a member name in a layer begins with a slash", &member.name);
        }
        if climbs(&member.name) {
            return self.wrong(Code::TarName, "a member name in a layer climbs out of the image", &member.name);
        }
        let path = inner_path(&member.name);
        if !well_formed_whiteout(&path) {
            self.wrong(Code::LayerWhiteout, "a whiteout hides nothing that has a name", &member.name);
        }
        if member.kind == Kind::Hardlink {
            let target = inner_path(&member.link);
            if !self.seen.has(&target) {
                self.outward.entry(target).or_insert_with(|| member.name.clone());
            }
        }
        // The directory that was packed is the root of the image: it may come again.
        if !path.is_empty() && !self.seen.add(&path) {
            self.wrong(Code::LayerDuplicatePath, "a layer has the same path twice", &member.name);
        }
    }

    fn wrong(&mut self, code: Code, message: &'static str, name: &[u8]) {
        self.wrong.entry((code, message)).or_insert_with(|| (shown(name), 0)).1 += 1;
    }

    /// What is wrong, and the hard links that lead out of the layer.
    pub(super) fn into_parts(self) -> (Vec<Finding>, BTreeMap<Vec<u8>, Vec<u8>>) {
        let findings = self.wrong.into_iter().map(|((code, message), (name, count))| {
            let finding = Finding::new(code, message).found(Fact::new(name, "the layer"));
            if count > 1 { finding.detail(format!("and {} more", count - 1)) } else { finding }
        });
        (findings.collect(), self.outward)
    }
}

/// The finding for hard links, each with its target, that lead nowhere; none if there are none.
pub(super) fn broken_links(links: &BTreeMap<Vec<u8>, Vec<u8>>) -> Option<Finding> {
    let (target, name) = links.first_key_value()?;
    let finding = Finding::new(Code::LayerHardlinkTarget, "a hard link leads to nothing")
        .expected(Fact::new(shown(target), format!("the hard link {}", shown(name))))
        .found(Fact::new("no such path", "the layer before the link, and the layers below"));
    Some(if links.len() > 1 { finding.detail(format!("and {} more", links.len() - 1)) } else { finding })
}

fn shown(name: &[u8]) -> String {
    text::escape_bytes(name.get(..name.len().min(SHOWN)).unwrap_or_default())
}

/// Whether a path is no whiteout, or one that says what it hides. `.wh...` would hide the directory above, and nothing can
/// lie below a whiteout. Names that begin with `.wh..wh.` are AUFS's own; the specification took `.wh..wh..opq` from it.
fn well_formed_whiteout(path: &[u8]) -> bool {
    let (parent, name) = split(path);
    let below = parent.split(|byte| *byte == b'/').any(|part| part.starts_with(b".wh.") && !part.starts_with(b".wh..wh."));
    !below && !matches!(name, b".wh." | b".wh.." | b".wh...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whiteouts() {
        for name in [".wh.a", "d/.wh.a", ".wh..wh..opq", "d/.wh..wh..opq", ".wh..hidden", ".wh..wh.plnk/1.2", "wh.", "a.wh."] {
            assert!(well_formed_whiteout(name.as_bytes()), "{name}");
        }
        for name in [".wh.", "d/.wh.", ".wh..", "d/.wh...", ".wh.d/a", "a/.wh.d/b"] {
            assert!(!well_formed_whiteout(name.as_bytes()), "{name}");
        }
    }
}
