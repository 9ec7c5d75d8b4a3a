//! What the command line reads beside its arguments: variables, and files that somebody wrote for airbase.

use std::path::Path;

use crate::foundation::fsys::{File, shown};
use crate::foundation::{Code, Error, Fact, Result};

/// The environment, read in one place.
#[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// More than anybody writes by hand.
const WRITTEN_BYTES: u64 = 4 << 20;

/// A file that somebody wrote for airbase, such as a policy, by what it is called.
///
/// # Errors
/// `usage.argument` for what is no regular file or too large, and those of reading.
pub(super) fn written_file(path: &Path, what: &str) -> Result<Vec<u8>> {
    let refused = |why: &str| {
        let expected = Fact::new("a regular file of at most 4 MiB", "airbase");
        Error::new(Code::UsageArgument, format!("{what} {why}")).at(shown(path)).expected(expected).hint("Name another file.")
    };
    let file =
        File::open(path).map_err(|error| if error.code() == Code::PathNotRegular { refused("is no regular file") } else { error })?;
    file.read_all(WRITTEN_BYTES)?.ok_or_else(|| refused("is too large"))
}
