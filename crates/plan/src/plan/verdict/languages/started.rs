//! The programs that a script of Python or Perl starts, and the paths that a text names.

use std::collections::BTreeSet;

/// A program that a script starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plan::verdict) enum Started {
    /// Its words; none for those that are only known when the script runs.
    Words(Vec<Option<Vec<u8>>>),
    /// A text for a shell.
    Shell(Vec<u8>),
}

/// A text in quotes, and what follows it; none if it is not as it stands.
pub(super) fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let quote = *text.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let rest = text.get(1..)?;
    let end = rest.iter().position(|byte| *byte == quote)?;
    let inner = rest.get(..end)?;
    (!inner.contains(&b'\\') && !inner.contains(&b'\n')).then(|| (inner.to_vec(), rest.get(end + 1..).unwrap_or_default()))
}

/// The programs that a script of Python starts; none for those that are only known when it runs.
pub(in crate::plan::verdict) fn started(text: &[u8]) -> Vec<Option<Started>> {
    const CALLS: [&[u8]; 9] = [
        b"subprocess.run(",
        b"subprocess.call(",
        b"subprocess.check_call(",
        b"subprocess.check_output(",
        b"subprocess.Popen(",
        b"subprocess.getoutput(",
        b"subprocess.getstatusoutput(",
        b"os.system(",
        b"os.popen(",
    ];
    let mut found = Vec::new();
    if [&b"from subprocess"[..], b"import subprocess as", b"from os import system", b"create_subprocess"]
        .iter()
        .any(|words| text.windows(words.len()).any(|window| window == *words))
    {
        found.push(None);
    }
    for at in 0..text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let Some(call) = CALLS.iter().find(|call| rest.starts_with(call)) else { continue };
        let rest = rest.get(call.len()..).unwrap_or_default().trim_ascii_start();
        if let Some((shell, _)) = quoted(rest) {
            found.push(Some(Started::Shell(shell)));
            continue;
        }
        let Some(list) = rest.strip_prefix(b"[") else {
            found.push(None);
            continue;
        };
        let mut words = Vec::new();
        let mut rest = list.trim_ascii_start();
        while !rest.is_empty() && !rest.starts_with(b"]") {
            match quoted(rest) {
                Some((word, after)) if matches!(after.trim_ascii_start().first(), Some(b',' | b']')) => {
                    words.push(Some(word));
                    rest = after.trim_ascii_start();
                }
                _ => {
                    words.push(None);
                    let end = rest.iter().position(|byte| matches!(byte, b',' | b']')).unwrap_or(rest.len());
                    rest = rest.get(end..).unwrap_or_default();
                }
            }
            rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
        }
        found.push(Some(Started::Words(words)));
    }
    found
}

/// The programs that a script of Perl starts: `system LIST`, `exec LIST`, `open(F, "-|", LIST)` and backquotes; none if one of them is only
/// known when it runs.
pub(in crate::plan::verdict) fn started_by_perl(text: &[u8]) -> Option<Vec<Started>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let before = at.checked_sub(1).and_then(|at| text.get(at)).copied().unwrap_or(b'\n');
        let line = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let begins = !before.is_ascii_alphanumeric() && !matches!(before, b'_' | b'$' | b'@' | b'%' | b'>' | b':');
        let word = |name: &[u8]| begins && rest.starts_with(name) && rest.get(name.len()).is_some_and(|byte| matches!(byte, b' ' | b'('));
        let called = [&b"system"[..], b"exec"].iter().find(|name| word(name)).map_or(0, |name| name.len());
        let piped = [&b"\"-|\""[..], b"'-|'"].iter().find(|mode| rest.starts_with(mode)).map_or(0, |mode| mode.len());
        if before == b'\n' && rest.starts_with(b"#") {
            at += line;
        } else if called > 0 {
            found.push(listed(rest.get(called..)?.trim_ascii_start(), plain)?);
            at += called;
        } else if piped > 0 {
            found.push(listed(rest.get(piped..)?.trim_ascii_start().strip_prefix(b",")?.trim_ascii_start(), plain)?);
            at += piped;
        } else if let Some(inner) = rest.strip_prefix(b"`") {
            let end = inner.iter().position(|byte| *byte == b'`')?;
            let inner = inner.get(..end)?;
            found.push(Started::Shell(plain(inner).then(|| inner.to_vec())?));
            at += end + 2;
        } else if begins && rest.starts_with(b"qx") && rest.get(2).is_some_and(u8::is_ascii_punctuation) {
            return None;
        } else {
            at += 1;
        }
    }
    Some(found)
}

/// Whether a text in double quotes is as it stands.
fn plain(text: &[u8]) -> bool {
    !text.iter().any(|byte| matches!(byte, b'$' | b'@' | b'\\'))
}

/// The words of a list of Perl or Ruby whose first word is known: one text is for a shell. Of Ruby's, `NAME: VALUE` is an option of the call.
pub(super) fn listed(text: &[u8], plain: fn(&[u8]) -> bool) -> Option<Started> {
    let mut rest = text.strip_prefix(b"(").unwrap_or(text).trim_ascii_start();
    let mut words: Vec<Option<Vec<u8>>> = Vec::new();
    loop {
        let single = rest.starts_with(b"'");
        let after = if let Some((word, after)) = quoted(rest) {
            words.push((single || plain(&word)).then_some(word));
            after
        } else {
            words.push(None);
            rest.get(rest.iter().position(|byte| matches!(byte, b',' | b')' | b';' | b'\n'))?..)?
        };
        let Some(next) = after.trim_ascii_start().strip_prefix(b",") else { break };
        rest = next.trim_ascii_start();
        let name = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        if name > 0 && rest.get(name) == Some(&b':') && rest.get(name + 1) != Some(&b':') {
            break;
        }
    }
    let first = words.first().cloned().flatten()?;
    Some(if words.len() == 1 { Started::Shell(first) } else { Started::Words(words) })
}

/// The modules that `__import__("NAME")` names, if it is given nothing else.
pub(in crate::plan::verdict) fn imported(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    const CALL: &[u8] = b"__import__";
    let calls = text.windows(CALL.len()).enumerate().filter(|(_, window)| *window == CALL).map(|(at, _)| at + CALL.len());
    calls
        .map(|at| {
            let (name, rest) = quoted(text.get(at..)?.strip_prefix(b"(")?)?;
            rest.starts_with(b")").then_some(name)
        })
        .collect()
}

/// The paths that a text has in quotes.
pub(in crate::plan::verdict) fn quoted_paths(text: &[u8]) -> BTreeSet<Vec<u8>> {
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+' | b'@' | b':');
    let quotes = text.iter().enumerate().filter(|(_, byte)| matches!(byte, b'"' | b'\''));
    let inner = quotes.filter_map(|(at, quote)| {
        let rest = text.get(at + 1..)?.get(..256.min(text.len() - at - 1))?;
        rest.get(..rest.iter().position(|byte| byte == quote)?)
    });
    // What begins so stands behind the name of a directory.
    let inner = inner.filter(|path| !path.starts_with(b"/.."));
    inner.filter(|path| path.starts_with(b"/") && path.len() > 1 && path.iter().all(named)).map(<[u8]>::to_vec).collect()
}
