//! Where Ruby looks for gems.

use std::collections::BTreeSet;

use crate::plan::verdict::view::View;
use crate::read::rootfs::split;

/// The directories of installed gems below the directories of an interpreter.
pub(super) fn gems(view: &View, directories: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    // Debian's homes of gems are made from the version of the interface, which the other directories end with.
    let versions: BTreeSet<&[u8]> =
        directories.iter().map(|directory| split(directory).1).filter(|name| name.first().is_some_and(u8::is_ascii_digit)).collect();
    let homes = versions.iter().flat_map(|version| {
        [&b"/var/lib/gems/"[..], b"/usr/local/lib/ruby/gems/", b"/usr/lib/ruby/gems/"].map(|home| [home, version].concat())
    });
    for home in homes.chain([b"/usr/share/rubygems-integration/all".to_vec()]) {
        let Some(entry) = view.find(&[home.as_slice(), b"/gems"].concat()) else { continue };
        for gem in entry.children() {
            found.push([home.as_slice(), b"/gems/", gem.name(), b"/lib"].concat());
        }
    }
    found.sort();
    found
}
