//! `airbase doctor`

use std::path::PathBuf;

use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::verbs::doctor::{Fix, doctor};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The layout, or an archive to look at
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Write the missing forms, so that every client sees every referrer
    #[arg(long)]
    fix: bool,
    /// List manifests that nothing lists too: what cosign saved so, and what was detached and not yet collected
    #[arg(long, requires = "fix")]
    adopt: bool,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let fix = match (arguments.fix, arguments.adopt) {
        (false, _) => Fix::Nothing,
        (true, false) => Fix::Listed,
        (true, true) => Fix::Adopt,
    };
    let report = doctor(&arguments.path, fix, terminal.context())?;
    terminal.answer(&report)
}
