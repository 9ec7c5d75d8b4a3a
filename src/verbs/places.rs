//! Where bases lie, of all verbs that look for them.

use crate::plan::mapping::Rule;

/// What `--bases` and `--map` say.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Places {
    /// Where bases lie: layouts, archives, folders of them, or references; once for each. Without it, what the site sets.
    #[cfg_attr(feature = "cli", arg(long, value_name = "PATH"))]
    pub bases: Vec<String>,
    /// Where a base of some name lies: 'PATTERN=REFERENCE', with * in the pattern and {name}, {tag}, {repository}, {match}; or 'DIGEST=REFERENCE'.
    #[cfg_attr(feature = "cli", arg(long, value_name = "RULE", value_parser = Rule::parse))]
    pub map: Vec<Rule>,
}

impl Places {
    /// These places, and no rules for names.
    pub fn of(bases: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { bases: bases.into_iter().map(Into::into).collect(), map: Vec::new() }
    }
}
