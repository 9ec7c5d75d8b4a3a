//! `airbase ls`

use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::oci::Platform;
use crate::verbs::files::ls;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The image
    #[arg(value_name = "REF")]
    image: String,
    /// A path inside the image; without it everything is listed
    #[arg(value_name = "INNER")]
    inner: Option<String>,
    /// The platform, where the image has several: OS/ARCHITECTURE[/VARIANT]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let report = ls(&arguments.image, arguments.inner.as_deref(), arguments.platform.as_ref(), terminal.context())?;
    terminal.answer(&report)
}
