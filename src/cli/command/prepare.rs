//! `airbase prepare`

use crate::cli::options::Emptiness;
use crate::cli::terminal::Terminal;
use crate::core::{Code, Error, Fact, Result};
use crate::plan::prepare::Profile;
use crate::verbs::prepare::{Request, prepare};
use crate::verbs::{Context, Output};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A layout or an archive with all its images, or one image
    #[arg(value_name = "PATH")]
    path: String,
    /// Where it is to go: HOST[:PORT][/PATH]; a name keeps its repository behind that, without its own registry
    #[arg(long, value_name = "R")]
    registry: String,
    /// For whom it is
    #[arg(long, value_enum, default_value_t = For::Registry)]
    profile: For,
    /// One platform only: OS/ARCHITECTURE[/VARIANT]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// Write what the profile wants: DIR, FILE.tar, or docker-archive:FILE.tar
    #[arg(long, short, value_name = "OUT")]
    output: Option<String>,
    /// Replace an archive that exists
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    emptiness: Emptiness,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum For {
    /// A registry: everything, with referrers in both forms
    Registry,
    /// A container runtime: images alone, under their full names
    Runtime,
    /// A scanner: one image
    Scanner,
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
    let request = Request {
        path: arguments.path.clone(),
        registry: arguments.registry.clone(),
        profile: match arguments.profile {
            For::Registry => Profile::Registry,
            For::Runtime => Profile::Runtime,
            For::Scanner => Profile::Scanner,
        },
        platform: super::platform(arguments.platform.as_deref())?,
        output,
        mtime: Terminal::mtime()?,
    };
    let context = Context { allow_empty: arguments.emptiness.allow_empty, ..terminal.context() };
    let report = prepare(&request, context)?;
    terminal.answer(&report)
}
