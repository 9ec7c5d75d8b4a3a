use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::foundation::event::Silent;
use crate::foundation::fsys::Operation;
use crate::oci::annotation::REF_NAME;
use crate::write::Content;
use crate::write::payload::Memory;

const OLD: &[u8] = b"the old manifest";
const NEW: &[u8] = b"the new manifest";
const LAYER: &[u8] = b"a layer";

fn put(name: &str, bytes: &[u8]) -> IndexEdit {
    let descriptor = format!(
        r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{}}}"#,
        Digest::sha256(bytes),
        bytes.len()
    );
    IndexEdit::Put { name: Some(name.to_owned()), descriptor: descriptor.into() }
}

fn old_index() -> String {
    format!(
        "{{\n  \"schemaVersion\": 2,\n  \"manifests\": [\n    {{\n      \"digest\": \"{}\",\n      \"annotations\": {{\n        \"{REF_NAME}\": \"x\"\n      }}\n    }}\n  ],\n  \"mine\": 1.0\n}}\n",
        Digest::sha256(OLD)
    )
}

fn new_index() -> String {
    index_edit::apply(&old_index(), &[put("x", NEW)], &Limits::STANDARD).unwrap().text.unwrap()
}

/// A layout with one image, made by hand.
fn make(root: &Path) {
    fs::create_dir_all(root.join("blobs/sha256")).unwrap();
    fs::write(root.join("oci-layout"), "{\"imageLayoutVersion\": \"1.0.0\", \"extra\": true}\n").unwrap();
    fs::write(root.join(INDEX), old_index()).unwrap();
    fs::write(root.join(Digest::sha256(OLD).blob_path()), OLD).unwrap();
}

fn options(faults: &Faults) -> LayoutOptions {
    LayoutOptions { jobs: 1, lock_timeout: Duration::from_millis(200), faults: faults.clone(), ..LayoutOptions::default() }
}

