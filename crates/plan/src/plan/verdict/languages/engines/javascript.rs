//! Scripts of Node.js: what they load, by its own rules of resolution, and what they start.

use serde_json::Value;

use super::{Text, has, is_word, listed, without_comments, words};
use crate::format::tar::Kind;
use crate::plan::verdict::languages::{Started, quoted};
use crate::plan::verdict::view::View;
use crate::read::rootfs::split;

/// Modules that are in the interpreter.
const BUILTIN: [&[u8]; 52] = [
    b"assert",
    b"async_hooks",
    b"buffer",
    b"child_process",
    b"cluster",
    b"console",
    b"constants",
    b"crypto",
    b"dgram",
    b"diagnostics_channel",
    b"dns",
    b"domain",
    b"events",
    b"fs",
    b"http",
    b"http2",
    b"https",
    b"inspector",
    b"module",
    b"net",
    b"os",
    b"path",
    b"perf_hooks",
    b"process",
    b"punycode",
    b"querystring",
    b"readline",
    b"repl",
    b"stream",
    b"string_decoder",
    b"sys",
    b"timers",
    b"tls",
    b"trace_events",
    b"tty",
    b"url",
    b"util",
    b"v8",
    b"vm",
    b"wasi",
    b"worker_threads",
    b"zlib",
    b"fs/promises",
    b"path/posix",
    b"path/win32",
    b"stream/promises",
    b"stream/web",
    b"timers/promises",
    b"util/types",
    b"dns/promises",
    b"readline/promises",
    b"assert/strict",
];

/// A text in quotes of any kind, as it stands, and what follows it.
fn text_of(rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(inner) = rest.strip_prefix(b"`") else { return quoted(rest) };
    let end = inner.iter().position(|byte| *byte == b'`')?;
    let text = inner.get(..end)?;
    (!has(text, b"${") && !text.contains(&b'\\')).then(|| (text.to_vec(), inner.get(end + 1..).unwrap_or_default()))
}

/// What a script says.
pub(in crate::plan::verdict) fn read(text: &[u8]) -> Text {
    let text = without_comments(text, &[b"//", b"*"]);
    let text = text.as_slice();
    let mut found = Text::default();
    for (before, after) in words(text, b"require") {
        let after = after.trim_ascii_start();
        let after = after.strip_prefix(b".resolve").unwrap_or(after).trim_ascii_start();
        if let Some(given) = after.strip_prefix(b"(") {
            named(given, &mut found);
        } else if !after.starts_with(b".") {
            // It is handed on, under another name.
            found.computes |= !is_only_named(before);
        }
    }
    for (before, after) in words(text, b"import") {
        let after = after.trim_ascii_start();
        match after.first() {
            Some(b'(') => named(after.get(1..).unwrap_or_default(), &mut found),
            Some(b'"' | b'\'') if !before.ends_with(b".") => found.loads.extend(text_of(after).map(|(name, _)| name)),
            _ => {}
        }
    }
    for (_, after) in words(text, b"from") {
        found.loads.extend(text_of(after.trim_ascii_start()).map(|(name, _)| name));
    }
    found.computes |= [&b"new Function("[..], b"process.dlopen", b"process.binding", b"_load("].iter().any(|call| has(text, call))
        || words(text, b"eval").any(|(before, after)| after.trim_ascii_start().starts_with(b"(") && !before.ends_with(b"."))
        || words(text, b"vm")
            .any(|(_, after)| after.starts_with(b".run") || after.starts_with(b".Script") || after.starts_with(b".compile"));
    found.asks = [&b"process.version"[..], b"process.release", b"process.config", b"process.features"].iter().any(|word| has(text, word));
    found.asks_libraries = has(text, b"process.versions") || has(text, b"getCiphers") || has(text, b"getHashes") || has(text, b"getCurves");
    found.starts = started(text);
    found
}

