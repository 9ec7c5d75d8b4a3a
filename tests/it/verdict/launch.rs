//! What an image has from the config of its base: what it starts, as whom, where it stands, and its variables. Every answer was tried: both images
//! were run in the file systems of the bases.

use super::*;

/// Two bases with the same files and configs of their own, and an app that says the rest.
struct Launched<'a> {
    files: Move<'a>,
    old: Value,
    new: Value,
    app: Value,
}

impl Launched<'_> {
    /// The verdict, and the findings that decide: code, severity and message.
    fn verdict(&self) -> (String, Vec<(String, String, String)>) {
        let environment = Environment::new();
        let with = |mut image: Image, config: &Value| {
            for (field, value) in config.as_object().unwrap() {
                image = image.with(field, value.clone());
            }
            image
        };
        let edition = |files: &[File<'_>], name: &str| Image::of(&[&packed(&[files, &[text("etc/edition", name)]].concat())]);
        let old = with(edition(&self.files.old, "old"), &self.old);
        let new = with(edition(&self.files.new, "new"), &self.new);
        let app = with(old.and(&[&packed(&self.files.app)]), &self.app);
        Layout::new().image("old", &old).image("new", &new).write(&environment.join("bases"));
        Layout::new().image("app", &app).write(&environment.join("apps"));
        let (_, report) = environment.json(&["verdict", "apps:app", "--from", "bases:old", "--onto", "bases:new"]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let findings = report["platforms"][0]["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] != "note");
        let findings = findings.map(|finding| (text(&finding["code"]), text(&finding["severity"]), text(&finding["message"]))).collect();
        (text(&report["verdict"]), findings)
    }

    fn expect(&self, what: &str, verdict: &str, code: &str, says: &str) {
        let (answer, findings) = self.verdict();
        assert_eq!(answer, verdict, "{what}: {findings:?}");
        let told = findings.iter().any(|(found, _, message)| found == code && message.contains(says));
        assert!(if verdict == "runs" { findings.is_empty() } else { told }, "{what}: {findings:?}");
    }
}

/// An app that starts this script, on bases of these configs.
fn launched(body: &str, old: Value, new: Value) -> Launched<'_> {
    Launched { files: running(body, &[], &[]), old, new, app: json!({"Cmd": ["/app/run"]}) }
}

#[test]
fn other_words_start_something_else() {
    let words = |old: Value, new: Value, app: Value| Launched { app, ..launched("true", old, new) };
    let cmd = |word: &str| json!({"Cmd": [word]});
    words(cmd("/app/run"), cmd("/bin/cat"), json!({})).expect("another Cmd", "risks", "verdict.changed", "starts something else");
    words(json!({}), json!({"Entrypoint": ["/bin/cat"]}), cmd("/app/run")).expect("an Entrypoint", "risks", "verdict.changed", "starts");
    words(json!({"Entrypoint": ["/bin/sh"]}), json!({"Entrypoint": ["/bin/sh"]}), cmd("/app/run")).expect("the same", "runs", "", "");
    words(cmd("/bin/cat"), cmd("/bin/sh"), cmd("/app/run")).expect("the app says it", "runs", "", "");
}

#[test]
fn the_entrypoint_of_a_base_may_be_another_script_of_the_same_name() {
    let starts = |old: &str, new: &str| {
        let mut launched = launched("true", json!({"Entrypoint": ["/ep"]}), json!({"Entrypoint": ["/ep"]}));
        launched.files.old.push(script("ep", &format!("#!/bin/sh\n{old}\n")));
        launched.files.new.push(script("ep", &format!("#!/bin/sh\n{new}\n")));
        launched
    };
    starts("exec \"$@\"", "exec \"$@\"").expect("the same script", "runs", "", "");
    starts("exec \"$@\"", "exec /bin/cat /etc/keep").expect("another", "risks", "verdict.changed", "starts a script of the base");
}

#[test]
fn another_user_is_always_told_and_the_same_one_under_another_name_is_not() {
    let users = |old: Value, new: Value| {
        let mut launched = launched("true", json!({"User": old}), json!({"User": new}));
        for files in [&mut launched.files.old, &mut launched.files.new] {
            files.push(text("etc/passwd", "root:x:0:0::/:/bin/sh\nsvc:x:9:8::/:\n"));
        }
        launched
    };
    users(json!("9"), json!("")).expect("root now", "risks", "verdict.user", "another user");
    users(json!(""), json!("svc")).expect("no longer root", "risks", "verdict.user", "another user");
    users(json!("9"), json!("9:7")).expect("another group", "risks", "verdict.user", "another user");
    for (old, new) in [("9", "svc"), ("svc", "9:8"), ("", "0"), ("root", ""), ("0:0", "root"), ("9", "9")] {
        users(json!(old), json!(new)).expect(old, "runs", "", "");
    }
    // The group of a number is that of its line, or that of root.
    let mut lost = users(json!("9"), json!("9"));
    lost.files.new.push(text("etc/passwd", "root:x:0:0::/:/bin/sh\n"));
    lost.expect("a line that is gone", "risks", "verdict.user", "other groups");
}

#[test]
fn relative_paths_are_looked_for_where_the_image_stands() {
    let stands = |body: &'static str, old: &str, new: &str| {
        let mut launched = launched(body, json!({"WorkingDir": old}), json!({"WorkingDir": new}));
        launched.files.app.extend([text("old/conf", "x=1\n"), text("old/sub/x", ""), script("old/tool", "#!/bin/sh\ntrue\n")]);
        launched
    };
    for body in ["set -e\ncat conf", ". ./conf", "set -e\nread x < conf", "set -e\n./tool"] {
        stands(body, "/old", "/new").expect(body, "breaks", "verdict.missing", "");
    }
    stands("[ -f conf ] || exit 1\ntrue", "/old", "/new").expect("a test", "breaks", "verdict.test", "");
    stands("cd sub\npwd", "/old", "/new").expect("a directory", "risks", "verdict.missing", "/new/sub");
    stands("true", "/old", "/new").expect("nothing that is known", "risks", "verdict.changed", "working directory");
    stands("set -e\ncat conf", "/old", "").expect("it is lost", "breaks", "verdict.missing", "conf");
    for (old, new) in [("/", ""), ("/old", "/old/")] {
        stands("true", old, new).expect("it is the same", "runs", "", "");
    }
    let mut program = stands("", "/old", "/new");
    program.files.app = vec![super::program("app/run", Program { text: "\0sub/x\0", ..Program::default() }), text("old/sub/x", "")];
    program.expect("a program", "risks", "verdict.reference", "sub/x");
}

