//! Many processes on one layout at once: nobody's result is lost, no reader sees half of anything, and killing them does
//! no harm.
//!
//! The layouts lie in memory where the machine has a place for that: thousands of flushes of a slow disk would measure the
//! disk. The processes are real ones.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Contents, Dice, Environment, Image, Layout, layer};

const PROCESSES: usize = 32;
const TAGS: usize = 100;

/// How many names one process adds. Without optimisation reading an index of thousands of entries takes a tenth of a second,
/// so in debug builds there are fewer processes with more names each; always 32 at a time, always 3 200 names.
const NAMES_EACH: usize = if cfg!(debug_assertions) { 20 } else { 1 };

fn names(index: &Value) -> Vec<&str> {
    let entries = index["manifests"].as_array().unwrap();
    entries.iter().filter_map(|entry| entry["annotations"]["org.opencontainers.image.ref.name"].as_str()).collect()
}

/// Reads the index again and again until told to stop; gives how often. Each time it is whole and has lost no name.
fn read_meanwhile(path: &Path, stop: &AtomicBool) -> usize {
    let mut reads = 0;
    let mut most = 0;
    while !stop.load(Ordering::Relaxed) {
        let bytes = std::fs::read(path.join("index.json")).unwrap();
        let index: Value = serde_json::from_slice(&bytes).expect("a reader saw half an index");
        let count = names(&index).len();
        assert!(count >= most, "a reader saw {most} names, then {count}");
        most = count;
        reads += 1;
        std::thread::sleep(Duration::from_millis(2));
    }
    reads
}

/// Waits for all of them; each must succeed.
fn wait(children: Vec<Child>) {
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

pub fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped())
}

/// Kills processes in the middle of their work, one after the other in no order; `done` is told of those that were faster. How many
/// were killed in time.
pub fn strike(mut running: Vec<(String, Child)>, dice: &mut Dice, usual: u64, done: &mut dyn FnMut(String)) -> usize {
    let mut killed = 0;
    while !running.is_empty() {
        std::thread::sleep(Duration::from_micros(dice.below(usual)));
        let victim = usize::try_from(dice.below(running.len() as u64)).unwrap();
        let (what, mut child) = running.swap_remove(victim);
        child.kill().unwrap();
        let status = child.wait().unwrap();
        if status.success() {
            done(what);
        } else {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut text).unwrap();
            assert_eq!(status.code(), None, "{what} failed by itself: {text}");
            killed += 1;
        }
    }
    killed
}

#[test]
fn processes_that_tag_at_the_same_time_lose_no_name() {
    let environment = Environment::on_disk();
    let path = environment.join("layout");
    let image = Image::of(&[&layer(&["a=1"])]);
    Layout::new().image("seed", &image).write(&path);
    let stop = AtomicBool::new(false);
    let reads = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_meanwhile(&path, &stop));
        let writers: Vec<_> = (0..PROCESSES)
            .map(|process| {
                let environment = &environment;
                scope.spawn(move || {
                    let tags: Vec<String> = (0..TAGS).map(|tag| format!("t-{process}-{tag}")).collect();
                    for tags in tags.chunks(NAMES_EACH) {
                        let mut arguments = vec!["tag", "layout:seed", "--lock-timeout", "300"];
                        arguments.extend(tags.iter().map(String::as_str));
                        environment.ok(&arguments);
                    }
                })
            })
            .collect();
        let results: Vec<_> = writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        stop.store(true, Ordering::Relaxed);
        let reads = reader.join().unwrap();
        assert!(results.iter().all(Result::is_ok), "a writer failed");
        reads
    });
    assert!(reads > 10, "{reads}");
    let contents = Contents::of(&path);
    contents.whole();
    let index = contents.index();
    let mut found = names(&index);
    found.sort_unstable();
    let mut expected: Vec<String> =
        (0..PROCESSES).flat_map(|process| (0..TAGS).map(move |tag| format!("t-{process}-{tag}"))).chain(["seed".to_owned()]).collect();
    expected.sort_unstable();
    assert_eq!(found.len(), PROCESSES * TAGS + 1);
    assert_eq!(found, expected);
    assert_eq!(contents.files.len(), 2 + contents.blobs().len(), "{:?}", contents.files.keys());
}