/// Whether the text before a name makes it one of what a function is given, or only asks what it is.
fn is_only_named(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let open = before.iter().rposition(|byte| *byte == b'(').and_then(|at| before.get(..at)).unwrap_or_default().trim_ascii_end();
    let name = open.iter().rev().take_while(|byte| is_word(**byte)).count();
    let unnamed = open.get(..open.len() - name).unwrap_or_default().trim_ascii_end();
    let given = matches!(before.last(), Some(b'(' | b',')) && (open.ends_with(b"function") || unnamed.ends_with(b"function"));
    given || before.ends_with(b"typeof")
}

/// What `require(` is given.
fn named(given: &[u8], found: &mut Text) {
    match text_of(given.trim_ascii_start()) {
        Some((name, rest)) if matches!(rest.trim_ascii_start().first(), Some(b')' | b',')) => found.loads.push(name),
        _ => found.computes = true,
    }
}

/// Functions of `child_process`, and whether they give a text to a shell.
const STARTING: [(&[u8], bool); 7] = [
    (b"exec", true),
    (b"execSync", true),
    (b"spawn", false),
    (b"spawnSync", false),
    (b"execFile", false),
    (b"execFileSync", false),
    (b"fork", false),
];

/// The programs that a script starts.
fn started(text: &[u8]) -> Vec<Option<Started>> {
    let mut found = Vec::new();
    for (at, _) in text.windows(13).enumerate().filter(|(_, window)| *window == b"child_process") {
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + 13..).unwrap_or_default());
        let before = before.strip_suffix(b"node:").unwrap_or(before);
        let Some(before) = before.strip_suffix(b"\"").or_else(|| before.strip_suffix(b"'")).or_else(|| before.strip_suffix(b"`")) else {
            continue;
        };
        let after = after.get(1..).unwrap_or_default();
        if let Some(before) = before.trim_ascii_end().strip_suffix(b"(").and_then(|before| before.trim_ascii_end().strip_suffix(b"require"))
        {
            let after = after.trim_ascii_start().strip_prefix(b")").unwrap_or(after);
            match after.strip_prefix(b".") {
                // `require("child_process").exec("…")`
                Some(call) => found.push(called(call)),
                None => bound(before.trim_ascii_end().strip_suffix(b"="), text, &mut found),
            }
        } else if let Some(before) = before.trim_ascii_end().strip_suffix(b"from") {
            let start = before.windows(6).rposition(|window| window == b"import").map(|start| start + 6);
            bound(start.and_then(|start| before.get(start..)), text, &mut found);
        } else if before.trim_ascii_end().ends_with(b"import") || before.trim_ascii_end().ends_with(b"[") {
            found.push(None);
        }
    }
    found
}

/// What is done with what `child_process` is bound to: one name, or names in braces.
fn bound(target: Option<&[u8]>, text: &[u8], found: &mut Vec<Option<Started>>) {
    let Some(target) = target.map(<[u8]>::trim_ascii) else { return found.push(None) };
    if let Some(inner) = target.strip_suffix(b"}") {
        let start = inner.iter().rposition(|byte| *byte == b'{').map_or(inner.len(), |at| at + 1);
        for part in inner.get(start..).unwrap_or_default().split(|byte| *byte == b',') {
            let part = part.trim_ascii();
            let mut names = part.split(|byte| !is_word(*byte)).filter(|name| !name.is_empty() && *name != b"as");
            let (Some(name), own) = (names.next(), names.next()) else { continue };
            let own = own.unwrap_or(name);
            let Some((_, shell)) = STARTING.iter().find(|(known, _)| *known == name) else { continue };
            for (before, after) in words(text, own) {
                let after = after.trim_ascii_start();
                match after.strip_prefix(b"(") {
                    Some(given) if !before.ends_with(b".") => found.push(given_to(given, *shell)),
                    Some(_) => {}
                    // Where it is bound, or a key.
                    None if matches!(after.first(), Some(b',' | b'}' | b':')) && !before.trim_ascii_end().ends_with(b"(") => {}
                    None if after.starts_with(b"as ") => {}
                    None => found.push(None),
                }
            }
        }
        return;
    }
    let length = target.iter().rev().take_while(|byte| is_word(**byte)).count();
    let name = target.get(target.len() - length..).unwrap_or_default();
    if name.is_empty() {
        return found.push(None);
    }
    for (before, after) in words(text, name) {
        match after.strip_prefix(b".") {
            Some(call) => {
                let end = call.iter().take_while(|byte| is_word(**byte)).count();
                if STARTING.iter().any(|(known, _)| Some(*known) == call.get(..end)) {
                    found.push(called(call));
                }
            }
            None if matches!(after.trim_ascii_start().first(), Some(b'=' | b':' | b';'))
                || after.trim_ascii_start().starts_with(b"from") => {}
            // Its name may be that of something else: a text, a key.
            None if before.ends_with(b".") || before.ends_with(b"\"") || before.ends_with(b"'") || before.ends_with(b":") => {}
            None => found.push(None),
        }
    }
}

