//! `airbase cat`

use crate::cli::terminal::{Out, Terminal};
use crate::foundation::Result;
use crate::oci::Platform;
use crate::verbs::files::{Wanted, cat};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The image: prints its manifest or index; with @DIGEST any blob of the source
    #[arg(value_name = "REF")]
    image: String,
    /// A path inside the image: prints that file
    #[arg(value_name = "INNER")]
    inner: Option<String>,
    /// Print the config of the image
    #[arg(long, conflicts_with = "inner")]
    config: bool,
    /// The platform, where the image has several: OS/ARCHITECTURE[/VARIANT]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let wanted = match (&arguments.inner, arguments.config) {
        (Some(inner), _) => Wanted::File(inner.clone()),
        (None, true) => Wanted::Config,
        (None, false) => Wanted::Document,
    };
    cat(&arguments.image, &wanted, arguments.platform.as_ref(), &mut Out, terminal.context())?;
    Terminal::print(b"")?;
    Ok(0)
}
