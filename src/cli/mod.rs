//! The command line: arguments in, text and an exit status out.
//!
//! The only folder that prints, reads the environment and knows exit statuses. One file of `command/` is one verb: its
//! arguments, which are its help, and what it calls. Work is done by `crate::verbs`.

// Doc comments of arguments are the help text, and brackets there are syntax, not links.
#![cfg_attr(doc, allow(rustdoc::broken_intra_doc_links))]

mod arguments;
mod command;
mod environment;
mod examples;
mod options;
mod progress;
mod site;
mod terminal;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::FromArgMatches as _;

use crate::foundation::{Code, Error, text};
use arguments::Line;
use options::{Global, without_keep};
use terminal::Terminal;

/// Runs the program with the arguments and the environment of the process.
pub fn main() -> ExitCode {
    with(std::env::args_os()).into()
}

/// Runs the program with these arguments, of which the first is its name, and the environment of the process; gives the exit status.
pub fn with(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let matches = definition().try_get_matches_from(&arguments);
    match matches.and_then(|matches| Ok(Line { global: global_of(&matches)?, ..Line::from_arg_matches(&matches)? })) {
        Ok(line) => run(&line, &mut Terminal::new(&line.global)),
        Err(error) => refuse(&error, &arguments),
    }
}

/// Tells what is wrong with the command line. What a type of ours refuses is an error as any other, in the form that is asked for; that
/// may stand behind the wrong value, so the whole line is read once more.
fn refuse(error: &clap::Error, arguments: &[OsString]) -> u8 {
    let Some(own) = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Error>()) else { return told(error) };
    match as_text(definition()).try_get_matches_from(arguments).and_then(|matches| global_of(&matches)) {
        Ok(global) => Terminal::new(&global).fail(own),
        Err(error) => told(&error),
    }
}

/// The command line with the values of all but global options as they were typed.
fn as_text(command: clap::Command) -> clap::Command {
    let stays = |argument: &clap::Arg| argument.is_global_set() || argument.get_id() == CONFIG || !argument.get_action().takes_values();
    let as_typed = |argument: clap::Arg| if stays(&argument) { argument } else { argument.value_parser(clap::value_parser!(OsString)) };
    command.mut_args(as_typed).mut_subcommands(as_text)
}

/// Prints help, or what clap finds wrong; gives the exit status.
fn told(error: &clap::Error) -> u8 {
    // Help and version are no errors; clap knows which is which.
    let status = if error.use_stderr() { 2 } else { 0 };
    if print(error).is_ok() { status } else { 6 }
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
    let line = line.mut_subcommand("rebase", without_keep).mut_subcommand("verdict", without_keep);
    let line = line.mut_subcommand("batch", |batch| batch.mut_subcommand("plan", without_keep));
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

/// The options of all commands.
fn global_of(matches: &clap::ArgMatches) -> std::result::Result<Global, clap::Error> {
    Ok(Global { config: config_of(matches), ..Global::from_arg_matches(matches)? })
}

/// The file of settings, wherever on the line it stands; the last one counts.
fn config_of(matches: &clap::ArgMatches) -> Option<PathBuf> {
    let below = matches.subcommand().and_then(|(_, inner)| config_of(inner));
    // Where the option is another one it has another type.
    below.or_else(|| matches.try_get_one::<PathBuf>(CONFIG).ok().flatten().cloned())
}
