//! `airbase gc`

use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::verbs::gc::{Request, gc};

pub(in crate::cli) fn run(request: &Request, terminal: &mut Terminal) -> Result<u8> {
    let report = gc(request, terminal.context())?;
    terminal.answer(&report)
}
