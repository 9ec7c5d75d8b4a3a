//! A kill, a full disk or a failing disk at every single change of the file system: the target is the old one or the new
//! one, whole.
//!
//! The verbs run in this process with a gate that refuses the n-th change, for n = 1, 2, … until nothing was refused. After
//! each run the disk is looked at with other means, and the same command is run again without faults.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use airbase::core::clock::Time;
use airbase::core::fsys::{Faults, is_temporary};
use airbase::core::{Code, Result};
use airbase::oci::media_type::Compression;
use airbase::plan::lifecycle::change::Change;
use airbase::plan::lifecycle::field::{Field, Record, Value};
use airbase::plan::lifecycle::time::{Moment, Span, When};
use airbase::plan::rebase::created::CreatedPolicy;
use airbase::verbs::lifecycle;
use airbase::verbs::rebase::{MissingPlatform, TrustPlatform};
use airbase::verbs::referrers::{self, Attach};
use airbase::verbs::{Context, Form, Output, collection, copy, gc, prepare, rebase, rm, tag};
use rustix::io::Errno;
use serde_json::json;

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
    /// A layout with another image, which shares a layer with the result.
    Other,
    /// An archive of something else, which may be replaced.
    Archive,
}

/// One command and its target.
struct Case {
    name: &'static str,
    before: Before,
    /// The name of the target.
    target: &'static str,
    run: fn(&Place<'_>, Context<'_>) -> Result<()>,
}

/// Where a command runs: inputs that nobody may change, and the target.
struct Place<'a> {
    inputs: &'a Path,
    target: PathBuf,
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
            image,
            onto: Some(self.input("bases:os:new")),
            bases: vec![self.input("bases")],
            from: None,
            seam_layers: None,
            map: Vec::new(),
            platform: None,
            on_missing_platform: MissingPlatform::Fail,
            trust_platform: TrustPlatform::Refuse,
            verify: airbase::verbs::Verify::Digest,
            prefer: Vec::new(),
            created: CreatedPolicy::Newest,
            annotations: Vec::new(),
            base_name: None,
            supersede,
            output: Some(self.output()),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            mtime: 0,
        };
        rebase::plan(&request, Context::standard())?.apply(context).map(drop)
    }

    fn copy(&self, source: String, all: bool, context: Context<'_>) -> Result<()> {
        copy::copy(&copy::Request { source, all, platform: None, output: self.output(), name: None, referrers: None, mtime: 0 }, context)
            .map(drop)
    }

    fn annotate(&self, image: &str, all: bool, name: &str, context: Context<'_>) -> Result<()> {
        let target = tag::Target { output: self.output(), names: vec![name.to_owned()], mtime: 0 };
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

    fn prepare(&self, before: Before, target: &Path) {
        match before {
            Before::Nothing => {}
            Before::Empty => std::fs::create_dir(target).unwrap(),
            Before::App => self.app.write(target),
            Before::Other => self.other.write(target),
            Before::Archive => self.other.write_archive(target),
        }
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
    // No flush is real here, so memory serves as well as a disk, and is faster.
    let inputs = Environment::in_memory();
    world.bases.write(&inputs.join("bases"));
    world.app.write(&inputs.join("app"));
    world.app.write_archive(&inputs.join("app.tar"));
    std::fs::write(inputs.join("app.tar.gz"), gzip(&std::fs::read(inputs.join("app.tar")).unwrap())).unwrap();
    let listed =
        json!({"EolDate": "2026-12-01", "EolDigests": [{"Digest": world.app.digest_of("app:1")}, {"Digest": world.app.digest_of("tool")}]});
    std::fs::write(inputs.join("list.json"), serde_json::to_vec(&listed).unwrap()).unwrap();
    let untouched = snapshot(inputs.path());
    let prepared = |directory: &Environment| {
        let target = directory.join(case.target);
        world.prepare(case.before, &target);
        Place { inputs: inputs.path(), target, overwrite: case.before == Before::Archive }
    };
    let undisturbed = Environment::in_memory();
    let place = prepared(&undisturbed);
    let old = state(&place.target);
    (case.run)(&place, Context { jobs: 1, ..Context::standard() }).unwrap();
    let new = state(&place.target);
    assert!(old != new, "{} does nothing", case.name);
    Contents::of(&place.target).whole();

    for kind in KINDS {
        for n in 1.. {
            let what = format!("{}, {kind} at {n}", case.name);
            let directory = Environment::in_memory();
            let mut place = prepared(&directory);
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
                let kept = |(path, bytes): (&PathBuf, &Vec<u8>)| {
                    path.ends_with("index.json") || path.as_os_str().is_empty() || now[path] == *bytes
                };
                assert!(old.iter().all(kept), "{what}: something that was there is lost");
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
                let code = (case.run)(&place, Context { jobs: 1, ..Context::standard() }).unwrap_err().code();
                assert_eq!(code, Code::OutputExists, "{what}");
                place.overwrite = true;
            }
            (case.run)(&place, Context { jobs: 1, ..Context::standard() }).unwrap_or_else(|error| panic!("{what}, again: {error}"));
            assert!(state(&place.target) == new, "{what}: the second run gives something else");

            if faults.refused() == 0 {
                assert_eq!(code, None);
                assert!(n > 4, "{what}: that is all");
                break;
            }
        }
    }
}

