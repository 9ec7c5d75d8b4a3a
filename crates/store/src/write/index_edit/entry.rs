//! One entry of an index, in its own text.

use std::borrow::Cow;

/// An entry, and the blanks around it.
pub(super) struct EditedEntry<'a> {
    pub(super) before: &'a str,
    pub(super) body: Cow<'a, str>,
    pub(super) after: &'a str,
    pub(super) digest: Option<Cow<'a, str>>,
    pub(super) has_name: bool,
    /// Whether it was in the file. The blanks of new entries are chosen, not kept.
    pub(super) old: bool,
    pub(super) alive: bool,
}
