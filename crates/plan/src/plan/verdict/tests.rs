//! What is shared between the images of a base gives the verdicts that each image gets by itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::loader::Loading;
use super::memo::Memo;
use super::view::{Launch, View};
use super::{Answer, compare};
use crate::format::tar::{Kind, Member};
use crate::read::rootfs::{Scan, Unpacker};

#[path = "../../../../../tests/it/support/dice.rs"]
#[expect(dead_code, unreachable_pub, clippy::disallowed_methods, reason = "the integration tests have it too")]
mod dice;
#[path = "../../../../../tests/it/support/elf.rs"]
#[expect(unreachable_pub, reason = "the integration tests have it too")]
mod elf;

use self::dice::Dice;
use self::elf::Program;

const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";
const STATUS: &str = "Package: tools\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n";
const LIST: &str = "/usr\n/lib/liba.so.1\n/usr/bin/cat\n/usr/share/data/one\n/app/extra\n/usr/local/bin/tool\n";

/// What bases may have, and apps put something in the place of.
const PLACES: [&str; 26] = [
    "bin",
    "lib",
    "lib64/ld-linux-x86-64.so.2",
    "usr/bin/sh",
    "usr/bin/cat",
    "usr/bin/tool",
    "usr/local/bin/tool",
    "usr/lib",
    "usr/lib/liba.so.1",
    "usr/lib/libb.so.1",
    "lib/liba.so.1",
    "lib/libb.so.1",
    "bin/cat",
    "usr/share/data",
    "usr/share/data/one",
    "usr/share/data/two.txt",
    "usr/share/zoneinfo/Europe/Rome",
    "usr/share/zoneinfo/America/Lima",
    "usr/lib/gconv/KOI8-R.so",
    "etc/ssl/certs/ca-certificates.crt",
    "etc/settings",
    "etc/passwd",
    "etc/os-release",
    "var/lib/dpkg/status",
    "var/lib/dpkg/info/tools.list",
    "opt/vendor/notes",
];

fn member(name: &str, kind: Kind, link: &str) -> Member {
    let mode = if name.contains("bin/") || name.contains("lib") || name == "app/run" { 0o755 } else { 0o644 };
    let (name, link) = (name.as_bytes().to_vec(), link.as_bytes().to_vec());
    Member { name, kind, link, size: 0, data_offset: 0, header_offset: 0, mode, uid: 0, gid: 0, mtime: 0 }
}

fn file(name: &str, bytes: Vec<u8>) -> (Member, Vec<u8>) {
    (Member { size: bytes.len() as u64, ..member(name, Kind::File, "") }, bytes)
}

fn link(name: &str, kind: Kind, to: &str) -> (Member, Vec<u8>) {
    (member(name, kind, to), Vec::new())
}

/// What may be at a place.
fn content(place: &str, dice: &mut Dice) -> Vec<u8> {
    let edition = dice.below(2);
    let program = |program: Program<'_>| program.bytes();
    let name = place.rsplit('/').next().unwrap();
    match name {
        "ld-linux-x86-64.so.2" => program(Program { soname: "ld-linux-x86-64.so.2", defined: &["_dl_x"], ..Program::default() }),
        "liba.so.1" if edition == 0 => program(Program { soname: name, defined: &["a", "b"], ..Program::default() }),
        "liba.so.1" => program(Program { soname: name, needed: &["libb.so.1"], defined: &["a"], ..Program::default() }),
        "libb.so.1" => program(Program { soname: name, defined: &["b"], ..Program::default() }),
        _ if place.contains("bin/") => {
            let text = ["dash", "GNU bash"][usize::try_from(edition).unwrap()];
            let (needed, undefined) = (&["liba.so.1"], &["a"]);
            program(Program { interpreter: LOADER, needed, undefined, text, ..Program::default() })
        }
        "passwd" => format!("root:x:0:0::/:/bin/sh\nserver:x:{edition}:1::/:/bin/sh\n").into_bytes(),
        "os-release" => format!("ID=debian\nVERSION_ID=\"{edition}\"\n").into_bytes(),
        "status" => STATUS.as_bytes().to_vec(),
        "tools.list" => LIST.as_bytes().to_vec(),
        _ => format!("{name} {edition}\n").into_bytes(),
    }
}

