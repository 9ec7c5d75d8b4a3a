//! `airbase copy`

use crate::cli::terminal::Terminal;
use crate::core::Result;
use crate::verbs::Output;
use crate::verbs::copy::{Request, copy};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The image
    #[arg(value_name = "SRC")]
    source: String,
    /// Where it goes: DIR[:NAME], or FILE.tar[:NAME], also .tar.gz and .tar.zst
    #[arg(value_name = "DST")]
    destination: String,
    /// Copy every image of the source under its own name
    #[arg(long)]
    all: bool,
    /// Copy one platform only: OS/ARCHITECTURE[/VARIANT]
    #[arg(long, value_name = "PLATFORM", conflicts_with = "all")]
    platform: Option<String>,
    /// Replace an archive that exists
    #[arg(long)]
    overwrite: bool,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let (output, name) = Output::parse(&arguments.destination, arguments.overwrite)?;
    let request = Request {
        source: arguments.source.clone(),
        all: arguments.all,
        platform: super::platform(arguments.platform.as_deref())?,
        output,
        name,
        mtime: Terminal::mtime()?,
    };
    let report = copy(&request, terminal.context())?;
    terminal.answer(&report)
}
