//! `airbase prepare`

use crate::cli::options::{Emptiness, Format};
use crate::cli::site::Key;
use crate::cli::terminal::Terminal;
use crate::foundation::{Code, Error, Fact, Result};
use crate::plan::prepare::{Profile, Registry};
use crate::verbs::prepare::{Request, prepare};
use crate::verbs::{Context, Output};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    request: Request,
    /// Write what the profile wants: DIR, FILE.tar, or docker-archive:FILE.tar
    #[arg(long, short, value_name = "OUT")]
    output: Option<String>,
    /// Replace an archive that exists
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    emptiness: Emptiness,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let output = match &arguments.output {
        None => None,
        Some(text) => match Output::parse(text, arguments.overwrite)? {
            (output, None) => Some(output),
            (_, Some(name)) => {
                return Err(Error::new(Code::UsageOutput, "what is prepared has names of its own")
                    .expected(Fact::new("an output without a name", "airbase"))
                    .found(Fact::new(name, "-o")));
            }
        },
    };
    let typed = &arguments.request;
    let mut registry = typed.registry.clone();
    // What a node gets keeps its names unless a registry is typed.
    if registry.is_none() && typed.profile == Profile::Registry {
        registry = terminal.site.or_set(Key::Registry, &[]).first().map(|set| Registry::parse(set)).transpose()?;
    }
    if typed.profile == Profile::Registry && registry.is_none() {
        return Err(Error::new(Code::UsageArgument, "what goes to a registry needs one")
            .expected(Fact::new("--registry HOST[:PORT][/PATH]", "airbase"))
            .found(Fact::new("nothing", "the command line")));
    }
    if typed.profile == Profile::Runtime && registry.is_none() && output.is_none() {
        return Err(Error::new(Code::UsageArgument, "what goes to a node is a file")
            .expected(Fact::new("-o FILE.tar, or --registry for one that nodes pull from", "airbase"))
            .found(Fact::new("neither", "the command line")));
    }
    if terminal.global.format == Format::Sh && typed.client.is_none() {
        return Err(Error::new(Code::UsageArgument, "a script is of one client")
            .expected(Fact::new("--client regctl, oras, skopeo, crane, podman, ctr or docker", "airbase"))
            .found(Fact::new("no client", "the command line")));
    }
    let request = Request { registry, output, now: super::now(None)?, mtime: Terminal::mtime()?, ..typed.clone() };
    let context = Context { allow_empty: arguments.emptiness.allow_empty, ..terminal.context() };
    let report = prepare(&request, context)?;
    let status = terminal.answer(&report)?;
    if matches!(terminal.global.format, Format::Sh | Format::Commands) {
        terminal.remark(|page| page.findings(0, &report.findings));
    }
    Ok(status)
}