fn commit(root: &Path, faults: &Faults) -> Result<Committed> {
    let payloads = [Payload::document(NEW), Payload { content: Content::Source(&Memory(LAYER)), ..Payload::document(LAYER) }];
    Layout::open_or_create(root, options(faults))?.commit(&payloads, &[put("x", NEW)], &Silent)
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Everything that must hold whatever happened; gives the text of the index.
fn whole(root: &Path, damaged: Option<&str>) -> String {
    for name in names(root) {
        assert!(["oci-layout", "blobs", INDEX, INDEX_LOCK].contains(&name.as_str()) || is_temporary(name.as_bytes()), "{name} lies around");
    }
    let shelf = root.join("blobs/sha256");
    for name in if shelf.exists() { names(&shelf) } else { Vec::new() } {
        let sound = Digest::sha256(&fs::read(shelf.join(&name)).unwrap()).hex() == name;
        assert!(sound || damaged == Some(name.as_str()), "the blob {name} has other content");
    }
    let index = fs::read_to_string(root.join(INDEX)).unwrap();
    let document = Document::parse(index.as_bytes(), &Limits::STANDARD).unwrap();
    for entry in document.root().get("manifests").unwrap().items() {
        let digest: Digest = entry.get("digest").unwrap().as_str().unwrap().parse().unwrap();
        assert!(root.join(digest.blob_path()).is_file(), "the index names {digest}, which is missing");
        if digest == Digest::sha256(NEW) {
            assert!(root.join(Digest::sha256(LAYER).blob_path()).is_file(), "the layer is missing");
        }
    }
    index
}

/// Runs `run` with every fault at every operation, and `check` after each.
fn sweep(
    run: impl Fn(&Path, &Faults) -> Result<Committed>,
    prepare: impl Fn(&Path),
    lacking: &[(Operation, Errno)],
    check: impl Fn(&Path, bool, Option<Code>),
) {
    let mut most = 0;
    for (kind, kill) in [(0, true), (1, false), (2, false), (3, false), (4, false)] {
        for n in 1.. {
            let place = crate::in_memory();
            let root = place.path().join("layout");
            prepare(&root);
            let faults = match kind {
                0 => Faults::kill_at(n),
                1 => Faults::fail_at(n, Errno::NOSPC),
                2 => Faults::fail_at(n, Errno::IO),
                3 => Faults::fail_from(n, Errno::NOSPC),
                // A signal; the operation is repeated and nobody notices.
                _ => Faults::fail_at(n, Errno::INTR),
            };
            let faults = lacking.iter().fold(faults, |faults, (operation, errno)| faults.lacking(*operation, *errno));
            let code = run(&root, &faults).err().map(|error| error.code());
            assert!(kind != 4 || code.is_none(), "a signal at {n}: {code:?}");
            check(&root, kill, code);
            for name in names(place.path()) {
                assert!(name == "layout" || is_temporary(name.as_bytes()), "{name} lies around");
            }
            run(&root, &Faults::none()).unwrap();
            check(&root, kill, None);
            // The next writer took away what was left.
            for directory in [place.path(), &root, &root.join("blobs")] {
                assert_eq!(names(directory).into_iter().find(|name| is_temporary(name.as_bytes())), None, "{n}");
            }
            if faults.refused() == 0 {
                assert_eq!(code, None);
                most = n;
                break;
            }
        }
    }
    assert!(most > 10, "the sweep reached {most} operations only");
}

#[test]
fn any_fault_leaves_the_old_index_or_the_new_one() {
    let check = |root: &Path, kill: bool, code: Option<Code>| {
        let index = whole(root, None);
        match code {
            None | Some(Code::IoAfterPublication) => assert_eq!(index, new_index()),
            Some(_) if kill => assert!(index == old_index() || index == new_index()),
            Some(_) => assert_eq!(index, old_index()),
        }
        assert!(root.join(Digest::sha256(OLD).blob_path()).is_file());
    };
    sweep(commit, make, &[], check);
    // The same where the file system can do less.
    sweep(commit, make, &[(Operation::Stage, Errno::OPNOTSUPP), (Operation::Exchange, Errno::INVAL)], check);
}

#[test]
fn any_fault_while_a_layout_is_made_leaves_none_or_all_of_it() {
    let expected = index_edit::apply(EMPTY_INDEX, &[put("x", NEW)], &Limits::STANDARD).unwrap().text.unwrap();
    sweep(
        commit,
        |_| (),
        &[],
        |root, kill, code| {
            if root.exists() {
                assert!(kill || matches!(code, None | Some(Code::IoAfterPublication)), "{code:?}");
                assert_eq!(whole(root, None), expected);
                assert_eq!(fs::read(root.join(MARKER_FILE)).unwrap(), MARKER);
            } else {
                assert!(code.is_some());
            }
        },
    );
    // Into an empty directory, which may be a mount point.
    sweep(
        commit,
        |root| fs::create_dir(root).unwrap(),
        &[],
        |root, _, code| {
            if root.join(INDEX).exists() {
                let index = whole(root, None);
                assert!(index == expected || (code.is_some() && index == EMPTY_INDEX));
            } else {
                assert!(code.is_some());
            }
        },
    );
}

#[test]
fn a_damaged_blob_is_replaced_whatever_happens_and_never_written_through() {
    let digest = Digest::sha256(LAYER);
    let prepare = |root: &Path| {
        make(root);
        fs::write(root.join("elsewhere.txt"), "not a layer").unwrap();
        std::os::unix::fs::symlink("../../elsewhere.txt", root.join(digest.blob_path())).unwrap();
    };
    let place = tempfile::tempdir().unwrap();
    prepare(place.path());
    let committed = commit(place.path(), &Faults::none()).unwrap();
    assert_eq!(committed.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::BlobRepaired]);
    assert_eq!(fs::read(place.path().join("elsewhere.txt")).unwrap(), b"not a layer");
    assert!(fs::symlink_metadata(place.path().join(digest.blob_path())).unwrap().is_file());

    // A blob that another tool left truncated.
    let prepare = |root: &Path| {
        make(root);
        fs::write(root.join(digest.blob_path()), "a la").unwrap();
    };
    sweep(commit, prepare, &[], |root, _, code| {
        let index = whole(root, code.is_some().then(|| digest.hex()).as_deref());
        assert!(index == new_index() || (code.is_some() && index == old_index()));
        if index == new_index() {
            assert_eq!(fs::read(root.join(digest.blob_path())).unwrap(), LAYER);
        }
    });
}

