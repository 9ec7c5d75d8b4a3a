//! The command line: arguments in, text and an exit status out.
//!
//! The only folder that prints, reads the environment and knows exit statuses. One file of `command/` is one verb: its
//! arguments, which are its help, and what it calls. Work is done by `crate::verbs`.

// Doc comments of arguments are the help text, and brackets there are syntax, not links.
#![cfg_attr(doc, allow(rustdoc::broken_intra_doc_links))]

pub mod arguments;
mod command;
mod examples;
pub mod options;
mod progress;
mod site;
mod terminal;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::FromArgMatches as _;

use crate::foundation::{Code, Error, text};
use arguments::Line;
use options::Global;
use terminal::Terminal;

/// Runs the program with the arguments and the environment of the process.
pub fn main() -> ExitCode {
    with(std::env::args_os()).into()
}

/// Runs the program with these arguments, of which the first is its name, and the environment of the process; gives the exit status.
pub fn with(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> u8 {
    let parsed = definition().try_get_matches_from(arguments);
    let parsed = parsed.and_then(|matches| Ok((Line::from_arg_matches(&matches)?, config_of(&matches))));
    let line = match parsed {
        Ok((line, config)) => Line { global: Global { config, ..line.global }, ..line },
        Err(error) => {
            // Help and version are no errors; clap knows which is which.
            let status = if error.use_stderr() { 2 } else { 0 };
            return if print(&error).is_ok() { status } else { 6 };
        }
    };
    let mut terminal = Terminal::new(&line.global);
    run(&line, &mut terminal)
}

/// Prints help, or what is wrong with the command line. Words of the command line may be names of files that somebody else chose.
fn print(error: &clap::Error) -> std::io::Result<()> {
    let line_end = |character| character == '\n';
    let mut words = error.render().to_string();
    // Once it took all that followed.
    if error.kind() == clap::error::ErrorKind::UnknownArgument && std::env::args().any(|word| word == "--bases") {
        words.push_str("\n  tip: --bases takes one value; give it again for each\n");
        return std::io::stderr().lock().write_all(text::escape_unless(&words, line_end).as_bytes());
    }
    let safe = text::escape_unless(&words, line_end);
    if words == safe { error.print() } else { std::io::stderr().lock().write_all(safe.as_bytes()) }
}

/// Runs one command; gives the exit status.
fn run(line: &Line, terminal: &mut Terminal) -> u8 {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        terminal.read_conventions()?;
        terminal.read_site()?;
        command::run(line, terminal)
    }));
    match result {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => terminal.fail(&error),
        Err(_) => terminal.fail(&Error::new(Code::Bug, "airbase stopped in the middle of its work")),
    }
}

/// The definition of the command line, for completions and man pages.
pub fn definition() -> clap::Command {
    let line = <Line as clap::CommandFactory>::command();
    let config = line.get_arguments().find(|argument| argument.get_id() == CONFIG).cloned();
    let line = config.into_iter().fold(line, |line, config| with_config_everywhere(line, &config));
    examples::with_examples(line)
}

/// The option that names a file of settings.
const CONFIG: &str = "config";

/// Every command takes the option that names a file of settings, as the other options of all commands, except one that has its own
/// `--config`: clap takes no global option of that name.
fn with_config_everywhere(command: clap::Command, config: &clap::Arg) -> clap::Command {
    command.mut_subcommands(|inner| {
        let taken = inner.get_arguments().any(|argument| argument.get_long() == Some(CONFIG));
        let inner = if taken { inner } else { inner.arg(config) };
        with_config_everywhere(inner, config)
    })
}

/// The file of settings, wherever on the line it stands; the last one counts.
fn config_of(matches: &clap::ArgMatches) -> Option<PathBuf> {
    let below = matches.subcommand().and_then(|(_, inner)| config_of(inner));
    // Where the option is another one it has another type.
    below.or_else(|| matches.try_get_one::<PathBuf>(CONFIG).ok().flatten().cloned())
}
