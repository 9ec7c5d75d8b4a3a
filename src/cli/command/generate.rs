//! `airbase generate`: completions and man pages, for packagers.

use std::path::PathBuf;

use crate::cli::terminal::Terminal;
use crate::core::{Error, Result};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a directory
    Man {
        /// The directory, which must exist
        directory: PathBuf,
    },
}

pub(in crate::cli) fn run(arguments: &Arguments) -> Result<u8> {
    match &arguments.what {
        What::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut crate::cli::definition(), "airbase", &mut text);
            Terminal::print(&text)?;
        }
        What::Man { directory } => {
            clap_mangen::generate_to(crate::cli::definition(), directory).map_err(|error| Error::io("write the man pages", error))?;
        }
    }
    Ok(0)
}
