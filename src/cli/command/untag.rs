//! `airbase untag`

use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::verbs::tag::untag;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The image by its name, in a layout: PATH:NAME
    #[arg(value_name = "REF")]
    image: String,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let report = untag(&arguments.image, terminal.context())?;
    terminal.answer(&report)
}
