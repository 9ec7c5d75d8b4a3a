//! Modules of Python that a text loads by a name that it makes, and the programs that a text of Ruby starts.

use super::started::{Started, listed, quoted};

/// A module that is loaded by a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plan::verdict) enum Late {
    /// This one.
    Module(Vec<u8>),
    /// One of those in this package.
    Within(Vec<u8>),
}

/// Where a text has these words.
fn places<'t>(text: &'t [u8], words: &'static [u8]) -> impl Iterator<Item = (&'t [u8], &'t [u8])> {
    let found = text.windows(words.len()).enumerate().filter(move |(_, window)| *window == words);
    found.map(move |(at, _)| (text.get(..at).unwrap_or_default(), text.get(at + words.len()..).unwrap_or_default()))
}

/// What a text loads with `importlib`; none if that is not understood. What only looks (`importlib.metadata`, `pkgutil.iter_modules`) loads nothing.
pub(in crate::plan::verdict) fn late(text: &[u8]) -> Option<Vec<Late>> {
    const LOADING: [&[u8]; 6] =
        [b"entry_points", b"load_module(", b"module_from_spec", b"exec_module", b"import_module =", b"import_module as"];
    if LOADING.iter().any(|words| places(text, words).next().is_some()) {
        return None;
    }
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    for (before, after) in places(text, b"importlib") {
        let after = after.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let known = [&b".import_module("[..], b".metadata", b".resources", b".reload(", b".invalidate_caches("];
        let taken = after.strip_prefix(b" import ").map(|names| names.split(|byte| *byte == b',').map(<[u8]>::trim_ascii));
        let takes = taken.is_some_and(|mut names| {
            names.all(|name| [&b"import_module"[..], b"metadata", b"resources", b"reload", b"invalidate_caches"].contains(&name))
        });
        let alone = before.trim_ascii_end().ends_with(b"import") && (after.trim_ascii().is_empty() || after.starts_with(b","));
        let other = after.first().is_some_and(is_plain) || before.last().is_some_and(is_plain);
        if !(other || takes || alone || known.iter().any(|known| after.starts_with(known))) {
            return None;
        }
    }
    for (before, after) in places(text, b"pkgutil") {
        let lists = [&b".iter_modules("[..], b".walk_packages(", b".extend_path("].iter().find_map(|call| after.strip_prefix(*call));
        let own = lists
            .is_some_and(|given| given.split(|byte| *byte == b'\n').next().unwrap_or_default().windows(8).any(|name| name == b"__path__"));
        if !(own || before.trim_ascii_end().ends_with(b"import")) {
            return None;
        }
    }
    places(text, b"import_module(").map(|(_, given)| named(given)).collect()
}

/// The first word of a call: `"a.b")`, `f"a.{x}")`, `"a." + x`, `"a.%s" % x`.
fn named(given: &[u8]) -> Option<Late> {
    let given = given.trim_ascii_start();
    let (format, given) = given.strip_prefix(b"f").map_or((false, given), |given| (true, given));
    let (name, rest) = quoted(given)?;
    let rest = rest.trim_ascii_start();
    let fixed = name.iter().position(|byte| matches!(byte, b'{' | b'%')).unwrap_or(name.len());
    let is_name =
        |name: &[u8]| name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')) && !name.starts_with(b".");
    if !format && fixed == name.len() && rest.starts_with(b")") {
        return (is_name(&name) && !name.is_empty()).then_some(Late::Module(name));
    }
    let whole = name.get(..fixed)?;
    let continues = fixed < name.len() || rest.starts_with(b"+");
    let package = whole.get(..whole.iter().rposition(|byte| *byte == b'.')?)?;
    (continues && is_name(package) && whole.ends_with(b".")).then(|| Late::Within(package.to_vec()))
}