#[test]
fn a_variable_that_something_names_is_told_when_it_changes() {
    let sets = |body: &'static str, old: &[&str], new: &[&str]| launched(body, json!({"Env": old}), json!({"Env": new}));
    let lost = |body: &'static str| sets(body, &["MODE=a"], &[]);
    for body in ["set -eu\nX=$MODE\ntrue", "set -e\n: \"${MODE:?no mode}\"\ntrue", "exec $MODE"] {
        lost(body).expect(body, "breaks", "verdict.changed", "MODE");
    }
    for body in [
        "case $MODE in a) true;; *) exit 3;; esac",
        "[ -z \"$MODE\" ] && exit 2\ntrue",
        "if [ \"$1\" ]; then set -u; fi\ncat $MODE",
        "MODE=${MODE:-b}\nset -u\ncat /etc/keep \"$MODE\"",
    ] {
        lost(body).expect(body, "risks", "verdict.changed", "MODE");
    }
    for body in ["true", "# MODE is set by the base\ntrue", "MODES=1\necho $MODES"] {
        lost(body).expect(body, "runs", "", "");
    }
    sets("[ -n \"$DEBUG\" ] && exit 5\ntrue", &[], &["DEBUG=1"]).expect("it is gained", "risks", "verdict.changed", "DEBUG");
    sets("echo $MODE", &["MODE=a"], &["MODE=a", "OTHER=1"]).expect("another one", "runs", "", "");
    sets("true", &["LD_AUDIT=/opt/a.so"], &[]).expect("the loader's", "risks", "verdict.changed", "LD_AUDIT");
    let program = |named: &'static str| {
        let mut launched = lost("");
        launched.files.app = vec![super::program("app/run", Program { text: named, ..Program::default() })];
        launched
    };
    program("\0MODE\0").expect("a program", "risks", "verdict.changed", "MODE");
    program("\0RUST_BACKTRACEMODEx\0").expect("a program whose texts have no ends", "risks", "verdict.changed", "MODE");
    program("\0MODEL\0").expect("a longer name", "runs", "", "");
    let mut all = lost("env");
    for files in [&mut all.files.old, &mut all.files.new] {
        files.push(tool("bin/env"));
    }
    all.expect("all variables", "risks", "verdict.changed", "all variables are printed");
}
