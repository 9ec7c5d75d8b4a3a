//! `airbase detach`

use crate::cli::terminal::Terminal;
use crate::foundation::{Result, TypedDigest};
use crate::verbs::referrers::detach;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The image, in a layout
    #[arg(value_name = "REF")]
    image: String,
    /// The digest of what refers to it, or at least its first 12 digits
    #[arg(value_name = "DIGEST")]
    digest: TypedDigest,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let report = detach(&arguments.image, &arguments.digest, terminal.context())?;
    terminal.answer(&report)
}
