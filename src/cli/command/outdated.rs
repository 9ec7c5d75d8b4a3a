//! `airbase outdated`

use crate::cli::options::Emptiness;
use crate::cli::terminal::Terminal;
use crate::foundation::{Code, Error, Fact, Result};
use crate::verbs::Context;
use crate::verbs::outdated::{Request, outdated};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    request: Request,
    #[command(flatten)]
    emptiness: Emptiness,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let typed = &arguments.request;
    let places = terminal.site.places(&typed.places)?;
    if places.bases.is_empty() {
        return Err(Error::new(Code::UsageArgument, "what is outdated shows beside the bases that are there now")
            .expected(Fact::new("--bases PATH, AIRBASE_BASES, or bases in a file of settings", "airbase"))
            .found(Fact::new("nothing", "the command line"))
            .hint("`airbase config` shows what is set."));
    }
    let request = Request { places, now: Some(super::now(typed.now)?), ..typed.clone() };
    let context = Context { allow_empty: arguments.emptiness.allow_empty, ..terminal.context() };
    let report = outdated(&request, context)?;
    terminal.answer(&report)
}
