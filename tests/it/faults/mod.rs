//! A kill, a full disk or a failing disk at every single change of the file system: the target is the old one or the new
//! one, whole.
//!
//! The verbs run in this process with a gate that refuses the n-th change, for n = 1, 2, … until nothing was refused. After
//! each run the disk is looked at with other means, and the same command is run again without faults. Every verb that writes
//! goes through the one [`sweep`]: images in `images`, what refers to them in `referrers` and `lifecycle`, and what takes away
//! in `removing`.

mod images;
mod lifecycle;
mod referrers;
mod removing;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use airbase::foundation::fsys::{Faults, is_temporary};
use airbase::foundation::{Code, Digest, Result};
use airbase::oci::media_type::Compression;
use airbase::plan::lifecycle::time::Moment;
use airbase::verbs::lifecycle::{Taking, Words};
use airbase::verbs::referrers::Carry;
use airbase::verbs::{Context, Form, Output, Places, copy, rebase, rm, tag};
use rustix::io::Errno;
use serde_json::{Value, json};

use crate::support::environment::snapshot;
use crate::support::image::gzip;
use crate::support::{Contents, Environment, Image, Layout, layer};

/// What lies in the place of the target before the command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing.
    Nothing,
    /// An empty directory.
    Empty,
    /// The layout that holds the app.
    App,
    /// The same with reports on the app, its platforms and the tool, and two statements on the app.
    Referred,
    /// The same with a collection of the two.
    Collected,
    /// What is referred to, after a visit of a client that keeps no lists of referrers.
    Unlisted,
    /// What is referred to, after the app was removed.
    Orphaned,
    /// A layout with another image, which shares a layer with the result.
    Other,
    /// An archive of something else, which may be replaced.
    Archive,
}

/// A command.
type Run = fn(&Place<'_>, Context<'_>) -> Result<()>;

/// What a command does with what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It adds, and deletes no blob. Done again it changes nothing.
    Adds,
    /// It takes something away, so there may be nothing left to take away when it is done again.
    Removes,
}

/// One command and its target.
struct Case {
    name: &'static str,
    effect: Effect,
    before: Before,
    /// The name of the target.
    target: &'static str,
    run: Run,
}

fn adds(name: &'static str, before: Before, target: &'static str, run: Run) {
    sweep(&Case { name, effect: Effect::Adds, before, target, run });
}

fn removes(name: &'static str, before: Before, run: Run) {
    sweep(&Case { name, effect: Effect::Removes, before, target: "target", run });
}

/// Where a command runs: inputs that nobody may change, and the target.
struct Place<'a> {
    inputs: &'a Path,
    target: PathBuf,
    /// The report on the app, where there is one.
    report: &'a Digest,
    overwrite: bool,
}

impl Place<'_> {
    fn input(&self, text: &str) -> String {
        self.inputs.join(text).to_str().unwrap().to_owned()
    }

    fn in_target(&self, name: &str) -> String {
        format!("{}:{name}", self.target.display())
    }

    fn output(&self) -> Output {
        if self.target.extension().is_some() {
            let form = if self.target.ends_with("docker.tar") { Form::Docker } else { Form::Oci };
            let compression = match self.target.extension().and_then(std::ffi::OsStr::to_str) {
                Some("tgz") => Compression::Gzip,
                Some("zst") => Compression::Zstd,
                _ => Compression::None,
            };
            Output::Archive { path: self.target.clone(), form, compression, overwrite: self.overwrite }
        } else {
            Output::Layout(self.target.clone())
        }
    }

    fn rebase(&self, image: String, names: &[&str], context: Context<'_>) -> Result<()> {
        self.rebase_and_mark(image, names, None, context)
    }

    fn rebase_and_mark(&self, image: String, names: &[&str], supersede: Option<Moment>, context: Context<'_>) -> Result<()> {
        let request = rebase::Request {
            onto: Some(self.input("bases:os:new")),
            places: Places::of([self.input("bases")]),
            supersede: supersede.map(|now| Taking { words: Words::default(), now }),
            output: Some(self.output()),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..rebase::Request::of(&image)
        };
        rebase::plan(&request, Context::standard())?.apply(context).map(drop)
    }

    fn copy(&self, source: String, all: bool, referrers: Option<Carry>, context: Context<'_>) -> Result<()> {
        copy::copy(
            &copy::Request {
                source,
                all,
                choice: airbase::verbs::Choice::default(),
                output: self.output(),
                name: None,
                referrers,
                supersede: None,
                mtime: 0,
            },
            context,
        )
        .map(drop)
    }

    fn annotate(&self, image: &str, all: bool, name: &str, context: Context<'_>) -> Result<()> {
        let target = tag::Target { output: self.output(), names: vec![name.to_owned()], mtime: 0, now: None };
        tag::annotate(image, &[("team".to_owned(), "red".to_owned())], all, &target, context).map(drop)
    }
}

/// Old base, new base and an app of two platforms on the old one; something else that shares a layer with the app.
struct World {
    bases: Layout,
    app: Layout,
    other: Layout,
}

