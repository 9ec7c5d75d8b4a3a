//! The command line: arguments in, text and an exit status out.
//!
//! The only folder that prints, reads the environment and knows exit statuses. One file of `command/` is one verb: its
//! arguments, which are its help, and what it calls. Work is done by `crate::verbs`.

// Doc comments of arguments are the help text, and brackets there are syntax, not links.
#![cfg_attr(doc, allow(rustdoc::broken_intra_doc_links))]

pub mod arguments;
mod command;
pub mod options;
mod progress;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

use crate::core::{Code, Error};
use arguments::Line;
use terminal::Terminal;

/// Runs the program with the arguments and the environment of the process.
pub fn main() -> ExitCode {
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(error) => {
            // Help and version are no errors; clap knows which is which.
            let status = if error.use_stderr() { 2 } else { 0 };
            return if error.print().is_ok() { status.into() } else { 6.into() };
        }
    };
    let mut terminal = Terminal::new(&line.global);
    run(&line, &mut terminal).into()
}

/// Runs one command; gives the exit status.
fn run(line: &Line, terminal: &mut Terminal) -> u8 {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| command::run(line, terminal)));
    match result {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => terminal.fail(&error),
        Err(_) => terminal.fail(&Error::new(Code::Bug, "airbase stopped in the middle of its work")),
    }
}

/// The definition of the command line, for completions and man pages.
pub fn definition() -> clap::Command {
    <Line as clap::CommandFactory>::command()
}
