//! Users and groups by name, without their passwords.

use std::collections::BTreeMap;

use super::lossy;
use crate::foundation::{Code, Finding};
use crate::read::rootfs::{Merged, Reading};

const USERS: &[u8] = b"etc/passwd";
const GROUPS: &[u8] = b"etc/group";

/// The users: `NUMBER:GROUP:COMMENT:HOME:SHELL`; none if the list is there and was not read.
pub(super) fn users(files: &Merged) -> Option<BTreeMap<String, String>> {
    lines(files, USERS)
}

/// The groups: `NUMBER:MEMBERS`; none if the list is there and was not read.
pub(super) fn groups(files: &Merged) -> Option<BTreeMap<String, String>> {
    lines(files, GROUPS)
}

fn lines(files: &Merged, path: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let bytes = match files.read(path) {
        Reading::Bytes(bytes) => bytes,
        Reading::Unread => return None,
        Reading::Absent => return Some(found),
    };
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let mut fields = line.splitn(3, |byte| *byte == b':');
        let (Some(name), _, rest) = (fields.next(), fields.next(), fields.next()) else { continue };
        // The first line of a name counts.
        found.entry(lossy(name)).or_insert_with(|| lossy(rest.unwrap_or_default()));
    }
    Some(found)
}

/// Lists that are there and were not read.
pub(super) fn unread(files: &Merged) -> Vec<Finding> {
    let unread = |path: &&&[u8]| files.read(path) == Reading::Unread;
    let finding =
        |path: &&[u8]| Finding::new(Code::PackagesUnread, "a list of users or groups is too large to be read").at(super::path(path));
    [USERS, GROUPS].iter().filter(unread).map(finding).collect()
}
