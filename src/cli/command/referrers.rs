//! `airbase referrers`

use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::verbs::referrers::{Query, referrers};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The image, or something that refers to one
    #[arg(value_name = "REF")]
    image: String,
    /// Only referrers of this artifact type
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Show the referrers of referrers too
    #[arg(long)]
    tree: bool,
    /// One platform only: OS/ARCHITECTURE[/VARIANT]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let query = Query {
        image: arguments.image.clone(),
        types: arguments.types.clone(),
        tree: arguments.tree,
        platform: super::platform(arguments.platform.as_deref())?,
    };
    let report = referrers(&query, terminal.context())?;
    terminal.answer(&report)
}
