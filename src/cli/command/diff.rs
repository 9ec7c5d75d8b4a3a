//! `airbase diff`

use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::verbs::diff::{Request, diff};

/// Show what differs between two images or bases: layers, settings, packages, users, libraries, files.
///
/// Exit status: 0 all was compared, whether it differs or not; 1 something is damaged; 4 something could not be compared.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    request: Request,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let report = diff(&arguments.request, terminal.context())?;
    terminal.answer(&report)
}