#[test]
fn a_rebase_into_its_own_layout() {
    sweep(&Case {
        name: "rebase in place",
        before: Before::App,
        target: "target",
        run: |place, context| place.rebase(place.in_target("app:1"), &["app:2", "app:latest"], context),
    });
    sweep(&Case {
        name: "rebase in place under its own name",
        before: Before::App,
        target: "target",
        run: |place, context| place.rebase(place.in_target("app:1"), &["app:1"], context),
    });
}

#[test]
fn a_rebase_that_marks_the_old_image() {
    sweep(&Case {
        name: "rebase in place, and the old image is marked",
        before: Before::App,
        target: "target",
        run: |place, context| {
            let now = Moment::strict("2026-01-02T03:04:05Z").unwrap();
            place.rebase_and_mark(place.in_target("app:1"), &["app:2"], Some(now), context)
        },
    });
}

#[test]
fn a_rebase_into_another_layout() {
    let run = |place: &Place<'_>, context: Context<'_>| place.rebase(place.input("app:app:1"), &[], context);
    sweep(&Case { name: "rebase into another layout", before: Before::Other, target: "target", run });
    sweep(&Case { name: "rebase into an empty directory", before: Before::Empty, target: "target", run });
}

#[test]
fn a_rebase_into_a_new_layout() {
    let run = |place: &Place<'_>, context: Context<'_>| place.rebase(place.input("app.tar:app:1"), &[], context);
    sweep(&Case { name: "rebase into a new layout", before: Before::Nothing, target: "target", run });
}

#[test]
fn a_rebase_into_an_archive() {
    let run = |place: &Place<'_>, context: Context<'_>| place.rebase(place.input("app.tar:app:1"), &["app:2"], context);
    sweep(&Case { name: "rebase into a new archive", before: Before::Nothing, target: "target.tar", run });
    sweep(&Case { name: "rebase over an archive", before: Before::Archive, target: "target.tar", run });
}

#[test]
fn a_rebase_into_a_compressed_archive() {
    let run = |place: &Place<'_>, context: Context<'_>| place.rebase(place.input("app.tar:app:1"), &["app:2"], context);
    sweep(&Case { name: "rebase into a new archive in gzip", before: Before::Nothing, target: "target.tgz", run });
    sweep(&Case { name: "rebase over an archive, into zstd", before: Before::Archive, target: "target.tar.zst", run });
    // Blobs of a compressed input are copied aside first.
    let run = |place: &Place<'_>, context: Context<'_>| place.rebase(place.input("app.tar.gz:app:1"), &["app:2"], context);
    sweep(&Case { name: "rebase from gzip over an archive, into gzip", before: Before::Archive, target: "target.tgz", run });
    sweep(&Case { name: "rebase from gzip into a new archive in zstd", before: Before::Nothing, target: "target.tar.zst", run });
}

#[test]
fn a_copy() {
    let run = |place: &Place<'_>, context: Context<'_>| place.copy(place.input("app.tar"), true, context);
    sweep(&Case { name: "copy into a layout", before: Before::Other, target: "target", run });
    sweep(&Case { name: "copy into a new layout", before: Before::Nothing, target: "target", run });
    sweep(&Case { name: "copy over an archive", before: Before::Archive, target: "target.tar", run });
    let run = |place: &Place<'_>, context: Context<'_>| place.copy(place.input("app:tool"), false, context);
    sweep(&Case { name: "copy for docker over an archive", before: Before::Archive, target: "docker.tar", run });
    sweep(&Case { name: "copy into a new archive", before: Before::Nothing, target: "target.tar", run });
}