#[test]
fn a_sound_link_is_reused_and_what_is_there_is_not_written_again() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    make(root);
    fs::write(root.join("rootfs.tar.gz"), LAYER).unwrap();
    std::os::unix::fs::symlink("../../rootfs.tar.gz", root.join(Digest::sha256(LAYER).blob_path())).unwrap();
    let committed = commit(root, &Faults::none()).unwrap();
    assert_eq!((committed.blobs_written, committed.blobs_reused, committed.index_changed), (1, 1, true));
    assert!(fs::symlink_metadata(root.join(Digest::sha256(LAYER).blob_path())).unwrap().is_symlink());
    fs::remove_file(root.join("rootfs.tar.gz")).ok();
    fs::write(root.join("rootfs.tar.gz"), LAYER).unwrap();

    let before = fs::metadata(root.join(INDEX)).unwrap();
    let committed = commit(root, &Faults::none()).unwrap();
    assert_eq!((committed.blobs_written, committed.blobs_reused, committed.index_changed), (0, 2, false));
    let after = fs::metadata(root.join(INDEX)).unwrap();
    use std::os::unix::fs::MetadataExt;
    assert_eq!(before.ino(), after.ino());
    assert_eq!(names(root), ["blobs", "index.json", "oci-layout", "rootfs.tar.gz"]);
    assert_eq!(fs::read_to_string(root.join(MARKER_FILE)).unwrap(), "{\"imageLayoutVersion\": \"1.0.0\", \"extra\": true}\n");
}

#[test]
fn bytes_that_are_not_what_they_claim_get_no_name() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    make(root);
    let layout = Layout::open_or_create(root, options(&Faults::none())).unwrap();
    let right = Payload::document(NEW);
    for (content, size, code) in [
        (&b"the new manifesT"[..], 16, Code::BlobDigestMismatch),
        (b"the new manifest!", 16, Code::DescriptorSizeMismatch),
        (b"the new manifes", 16, Code::DescriptorSizeMismatch),
        (b"the new manifest", 17, Code::DescriptorSizeMismatch),
        (b"the new manifest", u64::MAX, Code::DescriptorSizeMismatch),
    ] {
        for content in [Content::Bytes(content), Content::Source(&Memory(content))] {
            let payload = Payload { digest: right.digest.clone(), size, content };
            assert_eq!(layout.commit(&[payload], &[put("x", NEW)], &Silent).unwrap_err().code(), code);
            assert_eq!(names(&root.join("blobs/sha256")), [Digest::sha256(OLD).hex()]);
            assert_eq!(whole(root, None), old_index());
        }
    }
    let other = Payload { size: 3, ..right.clone() };
    assert_eq!(layout.commit(&[right, other], &[], &Silent).unwrap_err().code(), Code::DescriptorConflict);
}

