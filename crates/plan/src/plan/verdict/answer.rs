//! The words of a verdict.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Hidden;
use crate::foundation::{Code, Finding, Severity};
use crate::oci::Config;
use crate::read::rootfs::Scan;

/// Whether a moved image still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Everything that is reached was followed, and resolves to something equal or compatible.
    Runs,
    /// Something was not understood.
    Unknown,
    /// Something that the app touches changed, and bytes do not decide what follows.
    Risks,
    /// Something that is reached cannot work.
    Breaks,
}

impl Answer {
    /// What a finding alone would make of it.
    pub fn of(finding: &Finding) -> Self {
        match (finding.severity, finding.code) {
            (Severity::Note, _) => Self::Runs,
            (_, Code::VerdictUnclear) => Self::Unknown,
            // Why a layer could not be read.
            (_, code) if !code.slug().starts_with("verdict.") => Self::Unknown,
            (Severity::Warning, _) => Self::Risks,
            _ => Self::Breaks,
        }
    }

    /// As documents have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Unknown => "unknown",
            Self::Risks => "risks",
            Self::Breaks => "breaks",
        }
    }
}

/// Whether the fixes of the new base reach the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Patched {
    /// No file of the app hides one that the new base changed.
    Yes,
    /// The old base is not known, nothing was followed, or a program carries its libraries in itself, where no base brings fixes.
    Unknown,
    /// Some do.
    Partly,
    /// Everything that the new base changed is hidden.
    No,
}

impl Patched {
    /// As documents have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Unknown => "unknown",
            Self::Partly => "partly",
            Self::No => "no",
        }
    }
}

/// An image before and after the move.
#[derive(Debug)]
pub struct Side<'a> {
    /// Its layers, the lowest first.
    pub layers: &'a [Arc<Scan>],
    /// How many of the lowest are the base's.
    pub seam: usize,
    /// Its config.
    pub config: &'a Config,
}

/// What was decided.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// Whether it still runs.
    pub answer: Answer,
    /// Whether the fixes of the new base reach the app.
    pub patched: Patched,
    /// Files of the app that hide what the new base changed.
    pub hidden: Vec<Hidden>,
    /// The reasons, the gravest first.
    pub findings: Vec<Finding>,
    /// How many files were reached.
    pub reached: usize,
}
