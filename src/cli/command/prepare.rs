//! `airbase prepare`

use crate::cli::options::{Emptiness, Format};
use crate::cli::site::Key;
use crate::cli::terminal::Terminal;
use crate::foundation::{Code, Error, Fact, Result};
use crate::plan::prepare::{Client, Naming, Profile, Registry, Rule, check_keep_tag};
use crate::verbs::prepare::{Request, prepare};
use crate::verbs::{Choice, Context, Output};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A layout or an archive with all its images, or one image
    #[arg(value_name = "PATH")]
    path: String,
    /// Where it is to go: HOST[:PORT][/PATH]; a name keeps its repository behind that, without its own registry. A runtime needs none:
    /// without it images keep their names, in full
    #[arg(long, value_name = "R")]
    registry: Option<String>,
    /// For whom it is
    #[arg(long, value_enum)]
    profile: Option<Profile>,
    /// Where some names go: PATTERN=TARGET, such as 'quay.io/*=R/quay/{repository}'; the first rule that fits holds
    #[arg(long, value_name = "RULE")]
    map: Vec<String>,
    /// Keep the registry of a name as the first part of its repository: R/quay.io/team/app
    #[arg(long)]
    scoped: bool,
    /// The repository, behind the registry, of images that never had a name; they are pushed by digest
    #[arg(long, value_name = "REPO")]
    unnamed_into: Option<String>,
    /// Give what is pushed by digest a tag: 'retired-{digest12}'
    #[arg(long, value_name = "PATTERN")]
    keep_tag: Option<String>,
    /// The program whose commands are wanted, with --format sh or commands
    #[arg(long, value_enum, value_name = "CLIENT")]
    client: Option<Client>,
    #[command(flatten)]
    choice: Choice,
    /// With --sparse keep: the registry does not look whether all platforms of an index are there
    #[arg(long)]
    registry_takes_sparse: bool,
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
    let profile = arguments.profile.unwrap_or_default();
    // What a node gets keeps its names unless a registry is typed.
    let typed = arguments.registry.as_slice();
    let registry = if profile == Profile::Registry { terminal.site.or_set(Key::Registry, typed) } else { typed.to_vec() };
    if profile == Profile::Registry && registry.is_empty() {
        return Err(Error::new(Code::UsageArgument, "what goes to a registry needs one")
            .expected(Fact::new("--registry HOST[:PORT][/PATH]", "airbase"))
            .found(Fact::new("nothing", "the command line")));
    }
    if profile == Profile::Runtime && registry.is_empty() && output.is_none() {
        return Err(Error::new(Code::UsageArgument, "what goes to a node is a file")
            .expected(Fact::new("-o FILE.tar, or --registry for one that nodes pull from", "airbase"))
            .found(Fact::new("neither", "the command line")));
    }
    if terminal.global.format == Format::Sh && arguments.client.is_none() {
        return Err(Error::new(Code::UsageArgument, "a script is of one client")
            .expected(Fact::new("--client regctl, oras, skopeo, crane, podman, ctr or docker", "airbase"))
            .found(Fact::new("no client", "the command line")));
    }
    arguments.keep_tag.as_deref().map(check_keep_tag).transpose()?;
    let request = Request {
        path: arguments.path.clone(),
        naming: Naming {
            registry: registry.first().map(|registry| Registry::parse(registry)).transpose()?,
            rules: arguments.map.iter().map(|rule| Rule::parse(rule)).collect::<Result<_>>()?,
            scoped: arguments.scoped,
            unnamed: arguments.unnamed_into.clone(),
            keep_tag: arguments.keep_tag.clone(),
        },
        profile,
        client: arguments.client,
        choice: arguments.choice.clone(),
        takes_sparse: arguments.registry_takes_sparse,
        output,
        now: super::now(None)?,
        mtime: Terminal::mtime()?,
    };
    let context = Context { allow_empty: arguments.emptiness.allow_empty, ..terminal.context() };
    let report = prepare(&request, context)?;
    let status = terminal.answer(&report)?;
    if matches!(terminal.global.format, Format::Sh | Format::Commands) {
        terminal.remark(|page| page.findings(0, &report.findings));
    }
    Ok(status)
}
