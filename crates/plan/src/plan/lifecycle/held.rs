//! Values that hold, and what became of each statement.

use serde::Serialize;

use super::field::Stated;
use super::time::Moment;
use crate::foundation::Digest;

/// What became of one statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "role", rename_all = "kebab-case")]
pub enum Role {
    /// The standing follows from it.
    Speaks,
    /// Another value that holds comes from it.
    Adds,
    /// It says nothing else than those that hold.
    Agrees,
    /// It says something else than what holds, and what holds is stricter.
    Differs,
    /// A later word of its issuer holds.
    Older,
    /// Another statement of its issuer says that it replaces this one.
    Replaced {
        /// That statement.
        by: Digest,
    },
    /// Another issuer overrides it.
    Overridden {
        /// The statement that says so.
        by: Digest,
    },
    /// It was made later than the time that is asked about.
    Future,
    /// Its issuer is not among those whose word is asked for.
    NotAsked,
    /// It says nothing on the life cycle that is understood.
    SaysNothing,
}

/// Who says what holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum SaidBy {
    /// A statement.
    Statement {
        /// The digest of its manifest.
        statement: Digest,
        /// When it was made, if that is known.
        made: Option<Moment>,
        /// Who says so.
        issuer: Option<String>,
        /// The subject of the statement: the image itself, or an index above it.
        on: Digest,
    },
    /// The image itself.
    Image,
}

impl SaidBy {
    /// The statement, if it is one.
    pub fn statement(&self) -> Option<&Digest> {
        match self {
            Self::Statement { statement, .. } => Some(statement),
            Self::Image => None,
        }
    }
}

/// A value that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// The value, and where it was read.
    #[serde(flatten)]
    pub stated: Stated,
    /// Who says it.
    #[serde(flatten)]
    pub source: SaidBy,
}