fn base(dice: &mut Dice) -> Vec<Arc<Scan>> {
    let merged = dice.below(2) == 0;
    let links = [link("bin", Kind::Symlink, "usr/bin"), link("lib", Kind::Symlink, "usr/lib")];
    let mut files = if merged { links.to_vec() } else { Vec::new() };
    for place in PLACES {
        let below_link = place.starts_with("lib/") || place.starts_with("bin/");
        if ["bin", "lib", "usr/lib", "usr/share/data"].contains(&place) || (merged && below_link) || dice.below(5) == 0 {
            continue;
        }
        files.push(file(place, content(place, dice)));
    }
    if dice.below(2) == 0 {
        files.push(link("usr/share/alias", Kind::Symlink, "data/one"));
        files.push(link("usr/share/same", Kind::Hardlink, "usr/share/data/one"));
    }
    let cut = files.len() - usize::try_from(dice.below(4)).unwrap();
    let mut upper = files.split_off(cut);
    if dice.below(3) == 0 {
        upper.push(file("usr/share/data/.wh.one", Vec::new()));
    }
    vec![Arc::new(Scan::of_files(files)), Arc::new(Scan::of_files(upper))]
}

/// A layer of an app that may leave the base alone, and hide, replace or link anything in it.
fn layer(dice: &mut Dice) -> Scan {
    let any = |dice: &mut Dice| PLACES[usize::try_from(dice.below(PLACES.len() as u64)).unwrap()];
    let mut files = Vec::new();
    for _ in 0..dice.below(4) {
        let place = any(dice);
        let (above, name) = place.rsplit_once('/').unwrap_or((".", place));
        files.push(match dice.below(9) {
            0 | 1 => file(place, content(place, dice)),
            2 => file(&format!("{above}/.wh.{name}"), Vec::new()),
            3 => file(&format!("{above}/.wh..wh..opq"), Vec::new()),
            4 => link(place, Kind::Symlink, &format!("/{}", any(dice))),
            5 => link(place, Kind::Hardlink, any(dice)),
            6 => link(place, Kind::Directory, ""),
            7 => link(&format!("app/{name}"), Kind::Hardlink, place),
            _ => file(&format!("{place}.d/own"), b"own\n".to_vec()),
        });
    }
    if dice.below(6) == 0 {
        files.push(file("app/extra", b"extra\n".to_vec()));
    }
    Scan::of_files(files)
}

/// The layer with what the app starts, which names whatever may be in a base.
fn program(dice: &mut Dice) -> Scan {
    let mut lines = vec!["#!/bin/sh".to_owned()];
    let mut named = String::new();
    for _ in 0..=dice.below(5) {
        let place = PLACES[usize::try_from(dice.below(PLACES.len() as u64)).unwrap()];
        let word = place.strip_prefix("usr/share/zoneinfo/").map_or_else(|| format!("/{place}"), str::to_owned);
        named = format!("{named}{word}\0{}\0", word.strip_prefix("/usr").unwrap_or(&word));
        lines.push(match dice.below(6) {
            0 => format!("cat {word}"),
            1 => format!("echo \"{word}\""),
            2 => format!("[ -e {word} ] || exit 1"),
            3 => "tool --long x".to_owned(),
            4 => "ls /usr/share/data/*".to_owned(),
            _ => format!(". {word}"),
        });
    }
    lines.push("/app/bin/program".to_owned());
    let text = format!("{named}liba.so.1\0libb.so.1\0KOI8-R\0server\0/etc/os-release\0");
    let own = Program {
        interpreter: LOADER,
        needed: if dice.below(2) == 0 { &["liba.so.1"] } else { &[] },
        undefined: &["dlopen", "iconv_open", "getpwnam"],
        text: &text,
        ..Program::default()
    };
    let files = vec![file("app/run", lines.join("\n").into_bytes()), file("app/bin/program", own.bytes())];
    Scan::of_files(files)
}

fn view(base: &[Arc<Scan>], own: Scan, memo: &Arc<Memo>) -> View {
    let layers = [base, &[Arc::new(own)]].concat();
    View::of(&layers, base.len(), Launch::default(), Unpacker::Overlay, Arc::clone(memo)).unwrap()
}

/// What the loader does with `cat`; nothing if that is no program.
fn loading(view: &View) -> Arc<Loading> {
    let path = b"/usr/bin/cat";
    let program = view.find(path).and_then(|entry| Some((entry, view.elf(entry)?)));
    program.map(|(entry, elf)| Loading::of(view, entry, path, &elf, &[])).unwrap_or_default()
}

