//! `airbase rm`

use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::verbs::rm::rm;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The image, in a layout: PATH:NAME removes that name and its entry, PATH@DIGEST every entry of the digest
    #[arg(value_name = "REF")]
    image: String,
    /// Remove everything that refers to it too
    #[arg(long)]
    referrers: bool,
    /// Only tell what would go, and what would stay behind without its image
    #[arg(long)]
    dry_run: bool,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let report = rm(&arguments.image, arguments.referrers, arguments.dry_run, terminal.context())?;
    terminal.answer(&report)
}