#[test]
fn processes_that_make_one_layout_at_the_same_time_all_get_their_image_into_it() {
    let environment = Environment::on_disk();
    let shared = layer(&["shared=1"]);
    let images: Vec<Image> = (0..16).map(|number| Image::of(&[&shared, &layer(&[&format!("own={number}")])])).collect();
    for (number, image) in images.iter().enumerate() {
        Layout::new().image(&format!("app:{number}"), image).write_archive(&environment.join(&format!("{number}.tar")));
    }
    for round in 0..4 {
        let path = environment.join(&format!("layout{round}"));
        let target = format!("layout{round}");
        wait(
            (0..images.len())
                .map(|number| quiet(&mut environment.command(&["copy", &format!("{number}.tar"), &target])).spawn().unwrap())
                .collect(),
        );
        let contents = Contents::of(&path);
        contents.whole();
        for (number, image) in images.iter().enumerate() {
            assert_eq!(contents.named(&format!("app:{number}")).unwrap(), image.digest());
        }
        assert_eq!((contents.entries().len(), contents.files.len()), (16, 2 + contents.blobs().len()));
    }
    let left: Vec<_> = std::fs::read_dir(environment.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), images.len() + 4, "{left:?}");
}

#[test]
fn all_who_attach_to_one_image_at_the_same_time_stand_on_its_list() {
    const EACH: usize = 4;
    let environment = Environment::on_disk();
    let image = Image::of(&[&layer(&["a=1"])]);
    Layout::new().image("app:1", &image).write(&environment.join("layout"));
    std::thread::scope(|scope| {
        for process in 0..PROCESSES / 2 {
            let environment = &environment;
            scope.spawn(move || {
                for number in 0..EACH {
                    let who = format!("who={process}-{number}");
                    let arguments = ["attach", "layout:app:1", "--type", "application/x-report", "-a", &who, "--lock-timeout", "300"];
                    environment.ok(&arguments);
                }
            });
        }
        // Somebody collects meanwhile, and takes nothing that anybody is about to name.
        scope.spawn(|| {
            for _ in 0..4 {
                environment.ok(&["gc", "layout", "--apply", "--grace", "0", "--lock-timeout", "300"]);
            }
        });
    });
    let contents = Contents::of(&environment.join("layout"));
    contents.whole();
    let list = contents.json(&contents.named(&image.digest().replace(':', "-")).unwrap());
    let mut listed: Vec<&str> =
        list["manifests"].as_array().unwrap().iter().map(|child| child["annotations"]["who"].as_str().unwrap()).collect();
    listed.sort_unstable();
    let mut expected: Vec<String> =
        (0..PROCESSES / 2).flat_map(|process| (0..EACH).map(move |number| format!("{process}-{number}"))).collect();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    // The image, the list, and an entry for each.
    assert_eq!(contents.entries().len(), 2 + expected.len());
    environment.ok(&["doctor", "layout"]);
}

#[test]
fn of_processes_that_make_one_archive_one_wins_and_the_others_are_told() {
    let environment = Environment::on_disk();
    let images: Vec<Image> = (0..8).map(|number| Image::of(&[&layer(&[&format!("own={number}")])])).collect();
    for (number, image) in images.iter().enumerate() {
        Layout::new().image("app", image).write(&environment.join(&format!("in{number}")));
    }
    let children: Vec<Child> =
        (0..8).map(|number| quiet(&mut environment.command(&["copy", &format!("in{number}"), "out.tar"])).spawn().unwrap()).collect();
    let results: Vec<_> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let winners: Vec<usize> = (0..8).filter(|number| results[*number].status.success()).collect();
    assert_eq!(winners.len(), 1);
    for output in results.iter().filter(|output| !output.status.success()) {
        assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stderr).contains("[output.exists]"));
    }
    let contents = Contents::of(&environment.join("out.tar"));
    contents.whole();
    assert_eq!(contents.named("app").unwrap(), images[winners[0]].digest());
    assert_eq!(std::fs::read_dir(environment.path()).unwrap().count(), 9);
}

