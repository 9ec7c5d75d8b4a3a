//! Bad input: one test for each class, one line for each kind of input, named by its row.
//!
//! The rows (`L9`, `J13`, `T1`, …) are those of the project's table of hostile inputs. For each of them this says what the
//! checking verb reports, what the looking verb says, and what the two verbs that write do. Beside that, everywhere:
//! * the input is byte for byte what it was;
//! * a verb that refuses leaves nothing under the name of its output, neither a directory nor a file;
//! * it ends within a bounded time and a gigabyte of address space, whatever numbers the input claims.

mod archive;
mod digest;
mod docker;
mod graph;
mod json;
mod layout;
mod packages;
mod stream;

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::support::environment::{Outcome, snapshot};
use crate::support::image::{CONFIG, INDEX, MANIFEST, archive, digest};
use crate::support::{Environment, Image, Layer, Layout, layer};

/// The files of a layout or an archive, by path.
pub type Files = Vec<(String, Vec<u8>)>;

/// Exit statuses of `fsck`, `inspect`, `copy` and `rebase`, in this order.
type Statuses = [i32; 4];

/// Unsafe: every verb refuses it.
const REFUSED: Statuses = [3, 3, 3, 3];
/// Damaged in a way that no verb can work with.
const DAMAGED: Statuses = [1, 1, 3, 3];
/// Damaged where only those look who read layers.
const LAYER_DAMAGED: Statuses = [1, 0, 3, 3];
/// Nothing is wrong with it.
const ACCEPTED: Statuses = [0, 0, 0, 0];

/// Who must name the code (or one of `this|that`): those who end with something else than 0, and `fsck` in any case.
const VERBS: [&str; 4] = ["fsck", "inspect", "copy", "rebase"];

/// A place with honest bases, and an honest application on the old one.
struct Place {
    environment: Environment,
    app: Image,
}

impl Place {
    fn new() -> Self {
        let environment = Environment::new();
        let old = Image::of(&[&layer(&["etc/os-release=old"])]);
        let new = Image::of(&[&layer(&["etc/os-release=new"])]);
        Layout::new().image("os:old", &old).image("os:new", &new).write(&environment.join("bases"));
        let app = old.and(&[&layer(&["app=1"])]);
        Self { environment, app }
    }

    /// The layout of the application.
    fn layout(&self) -> Layout {
        Layout::new().image("app:1", &self.app)
    }

    fn join(&self, inner: &str) -> std::path::PathBuf {
        self.environment.join(inner)
    }

