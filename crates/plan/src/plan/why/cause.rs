//! What in a layer took a file away.

use serde::Serialize;

use super::state::State;
use crate::format::tar::{Kind, Member};
use crate::foundation::text;
use crate::read::rootfs::{inner_path, split};

/// How a layer takes files away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A whiteout of the file, or of a directory that it is in.
    Whiteout,
    /// A directory hides what lower layers have in it.
    Opaque,
    /// Something that is no directory stands where a directory was.
    Replaced,
    /// A directory on the way is another one now: it was a link, or is one.
    Way,
}

/// What took a file away, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// How.
    pub reason: Reason,
    /// What is hidden, emptied, replaced or led elsewhere.
    pub path: String,
}

impl Cause {
    fn new(reason: Reason, path: &[u8]) -> Self {
        Self { reason, path: format!("/{}", text::escape_bytes(path)) }
    }

    /// As it is shown to users.
    pub fn words(&self) -> String {
        match self.reason {
            Reason::Whiteout => format!("by a whiteout of {}", self.path),
            Reason::Opaque => format!("by an opaque directory, {}", self.path),
            Reason::Replaced => format!("by something else in the place of the directory {}", self.path),
            Reason::Way => format!("because {} is another directory, or a link, from here on", self.path),
        }
    }

    /// Why something that was at `state` is not there after a layer with these members; none if it is not known. `changed` is the
    /// first directory on the way that is of another kind than before.
    pub(super) fn of(state: &State, members: &[Member], changed: Option<&[u8]>) -> Option<Self> {
        let real = state.real.as_slice();
        let way = || changed.map(|path| Self::new(Reason::Way, path));
        let replaced = || members.iter().find_map(|member| replaced(member, real));
        members.iter().find_map(|member| whiteout(member, real)).or_else(replaced).or_else(way)
    }
}

fn whiteout(member: &Member, real: &[u8]) -> Option<Cause> {
    let path = inner_path(&member.name);
    let (directory, name) = split(&path);
    if name == b".wh..wh..opq" {
        return is_below(real, directory).then(|| Cause::new(Reason::Opaque, directory));
    }
    let hidden = name.strip_prefix(b".wh.")?;
    let hidden = if directory.is_empty() { hidden.to_vec() } else { [directory, hidden].join(&b'/') };
    (hidden == real || is_below(real, &hidden)).then(|| Cause::new(Reason::Whiteout, &hidden))
}

fn replaced(member: &Member, real: &[u8]) -> Option<Cause> {
    let path = inner_path(&member.name);
    (member.kind != Kind::Directory && is_below(real, &path)).then(|| Cause::new(Reason::Replaced, &path))
}

fn is_below(path: &[u8], directory: &[u8]) -> bool {
    directory.is_empty() || path.strip_prefix(directory).is_some_and(|rest| rest.first() == Some(&b'/'))
}
