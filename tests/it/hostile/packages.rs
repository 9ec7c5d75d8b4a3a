//! Databases of packages that somebody made up: refused or read, never a panic, and never an order of versions that contradicts itself.

use std::cmp::Ordering;

use airbase::format::packages::{apk, dpkg, version};
use serde_json::json;

use crate::support::{Dice, Environment, Image, Layout, layer};

const STATUS: &str = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+deb12u4\nDepends: a,\n b\n\n\
                      Package: b\nStatus: deinstall ok config-files\nVersion: 1\n\n";
const INSTALLED: &str = "C:Q1x=\nP:musl\nV:1.2.5-r0\nA:x86_64\nF:lib\nR:ld\na:0:0:755\n\nP:b\nV:1_rc2-r3\nF:\nR:c\n\n";
const DIVERSIONS: &str = "/bin/sh\n/bin/sh.distrib\ndash\n/usr/bin/x\n/usr/bin/x.real\n:\n";

/// Some bytes are exchanged, left out, or put in again from elsewhere.
fn mutated(text: &str, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=dice.below(4) {
        let at = |dice: &mut Dice, bytes: &[u8]| usize::try_from(dice.below(bytes.len() as u64 + 1)).unwrap();
        let (from, to) = (at(dice, &bytes), at(dice, &bytes));
        let (from, to) = (from.min(to), from.max(to));
        match dice.below(3) {
            0 => drop(bytes.drain(from..to)),
            1 => {
                let piece = bytes[from..to].to_vec();
                let place = at(dice, &bytes);
                bytes.splice(place..place, piece);
            }
            _ => bytes.iter_mut().skip(from).take(1).for_each(|byte| *byte = b"\0\n :-~_.9a\xff"[usize::try_from(dice.below(11)).unwrap()]),
        }
    }
    bytes
}

#[test]
fn databases_that_were_tampered_with_never_panic() {
    let mut dice = Dice::new(0x5eed_0003);
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let (mut read, mut refused) = (0, 0);
    for _ in 0..20_000 {
        for text in [STATUS, INSTALLED, DIVERSIONS] {
            let bytes = mutated(text, &mut dice);
            let outcomes = [dpkg::stanzas(&bytes).is_ok(), apk::installed(&bytes).is_ok(), dpkg::diversions(&bytes).is_ok()];
            read += outcomes.iter().filter(|read| **read).count();
            refused += outcomes.iter().filter(|read| !**read).count();
            for stanza in dpkg::stanzas(&bytes).into_iter().flatten() {
                assert!(is_word(&stanza.name) && (!stanza.present || is_word(&stanza.version)), "{stanza:?}");
            }
            for package in apk::installed(&bytes).into_iter().flatten() {
                assert!(is_word(&package.name) && is_word(&package.version), "{package:?}");
            }
            assert!(dpkg::list(&bytes).chain(dpkg::md5sums(&bytes)).all(|path| path.len() < bytes.len()));
        }
    }
    assert!(read > 10_000 && refused > 10_000, "{read} {refused}");
}

#[test]
fn versions_have_one_order() {
    let mut dice = Dice::new(0x5eed_0004);
    let word = |dice: &mut Dice| -> String {
        const PARTS: [&str; 16] = ["1", "0", "00", "12", ".", "-r1", "_rc", "_p", "a", "~", "+", "-1", ":", "_git2", "~1f", ""];
        (0..=dice.below(5)).map(|_| PARTS[usize::try_from(dice.below(16)).unwrap()]).fold("1".to_owned(), |text, part| text + part)
    };
    for order in [version::dpkg, version::apk] {
        let mut compared = 0;
        for _ in 0..40_000 {
            let [one, two, three] = [(); 3].map(|()| word(&mut dice));
            assert_eq!(order(&one, &two), order(&two, &one).map(Ordering::reverse), "{one} {two}");
            assert!(matches!(order(&one, &one), None | Some(Ordering::Equal)), "{one}");
            if let (Some(first), Some(second), Some(third)) = (order(&one, &two), order(&two, &three), order(&one, &three)) {
                compared += 1;
                assert!(first.is_gt() || second.is_gt() || third.is_le(), "{one} {two} {three}");
            }
        }
        assert!(compared > 1_000, "{compared}");
    }
}

/// A list that leads in circles, a name that would move a cursor, a directory where a database should be: said, and nothing else.
#[test]
fn images_with_made_up_databases_are_answered() {
    let status = "Package: a\u{1b}[2J\nStatus: install ok installed\nVersion: 1\n";
    for (files, status, code) in [
        (&["var/lib/dpkg/status->status", "a=1"][..], 4, Some("packages.damaged")),
        (&["var/lib/dpkg/status/", "var/lib/dpkg/status/x=1", "a=1"], 4, Some("packages.damaged")),
        (&[&format!("var/lib/dpkg/status={status}"), "a=1"], 4, Some("packages.damaged")),
        (&["var/lib/dpkg/status=", "a=1"], 0, None),
        (&["var/lib/dpkg/diversions=/a\n/b\n", "var/lib/dpkg/status=", "a=1"], 4, Some("packages.damaged")),
        (&["lib/apk/db/installed=\0\0\0", "a=1"], 4, Some("packages.damaged")),
    ] {
        let environment = Environment::new();
        Layout::new().image("app", &Image::of(&[&layer(files)])).write(&environment.join("in"));
        let (ended, report) = environment.json(&["why", "in:app", "/a"]);
        assert_eq!((ended, report["findings"][0]["code"].as_str()), (status, code), "{files:?}: {report:#}");
        assert_eq!(report["files"][0]["state"]["kind"], json!("file"), "{files:?}");
    }
}
