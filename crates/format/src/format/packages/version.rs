//! Which of two versions is the later one, by the order of each system: deb-version(7) and apk-tools' `apk version -t`.

use std::cmp::Ordering;

/// The order of two versions of dpkg; none if one of them is no version.
pub fn dpkg(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (Debian::parse(one)?, Debian::parse(other)?);
    let order = whole(one.epoch, other.epoch).then_with(|| alternating(one.upstream, other.upstream));
    Some(order.then_with(|| alternating(one.revision, other.revision)))
}

/// `[EPOCH:]UPSTREAM[-REVISION]`
struct Debian<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl<'a> Debian<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        let number = !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit());
        let taken = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte));
        (number && !upstream.is_empty() && taken(rest)).then_some(Self {
            epoch: epoch.as_bytes(),
            upstream: upstream.as_bytes(),
            revision: revision.as_bytes(),
        })
    }
}

/// Compares what is no number and what is one in turns, as the manual page says it.
fn alternating(mut one: &[u8], mut other: &[u8]) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let ((text, rest), (other_text, other_rest)) =
            (split(one, |byte| !byte.is_ascii_digit()), split(other, |byte| !byte.is_ascii_digit()));
        let ((number, rest), (other_number, other_rest)) = (split(rest, u8::is_ascii_digit), split(other_rest, u8::is_ascii_digit));
        let order = letters(text, other_text).then_with(|| whole(number, other_number));
        if order != Ordering::Equal {
            return order;
        }
        (one, other) = (rest, other_rest);
    }
    Ordering::Equal
}

fn split(text: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| !belongs(byte)).unwrap_or(text.len()))
}

/// A tilde comes before the end, the end before letters, letters before everything else.
fn letters(one: &[u8], other: &[u8]) -> Ordering {
    let rank = |byte: Option<&u8>| match byte {
        Some(b'~') => (0, 0),
        None => (1, 0),
        Some(byte) if byte.is_ascii_alphabetic() => (2, *byte),
        Some(byte) => (3, *byte),
    };
    let longest = one.len().max(other.len());
    (0..longest).map(|at| rank(one.get(at)).cmp(&rank(other.get(at)))).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Whole numbers of any length; none at all is zero.
fn whole(one: &[u8], other: &[u8]) -> Ordering {
    let plain = |digits: &'_ [u8]| split(digits, |byte| *byte == b'0').1.to_vec();
    let (one, other) = (plain(one), plain(other));
    one.len().cmp(&other.len()).then_with(|| one.cmp(&other))
}

/// The order of two versions of apk; none if one of them is no version.
pub fn apk(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (tokens(one.as_bytes())?, tokens(other.as_bytes())?);
    let differ = one.iter().zip(&other).find(|(one, other)| one.compare(other) != Some(Ordering::Equal));
    let Some((one, other)) = differ else { return Some(Ordering::Equal) };
    Some(one.compare(other).unwrap_or_else(|| match (one.is_before_release(), other.is_before_release()) {
        (true, _) => Ordering::Less,
        (false, true) => Ordering::Greater,
        // What ends, or goes on with something that stands later in a version, comes first.
        (false, false) => other.rank().cmp(&one.rank()),
    }))
}

/// Whether a version of apk begins with the parts of another one, as `~` asks for; never if one of them is no version.
pub(crate) fn apk_begins(version: &str, beginning: &str) -> bool {
    let (Some(version), Some(beginning)) = (tokens(version.as_bytes()), tokens(beginning.as_bytes())) else { return false };
    let wanted = beginning.iter().filter(|token| **token != Token::End);
    wanted.zip(&version).all(|(wanted, token)| wanted.compare(token) == Some(Ordering::Equal))
}

/// Parts of `NUMBER{.NUMBER}[LETTER]{_SUFFIX[NUMBER]}[~HASH][-rNUMBER]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    First(&'a [u8]),
    Number(&'a [u8]),
    Letter(u8),
    Suffix(usize),
    SuffixNumber(&'a [u8]),
    Hash(&'a [u8]),
    Revision(&'a [u8]),
    End,
}

/// Suffixes in their order; the first four stand before the release.
const SUFFIXES: [&[u8]; 9] = [b"alpha", b"beta", b"pre", b"rc", b"cvs", b"svn", b"git", b"hg", b"p"];
const BEFORE_RELEASE: usize = 4;

impl Token<'_> {
    fn rank(&self) -> usize {
        match self {
            Self::First(_) => 0,
            Self::Number(_) => 1,
            Self::Letter(_) => 2,
            Self::Suffix(_) => 3,
            Self::SuffixNumber(_) => 4,
            Self::Hash(_) => 5,
            Self::Revision(_) => 6,
            Self::End => 7,
        }
    }

    fn is_before_release(&self) -> bool {
        matches!(self, Self::Suffix(at) if *at < BEFORE_RELEASE)
    }

    /// None for parts of different kinds.
    fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            // As fractions, where one of them begins with a zero.
            (Self::Number(one), Self::Number(other)) if one.starts_with(b"0") || other.starts_with(b"0") => Some(one.cmp(other)),
            (Self::First(one), Self::First(other))
            | (Self::Number(one), Self::Number(other))
            | (Self::SuffixNumber(one), Self::SuffixNumber(other))
            | (Self::Revision(one), Self::Revision(other)) => Some(whole(one, other)),
            (Self::Letter(one), Self::Letter(other)) => Some(one.cmp(other)),
            (Self::Suffix(one), Self::Suffix(other)) => Some(one.cmp(other)),
            (Self::Hash(one), Self::Hash(other)) => Some(one.cmp(other)),
            (Self::End, Self::End) => Some(Ordering::Equal),
            _ => None,
        }
    }
}

fn tokens(text: &[u8]) -> Option<Vec<Token<'_>>> {
    let number = |rest| Some(split(rest, u8::is_ascii_digit)).filter(|(digits, _)| !digits.is_empty());
    let (first, mut rest) = number(text)?;
    let mut found = vec![Token::First(first)];
    while let [head, tail @ ..] = rest {
        let last = found.last()?.rank();
        let token;
        (token, rest) = match head {
            b'.' if last <= 1 => number(tail).map(|(digits, rest)| (Token::Number(digits), rest))?,
            letter if letter.is_ascii_lowercase() && last <= 1 => (Token::Letter(*letter), tail),
            b'_' if last <= 4 => suffix(tail)?,
            digit if digit.is_ascii_digit() && last == 3 => number(rest).map(|(digits, rest)| (Token::SuffixNumber(digits), rest))?,
            b'~' if last < 5 => {
                let (hash, rest) = split(tail, u8::is_ascii_hexdigit);
                (Token::Hash(Some(hash).filter(|hash| !hash.is_empty())?), rest)
            }
            b'-' if last < 6 => number(tail.strip_prefix(b"r")?).map(|(digits, rest)| (Token::Revision(digits), rest))?,
            _ => return None,
        };
        found.push(token);
    }
    found.push(Token::End);
    Some(found)
}

