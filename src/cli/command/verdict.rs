//! `airbase verdict`

use crate::cli::options::Policing;
use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::verbs::rebase::Request;
use crate::verbs::verdict::verdict;
use crate::verbs::{Choice, Places};

/// Decide whether an image still runs after a move, and write nothing.
///
/// Exit status: 0 it runs, 1 it breaks or there are risks, 4 it is not known.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The image
    #[arg(value_name = "REF")]
    image: String,
    /// The new base; without it, what the name of the image's base means now among --bases
    #[arg(long, visible_alias = "to", value_name = "REF")]
    onto: Option<String>,
    /// The old base, where the image does not say it or says it wrongly
    #[arg(long, value_name = "REF")]
    from: Option<String>,
    #[command(flatten)]
    places: Places,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    policing: Policing,
    /// Say what each finding means and what to do
    #[arg(long)]
    explain: bool,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let request = Request {
        onto: arguments.onto.clone(),
        from: arguments.from.clone(),
        places: terminal.site.places(&arguments.places)?,
        choice: arguments.choice.clone(),
        verdict: arguments.policing.gate(super::now(None)?)?,
        ..Request::of(&arguments.image)
    };
    let mut report = verdict(&request, terminal.context())?;
    report.explain = arguments.explain;
    terminal.answer(&report)
}
