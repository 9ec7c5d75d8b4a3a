//! `airbase inspect`

use crate::cli::options::Emptiness;
use crate::cli::site::Key;
use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::verbs::Context;
use crate::verbs::inspect::{Request, inspect};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// References, layouts, archives, or folders of them
    #[arg(required = true, value_name = "REF|PATH")]
    paths: Vec<String>,
    /// Show untagged entries, referrers, artifacts, and manifests that no index lists, too
    #[arg(long)]
    all: bool,
    /// Where bases lie: layouts, archives, folders of them, or references; shows the base and what is inherited from it
    #[arg(long, value_name = "PATH")]
    bases: Vec<String>,
    /// Where a base of some name lies: 'PATTERN=REFERENCE', with * in the pattern and {name}, {tag}, {repository}, {match}; or 'DIGEST=REFERENCE'
    #[arg(long, value_name = "RULE")]
    map: Vec<String>,
    /// All of each image, where there are several
    #[arg(long)]
    long: bool,
    #[command(flatten)]
    emptiness: Emptiness,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let request = Request {
        paths: arguments.paths.clone(),
        all: arguments.all,
        long: arguments.long,
        bases: terminal.site.or_set(Key::Bases, &arguments.bases),
        map: terminal.site.or_set(Key::Map, &arguments.map),
    };
    let context = Context { allow_empty: arguments.emptiness.allow_empty, ..terminal.context() };
    let report = inspect(&request, context)?;
    terminal.answer(&report)
}
