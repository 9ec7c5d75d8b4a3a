use super::{Started, java, javascript, php};

fn names(loads: &[Vec<u8>]) -> Vec<&str> {
    loads.iter().map(|name| std::str::from_utf8(name).unwrap()).collect()
}

fn shell(text: &str) -> Started {
    Started::Shell(text.as_bytes().to_vec())
}

fn words(words: &[&str]) -> Started {
    Started::Words(words.iter().map(|word| Some(word.as_bytes().to_vec())).collect())
}

#[test]
fn javascript_loads_by_name() {
    let text = "#!/usr/bin/env node\n// require('no')\nconst a = require('a'), b = require(\"./b\");\nimport c from 'c';\nimport 'd';\nexport * from \"./e\";\nawait import('f');\nimport{g}from\"g\";\nx.require(`h`);\n";
    let found = javascript::read(text.as_bytes());
    let mut loads = names(&found.loads);
    loads.sort_unstable();
    assert_eq!(loads, ["./b", "./e", "a", "c", "d", "f", "g", "h"]);
    assert!(!found.computes && found.starts.is_empty() && !found.asks);
    for text in [
        "require(name)",
        "import(`./${x}.js`)",
        "require('./' + x)",
        "new Function('a')",
        "eval(x)",
        "load(require)(x)",
        "define(function (require, exports) { typeof require; require.main })",
    ] {
        let computes = javascript::read(text.as_bytes()).computes;
        assert_eq!(computes, !text.starts_with("define"), "{text}");
    }
    assert!(javascript::read(b"console.log(process.version)").asks);
    assert!(javascript::read(b"log(process.versions.openssl)").asks_libraries);
}

#[test]
fn javascript_starts_programs() {
    let cases: [(&str, Vec<Option<Started>>); 9] = [
        ("const cp = require('child_process');\ncp.execSync('ls -l');\n/x/.exec(y);", vec![Some(shell("ls -l"))]),
        (
            "const { spawn, exec: run } = require('node:child_process');\nspawn('tar', ['-x', 'f']);\nrun(\"a | b\", cb);",
            vec![Some(words(&["tar", "-x", "f"])), Some(shell("a | b"))],
        ),
        ("import { execFile } from 'child_process';\nexecFile('git', ['log'], cb)", vec![Some(words(&["git", "log"]))]),
        ("require('child_process').execSync('id')", vec![Some(shell("id"))]),
        ("const cp = require('child_process'); cp.spawn(name)", vec![None]),
        ("const cp = require('child_process'); promisify(cp)", vec![None]),
        ("const {exec} = require('child_process'); const p = promisify(exec);", vec![None]),
        (
            "const {execSync} = require('child_process'); execSync(`git ${x}`)",
            vec![Some(Started::Words(vec![Some(b"git".to_vec()), None]))],
        ),
        ("const {execSync} = require('child_process'); execSync(`${x} a`)", vec![None]),
    ];
    for (text, expected) in cases {
        assert_eq!(javascript::read(text.as_bytes()).starts, expected, "{text}");
    }
}

#[test]
fn php_loads_and_starts() {
    let text = "<?php\n# include 'no';\nrequire __DIR__ . '/a.php';\nRequire_once(dirname(__FILE__) . \"/b.php\");\ninclude 'c.php';\nrequire dirname(__DIR__) . '/d.php';\n$x->include('e');\n";
    let found = php::read(text.as_bytes(), b"/app/src/x.php");
    assert_eq!(names(&found.loads), ["c.php", "/app/src/a.php", "/app/d.php", "/app/src/b.php"]);
    assert!(!found.computes && found.starts.is_empty());
    for text in ["require $x;", "include __DIR__ . '/' . $x;", "require_once \"$dir/a.php\";", "spl_autoload_register(f);", "eval($x);"] {
        assert!(php::read(text.as_bytes(), b"/a").computes, "{text}");
    }
    for (text, expected) in [
        ("shell_exec('ls -l');", vec![Some(shell("ls -l"))]),
        ("system(\"id\", $r);", vec![Some(shell("id"))]),
        ("exec($cmd);", vec![None]),
        ("$pdo->exec('select 1'); curl_exec($c); function exec($x) {}", vec![]),
        ("$x = `uptime`;", vec![Some(shell("uptime"))]),
        ("$q = 'select `a`';", vec![]),
        ("proc_open('a b', $d, $p);", vec![Some(shell("a b"))]),
        ("mail($to, 'x', 'y');", vec![None]),
    ] {
        assert_eq!(php::read(text.as_bytes(), b"/a").starts, expected, "{text}");
    }
    let settings = php::settings(b"; no\n[PHP]\nextension=mbstring\nerror_log = \"/var/log/php.log\" ; here\n");
    let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    assert_eq!(settings, [pair("extension", "mbstring"), pair("error_log", "/var/log/php.log")]);
}

/// A class by hand, with these texts among its constants.
fn class(major: u16, texts: &[&str]) -> Vec<u8> {
    let mut bytes = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0];
    bytes.extend(major.to_be_bytes());
    bytes.extend(u16::try_from(texts.len() + 3).unwrap().to_be_bytes());
    // A number of eight bytes, which counts twice.
    bytes.extend([5, 0, 0, 0, 0, 0, 0, 0, 1]);
    for text in texts {
        bytes.push(1);
        bytes.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

#[test]
fn classes_say_what_they_need() {
    let mut found = java::Classes::default();
    java::class(&class(61, &["java/lang/String", "/etc/app.conf"]), false, &mut found).unwrap();
    assert_eq!((found.major, found.starts, found.loads, found.asks), (61, false, false, false));
    assert_eq!(found.paths, [b"/etc/app.conf".to_vec()]);
    java::class(&class(65, &["java/lang/ProcessBuilder", "java.version"]), true, &mut found).unwrap();
    assert_eq!((found.major, found.starts, found.asks), (61, true, true), "for a later release there is another class");
    java::class(&class(52, &["java/lang/System", "loadLibrary"]), false, &mut found).unwrap();
    assert!(found.loads);
    let whole = class(61, &["a", "bc"]);
    for end in 0..whole.len() {
        assert_eq!(java::class(&whole[..end], false, &mut found), None, "{end}");
    }
    for (release, newest) in [("17.0.9", Some(61)), ("1.8.0_392", Some(52)), ("21", Some(65)), ("x", None)] {
        assert_eq!(java::newest(release.as_bytes()), newest, "{release}");
    }
    assert_eq!(java::release(b"IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"17.0.9\"\n").unwrap(), b"17.0.9");
}
