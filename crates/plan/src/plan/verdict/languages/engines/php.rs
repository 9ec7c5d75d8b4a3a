//! Scripts and settings of PHP: what they load and start.

use super::{Text, has, without_comments, words};
use crate::plan::verdict::languages::{Started, quoted};
use crate::read::rootfs::split;

/// Functions that start programs: by a text for a shell, or by words.
const STARTING: [(&[u8], bool); 6] =
    [(b"exec", true), (b"shell_exec", true), (b"system", true), (b"passthru", true), (b"popen", true), (b"pcntl_exec", false)];

/// What a script at a path says. What it loads is a path, absolute where the script says it by its own place.
pub(in crate::plan::verdict) fn read(text: &[u8], path: &[u8]) -> Text {
    let text = without_comments(text, &[b"//", b"*", b"#"]);
    let text = text.as_slice();
    let lower = text.to_ascii_lowercase();
    let mut found = Text::default();
    for keyword in [&b"include"[..], b"include_once", b"require", b"require_once"] {
        for (before, after) in words(&lower, keyword) {
            // A method, or a name.
            if before.ends_with(b"->")
                || before.ends_with(b"::")
                || before.ends_with(b"$")
                || before.trim_ascii_end().ends_with(b"function")
            {
                continue;
            }
            if !matches!(after.first(), Some(b' ' | b'(' | b'"' | b'\'' | b'\t' | b'\n')) {
                continue;
            }
            // The names of files keep their letters.
            let at = before.len() + keyword.len();
            match loaded(text.get(at..).unwrap_or_default(), split(path).0) {
                Some(name) => found.loads.push(name),
                None => found.computes = true,
            }
        }
    }
    found.computes |= has(&lower, b"spl_autoload") || words(&lower, b"eval").any(|(_, after)| after.trim_ascii_start().starts_with(b"("));
    const ASKING: [&[u8]; 6] = [b"php_version", b"phpversion", b"phpinfo", b"php_major_version", b"php_minor_version", b"zend_version"];
    found.asks = ASKING.iter().any(|word| has(&lower, word));
    const LIBRARIES: [&[u8]; 9] = [
        b"openssl_version",
        b"curl_version",
        b"libxml_dotted",
        b"pcre_version",
        b"icu_version",
        b"phpinfo",
        b"sqlite3::version",
        b"get_loaded_extensions",
        b"gd_info",
    ];
    found.asks_libraries = LIBRARIES.iter().any(|word| has(&lower, word));
    for (name, shell) in STARTING {
        for (before, after) in words(&lower, name) {
            let trimmed = before.trim_ascii_end();
            let other = trimmed.ends_with(b"->") || trimmed.ends_with(b"::") || trimmed.ends_with(b"function") || trimmed.ends_with(b"$");
            let after = after.trim_ascii_start();
            if other || !after.starts_with(b"(") {
                continue;
            }
            let at = text.len() - after.len() + 1;
            let given = text.get(at..).unwrap_or_default().trim_ascii_start();
            found
                .starts
                .push(plain(given).map(|(text, _)| if shell { Started::Shell(text) } else { Started::Words(vec![Some(text), None]) }));
        }
    }
    for (before, after) in words(&lower, b"proc_open") {
        if after.trim_ascii_start().starts_with(b"(") && !before.ends_with(b"->") && !before.trim_ascii_end().ends_with(b"function") {
            let at = text.len() - after.trim_ascii_start().len() + 1;
            found.starts.push(plain(text.get(at..).unwrap_or_default().trim_ascii_start()).map(|(text, _)| Started::Shell(text)));
        }
    }
    found.starts.extend(backquoted(text));
    // It is given to the program that sends mail.
    if words(&lower, b"mail").any(|(before, after)| {
        after.starts_with(b"(") && !before.ends_with(b">") && !before.ends_with(b":") && !before.trim_ascii_end().ends_with(b"function")
    }) {
        found.starts.push(None);
    }
    found
}

