//! One file is one verb.

pub(super) mod annotate;
pub(super) mod attach;
pub(super) mod base;
pub(super) mod batch;
pub(super) mod cat;
pub(super) mod collection;
pub(super) mod config;
pub(super) mod copy;
pub(super) mod demo;
pub(super) mod detach;
pub(super) mod diff;
pub(super) mod doctor;
pub(super) mod explain;
pub(super) mod fsck;
pub(super) mod gc;
pub(super) mod generate;
pub(super) mod index;
pub(super) mod inspect;
pub(super) mod lifecycle;
pub(super) mod ls;
pub(super) mod outdated;
pub(super) mod prepare;
pub(super) mod rebase;
pub(super) mod referrers;
pub(super) mod rm;
mod superseding;
pub(super) mod tag;
pub(super) mod untag;
pub(super) mod verdict;
pub(super) mod verify_sync;
pub(super) mod why;

use super::arguments::{Command, Line};
use super::options::{Destination, Format};
use super::terminal::Terminal;
use crate::foundation::clock::Time;
use crate::foundation::{Code, Error, Fact, Result};
use crate::plan::lifecycle::time::Moment;
use crate::read::{Reference, SourceKind};
use crate::verbs::Output;

/// The time to take for now: as given, else that of `SOURCE_DATE_EPOCH` or the clock.
fn now(given: Option<Moment>) -> Result<Moment> {
    match given {
        Some(moment) => Ok(moment),
        None => Ok(Moment::from(Terminal::epoch()?.unwrap_or_else(Time::now)).to_the_second()),
    }
}

/// Runs one command; gives the exit status.
pub(super) fn run(line: &Line, terminal: &mut Terminal) -> Result<u8> {
    let has_csv = matches!(
        line.command,
        Command::Lifecycle(lifecycle::Command::Report(_) | lifecycle::Command::Check(_))
            | Command::Batch(batch::Command::Report(_))
            | Command::Outdated(_)
    );
    if line.global.format == Format::Csv && !has_csv {
        return Err(Error::new(
            Code::UsageArgument,
            "only `outdated`, `lifecycle check`, `lifecycle report` and `batch report` have a form for spreadsheets",
        )
        .found(Fact::new("csv", "--format")));
    }
    if matches!(line.global.format, Format::Commands | Format::Sh) && !matches!(line.command, Command::Prepare(_)) {
        return Err(Error::new(Code::UsageArgument, "only `prepare` gives commands of other programs")
            .found(Fact::new(if line.global.format == Format::Sh { "sh" } else { "commands" }, "--format")));
    }
    match &line.command {
        Command::Inspect(arguments) => inspect::run(arguments, terminal),
        Command::Ls(arguments) => ls::run(arguments, terminal),
        Command::Cat(arguments) => cat::run(arguments, terminal),
        Command::Diff(arguments) => diff::run(arguments, terminal),
        Command::Why(arguments) => why::run(arguments, terminal),
        Command::Fsck(arguments) => fsck::run(arguments, terminal),
        Command::Base(command) => base::run(command, terminal),
        Command::Outdated(arguments) => outdated::run(arguments, terminal),
        Command::Rebase(arguments) => rebase::run(arguments, terminal),
        Command::Verdict(arguments) => verdict::run(arguments, terminal),
        Command::Batch(command) => batch::run(command, terminal),
        Command::Copy(arguments) => copy::run(arguments, terminal),
        Command::Index(arguments) => index::run(arguments, terminal),
        Command::Tag(arguments) => tag::run(arguments, terminal),
        Command::Untag(arguments) => untag::run(arguments, terminal),
        Command::Annotate(arguments) => annotate::run(arguments, terminal),
        Command::Collection(command) => collection::run(command, terminal),
        Command::Attach(arguments) => attach::run(arguments, terminal),
        Command::Referrers(query) => referrers::run(query, terminal),
        Command::Detach(arguments) => detach::run(arguments, terminal),
        Command::Doctor(arguments) => doctor::run(arguments, terminal),
        Command::Lifecycle(command) => lifecycle::run(command, terminal),
        Command::Rm(arguments) => rm::run(arguments, terminal),
        Command::Gc(request) => gc::run(request, terminal),
        Command::Prepare(arguments) => prepare::run(arguments, terminal),
        Command::VerifySync(arguments) => verify_sync::run(arguments, terminal),
        Command::Demo(arguments) => demo::run(arguments, terminal),
        Command::Config(arguments) => config::run(arguments, terminal),
        Command::Explain(arguments) => explain::run(arguments, terminal),
        Command::Completions(arguments) => generate::completions(arguments),
        Command::Man(arguments) => generate::man(arguments),
        Command::Generate(arguments) => generate::run(arguments),
    }
}

/// `K=V` from the command line.
fn pair(text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(Error::new(Code::UsageArgument, "an annotation is written KEY=VALUE").found(Fact::new(text, "-a"))),
    }
}

/// Where a result goes: `-o` decides; without it a layout takes the names that were given with `--tag`.
///
/// # Errors
/// `usage.output`.
fn destination(image: &str, destination: &Destination) -> Result<(Output, Vec<String>)> {
    let mut names = destination.tag.clone();
    if let Some(text) = &destination.output {
        let (output, name) = Output::parse(text, destination.overwrite)?;
        names.splice(0..0, name);
        return Ok((output, names));
    }
    let reference = Reference::existing(image)?;
    let kind = crate::read::Source::open_container(&reference.path, reference.view(), &crate::foundation::Limits::STANDARD)?.kind();
    match kind {
        SourceKind::Archive | SourceKind::DockerArchive | SourceKind::SkopeoDirectory => Err(kind
            .unchangeable("the command")
            .at(reference.shown_path())
            .hint("Say where the result goes: -o NEW.tar, or -o DIR:NAME for a layout.")),
        SourceKind::Layout if names.is_empty() => Err(Error::new(Code::UsageOutput, "the command does not say where the result goes")
            .at(reference.shown_path())
            .hint("Give --tag NAME to add the result to this layout, or -o OUT for another place.")),
        SourceKind::Layout => Ok((Output::Layout(reference.path), names)),
    }
}