fn suffix(text: &[u8]) -> Option<(Token<'_>, &[u8])> {
    let (name, rest) = split(text, u8::is_ascii_lowercase);
    let at = SUFFIXES.iter().position(|suffix| *suffix == name)?;
    Some((Token::Suffix(at), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Order = fn(&str, &str) -> Option<Ordering>;

    /// Versions from the earliest to the latest.
    fn ascending(order: Order, versions: &[&str]) {
        for (at, one) in versions.iter().enumerate() {
            for (other_at, other) in versions.iter().enumerate() {
                assert_eq!(order(one, other), Some(at.cmp(&other_at)), "{one} and {other}");
            }
        }
    }

    fn equal(order: Order, one: &str, other: &str) {
        assert_eq!(order(one, other), Some(Ordering::Equal), "{one} and {other}");
    }

    /// deb-version(7): "~~, ~~a, ~, the empty part, a"; letters before other characters; numbers as numbers; and what
    /// `dpkg --compare-versions` said of the rest.
    #[test]
    fn versions_of_dpkg() {
        ascending(dpkg, &["1~~", "1~~a", "1~", "1", "1a", "1+"]);
        ascending(dpkg, &["0.9", "0.10", "1.0~rc1", "1.0", "1.0-1", "1.0-1+b1", "1.0-1.1", "1.0-2", "1.0+dfsg-1", "1:0.1"]);
        ascending(dpkg, &["2.36-9+deb12u4", "2.36-9+deb12u10", "2.41-12"]);
        ascending(dpkg, &["1.2.3", "18446744073709551616", "1:1"]);
        equal(dpkg, "1.0", "0:1.0");
        equal(dpkg, "1.0", "1.0-0");
        equal(dpkg, "1.001", "1.1");
        for wrong in ["", "a:1", ":1", "1:", "1 2", "1_2", "-1"] {
            assert_eq!(dpkg(wrong, "1"), None, "{wrong:?}");
        }
    }

    /// What `apk version -t` of apk-tools 2.14 says.
    #[test]
    fn versions_of_apk() {
        ascending(
            apk,
            &["1.0_alpha", "1.0_alpha2", "1.0_beta1", "1.0_pre3", "1.0_rc1", "1.0", "1.0_git20240101", "1.0_p1", "1.0a", "1.0.1"],
        );
        ascending(apk, &["1.2.4-r2", "1.2.4-r10", "1.2.4_git20230717-r4", "1.2.5-r0", "1.10"]);
        ascending(apk, &["1.01", "1.1"]);
        ascending(apk, &["20240226-r0", "20240705-r0"]);
        equal(apk, "1.2.5-r0", "1.2.5-r0");
        for wrong in ["", "a", "1.", "1_x", "1-1", "1-r", "1:2", "1.0-r1.2", "1.0~"] {
            assert_eq!(apk(wrong, "1"), None, "{wrong:?}");
        }
    }
}
