//! Descriptors that need not be copied.

use std::ops::Deref;

use crate::oci::Descriptor;

/// A descriptor that something else holds, mostly the index of a source, or one of its own: of a hundred thousand entries the copies
/// would be more than the index itself.
#[derive(Debug, Clone)]
pub enum Lent<'s> {
    /// It is held elsewhere.
    Held(&'s Descriptor),
    /// Nothing else holds it.
    Own(Box<Descriptor>),
}

impl Deref for Lent<'_> {
    type Target = Descriptor;

    fn deref(&self) -> &Descriptor {
        match self {
            Self::Held(held) => held,
            Self::Own(own) => own,
        }
    }
}

impl<'s> From<&'s Descriptor> for Lent<'s> {
    fn from(held: &'s Descriptor) -> Self {
        Self::Held(held)
    }
}

impl From<Descriptor> for Lent<'_> {
    fn from(own: Descriptor) -> Self {
        Self::Own(Box::new(own))
    }
}
