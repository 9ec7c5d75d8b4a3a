//! What commands are given that their makers read in different ways: GNU's, busybox's, and those of awk. Each was tried in coreutils 8.32
//! to 9.7, in busybox 1.36 and 1.37, and in mawk 1.3.4.

use super::Argument;
use crate::plan::verdict::loader::shown;

/// Functions and variables that not every awk has.
const AWK: &[&[u8]] = &[
    b"gensub(",
    b"asort(",
    b"asorti(",
    b"strtonum(",
    b"mktime(",
    b"systime(",
    b"strftime(",
    b"and(",
    b"or(",
    b"xor(",
    b"compl(",
    b"lshift(",
    b"rshift(",
    b"patsplit(",
    b"PROCINFO",
    b"FPAT",
    b"FIELDWIDTHS",
    b"IGNORECASE",
    b"BEGINFILE",
    b"ENDFILE",
    b"@include",
    b"@load",
    b"SYMTAB",
    b"switch",
    b"nextfile",
    b"|&",
    b"\\y",
    b"\\<",
    b"\\>",
    b"length(ARGV",
    b"toupper(substr($0,1,1))",
];

/// What of its arguments a command may read otherwise, as users see it.
pub(super) fn peculiar(name: &[u8], arguments: &[Argument]) -> Vec<String> {
    let words = || arguments.iter().flatten().map(Vec::as_slice);
    let operands = || words().filter(|word| !word.starts_with(b"-") || *word == b"-");
    let found: Vec<&[u8]> = match name {
        b"date" => words().filter(|word| word.starts_with(b"+") && !is_plain_date(word)).collect(),
        b"head" | b"tail" | b"split" => words().filter(|word| has_unit(word)).collect(),
        // GNU's gives all numbers as many digits as one of them has.
        b"seq" => words().filter(|word| word.contains(&b'.')).collect(),
        b"grep" | b"egrep" | b"fgrep" | b"ls" => words().filter(|word| [&b"--color=always"[..], b"--color"].contains(word)).collect(),
        b"mktemp" => operands().filter(|word| word.contains(&b'X') && !word.ends_with(b"XXXXXX")).collect(),
        b"sed" => words().filter(|word| is_of_gnu(word)).collect(),
        b"awk" | b"mawk" | b"gawk" | b"nawk" => {
            // In paragraphs busybox leaves the end of the line to what it reads from a command.
            let paragraphs = |word: &[u8]| has(word, b"getline") && has(word, b"RS");
            words().filter(|word| AWK.iter().any(|text| has(word, text)) || paragraphs(word)).collect()
        }
        b"dirname" => operands().skip(1).take(1).collect(),
        b"openssl" => words().filter(|word| is_legacy(word)).collect(),
        // What it gives when the time is up is not the same.
        b"timeout" => vec![b"its exit status"],
        _ => Vec::new(),
    };
    let short = |text: &[u8]| shown(text.get(..60).unwrap_or(text));
    found.into_iter().map(|text| format!("{} {}", shown(name), short(text))).collect()
}

fn has(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

/// Whether a format of dates has nothing but the letters of POSIX, and the seconds since 1970.
fn is_plain_date(format: &[u8]) -> bool {
    let mut bytes = format.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'%' && !bytes.next().is_some_and(|letter| b"aAbBCdDeFgGhHIjmMnprRsStTuUVwWyYzZ%".contains(letter)) {
            return false;
        }
    }
    true
}

/// A number with a unit that is not a small `k` or `m`.
fn has_unit(word: &[u8]) -> bool {
    let rest = word.trim_ascii_start();
    let end = rest.iter().rposition(u8::is_ascii_digit);
    let unit = end.and_then(|end| rest.get(end + 1..)).unwrap_or_default();
    let number = end.and_then(|end| rest.get(..=end)).unwrap_or_default();
    let is_number = number.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'c' | b'n' | b'b'));
    is_number && !unit.is_empty() && unit.len() < 4 && !matches!(unit, b"k" | b"m") && unit.iter().all(|byte| b"KMGTPEkmbB".contains(byte))
}

/// Algorithms that OpenSSL 3 has in its legacy provider alone, which is not loaded by itself: OSSL_PROVIDER-legacy(7).
fn is_legacy(word: &[u8]) -> bool {
    let name = word.strip_prefix(b"-").unwrap_or(word).to_ascii_lowercase();
    let ciphers = [&b"des"[..], b"bf", b"blowfish", b"cast", b"cast5", b"idea", b"rc2", b"rc4", b"rc5", b"seed"];
    let digests = [&b"md2"[..], b"md4", b"mdc2", b"whirlpool", b"rmd160", b"ripemd", b"ripemd160"];
    let first = name.split(|byte| *byte == b'-').next().unwrap_or_default();
    digests.contains(&name.as_slice()) || ciphers.contains(&first)
}

/// Commands of sed that only GNU's has.
fn is_of_gnu(program: &[u8]) -> bool {
    [&b"\\U"[..], b"\\L", b"\\u", b"\\l", b"\\E", b"0,/"].iter().any(|text| has(program, text)) || program.ends_with(b"/e")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makers_read_in_their_own_way_is_told() {
        let told = |text: &str| {
            let mut words = text.split(' ');
            let name = words.next().unwrap().as_bytes();
            let arguments: Vec<Argument> = words.map(|word| Some(word.as_bytes().to_vec())).collect();
            !peculiar(name, &arguments).is_empty()
        };
        for text in [
            "date +%N",
            "date +%s%3N",
            "date +%-d",
            "date +%P",
            "head -c 2K f",
            "head -c2K f",
            "tail -c 1M",
            "mktemp /tmp/a.XXX",
            "mktemp /tmp/XXXXXX.txt",
            "sed s/a/\\U&/ f",
            "sed 0,/a/d f",
            "awk BEGIN{print(gensub(/a/,1,1))}",
            "dirname a/b c/d",
            "timeout 1 a",
            "seq 1 .5 2",
            "grep --color=always a f",
            "openssl dgst -md4 f",
            "openssl enc -rc4-40 -k a",
            "openssl des-cbc -d",
        ] {
            assert!(told(text), "{text}");
        }
        for text in [
            "date +%F",
            "date +%Y-%m-%dT%H:%M:%SZ",
            "date +%s",
            "date +%%",
            "head -c 2k f",
            "head -n 1 f",
            "tail -n +2 fileK",
            "mktemp -d /tmp/a.XXXXXX",
            "mktemp",
            "sed s/a/b/ f",
            "awk {print($1)} f",
            "dirname a/b",
            "seq 1 3",
            "grep --color=never a f",
            "openssl dgst -sha256 f",
            "openssl enc -aes-256-cbc -k a",
            "openssl enc -des3 -k a",
        ] {
            assert!(!told(text), "{text}");
        }
    }
}
