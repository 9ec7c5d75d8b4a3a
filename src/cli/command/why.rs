//! `airbase why`

use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::verbs::why::{Request, why};

/// Tell which layer of which image brought a file or a package, what later layers did to it, and what a move does to it.
///
/// Exit status: 0 it is there, or comes with the move; 4 it is not there, or a database of packages was not read.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    request: Request,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let places = terminal.site.places(&arguments.request.places)?;
    let report = why(&Request { places, ..arguments.request.clone() }, terminal.context())?;
    terminal.answer(&report)
}