/// A text in quotes in which nothing is replaced.
fn plain(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let double = text.starts_with(b"\"");
    let (inner, rest) = quoted(text).filter(|(inner, _)| !(double && inner.contains(&b'$')))?;
    matches!(rest.trim_ascii_start().first(), Some(b',' | b')')).then_some((inner, rest))
}

/// What `require` is given: a text, or one behind the directory of the script.
fn loaded(given: &[u8], directory: &[u8]) -> Option<Vec<u8>> {
    let mut rest = given.trim_ascii_start();
    let mut open = 0;
    while let Some(inner) = rest.strip_prefix(b"(") {
        (rest, open) = (inner.trim_ascii_start(), open + 1);
    }
    let mut base: Option<&[u8]> = None;
    for (sign, levels) in [
        (&b"__DIR__"[..], 0),
        (b"dirname(__FILE__)", 0),
        (b"dirname(__DIR__)", 1),
        (b"dirname(__FILE__, 2)", 1),
        (b"dirname(__DIR__, 2)", 2),
    ] {
        if let Some(after) = rest.strip_prefix(sign) {
            let mut place = directory;
            for _ in 0..levels {
                place = split(place).0;
            }
            base = Some(place);
            rest = after.trim_ascii_start().strip_prefix(b".")?.trim_ascii_start();
            break;
        }
    }
    let double = rest.starts_with(b"\"");
    let (text, after) = quoted(rest).filter(|(text, _)| !(double && text.contains(&b'$')))?;
    let mut after = after.trim_ascii_start();
    for _ in 0..open {
        after = after.strip_prefix(b")")?.trim_ascii_start();
    }
    let ends =
        matches!(after.first(), None | Some(b';' | b')' | b',' | b'?' | b'}')) || after.starts_with(b"or ") || after.starts_with(b"||");
    ends.then(|| base.map_or(text.clone(), |base| [base, &text].concat()))
}

/// What stands in backquotes outside of texts is given to a shell.
fn backquoted(text: &[u8]) -> Vec<Option<Started>> {
    let mut found = Vec::new();
    if !text.contains(&b'`') {
        return found;
    }
    let (mut quote, mut at, mut start) = (0_u8, 0, 0);
    while let Some(byte) = text.get(at).copied() {
        match byte {
            b'\\' if quote != 0 => at += 1,
            b'"' | b'\'' | b'`' if quote == 0 => (quote, start) = (byte, at + 1),
            _ if byte == quote => {
                if byte == b'`' {
                    let inner = text.get(start..at).unwrap_or_default();
                    let known = !inner.iter().any(|byte| matches!(byte, b'$' | b'\\' | b'{'));
                    found.push(known.then(|| Started::Shell(inner.to_vec())));
                }
                quote = 0;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// What a file of settings says: names and values. Sections count for nothing here.
pub(in crate::plan::verdict) fn settings(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.starts_with(b";") && !line.starts_with(b"["));
    let pair = |line: &[u8]| {
        let at = line.iter().position(|byte| *byte == b'=')?;
        let value = line.get(at + 1..)?.split(|byte| *byte == b';').next()?.trim_ascii();
        let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
        Some((line.get(..at)?.trim_ascii().to_vec(), value.to_vec()))
    };
    lines.filter_map(pair).collect()
}

/// The paths that an interpreter has for its settings and extensions.
pub(in crate::plan::verdict) fn places(program: &[u8]) -> Vec<Vec<u8>> {
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-');
    let texts = program.split(|byte| *byte == 0).filter(|text| text.starts_with(b"/") && text.len() < 256 && text.iter().all(named));
    let mut found: Vec<Vec<u8>> =
        texts.filter(|text| has(text, b"php")).map(|text| text.strip_suffix(b"/").unwrap_or(text).to_vec()).collect();
    found.sort();
    found.dedup();
    found
}
