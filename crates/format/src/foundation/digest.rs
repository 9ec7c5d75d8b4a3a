//! Content digests (image-spec, descriptor.md, "Digests").
//!
//! A [`Digest`] exists only if its text obeys the grammar, so no other code ever builds a path from unchecked text:
//! an unvalidated digest was a path traversal in two other tools (CVE-2024-3727, GHSA-f689-h8m7-3jp2).

use std::fmt;
use std::str::FromStr;

use sha2::Digest as _;

use super::{Code, Error, Fact, Result};

/// A digest algorithm that is registered in the image specification and that this tool can compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, 64 hexadecimal digits; what every client supports.
    Sha256,
    /// SHA-512, 128 hexadecimal digits.
    Sha512,
}

impl Algorithm {
    /// The name as it stands before the colon.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// How many hexadecimal digits a digest of this algorithm has.
    pub fn hex_length(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }

    /// The algorithm called `name`, if it is one that can be computed here.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Whether the specification lets an algorithm, known here or not, be called `name`.
    pub fn is_well_formed(name: &str) -> bool {
        !name.is_empty()
            && name
                .split(['+', '.', '_', '-'])
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
    }
}

/// A digest whose text has been checked: `sha256:` and 64, or `sha512:` and 128, lower-case hexadecimal digits.
///
/// The specification also allows algorithms that are not registered. Such a digest proves nothing here, so it is no
/// `Digest`: parsing gives `digest.algorithm_unknown`, and who lists documents reports the blob as unverifiable.
///
/// It is kept as bytes: one command may hold some millions. Those of one algorithm sort as their digits do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(Sum);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Sum {
    Sha256([u8; 32]),
    /// Rare, and not to make all others twice as large.
    Sha512(Box<[u8; 64]>),
}

impl Digest {
    /// Computes the SHA-256 digest of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Sum::Sha256(_) => Algorithm::Sha256,
            Sum::Sha512(_) => Algorithm::Sha512,
        }
    }

    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Sum::Sha256(bytes) => bytes,
            Sum::Sha512(bytes) => bytes.as_slice(),
        }
    }

    /// The hexadecimal digits alone, which are also the name of the file under `blobs/<algorithm>/`.
    pub fn hex(&self) -> String {
        hex(self.bytes())
    }

    /// The first sixteen digits as a number.
    pub fn beginning(&self) -> u64 {
        self.bytes().first_chunk().copied().map_or(0, u64::from_be_bytes)
    }

    /// The first twelve digits with the algorithm, for users.
    pub fn short(&self) -> String {
        format!("{}:{}", self.algorithm().name(), hex(&self.bytes()[..6]))
    }

    /// The path of the blob inside a layout, `blobs/<algorithm>/<hex>` (image-spec, image-layout.md, "Blobs").
    pub fn blob_path(&self) -> String {
        format!("blobs/{}/{}", self.algorithm().name(), self.hex())
    }

    /// The tag under which clients of registries without the referrers API look for referrers (distribution-spec,
    /// "Referrers Tag Schema").
    pub fn fallback_tag(&self) -> String {
        format!("{}-{}", self.algorithm().name(), hex(&self.bytes()[..32]))
    }
}

/// A digest as somebody types it: in full, or its beginning, as reports print it. Only the command line takes beginnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypedDigest {
    /// In full.
    Whole(Digest),
    /// The algorithm and at least [`TypedDigest::FEWEST`] digits.
    Beginning(String),
}

impl TypedDigest {
    /// How many digits a beginning has at least: as many as [`Digest::short`] gives.
    pub const FEWEST: usize = 12;

    /// Whether this is a digest that was meant.
    pub fn fits(&self, digest: &Digest) -> bool {
        match self {
            Self::Whole(whole) => whole == digest,
            Self::Beginning(text) => digest.to_string().starts_with(text.as_str()),
        }
    }
}

impl FromStr for TypedDigest {
    type Err = Error;

    /// # Errors
    /// `digest.syntax`, `digest.algorithm_unknown`.
    fn from_str(text: &str) -> Result<Self> {
        text.parse().map(Self::Whole).or_else(|error| {
            let parts = text.split_once(':').and_then(|(name, digits)| Some((Algorithm::from_name(name)?, digits)));
            let is_beginning = |(algorithm, digits): (Algorithm, &str)| {
                (Self::FEWEST..algorithm.hex_length()).contains(&digits.len()) && is_lower_hex(digits)
            };
            if parts.is_some_and(is_beginning) { Ok(Self::Beginning(text.to_owned())) } else { Err(error) }
        })
    }
}