#[test]
fn what_cannot_be_read_is_not_replaced() {
    for (name, content, code) in [
        (INDEX, "", Code::LayoutIndexTruncated),
        (INDEX, "{\"schemaVersion\":2,\"mani", Code::LayoutIndexTruncated),
        (INDEX, "{\"a\":1,\"a\":2}", Code::JsonDuplicateKey),
        (MARKER_FILE, "{}", Code::LayoutMarkerInvalid),
        (MARKER_FILE, "{\"imageLayoutVersion\":\"2.0.0\"}", Code::LayoutVersionUnsupported),
    ] {
        let place = tempfile::tempdir().unwrap();
        make(place.path());
        fs::write(place.path().join(name), content).unwrap();
        assert_eq!(commit(place.path(), &Faults::none()).unwrap_err().code(), code, "{content}");
        assert_eq!(fs::read_to_string(place.path().join(name)).unwrap(), content);
        assert_eq!(names(&place.path().join("blobs/sha256")).len(), 1);
    }
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("notes.txt"), "mine").unwrap();
    assert_eq!(commit(place.path(), &Faults::none()).unwrap_err().code(), Code::LayoutMarkerMissing);
    assert_eq!(commit(&place.path().join("notes.txt"), &Faults::none()).unwrap_err().code(), Code::UsageOutput);
    let outside = tempfile::tempdir().unwrap();
    make(place.path());
    fs::remove_file(place.path().join("notes.txt")).unwrap();
    fs::remove_dir_all(place.path().join("blobs")).unwrap();
    std::os::unix::fs::symlink(outside.path(), place.path().join("blobs")).unwrap();
    assert_eq!(commit(place.path(), &Faults::none()).unwrap_err().code(), Code::PathSymlink);
    assert!(names(outside.path()).is_empty());
}

#[test]
fn the_index_keeps_its_mode_and_new_files_have_the_usual_one() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    make(root);
    fs::set_permissions(root.join(INDEX), fs::Permissions::from_mode(0o640)).unwrap();
    commit(root, &Faults::none()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&root.join(INDEX)), 0o640);
    fs::write(root.join("plain"), "").unwrap();
    assert_eq!(mode(&root.join(Digest::sha256(NEW).blob_path())), mode(&root.join("plain")));
}

/// A program that knows no lock and replaces the index at the worst moment, once or always.
fn meddling(root: &Path, times: usize, text: impl Fn(usize) -> String + Send + Sync + 'static) -> Faults {
    let (path, count) = (root.join(INDEX), AtomicUsize::new(0));
    Faults::count().meanwhile(Operation::Exchange, move || {
        let number = count.fetch_add(1, Ordering::SeqCst);
        if number < times {
            let beside = path.with_extension("other");
            fs::write(&beside, text(number)).unwrap();
            fs::rename(&beside, &path).unwrap();
        }
    })
}

fn with_other(number: usize) -> String {
    index_edit::apply(&old_index(), &[put(&format!("other{number}"), OLD)], &Limits::STANDARD).unwrap().text.unwrap()
}

#[test]
fn a_program_that_knows_no_lock_loses_nothing() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    make(root);
    assert!(commit(root, &meddling(root, 1, with_other)).unwrap().index_changed);
    let index = whole(root, None);
    assert_eq!(index, index_edit::apply(&with_other(0), &[put("x", NEW)], &Limits::STANDARD).unwrap().text.unwrap());
    assert_eq!(names(root), ["blobs", "index.json", "oci-layout"]);
}

#[test]
fn a_version_that_our_edits_do_not_fit_is_put_back() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    make(root);
    let ambiguous = |_| {
        let entry = |digest: Digest| format!(r#"{{"digest":"{digest}","annotations":{{"{REF_NAME}":"x"}}}}"#);
        format!(r#"{{"manifests":[{},{}]}}"#, entry(Digest::sha256(OLD)), entry(Digest::sha256(LAYER)))
    };
    assert_eq!(commit(root, &meddling(root, 1, ambiguous)).unwrap_err().code(), Code::RefAmbiguous);
    assert_eq!(whole(root, None), ambiguous(0));
    assert_eq!(names(root), ["blobs", "index.json", "oci-layout"]);
}

#[test]
fn a_torn_version_or_endless_writing_is_a_conflict_and_their_version_is_kept() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    make(root);
    assert_eq!(commit(root, &meddling(root, 1, |_| "{\"mani".to_owned())).unwrap_err().code(), Code::WriteConflict);
    let kept = |root: &Path| names(root).into_iter().filter(|name| name.starts_with("index.json.conflict-")).collect::<Vec<_>>();
    assert_eq!(fs::read_to_string(root.join(&kept(root)[0])).unwrap(), "{\"mani");
    assert_eq!(fs::read_to_string(root.join(INDEX)).unwrap(), new_index());

    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    make(root);
    assert_eq!(commit(root, &meddling(root, usize::MAX, with_other)).unwrap_err().code(), Code::WriteConflict);
    assert!(!kept(root).is_empty());
    Document::parse(&fs::read(root.join(INDEX)).unwrap(), &Limits::STANDARD).unwrap();
}