/// The programs that a script of Ruby starts: `system`, `exec`, `spawn`, `IO.popen`, `Open3` and backquotes; none if one of them is only
/// known when it runs.
pub(in crate::plan::verdict) fn started_by_ruby(text: &[u8]) -> Option<Vec<Started>> {
    const CALLS: [&[u8]; 11] = [
        b"system",
        b"exec",
        b"spawn",
        b"IO.popen",
        b"Open3.capture2e",
        b"Open3.capture2",
        b"Open3.capture3",
        b"Open3.popen2e",
        b"Open3.popen2",
        b"Open3.popen3",
        b"Open3.pipeline",
    ];
    let plain = |text: &[u8]| !text.contains(&b'\\') && !text.windows(2).any(|pair| pair == b"#{");
    let mut found = Vec::new();
    for line in text.split_inclusive(|byte| *byte == b'\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line))
    }) {
        let (start, line) = line;
        if line.trim_ascii_start().starts_with(b"#") {
            continue;
        }
        for at in 0..line.len() {
            let rest = text.get(start + at..)?;
            let before = at.checked_sub(1).and_then(|at| line.get(at)).copied().unwrap_or(b'\n');
            let begins = !before.is_ascii_alphanumeric() && !matches!(before, b'_' | b'$' | b'@' | b'.' | b':' | b'"' | b'\'');
            let defines = line.get(..at)?.trim_ascii_end().ends_with(b"def");
            let call = CALLS.iter().find(|call| rest.starts_with(call)).filter(|_| begins && !defines);
            let given = call.and_then(|call| rest.get(call.len()..)).filter(|given| given.starts_with(b"(") || given.starts_with(b" "));
            if let Some(given) = given {
                let given = given.trim_ascii_start();
                // A name that stands alone, or is given a value, is no call.
                if given.first().is_some_and(|byte| b"(\"'@$*[%".contains(byte) || byte.is_ascii_lowercase()) {
                    found.push(listed(given, plain)?);
                }
            } else if rest.starts_with(b"`") && line.get(..at)?.iter().fold(true, |even, byte| even != (*byte == b'`')) {
                // The first of two: the other one ends it.
                let inner = rest.get(1..)?;
                let inner = inner.get(..inner.iter().position(|byte| *byte == b'`')?)?;
                found.push(Started::Shell(plain(inner).then(|| inner.to_vec())?));
            } else if rest.starts_with(b"%x") && rest.get(2).is_some_and(u8::is_ascii_punctuation) {
                return None;
            }
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_loaded_by_calls() {
        let module = |name: &str| Late::Module(name.as_bytes().to_vec());
        let within = |name: &str| Late::Within(name.as_bytes().to_vec());
        for (text, expected) in [
            ("import importlib\nimportlib.import_module('a.b')\n", Some(vec![module("a.b")])),
            ("from importlib import import_module\nm = import_module(f\"a.{name}\")", Some(vec![within("a")])),
            ("import importlib\nimportlib.import_module('a.b.' + x)", Some(vec![within("a.b")])),
            ("import importlib\nimportlib.import_module('a.%s' % x)", Some(vec![within("a")])),
            ("import importlib.metadata as m\nm.version('a')", Some(vec![])),
            ("import pkgutil, a\nfor m in pkgutil.iter_modules(a.__path__): print(m.name)", Some(vec![])),
            ("import importlib\nimportlib.import_module(name)", None),
            ("import importlib\nimportlib.import_module(f'{a}.b')", None),
            ("import importlib\nimportlib.import_module('.b', package=a)", None),
            ("import importlib.util\n", None),
            ("from importlib.metadata import entry_points", None),
            ("import pkgutil\npkgutil.iter_modules()", None),
            ("from importlib import import_module as load\nload(x)", None),
        ] {
            assert_eq!(late(text.as_bytes()), expected, "{text}");
        }
    }

    /// Kernel#system, Open3: one text is for a shell, several are words; what has a name of its own is an option.
    #[test]
    fn ruby_starts_programs() {
        let words = |list: &[&str]| Started::Words(list.iter().map(|word| Some(word.as_bytes().to_vec())).collect());
        let shell = |text: &str| Started::Shell(text.as_bytes().to_vec());
        for (text, expected) in [
            ("system(\"tar\", \"-cf\") or abort", Some(vec![words(&["tar", "-cf"])])),
            ("out, st = Open3.capture2(\"tr a b\", stdin_data: \"abc\")", Some(vec![shell("tr a b")])),
            ("x = `uname -n`.strip; y = `id`", Some(vec![shell("uname -n"), shell("id")])),
            ("exec 'sh', '-c', 'a'", Some(vec![words(&["sh", "-c", "a"])])),
            ("# system(x) does it\ndef system(x)\nend\ndb.exec(sql)\n", Some(vec![])),
            ("system(command)", None),
            ("system \"ls #{dir}\"", None),
            ("`ls #{dir}`", None),
            ("%x(ls)", None),
            ("spawn env, 'a'", None),
        ] {
            assert_eq!(started_by_ruby(text.as_bytes()), expected, "{text}");
        }
    }
}
