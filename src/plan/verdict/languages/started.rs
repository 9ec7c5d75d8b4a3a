//! The programs that a script of Python starts, and the paths that a text names.

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
fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
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

/// The paths that a text has in quotes.
pub(in crate::plan::verdict) fn quoted_paths(text: &[u8]) -> BTreeSet<Vec<u8>> {
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+' | b'@' | b':');
    let quotes = text.iter().enumerate().filter(|(_, byte)| matches!(byte, b'"' | b'\''));
    let inner = quotes.filter_map(|(at, quote)| {
        let rest = text.get(at + 1..)?.get(..256.min(text.len() - at - 1))?;
        rest.get(..rest.iter().position(|byte| byte == quote)?)
    });
    inner.filter(|path| path.starts_with(b"/") && path.len() > 1 && path.iter().all(named)).map(<[u8]>::to_vec).collect()
}