/// `exec("…")`
fn called(call: &[u8]) -> Option<Started> {
    let end = call.iter().take_while(|byte| is_word(**byte)).count();
    let (name, rest) = call.split_at(end);
    let (_, shell) = STARTING.iter().find(|(known, _)| *known == name)?;
    given_to(rest.trim_ascii_start().strip_prefix(b"(")?, *shell)
}

/// What a function that starts a program is given.
fn given_to(given: &[u8], shell: bool) -> Option<Started> {
    let given = given.trim_ascii_start();
    if shell && let Some(inner) = given.strip_prefix(b"`") {
        let text = inner.get(..inner.iter().position(|byte| *byte == b'`')?)?;
        let first = text.split(u8::is_ascii_whitespace).next().filter(|first| !first.is_empty())?;
        let plain = |text: &[u8]| !text.iter().any(|byte| b"|;&<>()`\\\n".contains(byte));
        let fixed = !has(first, b"${") && !first.contains(&b'}') && plain(text);
        return fixed.then(|| Started::Words(vec![Some(first.to_vec()), None]));
    }
    let (first, rest) = text_of(given)?;
    let rest = rest.trim_ascii_start();
    match (shell, rest.first()) {
        (true, Some(b',' | b')')) => Some(Started::Shell(first)),
        (false, Some(b')')) => Some(Started::Words(vec![Some(first)])),
        (false, Some(b',')) => {
            // `{ shell: true }` gives all of it to one.
            let list = rest.get(1..)?.trim_ascii_start();
            let mut all = vec![Some(first)];
            match list.strip_prefix(b"[") {
                Some(inner) => all.extend(listed(inner)),
                None if list.starts_with(b"{") => {}
                None => all.push(None),
            }
            Some(Started::Words(all))
        }
        _ => None,
    }
}

/// Where a name leads that a script at a path loads.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::plan::verdict) enum Found {
    /// These files, of which one is loaded; several where conditions decide.
    Files(Vec<Vec<u8>>),
    /// It is in the interpreter.
    Inside,
    /// The package says what it is in a way that is not followed.
    Unknown,
    Nothing,
}

fn is_file(view: &View, path: &[u8]) -> bool {
    view.find(path).is_some_and(|entry| entry.kind() == Kind::File)
}

/// The file of a path as `require` takes it: with endings, or a directory with its main file.
fn at(view: &View, path: &[u8], depth: usize) -> Option<Vec<u8>> {
    const ENDINGS: [&[u8]; 6] = [b"", b".js", b".json", b".node", b".mjs", b".cjs"];
    let file = ENDINGS.iter().map(|ending| [path, ending].concat()).find(|path| is_file(view, path));
    if file.is_some() || depth > 2 {
        return file;
    }
    view.find(path).filter(|entry| entry.kind() == Kind::Directory)?;
    let main = package(view, path).and_then(|package| package.get("main").and_then(Value::as_str).map(|main| main.as_bytes().to_vec()));
    let main = main.and_then(|main| at(view, &joined(path, &main), depth + 1));
    main.or_else(|| [&b"index.js"[..], b"index.json", b"index.node"].iter().map(|name| joined(path, name)).find(|path| is_file(view, path)))
}