#[test]
fn names_and_annotations() {
    sweep(&Case {
        name: "tag",
        before: Before::App,
        target: "target",
        run: |place, context| tag::tag(&place.in_target("app:1"), &["tool".to_owned(), "new".to_owned()], context).map(drop),
    });
    sweep(&Case {
        name: "annotate in place",
        before: Before::App,
        target: "target",
        run: |place, context| place.annotate(&place.in_target("app:1"), true, "app:red", context),
    });
    sweep(&Case {
        name: "annotate into a new layout",
        before: Before::Nothing,
        target: "target",
        run: |place, context| place.annotate(&place.input("app:app:1"), false, "app:red", context),
    });
    sweep(&Case {
        name: "annotate into an archive",
        before: Before::Nothing,
        target: "target.tar",
        run: |place, context| place.annotate(&place.input("app.tar:tool"), false, "tool:red", context),
    });
}

/// Attaches a report to an image and its platforms.
fn attach(image: String, output: Option<Output>, context: Context<'_>) -> Result<()> {
    let request = Attach {
        image,
        files: Vec::new(),
        artifact_type: "application/x-report".to_owned(),
        annotations: Vec::new(),
        created: Time::parse("2026-01-02T03:04:05Z").unwrap(),
        all: true,
        members: false,
        platform: None,
        missing: None,
        output,
        names: Vec::new(),
        mtime: 0,
    };
    referrers::attach(&request, context).map(drop)
}

#[test]
fn something_is_attached() {
    sweep(&Case {
        name: "attach in place",
        before: Before::App,
        target: "target",
        run: |place, context| attach(place.in_target("app:1"), None, context),
    });
    let run = |place: &Place<'_>, context: Context<'_>| attach(place.input("app:app:1"), Some(place.output()), context);
    sweep(&Case { name: "attach into another layout", before: Before::Other, target: "target", run });
    sweep(&Case { name: "attach into a new layout", before: Before::Nothing, target: "target", run });
    sweep(&Case { name: "attach over an archive", before: Before::Archive, target: "target.tar", run });
}

/// Makes a collection where its members lie and elsewhere, and writes what a registry wants.
#[test]
fn something_is_collected_and_prepared() {
    fn collect(place: &Place<'_>, app: String, tool: String, context: Context<'_>) -> Result<()> {
        let depends = vec!["app:1=tool".to_owned()];
        let (name, members) = ("suite:1".to_owned(), vec![app, tool]);
        let request = collection::Create { name, members, depends, annotations: Vec::new(), output: place.output(), mtime: 0 };
        collection::create(&request, context).map(drop)
    }
    sweep(&Case {
        name: "collection create in place",
        before: Before::App,
        target: "target",
        run: |place, context| collect(place, place.in_target("app:1"), place.in_target("tool"), context),
    });
    let run = |place: &Place<'_>, context: Context<'_>| collect(place, place.input("app:app:1"), place.input("app:tool"), context);
    sweep(&Case { name: "collection create into another layout", before: Before::Other, target: "target", run });
    sweep(&Case { name: "collection create over an archive", before: Before::Archive, target: "target.tar", run });
    let run = |place: &Place<'_>, context: Context<'_>| {
        let request = prepare::Request {
            path: place.input("app"),
            registry: "registry.site/team".to_owned(),
            profile: airbase::plan::prepare::Profile::Registry,
            platform: None,
            output: Some(place.output()),
            mtime: 0,
        };
        prepare::prepare(&request, context).map(drop)
    };
    sweep(&Case { name: "prepare into a new layout", before: Before::Nothing, target: "target", run });
    sweep(&Case { name: "prepare over an archive", before: Before::Archive, target: "target.tar", run });
}

