//! `airbase annotate`

use crate::cli::options::Destination;
use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::verbs::tag::{Target, annotate};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The image
    #[arg(value_name = "REF")]
    image: String,
    /// An annotation to set
    #[arg(long = "annotation", short = 'a', required = true, value_name = "K=V", value_parser = super::pair)]
    annotations: Vec<(String, String)>,
    /// Set it on the manifest of every platform too, not only on the index
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    destination: Destination,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let (output, names) = super::destination(&arguments.image, &arguments.destination)?;
    let target = Target { output, names, mtime: Terminal::mtime()?, now: Some(super::now(None)?) };
    let report = annotate(&arguments.image, &arguments.annotations, arguments.all, &target, terminal.context())?;
    terminal.answer(&report)
}