#[test]
fn threads_that_add_at_the_same_time_lose_no_name() {
    const THREADS: usize = 8;
    const TAGS: usize = 25;
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("layout");
    let shared = Arc::new(Layout::open_or_create(&root, LayoutOptions { jobs: 2, ..LayoutOptions::default() }).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (root, shared) = (&root, shared.clone());
            scope.spawn(move || {
                // Some share a handle, as a batch does; some have their own, as processes do.
                let own = Layout::open_or_create(root, LayoutOptions { jobs: 1, ..LayoutOptions::default() }).unwrap();
                let layout = if thread % 2 == 0 { &own } else { &*shared };
                for tag in 0..TAGS {
                    let manifest = format!("manifest {thread} {tag}");
                    let payloads = [Payload::document(manifest.as_bytes()), Payload::document(LAYER)];
                    layout.commit(&payloads, &[put(&format!("{thread}-{tag}"), manifest.as_bytes())], &Silent).unwrap();
                }
            });
        }
    });
    let index = whole(&root, None);
    assert_eq!(index.matches(REF_NAME).count(), THREADS * TAGS);
    assert_eq!(names(&root), ["blobs", "index.json", "oci-layout"]);
    assert_eq!(names(place.path()), ["layout"]);
}

#[test]
fn many_blobs_go_in_waves_with_several_threads() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("layout");
    let bytes: Vec<Vec<u8>> = (0_u32..300).map(|number| number.to_le_bytes().repeat(number as usize)).collect();
    let payloads: Vec<Payload<'_>> = bytes.iter().map(|bytes| Payload::document(bytes)).collect();
    let layout = Layout::open_or_create(&root, LayoutOptions { jobs: 4, ..LayoutOptions::default() }).unwrap();
    let committed = layout.commit(&payloads, &[], &Silent).unwrap();
    assert_eq!(committed.blobs_written, 300);
    let again = layout.commit(&payloads, &[], &Silent).unwrap();
    assert_eq!((again.blobs_written, again.blobs_reused, again.index_changed), (0, 300, false));
    whole(&root, None);
}

/// Just before each change of one writer, another one comes that clears what nobody holds.
#[test]
fn a_writer_takes_nothing_from_one_that_is_at_work() {
    for kind in [Operation::Stage, Operation::Link, Operation::Rename, Operation::Exchange, Operation::SyncDirectory, Operation::Lock] {
        for lacking in [&[][..], &[(Operation::Stage, Errno::OPNOTSUPP)]] {
            for exists in [true, false] {
                let place = crate::in_memory();
                let root = place.path().join("layout");
                if exists {
                    make(&root);
                }
                let (beside, busy) = (place.path().to_owned(), AtomicUsize::new(0));
                let inner = root.clone();
                let faults = Faults::count().meanwhile(kind, move || {
                    if busy.fetch_add(1, Ordering::SeqCst) < 3 {
                        let folder = crate::foundation::fsys::WriteDirectory::open(&beside, &Faults::none()).unwrap();
                        crate::write::leftovers::clear_folder(&folder);
                        if inner.exists() {
                            crate::write::leftovers::clear_layout(&WriteDirectory::open(&inner, &Faults::none()).unwrap());
                        }
                    }
                });
                let faults = lacking.iter().fold(faults, |faults, (operation, errno)| faults.lacking(*operation, *errno));
                commit(&root, &faults).unwrap_or_else(|error| panic!("{kind:?} {lacking:?} {exists}: {error}"));
                whole(&root, None);
            }
        }
    }
}
