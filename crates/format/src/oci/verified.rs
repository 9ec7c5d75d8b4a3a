//! Bytes that were hashed.

use std::sync::Arc;

use crate::foundation::{Code, Digest, Error, Fact, Hasher, Result};

/// A document whose bytes have the digest and the size that a descriptor promised.
///
/// There is no other way to make one, and the views of this folder take nothing else: a byte that was not hashed cannot
/// reach a plan, because that does not compile.
#[derive(Debug, Clone)]
pub struct Verified {
    digest: Digest,
    bytes: Arc<[u8]>,
}

impl Verified {
    /// Checks `bytes` against what a descriptor promised: the size first, then the digest.
    ///
    /// # Errors
    /// `descriptor.size_mismatch`, `blob.digest_mismatch`.
    pub fn check(digest: &Digest, size: u64, bytes: Vec<u8>) -> Result<Self> {
        if bytes.len() as u64 != size {
            return Err(size_mismatch(digest, size, bytes.len() as u64));
        }
        Self::check_digest(digest, bytes)
    }

    /// Checks `bytes` against a digest that a user gave, with no descriptor at hand to know the size from.
    ///
    /// # Errors
    /// `blob.digest_mismatch`.
    pub fn check_digest(digest: &Digest, bytes: Vec<u8>) -> Result<Self> {
        let mut hasher = Hasher::new(digest.algorithm());
        hasher.update(&bytes);
        let actual = hasher.finish();
        if actual != *digest {
            return Err(digest_mismatch(digest, &actual));
        }
        Ok(Self { digest: actual, bytes: bytes.into() })
    }

    /// A document that airbase writes itself: its digest is what it hashes to.
    pub fn authored(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::sha256(&bytes), bytes: bytes.into() }
    }

    /// The digest that the bytes have.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// How many bytes there are.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The blob called `digest` has another size than its descriptor says.
pub fn size_mismatch(digest: &Digest, expected: u64, found: u64) -> Error {
    Error::new(Code::DescriptorSizeMismatch, format!("blob {digest} has another size than its descriptor says"))
        .expected(Fact::new(format!("{expected} bytes"), "the descriptor"))
        .found(Fact::new(format!("{found} bytes"), "the blob"))
}

/// The blob called `digest` hashes to something else.
pub fn digest_mismatch(expected: &Digest, found: &Digest) -> Error {
    Error::new(Code::BlobDigestMismatch, format!("blob {expected} does not contain what its name says"))
        .expected(Fact::new(expected, "the descriptor"))
        .found(Fact::new(found, "the bytes of the blob"))
}
