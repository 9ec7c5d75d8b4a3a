//! `airbase tag`

use super::superseding::Superseding;
use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::verbs::tag::tag;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The image, in a layout
    #[arg(value_name = "REF")]
    image: String,
    /// The names; a name that another image has moves, and that image stays without a name
    #[arg(required = true, value_name = "TAG")]
    names: Vec<String>,
    #[command(flatten)]
    superseding: Superseding,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let report = tag(&arguments.image, &arguments.names, arguments.superseding.taking()?.as_ref(), terminal.context())?;
    terminal.answer(&report)
}