impl World {
    fn new() -> Self {
        let of = |architecture: &str, entries: &[&str]| Image::of(&[&layer(entries)]).platform(architecture);
        let old = [of("amd64", &["os=old amd"]), of("arm64", &["os=old arm"])];
        let new = [of("amd64", &["os=new amd"]), of("arm64", &["os=new arm"])];
        let work = layer(&["app=the app"]);
        let app = [old[0].and(&[&work]), old[1].and(&[&work])];
        let both = |images: &'_ [Image; 2], name: &str, layout: Layout| layout.index(name, &[&images[0], &images[1]], json!({}));
        Self {
            bases: both(&new, "os:new", both(&old, "os:old", Layout::new())),
            app: both(&app, "app:1", Layout::new()).image("tool", &Image::of(&[&layer(&["tool=1"])])),
            other: Layout::new().image("other", &Image::of(&[&work])),
        }
    }

    /// Writes what lies at `target` before the command runs.
    fn prepare(&self, before: Before, target: &Path) {
        match before {
            Before::Nothing => {}
            Before::Empty => std::fs::create_dir(target).unwrap(),
            Before::App => self.app.write(target),
            Before::Other => self.other.write(target),
            Before::Archive => self.other.write_archive(target),
            Before::Referred | Before::Collected | Before::Unlisted | Before::Orphaned => {
                self.app.write(target);
                let (app, tool) = (format!("{}:app:1", target.display()), format!("{}:tool", target.display()));
                for image in [&app, &tool] {
                    referrers::attach(image.clone(), None, quiet()).unwrap();
                }
                for end in ["2026-12-01", "2027-01-01"] {
                    lifecycle::set(app.clone(), end, quiet()).unwrap();
                }
                match before {
                    Before::Collected => referrers::collect(Output::Layout(target.to_owned()), app, tool, quiet()).unwrap(),
                    Before::Unlisted => {
                        let mut index = Contents::of(target).index();
                        let named = |entry: &Value| entry["annotations"]["org.opencontainers.image.ref.name"].as_str().map(str::to_owned);
                        let is_list = |entry: &Value| named(entry).is_some_and(|name| name.starts_with("sha256-"));
                        index["manifests"].as_array_mut().unwrap().retain(|entry| !is_list(entry));
                        std::fs::write(target.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
                    }
                    Before::Orphaned => rm::rm(&app, false, false, quiet()).map(drop).unwrap(),
                    _ => {}
                }
            }
        }
    }
}

/// One command at a time, and no fault.
fn quiet() -> Context<'static> {
    Context { jobs: 1, ..Context::standard() }
}