/// What `package.json` of a directory says.
fn package(view: &View, directory: &[u8]) -> Option<Value> {
    serde_json::from_slice(view.text(&joined(directory, b"package.json"))?).ok()
}

/// A path from a directory on, without `.` and `..`.
pub(in crate::plan::verdict) fn joined(directory: &[u8], path: &[u8]) -> Vec<u8> {
    let whole = if path.starts_with(b"/") { path.to_vec() } else { [directory, path].join(&b'/') };
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in whole.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    [b"/".as_slice(), &parts.join(&b'/')].concat()
}

/// Where a name leads that a script at a path loads; `global` are the directories that are looked in at last.
pub(in crate::plan::verdict) fn resolve(view: &View, script: &[u8], name: &[u8], global: &[Vec<u8>]) -> Found {
    let plain = name.strip_prefix(b"node:").unwrap_or(name);
    if BUILTIN.contains(&plain) || name.starts_with(b"node:") {
        return Found::Inside;
    }
    let path = name.strip_prefix(b"file://").unwrap_or(name);
    if path.starts_with(b"/") || path.starts_with(b"./") || path.starts_with(b"../") || path == b"." || path == b".." {
        // What TypeScript and others write as `.js` may be there under another ending.
        return at(view, &joined(split(script).0, path), 0).map_or(Found::Nothing, |file| Found::Files(vec![file]));
    }
    if name.starts_with(b"#") {
        return Found::Unknown;
    }
    let mut slashes = name.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let end = if name.starts_with(b"@") { slashes.nth(1) } else { slashes.next() };
    let (owner, inner) = name.split_at(end.unwrap_or(name.len()));
    let mut directory = split(script).0;
    let mut folders = Vec::new();
    loop {
        if !directory.ends_with(b"/node_modules") {
            folders.push([directory, b"/node_modules"].concat());
        }
        if directory.is_empty() {
            break;
        }
        directory = split(directory).0;
    }
    for folder in folders.iter().chain(global) {
        let place = [folder.as_slice(), b"/", owner].concat();
        if view.find(&place).is_some_and(|entry| entry.kind() == Kind::Directory)
            && let Some(exports) = package(view, &place).and_then(|package| package.get("exports").cloned())
        {
            return exported(view, &place, &exports, inner);
        }
        if let Some(file) = at(view, &[place.as_slice(), inner].concat(), 0) {
            return Found::Files(vec![file]);
        }
    }
    Found::Nothing
}

/// What `exports` of a package offer under a path of it: each file that a condition may choose.
fn exported(view: &View, place: &[u8], exports: &Value, inner: &[u8]) -> Found {
    let key = [b".".as_slice(), inner].concat();
    let by_path = exports.as_object().is_some_and(|map| map.keys().any(|key| key.starts_with('.')));
    let value =
        if by_path { std::str::from_utf8(&key).ok().and_then(|key| exports.get(key)) } else { Some(exports).filter(|_| inner.is_empty()) };
    let Some(value) = value else { return Found::Unknown };
    let mut files = Vec::new();
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(path) => files.push(joined(place, path.as_bytes())),
            Value::Array(all) => waiting.extend(all),
            Value::Object(map) => {
                waiting.extend(map.iter().filter(|(key, _)| !matches!(key.as_str(), "types" | "browser" | "deno")).map(|(_, value)| value));
            }
            _ => {}
        }
    }
    files.retain(|path| is_file(view, path));
    files.sort();
    files.dedup();
    if files.is_empty() { Found::Unknown } else { Found::Files(files) }
}
