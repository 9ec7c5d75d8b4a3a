//! `airbase completions` and `airbase man`.

use std::path::PathBuf;

use crate::cli::terminal::Terminal;
use crate::foundation::{Error, Result};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Man {
    /// The folder for a page of each command; without it, airbase(1) is printed
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// The names that these two had before.
#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Generate {
    /// Print completions for a shell
    Completions(Completions),
    /// Write the man pages
    Man(Man),
}

pub(in crate::cli) fn run(arguments: &Generate) -> Result<u8> {
    match arguments {
        Generate::Completions(arguments) => completions(arguments),
        Generate::Man(arguments) => man(arguments),
    }
}

pub(in crate::cli) fn completions(arguments: &Completions) -> Result<u8> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::cli::definition(), "airbase", &mut text);
    Terminal::print(&text)?;
    Ok(0)
}

pub(in crate::cli) fn man(arguments: &Man) -> Result<u8> {
    let failed = |error| Error::io("write the man pages", error);
    if let Some(directory) = &arguments.directory {
        clap_mangen::generate_to(crate::cli::definition(), directory).map_err(failed)?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(crate::cli::definition()).render(&mut page).map_err(failed)?;
        Terminal::print(&page)?;
    }
    Ok(0)
}
