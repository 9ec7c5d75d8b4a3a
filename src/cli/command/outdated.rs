//! `airbase outdated`

use crate::cli::options::Emptiness;
use crate::cli::terminal::Terminal;
use crate::core::Result;
use crate::verbs::Context;
use crate::verbs::outdated::outdated;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where images lie: layouts, archives, folders of them, or references
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Where bases lie: layouts, archives, folders of them, or references
    #[arg(long, required = true, value_name = "PATH", num_args = 1..)]
    bases: Vec<String>,
    /// Where a base of some name lies: 'PATTERN=REFERENCE', with * in the pattern and {name}, {tag}, {repository}, {match}
    #[arg(long, value_name = "RULE")]
    map: Vec<String>,
    #[command(flatten)]
    emptiness: Emptiness,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let context = Context { allow_empty: arguments.emptiness.allow_empty, ..terminal.context() };
    let report = outdated(&arguments.paths, &arguments.bases, &arguments.map, context)?;
    terminal.answer(&report)
}
