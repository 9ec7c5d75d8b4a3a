//! `airbase batch plan`, `apply`, `merge`, `report`

use std::path::PathBuf;
use std::sync::Arc;

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::cli::environment::variable;
use crate::cli::options::{Emptiness, Gate};
use crate::cli::terminal::Terminal;
use crate::foundation::{Error, ExitClass, Result};
use crate::plan::batch::shard::Shard;
use crate::verbs::batch::{self, ApplyRequest, As, MergeRequest, PlanRequest, Stop};
use crate::verbs::lifecycle::{End, Taking, Words, said};
use crate::verbs::{Context, Verify};

#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Command {
    /// Decide every image, and print the plan; nothing is written
    Plan(Box<Plan>),
    /// Do what a plan says; run it again to go on where it was stopped
    Apply(Apply),
    /// List in the index what shards wrote, and mark the old images if they were asked to, in one step
    Merge(MergeRequest),
    /// Tell what became of each image of a plan
    Report(Report),
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Plan {
    #[command(flatten)]
    request: PlanRequest,
    #[command(flatten)]
    gate: Gate,
    #[command(flatten)]
    emptiness: Emptiness,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Apply {
    /// The plan
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// The layout, or the directory of archives, that takes the results
    #[arg(long, short, value_name = "OUT")]
    output: PathBuf,
    /// What the results become
    #[arg(long = "as", value_enum, default_value_t, value_name = "WHAT")]
    form: As,
    /// Give layers of layouts on the same file system a second name, instead of copying them
    #[arg(long)]
    link: bool,
    /// Do only this part of the work, I/N with I from 1; auto reads what Kubernetes or Slurm say. Then merge
    #[arg(long, value_name = "I/N|auto", value_parser = shard)]
    shard: Option<Shard>,
    /// Take no more items after so many failures
    #[arg(long, value_name = "N")]
    max_failures: Option<std::num::NonZeroUsize>,
    /// Take no more items after the first failure
    #[arg(long, conflicts_with = "max_failures")]
    fail_fast: bool,
    /// Move names that other images have, and replace archives
    #[arg(long)]
    overwrite: bool,
    /// Mark the old images as superseded by the results, in the same exchange of the index; where the old images lie in OUT
    #[arg(long)]
    supersede: bool,
    /// With --supersede: when the life of the old images ends, or now
    #[arg(long, visible_alias = "end-of-life", value_name = "TIME", value_parser = End::parse, requires = "supersede", conflicts_with = "shard")]
    eol: Option<End>,
    /// With --supersede: why
    #[arg(long, value_name = "TEXT", value_parser = |text: &str| said(text, "--reason"), requires = "supersede", conflicts_with = "shard")]
    reason: Option<String>,
    /// Whether the layers of images that are finished are hashed again
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    verify: Verify,
    /// The directory from which relative paths of the plan lead to its inputs; without it, the current one
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Report {
    /// The plan
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Where it was applied
    #[arg(value_name = "OUT")]
    output: PathBuf,
}

pub(in crate::cli) fn run(command: &Command, terminal: &mut Terminal) -> Result<u8> {
    match command {
        Command::Plan(arguments) => plan(arguments, terminal),
        Command::Apply(arguments) => apply(arguments, terminal),
        Command::Merge(typed) => {
            let report = batch::merge(&MergeRequest { now: super::now(None)?, ..typed.clone() }, terminal.context())?;
            terminal.answer(&report)
        }
        Command::Report(arguments) => {
            let report = batch::report(&arguments.plan, &arguments.output, terminal.context())?;
            terminal.answer(&report)
        }
    }
}

/// The plan goes to standard output whatever the format, and what a user wants to know to standard error.
fn plan(arguments: &Plan, terminal: &mut Terminal) -> Result<u8> {
    let typed = &arguments.request;
    let now = super::now(typed.now)?;
    let request =
        PlanRequest { places: terminal.site.places(&typed.places)?, now: Some(now), verdict: arguments.gate.gate(now)?, ..typed.clone() };
    // Lines are small and there are many.
    let mut lines = String::new();
    let context = Context { allow_empty: arguments.emptiness.allow_empty, ..terminal.context() };
    let report = batch::plan(&request, context, &mut |line| {
        lines.push_str(line);
        if lines.len() > 1 << 16 {
            Terminal::print(lines.as_bytes())?;
            lines.clear();
        }
        Ok(())
    })?;
    Terminal::print(lines.as_bytes())?;
    terminal.remark(|page| {
        report.render(page);
        terminal.site.used().iter().for_each(|setting| page.setting(setting));
    });
    Ok(report.exit().map_or(0, ExitClass::status))
}

fn shard(text: &str) -> Result<Shard> {
    if text == "auto" { Shard::auto(variable) } else { Shard::parse(text) }
}

fn apply(arguments: &Apply, terminal: &mut Terminal) -> Result<u8> {
    let words = Words { eol: arguments.eol, reason: arguments.reason.clone(), url: None };
    let request = ApplyRequest {
        plan: arguments.plan.clone(),
        output: arguments.output.clone(),
        form: arguments.form,
        link: arguments.link,
        shard: arguments.shard,
        max_failures: if arguments.fail_fast { Some(1) } else { arguments.max_failures.map(std::num::NonZeroUsize::get) },
        overwrite: arguments.overwrite,
        supersede: if arguments.supersede { Some(Taking { words, now: super::now(None)? }) } else { None },
        verify: arguments.verify,
        root: arguments.root.clone(),
        mtime: Terminal::mtime()?,
        stop: signals()?,
    };
    let report = batch::apply(&request, terminal.context())?;
    terminal.answer(&report)
}

/// From here on the first signal asks for an end, and a second one ends the process as it always does.
fn signals() -> Result<Stop> {
    let stop = Stop::default();
    for (signal, number) in [(SIGTERM, 15), (SIGINT, 2)] {
        let listen = || -> std::io::Result<()> {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop.asked))?;
            signal_hook::flag::register_usize(signal, Arc::clone(&stop.signal), number)?;
            signal_hook::flag::register(signal, Arc::clone(&stop.asked))?;
            Ok(())
        };
        listen().map_err(|error| Error::io("listen for signals", error))?;
    }
    Ok(stop)
}
