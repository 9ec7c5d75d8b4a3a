//! One entry of an index, in its own text.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use crate::format::json::Excerpt;
use crate::foundation::Digest;

/// An entry, and the blanks around it.
pub(super) struct EditedEntry<'a> {
    pub(super) before: &'a str,
    pub(super) body: Body<'a>,
    pub(super) after: &'a str,
    pub(super) digest: Option<Sum<'a>>,
    pub(super) has_name: bool,
    /// Whether it was in the file. The blanks of new entries are chosen, not kept.
    pub(super) old: bool,
    pub(super) alive: bool,
}

impl EditedEntry<'_> {
    /// Whether it lists this digest.
    pub(super) fn lists(&self, digest: &str) -> bool {
        match &self.digest {
            Some(Sum::Text(own)) => own == digest,
            Some(Sum::Known(own)) => digest.parse().is_ok_and(|digest: Digest| digest == *own),
            None => false,
        }
    }
}

/// The text of an entry.
pub(super) enum Body<'a> {
    /// As it is in the file.
    Old(&'a str),
    /// As an edit brings it, which is how it stands in another index: of a hundred thousand that are copied nothing is in memory twice.
    Shared(Excerpt),
    New(String),
}

impl Deref for Body<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Old(text) => text,
            Self::Shared(text) => text,
            Self::New(text) => text,
        }
    }
}

/// The digest of an entry.
pub(super) enum Sum<'a> {
    /// As it is in the file: nobody asks whether it is one.
    Text(Cow<'a, str>),
    /// That of a new entry, of which there may be a hundred thousand.
    Known(Digest),
}

impl fmt::Display for Sum<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::Known(digest) => digest.fmt(formatter),
        }
    }
}
