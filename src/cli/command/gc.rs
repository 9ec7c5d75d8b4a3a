//! `airbase gc`

use std::path::PathBuf;

use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::foundation::clock::Time;
use crate::plan::lifecycle::time::Span;
use crate::verbs::gc::{Request, gc};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The layout
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Delete it, and do not only show it
    #[arg(long)]
    apply: bool,
    /// Keep what is younger: 12h, 30d, 0
    #[arg(long, value_name = "TIME", default_value = "1d")]
    grace: String,
    /// Delete signatures and the like whose image is not here, too: by their name they belong to it
    #[arg(long)]
    orphans: bool,
    /// Collect in a layout that lists nothing
    #[arg(long)]
    allow_empty: bool,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    // SOURCE_DATE_EPOCH says nothing about files that others are writing now.
    let request = Request {
        path: arguments.path.clone(),
        apply: arguments.apply,
        grace: Span::parse(&arguments.grace)?,
        orphans: arguments.orphans,
        allow_empty: arguments.allow_empty,
        now: Time::now(),
    };
    let report = gc(&request, terminal.context())?;
    terminal.answer(&report)
}
