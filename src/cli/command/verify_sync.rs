//! `airbase verify-sync`

use std::io::Read as _;
use std::path::PathBuf;

use crate::cli::options::Emptiness;
use crate::cli::terminal::Terminal;
use crate::foundation::{Code, Error, Fact, Result};
use crate::verbs::Context;
use crate::verbs::sync::{Content, Listing, verify_sync};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The plan: what `airbase prepare --format json` printed
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Lines `DIGEST NAME`, or the JSON of a client; NAME=FILE where it does not say of what it is; - is standard input
    #[arg(required = true, value_name = "LISTING")]
    listings: Vec<String>,
    /// The lists of referrers under fallback tags must be there too: for registries without the referrers API
    #[arg(long)]
    require_lists: bool,
    #[command(flatten)]
    emptiness: Emptiness,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    if arguments.plan.as_os_str() == "-" || arguments.listings.iter().filter(|listing| *listing == "-").count() > 1 {
        return Err(Error::new(Code::UsageArgument, "standard input is for one listing").hint("Give the plan as a file."));
    }
    let mut listings = Vec::new();
    for text in &arguments.listings {
        // A listing is text that is read once from front to back; archives are read by position and cannot come so.
        listings.push(if text == "-" { Listing { name: None, content: Content::Bytes(input(terminal)?) } } else { Listing::parse(text) });
    }
    let context = Context { allow_empty: arguments.emptiness.allow_empty, ..terminal.context() };
    let report = verify_sync(&arguments.plan, &listings, arguments.require_lists, context)?;
    terminal.answer(&report)
}

fn input(terminal: &Terminal) -> Result<Vec<u8>> {
    let most = terminal.context().limits.index_bytes;
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| Error::io("read standard input", error))?;
    if bytes.len() as u64 > most {
        return Err(Error::new(Code::DocTooLarge, "the listing is too large")
            .at("standard input")
            .expected(Fact::new(format!("at most {most} bytes"), "the limits")));
    }
    Ok(bytes)
}