#[test]
fn what_is_found_out_of_a_base_is_found_out_once_and_holds_where_nothing_is_in_its_way() {
    let memo = Arc::new(Memo::default());
    let mut dice = Dice::new(1);
    let there = ["lib64/ld-linux-x86-64.so.2", "usr/bin/cat", "usr/lib/liba.so.1", "usr/lib/libb.so.1", "var/lib/dpkg/status"];
    let mut files: Vec<_> = there.into_iter().map(|place| file(place, content(place, &mut dice))).collect();
    files.push(file("var/lib/dpkg/info/tools.list", b"/usr\n/lib/liba.so.1\n/usr/bin/cat\n/usr/lib/extra\n".to_vec()));
    files.push(link("lib", Kind::Symlink, "usr/lib"));
    let base = [Arc::new(Scan::of_files(files))];
    let of = |own: Vec<(Member, Vec<u8>)>| view(&base, Scan::of_files(own), &memo);
    let first = of(vec![file("app/data", Vec::new())]);
    let (packages, found) = (first.shared_packages().unwrap(), loading(&first));
    assert!(found.lacks.is_empty() && found.reached.contains(&b"usr/lib/liba.so.1"[..]), "{found:?}");
    let library = || file("usr/lib/liba.so.1", b"other".to_vec());
    // What the layer of an app has, and whether the packages and the libraries of the base are looked for again.
    let cases = [
        (vec![file("app/data", b"1".to_vec()), file("usr/bin/other", Vec::new())], (true, true)),
        (vec![link("usr", Kind::Directory, ""), link("usr/lib", Kind::Directory, ""), file("usr/lib/c", Vec::new())], (true, true)),
        (vec![library()], (true, false)),
        (vec![file("usr/lib/.wh.liba.so.1", Vec::new())], (false, false)),
        (vec![file("usr/lib/.wh..wh..opq", Vec::new()), library()], (true, false)),
        (vec![file(".wh.lib", Vec::new())], (false, false)),
        (vec![file("lib/own", Vec::new())], (false, false)),
        (vec![link("usr/bin/cat", Kind::Hardlink, "usr/lib/liba.so.1")], (false, false)),
        (vec![link("usr/lib", Kind::Symlink, "elsewhere")], (false, false)),
        // A package lists it, and the base lacks it.
        (vec![file("usr/lib/extra", Vec::new())], (false, true)),
        (vec![file("etc/ld.so.cache", Vec::new())], (true, false)),
        (vec![file("var/lib/dpkg/status", b"other".to_vec())], (false, true)),
        (vec![file("var/lib/dpkg/info/more.list", Vec::new())], (false, true)),
        (vec![file("var/lib/rpm/Packages", Vec::new())], (false, true)),
    ];
    for (own, expected) in cases {
        let shown = format!("{own:?}");
        let view = of(own);
        let same = view.shared_packages().is_some_and(|shared| Arc::ptr_eq(&shared, &packages));
        assert_eq!((same, Arc::ptr_eq(&loading(&view), &found)), expected, "{shown}");
    }
}

#[test]
fn images_that_share_a_base_get_the_verdicts_that_each_gets_by_itself() {
    let mut dice = Dice::new(20_261_130);
    let memo = Arc::new(Memo::default());
    let mut answers = BTreeSet::new();
    for _ in 0..12 {
        let (old, new) = (base(&mut dice), base(&mut dice));
        for _ in 0..24 {
            let own = [Arc::new(layer(&mut dice)), Arc::new(program(&mut dice))];
            let launch = Launch { arguments: vec![b"/app/run".to_vec()], user: "server".to_owned(), ..Launch::default() };
            let stack = |base: &[Arc<Scan>]| [base, &own].concat();
            for unpacker in [Unpacker::Overlay, Unpacker::Merged] {
                let shared = |base: &[Arc<Scan>]| View::of(&stack(base), base.len(), launch.clone(), unpacker, Arc::clone(&memo)).unwrap();
                let apart = |base: &[Arc<Scan>]| View::apart(&stack(base), base.len(), launch.clone(), unpacker).unwrap();
                let (one, other) = (compare(&shared(&old), &shared(&new)), compare(&apart(&old), &apart(&new)));
                assert_eq!(format!("{one:#?}"), format!("{other:#?}"), "{own:#?}");
                answers.extend(one.findings.iter().map(|finding| (Answer::of(finding), finding.code)));
            }
        }
    }
    assert!(answers.len() > 15, "{answers:?}");
}
