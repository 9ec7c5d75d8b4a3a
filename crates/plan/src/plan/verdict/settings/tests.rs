use super::cron::{Job, table};
use super::nginx::{built_with, directives};
use super::supervisord::{expanded, sections};

fn shown(text: &str) -> Vec<String> {
    let all = directives(text.as_bytes()).unwrap();
    let join = |words: &[Vec<u8>]| String::from_utf8(words.join(&b'|')).unwrap();
    all.iter().map(|one| format!("{}:{}", String::from_utf8_lossy(&one.name), join(&one.words))).collect()
}

#[test]
fn directives_of_nginx_are_words() {
    let text = "user www-data; # who\nevents { worker_connections 768; }\nhttp {\n  log_format a '$x; \"y\"'\n    'z';\n  server { location ~ ^/a\\.php$ { root \"/srv/a b\"; return 200 ${x}y; } }\n}\n";
    let expected = [
        "user:www-data",
        "events:",
        "worker_connections:768",
        "http:",
        "log_format:a|$x; \"y\"|z",
        "server:",
        "location:~|^/a\\.php$",
        "root:/srv/a b",
        "return:200|${x}y",
    ];
    assert_eq!(shown(text), expected);
    for (text, line) in [("a", 1), ("a {\n", 2), ("}\n", 1), ("\n;", 2), ("a 'b", 1), ("content_by_lua_block {", 1), ("a b }", 1)] {
        assert_eq!(directives(text.as_bytes()), Err(line), "{text}");
    }
    let program = b"\0 --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf --with-x\0";
    assert_eq!(built_with(program, b"--conf-path").unwrap(), b"/etc/nginx/nginx.conf");
    assert_eq!(built_with(program, b"--pid-path"), None);
}

#[test]
fn tables_of_cron_have_jobs() {
    let text =
        b"SHELL=/bin/bash\n# no\n17 * * * *  root  cd / && run x\n@reboot app /a/b\n*/5 1-3 * jan mon root echo 100\\% %in\nnonsense\n";
    let found = table(text, true);
    let job = |user: &str, text: &str| Job { user: Some(user.as_bytes().to_vec()), text: text.as_bytes().to_vec() };
    assert_eq!(found.jobs, [job("root", "cd / && run x"), job("app", "/a/b"), job("root", "echo 100% ")]);
    assert_eq!(found.variables, [(b"SHELL".to_vec(), b"/bin/bash".to_vec())]);
    assert_eq!(found.lost, [6]);
    assert_eq!(table(b"* * * * * run.sh now", false).jobs, [Job { user: None, text: b"run.sh now".to_vec() }]);
}

#[test]
fn settings_of_supervisord_are_sections() {
    let text = b"; top\n[supervisord]\nnodaemon=true ; yes\n[program:web]\ncommand=/app/web --port %(ENV_PORT)s\n  --more\nuser = app\n[include]\nfiles = conf.d/*.conf\n";
    let found = sections(text).unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].value(b"nodaemon"), Some(&b"true"[..]));
    assert_eq!(found[1].value(b"command"), Some(&b"/app/web --port %(ENV_PORT)s\n--more"[..]));
    assert_eq!(found[1].value(b"user"), Some(&b"app"[..]));
    assert_eq!(sections(b"a=b\n"), Err(1));
    assert_eq!(sections(b"[x]\nb\n"), Err(2));
    let known = |name: &[u8]| (name == b"ENV_PORT").then(|| b"80".to_vec());
    assert_eq!(expanded(b"a %(ENV_PORT)s 5%% %(ENV_PORT)02d", &known).unwrap(), b"a 80 5% 80");
    assert_eq!(expanded(b"%(ENV_OTHER)s", &known), None);
    assert_eq!(expanded(b"%", &known), None);
}
