//! Untrusted text on its way to a user.
//!
//! A tag name may hold an escape sequence that clears the screen or forges a line (RUSTSEC-2025-0055 is one of many), or
//! characters that nobody sees. Nothing that came from a document or a file name is printed with them, in any format: [`hidden`]
//! says which they are, and [`escape`], [`json`] and [`cell`] spell them as users, JSON and spreadsheets read them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character can move a cursor, change a colour, break a line or reverse the reading direction, or is not seen at all:
/// Unicode's control characters, separators of lines and paragraphs, `Bidi_Control` and `Default_Ignorable_Code_Point`
/// (the soft hyphen, fillers, variation selectors, tags), and the interlinear marks.
pub fn hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// `text` with every [`hidden`] character escaped.
pub fn escape(text: &str) -> String {
    escape_unless(text, |_| false)
}

/// `text` with every [`hidden`] character escaped but those that are `allowed`.
pub fn escape_unless(text: &str, allowed: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            _ if !hidden(character) || allowed(character) => out.push(character),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
            }
        }
    }
    out
}

/// A JSON document in which every [`hidden`] character is spelled `\uXXXX`, so that it means the same. Ends of lines stay: between
/// the parts of a document they are no text, and inside a text they are escaped already.
pub fn json(document: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte == b'\n' || (b' '..0x7f).contains(&byte);
    let shown = |character: char| !hidden(character) || character == '\n';
    if document.bytes().all(plain) || document.chars().all(shown) {
        return Cow::Borrowed(document);
    }
    let mut out = String::with_capacity(document.len() + 64);
    for character in document.chars() {
        if shown(character) {
            out.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    Cow::Owned(out)
}

/// A cell of a table of comma-separated values (RFC 4180), on one line. What a spreadsheet would take for a formula gets an
/// apostrophe, since names and reasons come from images; a semicolon, which separates cells in some countries, is quoted.
pub fn cell(text: &str) -> String {
    let mut shown = escape(text);
    if text.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']) {
        shown.insert(0, '\'');
    }
    if shown.contains([',', ';', '"']) { format!("\"{}\"", shown.replace('"', "\"\"")) } else { shown }
}

/// Bytes that should be text, escaped; bytes that are not UTF-8 as `\xNN`.
pub fn escape_bytes(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        out.push_str(&escape(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// A number of bytes for users, in binary units: `1.4 MiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut tenths = u128::from(count) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// `1 layer`, `2 layers`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_could_move_it() {
        assert_eq!(escape("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(escape("evil\u{202e}gpj.exe"), "evil\\u{202e}gpj.exe");
        assert_eq!(escape("Máirín Ní Ḋuḃṫaiġ"), "Máirín Ní Ḋuḃṫaiġ");
        assert_eq!(escape_bytes(b"a\xffb"), "a\\xffb");
        assert_eq!(escape("so\u{ad}ft \u{61c}\u{e0041}\u{9b}1m\u{7f}"), "so\\u{ad}ft \\u{61c}\\u{e0041}\\u{9b}1m\\u{7f}");
    }

    #[test]
    fn json_means_the_same_and_hides_nothing() {
        let value = serde_json::json!({"k\u{9b}": "a\u{1b}\u{7f}\u{85}\u{202e}\u{e0041}\u{ad}\n\"\\ Ḋ 漢"});
        for text in [serde_json::to_string(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap()] {
            let safe = json(&text).into_owned();
            assert!(!safe.chars().any(|character| hidden(character) && character != '\n'), "{safe:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        }
        assert_eq!(json("\"\u{e0041}\""), "\"\\udb40\\udc41\"");
    }

    #[test]
    fn cells_are_quoted_and_are_no_formulas() {
        for (text, shown) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("a;=1+1", "\"a;=1+1\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("two\r\nlines", "two\\r\\nlines"),
            ("\u{1b}]0;x\u{7}", "\"\\u{1b}]0;x\\u{7}\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1,A2)", "\"'@SUM(A1,A2)\""),
            ("\t=1", "'\\t=1"),
            ("\r=1", "'\\r=1"),
            (" =1", "' =1"),
            ("＝1", "'＝1"),
        ] {
            assert_eq!(cell(text), shown, "{text:?}");
        }
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(5 << 30), "5.0 GiB");
    }
}
