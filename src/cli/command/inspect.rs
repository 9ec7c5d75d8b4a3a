//! `airbase inspect`

use crate::cli::options::Emptiness;
use crate::cli::site::Key;
use crate::cli::terminal::{Terminal, unwritten};
use crate::foundation::{ExitClass, Result};
use crate::verbs::Context;
use crate::verbs::inspect::{Request, inspect};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    request: Request,
    #[command(flatten)]
    emptiness: Emptiness,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let typed = &arguments.request;
    let (bases, map) = (terminal.site.or_set(Key::Bases, &typed.bases), terminal.site.or_set(Key::Map, &typed.map));
    let context = Context { allow_empty: arguments.emptiness.allow_empty, ..terminal.context() };
    let mut report = terminal.inspection(typed.long)?;
    match inspect(&Request { bases, map, ..typed.clone() }, &mut |piece| report.piece(piece).map_err(unwritten), context) {
        Ok(findings) => Ok(report.finish(&findings, &terminal.site.used()).map_err(unwritten)?.map_or(0, ExitClass::status)),
        Err(error) => {
            report.abandon();
            Err(error)
        }
    }
}
