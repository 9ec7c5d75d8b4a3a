//! Node.js, PHP and Java of the app: what its code loads is the app's, and what leads out of it is looked for.

use super::*;

/// An interpreter of the app with its code; the old base has a command `gone`.
fn moved<'a>(interpreter: File<'a>, code: &[File<'a>], start: Value) -> Move<'a> {
    let both = [tool("bin/kept"), loader("lib64/ld-linux-x86-64.so.2")];
    let old = [&both[..], &[tool("bin/gone")]].concat();
    Move { app: [&[interpreter], code].concat(), start, ..running("", &old, &both) }
}

fn node() -> File<'static> {
    program("usr/bin/node", Program { interpreter: GLIBC, defined: &["napi_create_function"], ..Program::default() })
}

fn php() -> File<'static> {
    let defined = &["zend_parse_parameters", "php_request_startup"];
    program(
        "usr/bin/php",
        Program { interpreter: GLIBC, defined, text: "\0/etc/php/conf.d\0/usr/lib/php/20220829\0", ..Program::default() },
    )
}

fn scripted(content: &str) -> Move<'static> {
    let code = [
        text("app/main.js", content),
        text("app/lib/a.js", "exports.a = 1;\n"),
        text("app/node_modules/b/package.json", "{\"main\": \"x.js\"}"),
        text("app/node_modules/b/x.js", ""),
    ];
    moved(node(), &code, json!(["node", "/app/main.js"]))
}

#[test]
fn code_of_node_is_the_apps() {
    for content in [
        "require('./lib/a'); require('b'); require('fs');",
        "require('./lib/' + x)",
        "const f = require(name);",
        "console.log(process.version)",
    ] {
        expect(content, &scripted(content), "runs", &[]);
    }
    for content in [
        "require('child_process').execSync('gone -a')",
        "const { spawn } = require('child_process'); spawn('gone')",
        "const cp = require('child_process'); cp.execSync(name + ' x'); // gone",
        "const cp = require('child_process'); require('./' + x); cp.spawn(cmd);\nconst c = ['gone'];",
    ] {
        let (_, report) = scripted(content).verdict();
        assert_ne!(report["verdict"], "runs", "{content}: {report:#}");
        expect(content, &scripted(&content.replace("gone", "kept")), "runs", &[]);
    }
}

#[test]
fn code_of_the_base_may_be_loaded_by_a_name_that_is_made() {
    let with = |old: &str, new: &str| {
        let moved = scripted("require(name)");
        let add = |files: &[File<'static>], content: &str| [files, &[text("usr/share/nodejs/x/index.js", content)]].concat();
        Move { old: add(&moved.old, old), new: add(&moved.new, new), ..moved }
    };
    expect("the same", &with("a", "a"), "runs", &[]);
    expect("another one", &with("a", "b"), "unknown", &["verdict.unclear"]);
}

#[test]
fn a_script_of_node_is_needed() {
    let lost = Move { start: json!(["node", "/srv/main.js"]), ..scripted("") };
    let lost = Move { old: [&lost.old[..], &[text("srv/main.js", "")]].concat(), ..lost };
    expect("a script of the old base", &lost, "breaks", &["verdict.missing", "verdict.missing"]);
    let package = "{\"scripts\": {\"start\": \"gone --now\"}}";
    let npm = Move {
        app: vec![
            node(),
            text("usr/lib/node_modules/npm/bin/npm-cli.js", ""),
            ("usr/bin/npm->../lib/node_modules/npm/bin/npm-cli.js", 0o777, Vec::new()),
            text("package.json", package),
        ],
        start: json!(["node", "/usr/bin/npm", "start"]),
        ..scripted("")
    };
    let (_, report) = npm.verdict();
    assert_eq!(codes(&report), ["verdict.command"], "{report:#}");
}

#[test]
fn scripts_of_php_and_its_extensions() {
    let with = |content: &str, more: &[File<'static>]| {
        let code = [&[text("app/main.php", content), text("app/inc/a.php", "<?php\n")], more].concat();
        moved(php(), &code, json!(["php", "-f", "/app/main.php"]))
    };
    for content in
        ["<?php require __DIR__ . '/inc/a.php';", "<?php include $x;", "<?php spl_autoload_register('f');", "<?php echo date('Y');"]
    {
        expect(content, &with(content, &[]), "runs", &[]);
    }
    let (_, report) = with("<?php system('gone');", &[]).verdict();
    assert_eq!(codes(&report), ["verdict.command"], "{report:#}");
    let (_, report) = with("<?php system($x); // gone", &[]).verdict();
    assert_eq!(codes(&report), ["verdict.command"].map(|_| "verdict.unclear"), "{report:#}");
    // An extension with a library of the old base.
    let extension = [
        text("etc/php/conf.d/20-x.ini", "extension=x.so\n"),
        library("usr/lib/php/20220829/x.so", Program { needed: &["liblost.so.1"], ..Program::default() }),
    ];
    let moved = with("<?php", &extension);
    let moved = Move { old: [&moved.old[..], &[library("lib/liblost.so.1", Program::default())]].concat(), ..moved };
    expect("an extension", &moved, "risks", &["verdict.elf.needed"]);
}

#[test]
fn classes_of_java_need_a_release() {
    let launcher = || {
        program(
            "opt/jre/bin/java",
            Program {
                interpreter: GLIBC,
                undefined: &["JLI_Launch"],
                needed: &["libjli.so"],
                runpath: "$ORIGIN/../lib",
                ..Program::default()
            },
        )
    };
    let jli = || library("opt/jre/lib/libjli.so", Program { defined: &["JLI_Launch"], ..Program::default() });
    let release = |version: &str| text("opt/jre/release", &format!("JAVA_VERSION=\"{version}\"\n"));
    let class = |major: u8| ("app/Main.class", 0o644, vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, major, 0, 1]);
    let start = json!(["/opt/jre/bin/java", "-cp", "/app", "Main"]);
    let own = Move { app: vec![launcher(), jli(), release("17.0.1"), class(61)], ..moved(tool("x"), &[], start.clone()) };
    expect("a runtime of the app", &own, "runs", &[]);
    let of_base = |old: &str, new: &str, major: u8| {
        let runtime = |version: &str| [&base(&[loader("lib64/ld-linux-x86-64.so.2")])[..], &[launcher(), jli(), release(version)]].concat();
        Move { old: runtime(old), new: runtime(new), app: vec![class(major)], start: start.clone(), user: "" }
    };
    expect("an older release", &of_base("17.0.1", "11.0.2", 61), "breaks", &["verdict.syntax"]);
    expect("an edition of the release", &of_base("17.0.1", "17.0.9", 61), "runs", &[]);
}