/// States an end of life, a successor, and what a list asks for: on an index and its platforms at once.
#[test]
fn something_is_stated() {
    fn now() -> Moment {
        Moment::strict("2026-11-21").unwrap()
    }
    sweep(&Case {
        name: "lifecycle set",
        before: Before::App,
        target: "target",
        run: |place, context| {
            let end = Value::Time(When::At(Moment::strict("2026-12-01").unwrap()));
            let request = lifecycle::Set {
                image: place.in_target("app:1"),
                change: Change::of(Field::EndOfLife, end),
                profile: None,
                issuer: None,
                platform: None,
                index_only: false,
                now: now(),
            };
            lifecycle::set(&request, context).map(drop)
        },
    });
    sweep(&Case {
        name: "lifecycle supersede",
        before: Before::App,
        target: "target",
        run: |place, context| {
            let request = lifecycle::Supersede {
                old: place.in_target("app:1"),
                by: place.input("bases:os:new"),
                more: Record::new(),
                profile: None,
                issuer: None,
                force: false,
                now: now(),
            };
            lifecycle::supersede(&request, context).map(drop)
        },
    });
    sweep(&Case {
        name: "lifecycle import",
        before: Before::App,
        target: "target",
        run: |place, context| {
            let request = lifecycle::Import {
                file: place.input("list.json").into(),
                paths: vec![place.target.to_str().unwrap().to_owned()],
                product: None,
                profile: None,
                issuer: None,
                dry_run: false,
                now: now(),
            };
            lifecycle::import(&request, context).map(drop)
        },
    });
}

/// What is removed cannot be removed twice, so these are told apart from the others: whatever happened, the index is the old or
/// the new one, all that it names is whole, and running it again ends as if nothing had happened.
#[test]
fn what_goes_is_gone_or_whole() {
    let world = World::new();
    let created = Context { jobs: 1, ..Context::standard() };
    let collect = |place: &Path, context: Context<'_>| {
        let request = gc::Request { path: place.to_owned(), apply: true, grace: Span::NONE, now: Time::now() };
        gc::gc(&request, context).map(drop)
    };
    let prepared = |directory: &Environment| {
        let target = directory.join("target");
        world.app.write(&target);
        attach(format!("{}:app:1", target.display()), None, created).unwrap();
        attach(format!("{}:tool", target.display()), None, created).unwrap();
        rm::rm(&format!("{}:app:1", target.display()), false, created).unwrap();
        target
    };
    let undisturbed = Environment::in_memory();
    let target = prepared(&undisturbed);
    let old = Contents::of(&target).index();
    collect(&target, created).unwrap();
    let new = Contents::of(&target);
    assert_eq!(new.whole(), new.blobs().into_keys().collect());
    assert_ne!(new.index(), old);
    for kind in KINDS {
        for n in 1.. {
            let what = format!("gc, {kind} at {n}");
            let directory = Environment::in_memory();
            let target = prepared(&directory);
            let faults = gate(kind, n);
            let code = collect(&target, Context { jobs: 1, faults: &faults, ..Context::standard() }).err().map(|error| error.code());
            let now = Contents::of(&target);
            now.whole();
            assert!(now.index() == old || now.index() == new.index(), "{what}");
            if !matches!(code, None | Some(Code::IoAfterPublication)) && kind != "kill" {
                // Deleting may have begun, and only of what the new index does not name.
                assert!(now.index() == new.index() || now.blobs().len() > new.blobs().len(), "{what}: {code:?}");
            }
            collect(&target, created).unwrap_or_else(|error| panic!("{what}, again: {error}"));
            assert!(state(&target) == state(&undisturbed.join("target")), "{what}: the second run gives something else");
            if faults.refused() == 0 {
                assert_eq!(code, None, "{what}");
                assert!(n > 4, "{what}: that is all");
                break;
            }
        }
    }
}

#[test]
fn a_name_is_removed_or_not() {
    // The second run is refused, because the name is gone: so this one is told apart from the others.
    let world = World::new();
    for kind in KINDS {
        for n in 1.. {
            let directory = Environment::in_memory();
            let target = directory.join("target");
            world.app.write(&target);
            let old = Contents::of(&target).index();
            let faults = gate(kind, n);
            let context = Context { jobs: 1, faults: &faults, ..Context::standard() };
            let code = tag::untag(&format!("{}:tool", target.display()), context).err().map(|error| error.code());
            let contents = Contents::of(&target);
            contents.whole();
            let removed = contents.named("tool").is_none();
            assert!(removed || contents.index() == old);
            match code {
                None | Some(Code::IoAfterPublication) => assert!(removed, "{kind} at {n}"),
                Some(_) => assert!(!removed || kind == "kill", "{kind} at {n}: {code:?}"),
            }
            if faults.refused() == 0 {
                break;
            }
        }
    }
}
