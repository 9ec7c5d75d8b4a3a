//! A place to run the program in: an empty directory, an empty environment.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory of its own, removed at the end.
#[derive(Debug)]
pub struct Environment {
    directory: tempfile::TempDir,
}

/// What a run of the program gave.
#[derive(Debug)]
pub struct Outcome {
    /// The exit status.
    pub status: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Says that a test did nothing, or not all, and why.
pub fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not eprintln: the harness keeps what a passing test prints to itself.
    std::io::stderr().write_all(format!("SKIPPED {test}: {why}\n").as_bytes()).unwrap();
}

/// The least room in memory that tests which write thousands of small layouts, several at a time, cannot use up. They were seen to take 25 MiB.
const ROOM: u64 = 1 << 30;

/// A place in memory with room for that. Whoever says where temporary files go (`TMPDIR`) gets them there.
fn memory() -> Option<&'static Path> {
    let path = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(path).ok()?;
    (std::env::var_os("TMPDIR").is_none() && room.f_bavail.saturating_mul(room.f_frsize) >= ROOM).then_some(path)
}

impl Environment {
    /// In memory, where the machine has room: tests write thousands of files, and few of them care whether a flush reaches a disk.
    pub fn new() -> Self {
        memory().map_or_else(Self::on_disk, |place| Self { directory: tempfile::tempdir_in(place).unwrap() })
    }

    /// Where temporary files go: for tests of writers that flush, link and exchange as they do for a user.
    pub fn on_disk() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn join(&self, inner: &str) -> PathBuf {
        self.path().join(inner)
    }

    /// The program, to be run in this directory with nothing in its environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_airbase"));
        command.current_dir(self.path()).env_clear().args(arguments);
        command
    }

    /// Runs the program.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        let output = self.command(arguments).output().unwrap();
        Outcome {
            status: output.status.code().expect("the program was killed"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs the program and expects it to succeed.
    pub fn ok(&self, arguments: &[&str]) -> Outcome {
        let outcome = self.run(arguments);
        assert_eq!(outcome.status, 0, "{arguments:?}\n{}\n{}", outcome.out, outcome.err);
        outcome
    }

    /// Runs the program with `--format json` and reads the document that it prints, which keeps to its schema.
    pub fn json(&self, arguments: &[&str]) -> (i32, serde_json::Value) {
        let outcome = self.run(&[arguments, &["--format", "json"]].concat());
        let document: serde_json::Value =
            serde_json::from_str(&outcome.out).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{}\n{}", outcome.out, outcome.err));
        let wrong = super::schema::check(document["schema"].as_str().unwrap_or_default(), &document);
        assert!(wrong.is_empty(), "{arguments:?}: not what docs/schemas says:\n{}\n{document:#}", wrong.join("\n"));
        (outcome.status, document)
    }

    /// Runs the program and expects it to be refused with `code` and `status`.
    pub fn refused(&self, arguments: &[&str], code: &str, status: i32) -> Outcome {
        let outcome = self.run(arguments);
        assert!(
            outcome.err.contains(&format!("[{code}]")),
            "{arguments:?} should be refused with {code}\n{}\n{}",
            outcome.out,
            outcome.err
        );
        assert_eq!(outcome.status, status, "{arguments:?}\n{}", outcome.err);
        outcome
    }
}

/// Every file below a directory with its bytes, for "nothing was changed".
pub fn snapshot(path: &Path) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    let mut files = std::collections::BTreeMap::new();
    let mut waiting = vec![path.to_owned()];
    while let Some(next) = waiting.pop() {
        let metadata = std::fs::symlink_metadata(&next).unwrap();
        if metadata.is_dir() {
            waiting.extend(std::fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()));
        } else if metadata.is_symlink() {
            files.insert(next.clone(), std::fs::read_link(&next).unwrap().into_os_string().into_encoded_bytes());
        } else if metadata.is_file() {
            files.insert(next.clone(), std::fs::read(&next).unwrap());
        }
    }
    files
}
