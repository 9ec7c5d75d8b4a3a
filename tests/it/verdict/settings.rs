//! Servers with their settings: nginx, supervisord, cron, haproxy.

use super::*;

fn moved(server: File<'static>, files: &[File<'static>], start: Value) -> Move<'static> {
    let both = [tool("bin/kept"), tool("bin/sh"), loader("lib64/ld-linux-x86-64.so.2")];
    let old = [&both[..], &[tool("bin/gone"), text("etc/ssl/lost.pem", "x"), library("lib/liblost.so.1", Program::default())]].concat();
    let moved = running("", &old, &both);
    let users = |files: &[File<'static>], name: &str| {
        let passwd = format!("root:x:0:0::/:/bin/sh\n{name}:x:7:7::/:/bin/sh\n");
        let group = format!("root:x:0:\n{name}:x:7:\n");
        files
            .iter()
            .filter(|file| file.0 != "etc/passwd")
            .cloned()
            .chain([text("etc/passwd", &passwd), text("etc/group", &group)])
            .collect()
    };
    Move { old: users(&moved.old, "lost"), new: users(&moved.new, "other"), app: [&[server], files].concat(), start, ..moved }
}

fn nginx(settings: &str, more: &[File<'static>]) -> Move<'static> {
    let text_of = "\0configure arguments: --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf --with-x\0";
    let server = program("usr/sbin/nginx", Program { interpreter: GLIBC, text: text_of, ..Program::default() });
    let files =
        [&[text("etc/nginx/nginx.conf", settings), text("etc/nginx/conf.d/a.conf", "server { listen 80; root /srv; }\n")], more].concat();
    moved(server, &files, json!(["nginx", "-g", "daemon off;"]))
}

#[test]
fn settings_of_nginx_are_read() {
    expect("all is there", &nginx("user other;\nevents {}\nhttp { include /etc/nginx/conf.d/*.conf; }\n", &[]), "runs", &[]);
    for (settings, code) in [
        ("user lost;\n", "verdict.user"),
        ("http { ssl_certificate /etc/ssl/lost.pem; }\n", "verdict.missing"),
        ("load_module modules/x.so;\n", "verdict.elf.needed"),
        ("include more/*.conf;\n", "verdict.missing"),
    ] {
        let module = library("usr/share/nginx/modules/x.so", Program { needed: &["liblost.so.1"], ..Program::default() });
        let more = text("etc/nginx/more/b.conf", "ssl_certificate_key /etc/ssl/lost.pem;\n");
        let (_, report) = nginx(settings, &[module, more]).verdict();
        assert_eq!(report["verdict"], "breaks", "{settings}: {report:#}");
        assert!(codes(&report).contains(&code), "{settings}: {report:#}");
    }
    for settings in ["http {\n", "content_by_lua_block { x }\n", "http { js_import a.js; }\n", "include /etc/$x.conf;\n"] {
        expect(settings, &nginx(settings, &[]), "unknown", &["verdict.unclear"]);
    }
}

#[test]
fn programs_of_supervisord_are_started() {
    let with = |section: &str| {
        let python = script("usr/bin/supervisord", "#!/bin/sh\n");
        let settings = text("etc/supervisord.conf", "[supervisord]\nnodaemon=true\n[include]\nfiles = /etc/sv/*.ini\n");
        let section: &str = section;
        moved(python, &[settings, ("etc/sv/a.ini", 0o644, section.as_bytes().to_vec())], json!(["/usr/bin/supervisord", "-n"]))
    };
    expect("a program", &with("[program:x]\ncommand=kept --x 1\nuser=other\n"), "runs", &[]);
    expect("one that is lost", &with("[program:x]\ncommand=gone\n"), "breaks", &["verdict.command"]);
    expect("a user that is lost", &with("[program:x]\ncommand=kept\nuser=lost\n"), "breaks", &["verdict.user"]);
    expect("in a shell", &with("[program:x]\ncommand=sh -c \"gone; kept\"\n"), "risks", &["verdict.command"]);
    expect("a value that is not known", &with("[program:x]\ncommand=%(ENV_X)s\n"), "unknown", &["verdict.unclear"]);
    expect("no settings", &with("x\n"), "unknown", &["verdict.unclear"]);
}

#[test]
fn tables_of_cron_are_read() {
    let with = |path: &'static str, line: &str| {
        let cron = program("usr/sbin/cron", Program { interpreter: GLIBC, ..Program::default() });
        moved(cron, &[text(path, line)], json!(["cron", "-f"]))
    };
    for (path, line) in [
        ("etc/cron.d/x", "* * * * * root gone -a\n"),
        ("etc/crontab", "@daily root gone\n"),
        ("var/spool/cron/crontabs/root", "5 4 * * * gone\n"),
    ] {
        expect(path, &with(path, line), "risks", &["verdict.command"]);
        let line: &'static str = if line.contains("root gone") { "1 2 3 4 5 root kept\n" } else { "1 2 3 4 5 kept\n" };
        expect(path, &with(path, line), "runs", &[]);
    }
    expect("a line that is none", &with("etc/cron.d/x", "what is this\n"), "unknown", &["verdict.unclear"]);
    // Nobody reads it: it has a dot in its name.
    expect("another file", &with("etc/cron.d/x.bak", "* * * * * root gone\n"), "runs", &[]);
}

#[test]
fn settings_of_haproxy_are_read() {
    let with = |settings: &str| {
        let server = program("usr/sbin/haproxy", Program { interpreter: GLIBC, ..Program::default() });
        moved(server, &[text("etc/h.cfg", settings)], json!(["haproxy", "-f", "/etc/h.cfg"]))
    };
    expect("all is there", &with("global\n  user other\nfrontend f\n  bind :80\n"), "runs", &[]);
    expect("a user", &with("global\n  user lost\n"), "breaks", &["verdict.user"]);
    expect("a certificate", &with("frontend f\n  bind :443 ssl crt /etc/ssl/lost.pem\n"), "breaks", &["verdict.missing"]);
    expect("code", &with("global\n  lua-load /x.lua\n"), "unknown", &["verdict.unclear"]);
}
