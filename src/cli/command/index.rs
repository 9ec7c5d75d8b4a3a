//! `airbase index`

use crate::cli::options::Destination;
use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::verbs::index::index;
use crate::verbs::tag::Target;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The images, one for each platform; an index brings all its platforms
    #[arg(required = true, value_name = "REF")]
    images: Vec<String>,
    /// Set an annotation of the index
    #[arg(long = "annotation", short = 'a', value_name = "K=V", value_parser = super::pair)]
    annotations: Vec<(String, String)>,
    #[command(flatten)]
    destination: Destination,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let first = arguments.images.first().map_or("", String::as_str);
    let (output, names) = super::destination(first, &arguments.destination)?;
    let target = Target { output, names, mtime: Terminal::mtime()?, now: Some(super::now(None)?) };
    let report = index(&arguments.images, &arguments.annotations, &target, terminal.context())?;
    terminal.answer(&report)
}