impl fmt::Display for TypedDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(digest) => digest.fmt(formatter),
            Self::Beginning(text) => formatter.write_str(text),
        }
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let syntax = || {
            Error::new(Code::DigestSyntax, "this is not a digest")
                .found(Fact::new(text, "the document"))
                .expected(Fact::new("sha256: and 64, or sha512: and 128, lower-case hexadecimal digits", "image-spec, descriptor.md"))
        };
        // Nearly all are of this kind, and an index may have hundreds of thousands.
        if let Some(bytes) = text.strip_prefix("sha256:").and_then(from_hex) {
            return Ok(Self(Sum::Sha256(bytes)));
        }
        let (name, encoded) = text.split_once(':').ok_or_else(syntax)?;
        let well_formed_rest =
            !encoded.is_empty() && encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b'_' | b'-'));
        if !Algorithm::is_well_formed(name) || !well_formed_rest {
            return Err(syntax());
        }
        match Algorithm::from_name(name) {
            Some(Algorithm::Sha256) => from_hex(encoded).map(Sum::Sha256),
            Some(Algorithm::Sha512) => from_hex(encoded).map(|bytes| Sum::Sha512(Box::new(bytes))),
            None => {
                return Err(Error::new(Code::DigestAlgorithmUnknown, format!("the digest algorithm {name} cannot be verified here"))
                    .found(Fact::new(text, "the document")));
            }
        }
        .map(Self)
        .ok_or_else(syntax)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.algorithm().name())?;
        formatter.write_str(":")?;
        formatter.write_str(&self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str> as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Computes a digest over bytes that arrive in pieces.
pub struct Hasher {
    state: State,
}

enum State {
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// Starts an empty computation.
    pub fn new(algorithm: Algorithm) -> Self {
        let state = match algorithm {
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        };
        Self { state }
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Sha256(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of everything added.
    pub fn finish(self) -> Digest {
        Digest(match self.state {
            State::Sha256(state) => Sum::Sha256(state.finalize().into()),
            State::Sha512(state) => Sum::Sha512(Box::new(state.finalize().into())),
        })
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hasher")
    }
}

/// Without a way out in the middle, so that many digits are looked at at once.
fn is_lower_hex(text: &str) -> bool {
    text.bytes().fold(true, |all, byte| all & (byte.is_ascii_digit() | matches!(byte, b'a'..=b'f')))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The bytes that just so many lower-case digits stand for.
fn from_hex<const LENGTH: usize>(text: &str) -> Option<[u8; LENGTH]> {
    if text.len() != LENGTH * 2 || !is_lower_hex(text) {
        return None;
    }
    let value = |digit: u8| if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 };
    let mut bytes = [0; LENGTH];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().as_chunks().0) {
        let [high, low] = *digits;
        *byte = (value(high) << 4) | value(low);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From image-spec, descriptor.md, and `printf '' | sha256sum`.
    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_empty_digest_is_the_published_one() {
        assert_eq!(Digest::sha256(b"").to_string(), EMPTY);
        assert_eq!(EMPTY.parse::<Digest>().unwrap(), Digest::sha256(b""));
    }

    #[test]
    fn anything_but_the_canonical_text_is_refused() {
        let upper = EMPTY.replace('b', "B");
        let short = &EMPTY[..EMPTY.len() - 1];
        let newline = format!("{EMPTY}\n");
        for text in
            ["", "sha256", "sha256:", ":abc", "sha256:../../../etc/passwd", "sha256:a/b", "../x:00", &upper, short, &newline, "SHA256:00"]
        {
            assert_eq!(text.parse::<Digest>().unwrap_err().code(), Code::DigestSyntax, "{text:?}");
        }
        for text in ["md5:d41d8cd98f00b204e9800998ecf8427e", "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8"] {
            assert_eq!(text.parse::<Digest>().unwrap_err().code(), Code::DigestAlgorithmUnknown, "{text:?}");
        }
    }
}
