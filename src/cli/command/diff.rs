//! `airbase diff`

use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::verbs::diff::{Request, diff};

/// Show what differs between two images or bases: layers, settings, packages, users, libraries, files.
///
/// Exit status: 0 all was compared, whether it differs or not; 1 something is damaged; 4 something could not be compared.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The first image
    #[arg(value_name = "REF")]
    from: String,
    /// The second image
    #[arg(value_name = "REF")]
    to: String,
    /// List every file that differs, and in what; and every package, user and library
    #[arg(long)]
    files: bool,
    /// One platform only: OS/ARCHITECTURE[/VARIANT]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let platform = super::platform(arguments.platform.as_deref())?;
    let request = Request { from: arguments.from.clone(), to: arguments.to.clone(), platform };
    let mut report = diff(&request, terminal.context())?;
    report.whole = arguments.files;
    terminal.answer(&report)
}
