//! Genuine images, where `AIRBASE_REAL_IMAGES` names the folder that holds them.

use std::path::{Path, PathBuf};

use super::skipped;

/// The folder, or a visible line that says that the test did nothing.
pub fn folder(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("AIRBASE_REAL_IMAGES").map(PathBuf::from);
    if folder.is_none() {
        skipped(&format!("AIRBASE_REAL_IMAGES is not set ({test})"));
    }
    folder
}

/// Copies a genuine layout into `target`, writable. Where the copy at hand holds the text of a symbolic link in the place of
/// the link (a checkout without links does), the link is made again: official busybox layouts have their blobs so.
pub fn copy(folder: &Path, name: &str, target: &Path) {
    copy_tree(&folder.join(name), target);
    let blobs = target.join("blobs/sha256");
    for entry in std::fs::read_dir(&blobs).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        if bytes.starts_with(b"../../") && bytes.len() < 200 {
            let link = String::from_utf8(bytes).unwrap();
            std::fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink(link, &path).unwrap();
        }
    }
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy_tree(&entry.path(), &target);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            std::fs::write(&target, std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}