/// Writes what [`state`] has read.
fn restore(state: Option<&BTreeMap<PathBuf, Vec<u8>>>, target: &Path) {
    let Some(files) = state else { return };
    if let Some(archive) = files.get(Path::new("")) {
        std::fs::write(target, archive).unwrap();
        return;
    }
    std::fs::create_dir(target).unwrap();
    for (path, bytes) in files {
        let path = target.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// The files of the target that matter: temporary names of a killed process do not. `None` if there is no target.
fn state(target: &Path) -> Option<BTreeMap<PathBuf, Vec<u8>>> {
    if !target.exists() {
        return None;
    }
    let mut files = snapshot(target);
    files.retain(|path, _| !is_temporary(path.file_name().unwrap().as_encoded_bytes()) && !path.ends_with("index.json.lock"));
    Some(files.into_iter().map(|(path, bytes)| (path.strip_prefix(target).unwrap().to_owned(), bytes)).collect())
}

/// What a reader sees: the index of a layout, or all of an archive.
fn seen(state: Option<&BTreeMap<PathBuf, Vec<u8>>>, before: Before) -> Option<&Vec<u8>> {
    let state = state?;
    match (state.get(Path::new("index.json")), state.get(Path::new(""))) {
        // Making a layout in an empty directory begins with an index that lists nothing.
        (Some(index), _) if before == Before::Empty && index.ends_with(br#""manifests":[]}"#) => None,
        (Some(index), _) => Some(index),
        (None, archive) => archive,
    }
}

fn names(directory: &Path) -> Vec<OsString> {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect()
}

const KINDS: [&str; 5] = ["kill", "no space once", "no space from then on", "I/O error once", "I/O error from then on"];

fn gate(kind: &str, n: u64) -> Faults {
    match kind {
        "kill" => Faults::kill_at(n),
        "no space once" => Faults::fail_at(n, Errno::NOSPC),
        "no space from then on" => Faults::fail_from(n, Errno::NOSPC),
        "I/O error once" => Faults::fail_at(n, Errno::IO),
        _ => Faults::fail_from(n, Errno::IO),
    }
}

fn sweep(case: &Case) {
    let world = World::new();
    let inputs = Environment::new();
    world.bases.write(&inputs.join("bases"));
    world.app.write(&inputs.join("app"));
    world.app.write_archive(&inputs.join("app.tar"));
    std::fs::write(inputs.join("app.tar.gz"), gzip(&std::fs::read(inputs.join("app.tar")).unwrap())).unwrap();
    let listed =
        json!({"EolDate": "2026-12-01", "EolDigests": [{"Digest": world.app.digest_of("app:1")}, {"Digest": world.app.digest_of("tool")}]});
    std::fs::write(inputs.join("list.json"), serde_json::to_vec(&listed).unwrap()).unwrap();
    world.prepare(Before::Referred, &inputs.join("referred"));
    let report = referrers::report_on(&inputs.join("referred"), &world.app.digest_of("app:1"));
    let untouched = snapshot(inputs.path());
    let undisturbed = Environment::new();
    let target = undisturbed.join(case.target);
    world.prepare(case.before, &target);
    let old = state(&target);
    let at = |target: PathBuf| Place { inputs: inputs.path(), target, report: &report, overwrite: case.before == Before::Archive };
    let place = at(target);
    (case.run)(&place, quiet()).unwrap();
    let new = state(&place.target);
    assert!(old != new, "{} does nothing", case.name);
    Contents::of(&place.target).whole();
    let is_kept = |path: &Path, bytes: &[u8], state: &BTreeMap<PathBuf, Vec<u8>>| {
        path.ends_with("index.json") || path.as_os_str().is_empty() || state.get(path).is_some_and(|there| there == bytes)
    };
    // What the command itself takes away is no loss, and what only adds takes nothing away.
    let mut lasting = old.clone().unwrap_or_default();
    lasting.retain(|path, bytes| case.effect == Effect::Adds || is_kept(path, bytes, new.as_ref().unwrap()));

    for kind in KINDS {
        for n in 1.. {
            let what = format!("{}, {kind} at {n}", case.name);
            let directory = Environment::new();
            let mut place = at(directory.join(case.target));
            restore(old.as_ref(), &place.target);
            let faults = gate(kind, n);
            let context = Context { jobs: 1, faults: &faults, ..Context::standard() };
            let code = (case.run)(&place, context).err().map(|error| error.code());

            // What a reader sees is the old or the new, and which of them follows from the answer.
            let now = state(&place.target);
            let (seen_now, seen_old, seen_new) =
                (seen(now.as_ref(), case.before), seen(old.as_ref(), case.before), seen(new.as_ref(), case.before));
            match code {
                None | Some(Code::IoAfterPublication) => assert!(seen_now == seen_new, "{what}: {code:?} and it is not there"),
                Some(Code::Io | Code::IoSpace) if kind == "kill" => assert!(seen_now == seen_old || seen_now == seen_new, "{what}"),
                Some(Code::Io | Code::IoSpace) => assert!(seen_now == seen_old, "{what}: {code:?} and something changed"),
                Some(other) => panic!("{what}: {other:?}"),
            }
            assert!(!kind.contains("space") || code != Some(Code::Io), "{what}: a full disk is told as such");
            if seen_now.is_some() {
                let contents = Contents::of(&place.target);
                contents.whole();
                // No blob has a name that its bytes do not deserve, reachable or not.
                contents.blobs();
            }
            if let (Some(old), Some(now)) = (&old, &now) {
                assert!(lasting.iter().all(|(path, bytes)| is_kept(path, bytes, now)), "{what}: something that was there is lost");
                // What goes is deleted only when nothing names it any more.
                if seen_now == seen_old && seen_old != seen_new {
                    assert!(old.iter().all(|(path, bytes)| is_kept(path, bytes, now)), "{what}: a blob went before its entry");
                }
            }
            // A process that lives clears its temporary files away, and a killed one leaves them under names that are known.
            let tidy = kind.contains("once") && matches!(code, Some(Code::Io | Code::IoSpace));
            for name in names(directory.path()).into_iter().filter(|name| name != case.target) {
                assert!(is_temporary(name.as_encoded_bytes()) && !tidy, "{what}: {} lies around", name.display());
            }
            if tidy && place.target.is_dir() {
                let left = names(&place.target).into_iter().filter(|name| is_temporary(name.as_encoded_bytes())).count();
                assert_eq!(left, 0, "{what}: temporary files lie around");
            }
            assert!(untouched == snapshot(inputs.path()), "{what}: an input changed");

            // Again, and nobody can tell that anything went wrong before.
            if case.before == Before::Nothing && place.target.is_file() {
                let code = (case.run)(&place, quiet()).unwrap_err().code();
                assert_eq!(code, Code::OutputExists, "{what}");
                place.overwrite = true;
            }
            match (case.run)(&place, quiet()) {
                Ok(()) => {}
                // It is gone already.
                Err(error) if case.effect == Effect::Removes && error.code() == Code::RefNotFound => {
                    assert!(seen_now == seen_new, "{what}, again: {error}");
                }
                Err(error) => panic!("{what}, again: {error}"),
            }
            assert!(state(&place.target) == new, "{what}: the second run gives something else");

            if faults.refused() == 0 {
                assert_eq!(code, None);
                assert!(n > 4, "{what}: that is all");
                break;
            }
        }
    }
}