#[test]
fn writers_that_are_killed_leave_the_layout_whole() {
    let environment = Environment::on_disk();
    let path = environment.join("layout");
    let work = layer(&["app=1"]);
    let (old, new) = (Image::of(&[&layer(&["os=old"])]), Image::of(&[&layer(&["os=new"])]));
    Layout::new().image("os:old", &old).image("os:new", &new).write(&environment.join("bases"));
    Layout::new().image("app", &old.and(&[&work])).write(&path);
    // Large enough to be killed in the middle of a blob, and another one each time.
    let mut letters = Dice::new(0x1e77_e125);
    let text: String = (0..400_000).map(|_| char::from(b'!' + u8::try_from(letters.below(90)).unwrap())).collect();
    let large = |round: usize| {
        let image = Image::of(&[&layer(&[&format!("large={round}{text}")])]);
        Layout::new().image("large", &image).write_archive(&environment.join("large.tar"));
        image.digest()
    };
    large(0);

    // How long they take when nobody kills them, so that the blows fall while they work, on a fast machine and a busy one.
    let watch = Instant::now();
    environment.ok(&["copy", "large.tar", "layout:first"]);
    let usual = u64::try_from(watch.elapsed().as_micros()).unwrap();

    let mut dice = Dice::new(0x5eed_0001);
    let (mut killed, mut round) = (0, 0);
    let mut kept = Vec::new();
    while killed < 60 && round < 200 {
        round += 1;
        large(round);
        let running: Vec<(String, Child)> = (0..5)
            .map(|number| {
                let name = format!("r{round}-{number}");
                let arguments: Vec<String> = match number % 3 {
                    0 => ["tag", "layout:app", &name].map(str::to_owned).to_vec(),
                    1 => ["copy", "large.tar", &format!("layout:{name}")].map(str::to_owned).to_vec(),
                    _ => {
                        let onto = ["--onto", "bases:os:new", "--from", "bases:os:old", "--tag", &name, "-a", &format!("n={name}")];
                        ["rebase", "layout:app"].iter().chain(&onto).map(|text| (*text).to_owned()).collect()
                    }
                };
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                let child = quiet(&mut environment.command(&arguments)).spawn().unwrap();
                (name, child)
            })
            .collect();
        killed += strike(running, &mut dice, usual, &mut |name| kept.push(name));
        // Whoever looks now sees a whole layout, with every blob under its right name.
        let contents = Contents::of(&path);
        contents.whole();
        contents.blobs();
    }
    assert!(killed >= 60, "{killed} were killed in time");
    let contents = Contents::of(&path);
    for name in &kept {
        assert!(contents.named(name).is_some(), "{name} was reported and is lost");
    }
    // What lies around does not disturb anybody.
    let last = large(round + 1);
    let (status, report) = environment.json(&["copy", "large.tar", "layout:last"]);
    assert_eq!((status, &report["findings"]), (0, &json!([])), "{report:#}");
    assert_eq!(environment.run(&["fsck", "layout"]).status, 0);
    assert_eq!(Contents::of(&path).named("last").unwrap(), last);
}

#[test]
fn a_lock_that_is_held_is_waited_for_and_then_reported() {
    let environment = Environment::on_disk();
    let path = environment.join("layout");
    Layout::new().image("app", &Image::of(&[&layer(&["a=1"])])).write(&path);
    let before = std::fs::read(path.join("index.json")).unwrap();
    let busy = || {
        let watch = Instant::now();
        let outcome = environment.refused(&["tag", "layout:app", "new", "--lock-timeout", "1"], "write.busy", 5);
        let waited = watch.elapsed();
        assert!(waited >= Duration::from_secs(1) && waited < Duration::from_secs(20), "{waited:?}");
        assert_eq!(std::fs::read(path.join("index.json")).unwrap(), before);
        outcome.err
    };
    // As BuildKit holds it.
    let lock = std::fs::File::create(path.join("index.json.lock")).unwrap();
    lock.lock().unwrap();
    let text = busy();
    if Path::new("/proc/locks").exists() && !std::fs::read_to_string("/proc/locks").unwrap().is_empty() {
        assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    }
    // Readers take no lock.
    environment.ok(&["inspect", "layout"]);
    drop(lock);
    // As whoever deletes holds the whole layout.
    let lock = std::fs::File::open(&path).unwrap();
    lock.lock().unwrap();
    busy();
    drop(lock);
    // As podman and linuxkit lock, where their files are.
    for name in ["index.lock", ".lock"] {
        let file = std::fs::File::create(path.join(name)).unwrap();
        rustix::fs::fcntl_lock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
        busy();
        drop(file);
        assert!(path.join(name).exists(), "{name} is not ours");
        std::fs::remove_file(path.join(name)).unwrap();
    }
    // A file that a killed process left behind locks nothing, and a lock that is let go in time is no error.
    let lock = std::fs::File::create(path.join("index.json.lock")).unwrap();
    environment.ok(&["tag", "layout:app", "first"]);
    drop(lock);
    let lock = std::fs::File::create(path.join("index.json.lock")).unwrap();
    lock.lock().unwrap();
    let child = quiet(&mut environment.command(&["tag", "layout:app", "second", "--lock-timeout", "60"])).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    drop(lock);
    wait(vec![child]);
    let contents = Contents::of(&path);
    contents.whole();
    assert!(["first", "second"].iter().all(|name| contents.named(name).is_some()));
    assert!(!path.join("index.json.lock").exists());
}
