//! `airbase copy`

use super::superseding::Superseding;
use crate::cli::terminal::Terminal;
use crate::foundation::{Code, Error, Fact, Result};
use crate::verbs::copy::{Request, copy};
use crate::verbs::referrers::Carry;
use crate::verbs::{Choice, Output};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The image or artifact
    #[arg(value_name = "SRC")]
    source: String,
    /// Where it goes: DIR[:NAME], or FILE.tar[:NAME], also .tar.gz and .tar.zst
    #[arg(value_name = "DST")]
    destination: String,
    /// Copy everything that has an entry in the source, under its own name: images, artifacts, collections, and what refers to them
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    choice: Choice,
    /// Which referrers go along: signatures, SBOMs, statements
    #[arg(long, value_enum, default_value_t = Referrers::All)]
    referrers: Referrers,
    #[command(flatten)]
    carry: Carry,
    /// Replace an archive that exists
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    superseding: Superseding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Referrers {
    /// All of them, as deep as they go
    All,
    /// None
    None,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let (output, name) = Output::parse(&arguments.destination, arguments.overwrite)?;
    if arguments.referrers == Referrers::None && arguments.carry != Carry::default() {
        return Err(Error::new(Code::UsageArgument, "--type and --depth choose among referrers, and none go along")
            .found(Fact::new("--referrers none", "the command line"))
            .hint("Leave --referrers none away, or --type and --depth."));
    }
    let request = Request {
        source: arguments.source.clone(),
        all: arguments.all,
        choice: arguments.choice.clone(),
        output,
        name,
        referrers: (arguments.referrers == Referrers::All).then(|| arguments.carry.clone()),
        supersede: arguments.superseding.taking()?,
        mtime: Terminal::mtime()?,
    };
    let report = copy(&request, terminal.context())?;
    terminal.answer(&report)
}
