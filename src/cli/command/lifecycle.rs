//! `airbase lifecycle set|supersede|show|history|trace|check|report|compact|import`

use std::path::PathBuf;

use clap::ValueEnum;

use crate::cli::options::Emptiness;
use crate::cli::site::Site;
use crate::cli::terminal::Terminal;
use crate::foundation::{Code, Error, Result};
use crate::oci::Platform;
use crate::plan::lifecycle::change::Change;
use crate::plan::lifecycle::field::{Field, Record, Status, Value};
use crate::plan::lifecycle::policy::{Deny, Policy};
use crate::plan::lifecycle::profile::Profile;
use crate::plan::lifecycle::resolve::Question;
use crate::plan::lifecycle::time::{Moment, Span, When};
use crate::report::lifecycle::set::SetAllReport;
use crate::verbs::lifecycle::{self, Check, Compact, Import, Set, Show, Supersede};
use crate::verbs::{Context, Places};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// State what holds of an image: its end of life, a status, a reason
    Set(SetArguments),
    /// State that another image stands in the place of an image and of each of its platforms
    Supersede(SupersedeArguments),
    /// What holds of an image, each value with the statement that it came from, and what its base says
    Show(ShowArguments),
    /// Every statement on an image, and what became of it
    History(HistoryArguments),
    /// From a pinned digest to the newest image of its line
    Trace(TraceArguments),
    /// A gate: ends with 1 if an image must not be used
    Check(CheckArguments),
    /// An inventory: what holds of every image
    Report(ReportArguments),
    /// Leave one statement of each type on an image
    Compact(CompactArguments),
    /// Make the statements that a published list asks for: Microsoft's EolDigests, or a dump of endoflife.date
    Import(ImportArguments),
}

/// As of when.
#[derive(Debug, clap::Args)]
struct Clock {
    /// The time to take for now: YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ; without it SOURCE_DATE_EPOCH or the clock
    #[arg(long = "at", visible_alias = "now", value_name = "TIME", value_parser = Moment::strict)]
    at: Option<Moment>,
}

impl Clock {
    fn question(&self, issuers: &[String]) -> Result<Question> {
        let question = Question { issuers: issuers.to_vec(), ..Question::from(self.now()?) };
        Ok(Question { exact: self.at.is_some(), ..question })
    }

    fn now(&self) -> Result<Moment> {
        super::now(self.at)
    }
}

/// For whom statements are made, and who makes them.
#[derive(Debug, clap::Args)]
struct Form {
    /// For which readers: combined (default), microsoft, native, or vnd.ORG
    #[arg(long, value_name = "PROFILE", value_parser = Profile::parse)]
    profile: Option<Profile>,
    /// Who says so
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
}

/// What can be said with any status.
#[derive(Debug, clap::Args)]
struct Words {
    /// When its life ends: YYYY-MM-DD, YYYY-MM-DDThh:mm:ssZ, or now
    #[arg(long, visible_alias = "end-of-life", value_name = "TIME")]
    eol: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Where to read more
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// What is said beside a successor: when the life of an image ends, or `now`, and why.
pub(in crate::cli) fn words(eol: Option<&str>, reason: Option<&str>) -> Result<Record> {
    let mut record = Record::new();
    let now = if eol == Some("now") { Some(super::now(None)?.to_string()) } else { None };
    date(&mut record, Field::EndOfLife, now.as_deref().or(eol), "--eol")?;
    text(&mut record, Field::Reason, reason, "--reason")?;
    Ok(record)
}

impl Words {
    fn record(&self, now: Moment) -> Result<Record> {
        let mut record = Record::new();
        let at = (self.eol.as_deref() == Some("now")).then(|| now.to_string());
        date(&mut record, Field::EndOfLife, at.as_deref().or(self.eol.as_deref()), "--eol")?;
        text(&mut record, Field::Reason, self.reason.as_deref(), "--reason")?;
        text(&mut record, Field::Url, self.url.as_deref(), "--url")?;
        Ok(record)
    }
}

fn date(record: &mut Record, field: Field, given: Option<&str>, option: &str) -> Result<()> {
    if let Some(given) = given {
        let moment = Moment::strict(given).map_err(|error| error.at(option))?;
        record.insert(field, Value::Time(When::At(moment)));
    }
    Ok(())
}

fn text(record: &mut Record, field: Field, given: Option<&str>, option: &str) -> Result<()> {
    if let Some(given) = given {
        if given.trim().is_empty() {
            return Err(Error::new(Code::UsageArgument, "an empty text says nothing").at(option).hint("Take it back with --clear."));
        }
        record.insert(field, Value::Text(given.to_owned()));
    }
    Ok(())
}

/// A field that can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Clear {
    /// The status
    Status,
    /// The end of life
    EndOfLife,
    /// The end of support
    EndOfSupport,
    /// The day of the release
    GeneralAvailability,
    /// What to use instead
    SupersededBy,
    /// The reason
    Reason,
    /// The link
    Url,
    /// The rolling name
    Channel,
}

