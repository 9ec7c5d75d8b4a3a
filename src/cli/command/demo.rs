//! `airbase demo`

use std::path::PathBuf;

use crate::cli::terminal::Terminal;
use crate::core::Result;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where the images are made; without it in a new directory for temporary files
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let _ = (arguments, terminal);
    Ok(0)
}
