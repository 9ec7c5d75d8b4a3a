//! `airbase why`

use crate::cli::options::Places;
use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::verbs::why::{Request, why};

/// Tell which layer of which image brought a file or a package, what later layers did to it, and what a move does to it.
///
/// Exit status: 0 it is there, or comes with the move; 4 it is not there, or a database of packages was not read.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The image
    #[arg(value_name = "REF")]
    image: String,
    /// A path in the image, or the name of a package; a name without a slash is a package if there is one of that name
    #[arg(value_name = "PATH|PACKAGE")]
    asked: String,
    /// Also tell what a move onto this base does to it
    #[arg(long, visible_alias = "to", value_name = "REF")]
    onto: Option<String>,
    /// The base, where the image does not say it or says it wrongly
    #[arg(long, value_name = "REF")]
    from: Option<String>,
    #[command(flatten)]
    places: Places,
    /// The platform, where the image has several: OS/ARCHITECTURE[/VARIANT]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let request = Request {
        image: arguments.image.clone(),
        asked: arguments.asked.clone(),
        onto: arguments.onto.clone(),
        from: arguments.from.clone(),
        bases: arguments.places.bases(&terminal.site),
        map: arguments.places.map(&terminal.site),
        platform: super::platform(arguments.platform.as_deref())?,
    };
    terminal.answer(&why(&request, terminal.context())?)
}