impl Clear {
    fn fields(self) -> Vec<Field> {
        match self {
            Self::Status => vec![Field::Status],
            Self::EndOfLife => vec![Field::EndOfLife],
            Self::EndOfSupport => vec![Field::EndOfSupport],
            Self::GeneralAvailability => vec![Field::GeneralAvailability],
            Self::SupersededBy => vec![Field::SupersededBy, Field::SupersededByName, Field::SupersededByPlatforms],
            Self::Reason => vec![Field::Reason],
            Self::Url => vec![Field::Url],
            Self::Channel => vec![Field::Channel],
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct SetArguments {
    /// The image, or several
    #[arg(required = true, value_name = "REF")]
    images: Vec<String>,
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    words: Words,
    /// active, deprecated, superseded, end-of-life or withdrawn
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// When security fixes end
    #[arg(long, value_name = "TIME")]
    end_of_support: Option<String>,
    /// When it was released
    #[arg(long, value_name = "TIME")]
    general_availability: Option<String>,
    /// The rolling name that it is published under
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// Say nothing about this any more
    #[arg(long, value_enum, value_name = "FIELD")]
    clear: Vec<Clear>,
    /// On one platform only: OS/ARCHITECTURE[/VARIANT]
    #[arg(long, value_name = "PLATFORM", conflicts_with = "index_only")]
    platform: Option<Platform>,
    /// Only on what REF names, not on the platforms below it
    #[arg(long)]
    index_only: bool,
    /// What other issuers say of it so far does not hold any longer; a withdrawal does
    #[arg(long)]
    r#override: bool,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    clock: Clock,
}

#[derive(Debug, clap::Args)]
pub struct SupersedeArguments {
    /// The image that is to be replaced
    #[arg(value_name = "OLD")]
    old: String,
    /// The image to use instead
    #[arg(long, value_name = "NEW")]
    by: String,
    #[command(flatten)]
    words: Words,
    /// Take an older image for the newer one; the statement says that it was done
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    clock: Clock,
}

#[derive(Debug, clap::Args)]
pub struct ShowArguments {
    /// The image
    #[arg(value_name = "REF")]
    image: String,
    #[command(flatten)]
    places: Places,
    /// One platform only: OS/ARCHITECTURE[/VARIANT]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
    /// Whose statements count: the name of an issuer, as often as there are; without it everybody's
    #[arg(long, value_name = "NAME")]
    issuer: Vec<String>,
    #[command(flatten)]
    clock: Clock,
}

#[derive(Debug, clap::Args)]
pub struct HistoryArguments {
    /// The image
    #[arg(value_name = "REF")]
    image: String,
    /// One platform only: OS/ARCHITECTURE[/VARIANT]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
    #[command(flatten)]
    clock: Clock,
}

#[derive(Debug, clap::Args)]
pub struct TraceArguments {
    /// The digest that somebody pinned, or the beginning of it
    #[arg(value_name = "DIGEST")]
    digest: String,
    /// Where images lie: layouts, archives, folders of them, or references
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Whose statements count: the name of an issuer, as often as there are; without it everybody's
    #[arg(long, value_name = "NAME")]
    issuer: Vec<String>,
    #[command(flatten)]
    clock: Clock,
}

#[derive(Debug, clap::Args)]
pub struct CheckArguments {
    /// Where images lie: layouts, archives, folders of them, or references
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// What must not be used beside withdrawn and end-of-life: end-of-support, superseded, deprecated, base-end-of-life, unknown,
    /// ambiguous
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    deny: Vec<String>,
    /// What must not be used, instead of withdrawn and end-of-life
    #[arg(long, value_name = "WHAT", value_delimiter = ',', conflicts_with = "deny")]
    deny_only: Vec<String>,
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
    places: Places,
    /// Whose statements count: the name of an issuer, as often as there are; without it everybody's
    #[arg(long, value_name = "NAME")]
    issuer: Vec<String>,
    #[command(flatten)]
    clock: Clock,
}

#[derive(Debug, clap::Args)]
pub struct ReportArguments {
    /// Where images lie: layouts, archives, folders of them, or references
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    #[command(flatten)]
    emptiness: Emptiness,
    #[command(flatten)]
    places: Places,
    /// Whose statements count: the name of an issuer, as often as there are; without it everybody's
    #[arg(long, value_name = "NAME")]
    issuer: Vec<String>,
    #[command(flatten)]
    clock: Clock,
}

#[derive(Debug, clap::Args)]
pub struct CompactArguments {
    /// The image
    #[arg(value_name = "REF")]
    image: String,
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    clock: Clock,
}

#[derive(Debug, clap::Args)]
pub struct ImportArguments {
    /// The list
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where images lie: layouts, folders of them, or references
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// The product of a list that does not say it, such as debian
    #[arg(long, value_name = "NAME")]
    product: Option<String>,
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    clock: Clock,
}

pub(in crate::cli) fn run(command: &Command, terminal: &mut Terminal) -> Result<u8> {
    match command {
        Command::Set(arguments) => set(arguments, terminal),
        Command::Supersede(arguments) => supersede(arguments, terminal),
        Command::Show(arguments) => show(arguments, terminal),
        Command::History(arguments) => history(arguments, terminal),
        Command::Trace(arguments) => trace(arguments, terminal),
        Command::Check(arguments) => check(arguments, terminal),
        Command::Report(arguments) => report(arguments, terminal),
        Command::Compact(arguments) => compact(arguments, terminal),
        Command::Import(arguments) => import(arguments, terminal),
    }
}

fn supersede(arguments: &SupersedeArguments, terminal: &mut Terminal) -> Result<u8> {
    let request = Supersede {
        old: arguments.old.clone(),
        by: arguments.by.clone(),
        more: arguments.words.record(arguments.clock.now()?)?,
        profile: arguments.form.profile.clone(),
        issuer: arguments.form.issuer.clone(),
        force: arguments.force,
        now: arguments.clock.now()?,
    };
    let report = lifecycle::supersede(&request, terminal.context())?;
    terminal.answer(&report)
}

fn show(arguments: &ShowArguments, terminal: &mut Terminal) -> Result<u8> {
    let query = Show {
        image: arguments.image.clone(),
        places: terminal.site.places(&arguments.places)?,
        platform: arguments.platform.clone(),
        question: arguments.clock.question(&arguments.issuer)?,
    };
    let report = lifecycle::show(&query, terminal.context())?;
    terminal.answer(&report)
}

fn history(arguments: &HistoryArguments, terminal: &mut Terminal) -> Result<u8> {
    let query = Show {
        image: arguments.image.clone(),
        places: Places::default(),
        platform: arguments.platform.clone(),
        question: arguments.clock.question(&[])?,
    };
    let report = lifecycle::history(&query, terminal.context())?;
    terminal.answer(&report)
}

fn trace(arguments: &TraceArguments, terminal: &mut Terminal) -> Result<u8> {
    // A whole reference leads to its digest.
    let digest = arguments.digest.rsplit_once('@').map_or(arguments.digest.as_str(), |(_, digest)| digest);
    let report = lifecycle::trace(digest, &arguments.paths, &arguments.clock.question(&arguments.issuer)?, terminal.context())?;
    terminal.answer(&report)
}

fn check(arguments: &CheckArguments, terminal: &mut Terminal) -> Result<u8> {
    let parse = |texts: &[String]| texts.iter().map(|text| Deny::parse(text)).collect::<Result<Vec<_>>>();
    let standard = if arguments.deny_only.is_empty() { Deny::STANDARD.to_vec() } else { parse(&arguments.deny_only)? };
    let lists = arguments.require_lists.then_some(Deny::Unlisted);
    let mut policy = Policy::new(standard.into_iter().chain(parse(&arguments.deny)?).chain(lists), arguments.grace);
    policy.max_age = arguments.max_age;
    let report = lifecycle::check(
        &question(&arguments.paths, &arguments.places, &arguments.clock, &arguments.issuer, &terminal.site)?,
        &policy,
        Context { allow_empty: arguments.emptiness.allow_empty, ..terminal.context() },
    )?;
    terminal.answer(&report)
}

fn report(arguments: &ReportArguments, terminal: &mut Terminal) -> Result<u8> {
    let report = lifecycle::report(
        &question(&arguments.paths, &arguments.places, &arguments.clock, &arguments.issuer, &terminal.site)?,
        Context { allow_empty: arguments.emptiness.allow_empty, ..terminal.context() },
    )?;
    terminal.answer(&report)
}

fn compact(arguments: &CompactArguments, terminal: &mut Terminal) -> Result<u8> {
    let request = Compact {
        image: arguments.image.clone(),
        profile: arguments.form.profile.clone(),
        issuer: arguments.form.issuer.clone(),
        dry_run: arguments.dry_run,
        now: arguments.clock.now()?,
    };
    let report = lifecycle::compact(&request, terminal.context())?;
    terminal.answer(&report)
}

fn import(arguments: &ImportArguments, terminal: &mut Terminal) -> Result<u8> {
    let request = Import {
        file: arguments.file.clone(),
        paths: arguments.paths.clone(),
        product: arguments.product.clone(),
        profile: arguments.form.profile.clone(),
        issuer: arguments.form.issuer.clone(),
        dry_run: arguments.dry_run,
        now: arguments.clock.now()?,
    };
    let report = lifecycle::import(&request, terminal.context())?;
    terminal.answer(&report)
}

fn question(paths: &[String], places: &Places, clock: &Clock, issuers: &[String], site: &Site) -> Result<Check> {
    Ok(Check { paths: paths.to_vec(), places: site.places(places)?, question: clock.question(issuers)? })
}

fn set(arguments: &SetArguments, terminal: &mut Terminal) -> Result<u8> {
    let mut record = arguments.words.record(arguments.clock.now()?)?;
    if let Some(status) = &arguments.status {
        record.insert(Field::Status, Value::Status(Status::parse(status).map_err(|error| error.at("--status"))?));
    }
    date(&mut record, Field::EndOfSupport, arguments.end_of_support.as_deref(), "--end-of-support")?;
    date(&mut record, Field::GeneralAvailability, arguments.general_availability.as_deref(), "--general-availability")?;
    text(&mut record, Field::Channel, arguments.channel.as_deref(), "--channel")?;
    let request = Set {
        image: arguments.images.first().cloned().unwrap_or_default(),
        change: Change { set: record, clear: arguments.clear.iter().flat_map(|clear| clear.fields()).collect(), explicit: true },
        profile: arguments.form.profile.clone(),
        issuer: arguments.form.issuer.clone(),
        platform: arguments.platform.clone(),
        index_only: arguments.index_only,
        overrides: arguments.r#override,
        dry_run: arguments.dry_run,
        now: arguments.clock.now()?,
    };
    let mut reports = lifecycle::set_all(&request, &arguments.images, terminal.context())?;
    match (reports.len(), reports.pop()) {
        (1, Some(report)) => terminal.answer(&report),
        (_, last) => terminal.answer(&SetAllReport { images: reports.into_iter().chain(last).collect() }),
    }
}
