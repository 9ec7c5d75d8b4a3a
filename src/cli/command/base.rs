//! `airbase base show|verify|set|dependents`

use crate::cli::options::{Destination, Emptiness};
use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::oci::Platform;
use crate::verbs::base::{self, dependents, verify};
use crate::verbs::tag::{Target, set_base};
use crate::verbs::{self, Context};

#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Command {
    /// Show what an image is based on, with all the evidence, annotated or not
    Show(base::Show),
    /// Prove that an image is based on another one
    #[command(alias = "check")]
    Verify(Verify),
    /// Prove it, then record it in the annotations base.name and base.digest
    Set(Set),
    /// List the images that are based on an image
    Dependents(Dependents),
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Verify {
    /// The image
    #[arg(value_name = "REF")]
    image: String,
    /// The base
    #[arg(long, value_name = "REF")]
    base: String,
    /// One platform only: OS/ARCHITECTURE[/VARIANT]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
    /// Which layers are inflated
    #[arg(long = "verify", value_enum, value_name = "HOW", default_value_t = verbs::Verify::Digest)]
    how: verbs::Verify,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Set {
    /// The image
    #[arg(value_name = "REF")]
    image: String,
    /// The base; scratch if the image has none
    #[arg(long, value_name = "REF")]
    base: String,
    /// The full name of the base, where the base itself has none
    #[arg(long, value_name = "NAME")]
    base_name: Option<String>,
    #[command(flatten)]
    destination: Destination,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Dependents {
    /// The base
    #[arg(value_name = "REF")]
    base: String,
    /// Where images lie: layouts, archives, folders of them, or references
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    #[command(flatten)]
    emptiness: Emptiness,
}

pub(in crate::cli) fn run(command: &Command, terminal: &mut Terminal) -> Result<u8> {
    match command {
        Command::Show(typed) => {
            let places = terminal.site.places(&typed.places)?;
            let query = base::Show { places, now: Some(super::now(None)?), ..typed.clone() };
            terminal.answer(&base::show(&query, terminal.context())?)
        }
        Command::Verify(arguments) => {
            let report = verify(&arguments.image, &arguments.base, arguments.platform.as_ref(), arguments.how, terminal.context())?;
            terminal.answer(&report)
        }
        Command::Set(arguments) => {
            let (output, names) = super::destination(&arguments.image, &arguments.destination)?;
            let target = Target { output, names, mtime: Terminal::mtime()?, now: Some(super::now(None)?) };
            let report = set_base(&arguments.image, &arguments.base, arguments.base_name.as_deref(), &target, terminal.context())?;
            terminal.answer(&report)
        }
        Command::Dependents(arguments) => {
            let context = Context { allow_empty: arguments.emptiness.allow_empty, ..terminal.context() };
            let report = dependents(&arguments.base, &arguments.paths, context)?;
            terminal.answer(&report)
        }
    }
}
