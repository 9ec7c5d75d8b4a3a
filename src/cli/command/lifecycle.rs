//! `airbase lifecycle set|supersede|show|history|trace|check|report|compact|import`

use crate::cli::options::Emptiness;
use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::plan::lifecycle::policy::{Deny, Policy};
use crate::plan::lifecycle::resolve::Question;
use crate::plan::lifecycle::time::{Moment, Span};
use crate::report::lifecycle::set::SetAllReport;
use crate::verbs::Context;
use crate::verbs::lifecycle::{self, Compact, History, Import, Set, Show, Supersede, Trace};

#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Command {
    /// State what holds of an image: its end of life, a status, a reason
    Set(Dated<Set>),
    /// State that another image stands in the place of an image and of each of its platforms
    Supersede(Dated<Supersede>),
    /// What holds of an image, each value with the statement that it came from, and what its base says
    Show(Asked<Show>),
    /// Every statement on an image, and what became of it
    History(Dated<History>),
    /// From a pinned digest to the newest image of its line
    Trace(Asked<Trace>),
    /// A gate: ends with 1 if an image must not be used
    Check(Gate),
    /// An inventory: what holds of every image
    Report(Inventory),
    /// Leave one statement of each type on an image
    Compact(Dated<Compact>),
    /// Make the statements that a published list asks for: Microsoft's EolDigests, or a dump of endoflife.date
    Import(Dated<Import>),
}

/// As of when.
#[derive(Debug, clap::Args)]
struct Clock {
    /// The time to take for now: YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ; without it SOURCE_DATE_EPOCH or the clock
    #[arg(long = "at", visible_alias = "now", value_name = "TIME", value_parser = Moment::strict)]
    at: Option<Moment>,
}

impl Clock {
    fn now(&self) -> Result<Moment> {
        super::now(self.at)
    }

    fn question(&self, issuers: &[String]) -> Result<Question> {
        Ok(Question { now: self.now()?, exact: self.at.is_some(), issuers: issuers.to_vec() })
    }
}

/// What is asked for, and as of when.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Dated<R: clap::Args> {
    #[command(flatten)]
    request: R,
    #[command(flatten)]
    clock: Clock,
}

/// What is asked, whose word counts, and as of when.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Asked<R: clap::Args> {
    #[command(flatten)]
    request: R,
    /// Whose statements count: the name of an issuer, as often as there are; without it everybody's
    #[arg(long = "issuer", value_name = "NAME")]
    issuers: Vec<String>,
    #[command(flatten)]
    clock: Clock,
}

impl<R: clap::Args> Asked<R> {
    fn question(&self) -> Result<Question> {
        self.clock.question(&self.issuers)
    }
}

impl Asked<lifecycle::Check> {
    fn check(&self, terminal: &Terminal) -> Result<lifecycle::Check> {
        let places = terminal.site.places(&self.request.places)?;
        Ok(lifecycle::Check { places, question: self.question()?, ..self.request.clone() })
    }
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Gate {
    /// What must not be used beside withdrawn and end-of-life: end-of-support, superseded, deprecated, base-end-of-life, unknown,
    /// ambiguous
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = Deny::parse)]
    deny: Vec<Deny>,
    /// What must not be used, instead of withdrawn and end-of-life
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = Deny::parse, conflicts_with = "deny")]
    deny_only: Vec<Deny>,
    /// For how long a word holds: an image of which nothing was said for longer is unknown
    #[arg(long, value_name = "SPAN", value_parser = Span::parse)]
    max_age: Option<Span>,
    /// Deny images to which nothing refers and that have no list of referrers either: a copy may have left behind what was said
    #[arg(long)]
    require_lists: bool,
    /// For how long it may be used nevertheless: 30d, 12h
    #[arg(long, value_name = "SPAN", default_value = "0", value_parser = Span::parse)]
    grace: Span,
    #[command(flatten)]
    emptiness: Emptiness,
    #[command(flatten)]
    asked: Asked<lifecycle::Check>,
}

impl Gate {
    fn policy(&self) -> Policy {
        let standard = if self.deny_only.is_empty() { &Deny::STANDARD[..] } else { &self.deny_only };
        let lists = self.require_lists.then_some(Deny::Unlisted);
        let policy = Policy::new(standard.iter().chain(&self.deny).copied().chain(lists), self.grace);
        Policy { max_age: self.max_age, ..policy }
    }
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Inventory {
    #[command(flatten)]
    emptiness: Emptiness,
    #[command(flatten)]
    asked: Asked<lifecycle::Check>,
}

pub(in crate::cli) fn run(command: &Command, terminal: &mut Terminal) -> Result<u8> {
    match command {
        Command::Set(Dated { request, clock }) => {
            let mut reports = lifecycle::set(&Set { now: clock.now()?, ..request.clone() }, terminal.context())?;
            match (reports.len(), reports.pop()) {
                (1, Some(report)) => terminal.answer(&report),
                (_, last) => terminal.answer(&SetAllReport { images: reports.into_iter().chain(last).collect() }),
            }
        }
        Command::Supersede(Dated { request, clock }) => {
            let report = lifecycle::supersede(&Supersede { now: clock.now()?, ..request.clone() }, terminal.context())?;
            terminal.answer(&report)
        }
        Command::Show(asked) => {
            let places = terminal.site.places(&asked.request.places)?;
            let query = Show { places, question: asked.question()?, ..asked.request.clone() };
            let report = lifecycle::show(&query, terminal.context())?;
            terminal.answer(&report)
        }
        Command::History(Dated { request, clock }) => {
            let query = History { question: clock.question(&[])?, ..request.clone() };
            let report = lifecycle::history(&query, terminal.context())?;
            terminal.answer(&report)
        }
        Command::Trace(asked) => {
            let query = Trace { question: asked.question()?, ..asked.request.clone() };
            let report = lifecycle::trace(&query, terminal.context())?;
            terminal.answer(&report)
        }
        Command::Check(gate) => {
            let context = Context { allow_empty: gate.emptiness.allow_empty, ..terminal.context() };
            let report = lifecycle::check(&gate.asked.check(terminal)?, &gate.policy(), context)?;
            terminal.answer(&report)
        }
        Command::Report(Inventory { emptiness, asked }) => {
            let context = Context { allow_empty: emptiness.allow_empty, ..terminal.context() };
            let report = lifecycle::report(&asked.check(terminal)?, context)?;
            terminal.answer(&report)
        }
        Command::Compact(Dated { request, clock }) => {
            let report = lifecycle::compact(&Compact { now: clock.now()?, ..request.clone() }, terminal.context())?;
            terminal.answer(&report)
        }
        Command::Import(Dated { request, clock }) => {
            let report = lifecycle::import(&Import { now: clock.now()?, ..request.clone() }, terminal.context())?;
            terminal.answer(&report)
        }
    }
}
