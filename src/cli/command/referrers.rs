//! `airbase referrers`

use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::verbs::referrers::{Query, referrers};

pub(in crate::cli) fn run(query: &Query, terminal: &mut Terminal) -> Result<u8> {
    let report = referrers(query, terminal.context())?;
    terminal.answer(&report)
}
