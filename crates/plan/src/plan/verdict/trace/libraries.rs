//! What scripts put into `LD_LIBRARY_PATH` before they start a program with libraries of its own: `export LD_LIBRARY_PATH=/opt/lib`.

use std::collections::BTreeMap;

use crate::plan::verdict::view::LibraryPath;
use crate::read::rootfs::split;

const NAME: &[u8] = b"LD_LIBRARY_PATH";

/// How scripts name the directory that they are in, behind `$`.
const OWN_DIRECTORY: [&[u8]; 8] = [
    b"(dirname \"$0\")",
    b"(dirname $0)",
    b"{0%/*}",
    b"(cd \"$(dirname \"$0\")\" && pwd)",
    b"(cd $(dirname $0) && pwd)",
    b"(cd -- \"$(dirname -- \"$0\")\" && pwd)",
    b"(cd \"$(dirname \"${BASH_SOURCE[0]}\")\" && pwd)",
    b"(dirname \"$(readlink -f \"$0\")\")",
];

/// What begins a part of a script that may not be run, or be run more than once.
const CONDITIONS: [&[u8]; 9] = [b"if ", b"elif ", b"then", b"else", b"for ", b"while ", b"until ", b"do ", b"case "];

/// The values of variables; one that is not known has none.
type Values = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What a script puts there, if it touches it.
pub(super) fn library_path(text: &[u8], place: &str, environment: &[(Vec<u8>, Vec<u8>)]) -> Option<LibraryPath> {
    let mut values: Values = environment.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect();
    values.insert(b"0".to_vec(), place.starts_with('/').then(|| place.as_bytes().to_vec()));
    // What it held before is added to what is known of it anyway.
    values.insert(NAME.to_vec(), Some(Vec::new()));
    let mut found = None;
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii_start().starts_with(b"#")) {
        let mut is_certain = !line.first().is_some_and(u8::is_ascii_whitespace);
        for part in line.split(|byte| *byte == b';').map(<[u8]>::trim_ascii) {
            // In a branch, a loop or a function it is done at some times only.
            is_certain &= !CONDITIONS.iter().any(|word| part.starts_with(word));
            let certain = |value: Option<Vec<u8>>| value.filter(|_| is_certain);
            let put = |value: Option<Vec<u8>>| Some(value.map_or(LibraryPath::Open, LibraryPath::Known));
            let part = part.strip_prefix(b"export ").unwrap_or(part).trim_ascii_start();
            let name: Vec<u8> = part.iter().copied().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').collect();
            match part.strip_prefix(&name[..]).and_then(|rest| rest.strip_prefix(b"=")) {
                Some(value) if name == NAME => found = put(certain(expanded(value, &values))),
                Some(value) => {
                    let value = certain(expanded(value, &values));
                    values.insert(name, value);
                }
                // Before a command, or among the words of `env`.
                None => {
                    let sign = [b" ", NAME, b"="].concat();
                    if let Some(at) = part.windows(sign.len()).position(|window| window == sign) {
                        let before = part.get(..at).unwrap_or_default();
                        let alone = !before.iter().any(|byte| matches!(byte, b'&' | b'|' | b'(' | b'{' | b'['));
                        let value = expanded(part.get(at + sign.len()..).unwrap_or_default(), &values);
                        found = put(certain(value).filter(|_| alone));
                    }
                }
            }
        }
    }
    found
}

/// The first word of a text with its variables in their places.
fn expanded(text: &[u8], values: &Values) -> Option<Vec<u8>> {
    let (mut out, mut rest, mut quote) = (Vec::new(), text, None);
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, quote) {
            (b'"' | b'\'', None) => quote = Some(*byte),
            (byte, Some(open)) if *byte == open => quote = None,
            (b'$', open) if open != Some(b'\'') => {
                let (value, after) = variable(after, values)?;
                out.extend(value);
                rest = after;
            }
            (b'`' | b'\\', _) => return None,
            (byte, None) if byte.is_ascii_whitespace() || matches!(byte, b'&' | b'|' | b')') => break,
            (byte, _) => out.push(*byte),
        }
    }
    Some(out)
}

/// The value of the variable whose name follows a `$`, and the rest of the text.
fn variable<'t>(text: &'t [u8], values: &Values) -> Option<(Vec<u8>, &'t [u8])> {
    for sign in OWN_DIRECTORY {
        if let Some(rest) = text.strip_prefix(sign) {
            return Some((split(values.get(&b"0"[..])?.as_ref()?).0.to_vec(), rest));
        }
    }
    let is_braced = text.first() == Some(&b'{');
    let inner = if is_braced { text.get(1..)? } else { text };
    let name: Vec<u8> = inner.iter().copied().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').collect();
    let rest = inner.get(name.len()..)?;
    let rest = match (is_braced, rest.first()) {
        (false, _) => rest,
        (true, Some(b'}')) => rest.get(1..)?,
        // `${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}` adds what was there before.
        (true, _) if name == NAME => rest.get(rest.iter().position(|byte| *byte == b'}')? + 1..)?,
        (true, _) => return None,
    };
    Some((values.get(&name)?.clone()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_ways_to_name_libraries_are_understood() {
        let path = |text: &str| library_path(text.as_bytes(), "/opt/app/bin/run", &[(b"HOME".to_vec(), b"/srv".to_vec())]);
        let known = |text: &str| match path(text).unwrap() {
            LibraryPath::Known(value) => Some(String::from_utf8(value).unwrap()),
            LibraryPath::Open => None,
        };
        for (text, value) in [
            ("export LD_LIBRARY_PATH=/opt/lib\nexec /app", "/opt/lib"),
            ("LD_LIBRARY_PATH=\"/opt/lib:/opt/more\" exec /app", "/opt/lib:/opt/more"),
            ("A=/opt/app\nexport LD_LIBRARY_PATH=${A}/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}", "/opt/app/lib"),
            ("exec env LD_LIBRARY_PATH=$HOME/lib /app", "/srv/lib"),
            ("here=$(dirname \"$0\")\nLD_LIBRARY_PATH=$here/../lib; export LD_LIBRARY_PATH", "/opt/app/bin/../lib"),
            ("here=$(cd \"$(dirname \"$0\")\" && pwd)\nexport LD_LIBRARY_PATH=\"$here/lib\"", "/opt/app/bin/lib"),
        ] {
            assert_eq!(known(text).as_deref(), Some(value), "{text}");
        }
        for text in [
            "LD_LIBRARY_PATH=$(find / -name lib)",
            "export LD_LIBRARY_PATH=$UNKNOWN/lib",
            "[ -n \"$DEBUG\" ] && export LD_LIBRARY_PATH=/opt/debug",
            "if [ -n \"$DEBUG\" ]; then export LD_LIBRARY_PATH=/opt/debug; fi",
            "if [ -n \"$DEBUG\" ]\nthen\n  export LD_LIBRARY_PATH=/opt/debug\nfi",
            "A=/opt/a\n[ -d /opt/b ] || {\n  A=/opt/b\n}\nexport LD_LIBRARY_PATH=$A/lib",
        ] {
            assert_eq!(known(text), None, "{text}");
        }
        assert_eq!(path("echo hello\n# LD_LIBRARY_PATH=/x"), None);
    }
}
