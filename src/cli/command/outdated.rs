//! `airbase outdated`

use crate::cli::options::{Allow, Emptiness, Places, Verify};
use crate::cli::terminal::Terminal;
use crate::foundation::{Code, Error, Fact, Result};
use crate::verbs::Context;
use crate::verbs::outdated::{Request, outdated};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where images lie: layouts, archives, folders of them, or references
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    #[command(flatten)]
    places: Places,
    /// Only images whose name or reference is this glob
    #[arg(long, value_name = "GLOB")]
    only: Vec<String>,
    /// How far a base may jump by its version tag; without it, only to what its own name means now
    #[arg(long, value_enum, value_name = "HOW")]
    allow: Option<Allow>,
    /// Which layers are inflated; without it none, and a base whose blobs are other ones is only claimed
    #[arg(long, value_enum, value_name = "HOW")]
    verify: Option<Verify>,
    /// Judge images too in whose place, by a statement, another one of these stands
    #[arg(long)]
    all: bool,
    /// As of when statements on bases count: YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ; without it SOURCE_DATE_EPOCH or the clock
    #[arg(long, visible_alias = "now", value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    emptiness: Emptiness,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let bases = arguments.places.bases(&terminal.site);
    if bases.is_empty() {
        return Err(Error::new(Code::UsageArgument, "what is outdated shows beside the bases that are there now")
            .expected(Fact::new("--bases PATH, AIRBASE_BASES, or bases in a file of settings", "airbase"))
            .found(Fact::new("nothing", "the command line"))
            .hint("`airbase config` shows what is set."));
    }
    let request = Request {
        paths: arguments.paths.clone(),
        bases,
        map: arguments.places.map(&terminal.site),
        only: arguments.only.clone(),
        allow: arguments.allow.map(Into::into),
        verify: arguments.verify.map(Into::into),
        all: arguments.all,
        now: Some(super::now(arguments.at.as_deref())?),
    };
    let context = Context { allow_empty: arguments.emptiness.allow_empty, ..terminal.context() };
    let report = outdated(&request, context)?;
    terminal.answer(&report)
}