    /// Runs the program; it may use a gigabyte and twenty seconds.
    fn run(&self, arguments: &[&str]) -> Outcome {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "ulimit -v 1048576 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_airbase")]).args(arguments);
        command.current_dir(self.environment.path()).env_clear();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(command.output()));
        let output = receiver.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| panic!("{arguments:?} hangs")).unwrap();
        Outcome {
            status: output.status.code().unwrap_or_else(|| panic!("{arguments:?} was killed: {output:?}")),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Shows `input` to the four verbs.
    fn judge(&self, row: &str, input: &str, code: &str, expected: Statuses) {
        self.judge_reference(row, input, input, code, expected);
    }

    /// Shows `input` to the four verbs; those that want one image get `reference`.
    fn judge_reference(&self, row: &str, input: &str, reference: &str, code: &str, expected: Statuses) {
        let _ = std::fs::remove_dir_all(self.join("out"));
        let _ = std::fs::remove_file(self.join("out.tar"));
        let before = snapshot(&self.join(input));
        let bases = snapshot(&self.join("bases"));
        // Both verbs that write, and both kinds of output, once each.
        let (out, other) = if self.join(input).is_file() { ("out.tar", "out") } else { ("out", "out.tar") };
        let commands: [&[&str]; 4] = [
            &["fsck", input, "--format", "json"],
            &["inspect", input, "--format", "json"],
            &["copy", reference, out],
            &["rebase", reference, "--from", "bases:os:old", "--onto", "bases:os:new", "-o", other],
        ];
        for (position, ((verb, arguments), status)) in VERBS.into_iter().zip(commands).zip(expected).enumerate() {
            let outcome = self.run(arguments);
            let told = format!("{row}, {input}, {verb}:\n{}\n{}", outcome.out, outcome.err);
            assert_eq!(outcome.status, status, "{told}");
            if !code.is_empty() && (status != 0 || position == 0) {
                let named = |code: &str| outcome.out.contains(&format!("\"{code}\"")) || outcome.err.contains(&format!("[{code}]"));
                assert!(code.split('|').any(named), "{code}: {told}");
            }
            self.check_output(status, &told);
        }
        assert_eq!(snapshot(&self.join(input)), before, "{row}: {input} was changed");
        assert_eq!(snapshot(&self.join("bases")), bases, "{row}: the bases were changed");
    }

    /// After success there is an output, which is removed; after anything else there is none, and nothing beside it.
    fn check_output(&self, status: i32, told: &str) {
        let mut names: Vec<String> = std::fs::read_dir(self.environment.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains("out"))
            .collect();
        if status == 0 {
            names.retain(|name| name != "out" && name != "out.tar");
            let _ = std::fs::remove_dir_all(self.join("out"));
            let _ = std::fs::remove_file(self.join("out.tar"));
        }
        assert!(names.is_empty(), "{names:?} was left behind by {told}");
    }

    /// Shows files to the four verbs as a directory and as an archive.
    fn judge_files(&self, row: &str, files: &[(String, Vec<u8>)], code: &str, expected: Statuses) {
        let _ = std::fs::remove_dir_all(self.join("bad"));
        write_files(&self.join("bad"), files);
        self.judge(row, "bad", code, expected);
        std::fs::write(self.join("bad.tar"), archive(files)).unwrap();
        self.judge(row, "bad.tar", code, expected);
    }

    /// The codes that `fsck` gives.
    fn codes(&self, arguments: &[&str]) -> (i32, Vec<String>) {
        let outcome = self.run(&[&["fsck", "--format", "json"], arguments].concat());
        let report: Value = serde_json::from_str(&outcome.out).unwrap_or_else(|error| panic!("{error}: {outcome:?}"));
        let findings = report["sources"][0]["findings"].as_array().unwrap();
        (outcome.status, findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect())
    }
}

/// Writes files with the directories above them.
fn write_files(path: &Path, files: &[(String, Vec<u8>)]) {
    for (name, bytes) in files {
        let file = path.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
}

/// Which document of a layout is forged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Config,
    Manifest,
    /// An index between `index.json` and the manifest.
    Index,
    /// `index.json` itself.
    Root,
}

/// An edit of a document's text.
type Edit<'a> = &'a dyn Fn(String) -> Vec<u8>;

/// The files of a layout with one image of which one document was edited. All digests and sizes above it are right, so nothing
/// is wrong but what the edit did.
fn forge(image: &Image, at: At, edit: Edit<'_>) -> Files {
    let edited = |here: At, bytes: Vec<u8>| if here == at { edit(String::from_utf8(bytes).unwrap()) } else { bytes };
    let mut layout = Layout::new();
    for layer in &image.layers {
        layout.blob(&layer.blob);
    }
    let config = edited(At::Config, image.config_bytes());
    layout.blob(&config);
    let layers: Vec<Value> = image.layers.iter().map(Layer::descriptor).collect();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest(&config), "size": config.len()},
        "layers": layers,
    });
    let manifest = edited(At::Manifest, serde_json::to_vec(&manifest).unwrap());
    let mut top = serde_json::json!({"mediaType": MANIFEST, "digest": layout.blob(&manifest), "size": manifest.len()});
    if at == At::Index {
        let mut child = top;
        child["platform"] = serde_json::json!({"architecture": "amd64", "os": "linux"});
        let index = serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]});
        let index = edited(At::Index, serde_json::to_vec(&index).unwrap());
        top = serde_json::json!({"mediaType": INDEX, "digest": layout.blob(&index), "size": index.len()});
    }
    layout.entry("app:1", top);
    let mut files = layout.files();
    let index = &mut files[1].1;
    *index = edited(At::Root, std::mem::take(index));
    files
}

/// Replaces a piece of text that must be there.
fn with(text: &str, piece: &str, other: &str) -> Vec<u8> {
    assert!(text.contains(piece), "{piece} is not in {text}");
    text.replacen(piece, other, 1).into_bytes()
}

/// Runs `test` on every case, and fails at the end if one failed: a table is read as a whole.
fn all<T>(cases: &[T], test: impl Fn(&T)) {
    let failed = cases.iter().filter(|case| std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(case))).is_err()).count();
    assert_eq!(failed, 0, "of {} cases", cases.len());
}
