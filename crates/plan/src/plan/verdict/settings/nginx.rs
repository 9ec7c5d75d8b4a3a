//! Settings of nginx: directives of words that end with `;` or have a block.

use super::Lost;

/// Longer files are not read.
const LONGEST: usize = 4 << 20;

/// A directive, whichever block it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plan::verdict) struct Directive {
    pub(in crate::plan::verdict) name: Vec<u8>,
    pub(in crate::plan::verdict) words: Vec<Vec<u8>>,
}

/// Whether the words of a directive are code of another language.
fn is_code(name: &[u8]) -> bool {
    name.ends_with(b"_by_lua_block") || name == b"perl"
}

/// The directives of a file.
pub(in crate::plan::verdict) fn directives(text: &[u8]) -> Result<Vec<Directive>, Lost> {
    let (mut at, mut line, mut depth) = (0, 1, 0_usize);
    let (mut found, mut words): (Vec<Directive>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
    if text.len() > LONGEST {
        return Err(1);
    }
    while let Some(byte) = text.get(at).copied() {
        match byte {
            b'\n' => (line, at) = (line + 1, at + 1),
            b' ' | b'\t' | b'\r' => at += 1,
            b'#' => at += text.get(at..).unwrap_or_default().iter().take_while(|byte| **byte != b'\n').count(),
            b';' | b'{' => {
                at += 1;
                let mut all = std::mem::take(&mut words).into_iter();
                let name = all.next().ok_or(line)?;
                if is_code(&name) {
                    return Err(line);
                }
                depth += usize::from(byte == b'{');
                found.push(Directive { name, words: all.collect() });
            }
            b'}' => {
                if !words.is_empty() {
                    return Err(line);
                }
                depth = depth.checked_sub(1).ok_or(line)?;
                at += 1;
            }
            _ => {
                let start = line;
                words.push(word(text, &mut at, &mut line).ok_or(start)?);
            }
        }
    }
    if depth > 0 || !words.is_empty() { Err(line) } else { Ok(found) }
}

/// One word, in quotes or not; `${name}` is a part of it.
fn word(text: &[u8], at: &mut usize, line: &mut usize) -> Option<Vec<u8>> {
    let mut found = Vec::new();
    let quote = text.get(*at).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    *at += usize::from(quote.is_some());
    let mut braces = false;
    loop {
        let Some(byte) = text.get(*at).copied() else { return quote.is_none().then_some(found) };
        match (byte, quote) {
            (b'\\', _) => {
                let next = text.get(*at + 1).copied()?;
                *line += usize::from(next == b'\n');
                if !matches!(next, b'"' | b'\'' | b'\\' | b' ') {
                    found.push(b'\\');
                }
                found.push(next);
                *at += 2;
                continue;
            }
            (byte, Some(quote)) if byte == quote => {
                *at += 1;
                return Some(found);
            }
            (b'{', None) if found.ends_with(b"$") => braces = true,
            (b'}', None) if braces => braces = false,
            (b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' | b'}', None) => return Some(found),
            _ => {}
        }
        *line += usize::from(byte == b'\n');
        found.push(byte);
        *at += 1;
    }
}

/// The value of an option that the program was built with: `--conf-path=/etc/nginx/nginx.conf`.
pub(in crate::plan::verdict) fn built_with(program: &[u8], option: &[u8]) -> Option<Vec<u8>> {
    let at = program.windows(option.len()).position(|window| window == option)? + option.len();
    let rest = program.get(at..)?.strip_prefix(b"=")?;
    let end = rest.iter().position(|byte| byte.is_ascii_whitespace() || *byte == 0)?;
    let value = rest.get(..end)?;
    (value.starts_with(b"/") && value.len() < 256).then(|| value.strip_suffix(b"/").unwrap_or(value).to_vec())
}
