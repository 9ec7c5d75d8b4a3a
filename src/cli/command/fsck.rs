//! `airbase fsck`

use crate::cli::options::Emptiness;
use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::verbs::Context;
use crate::verbs::fsck::fsck;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Layouts, archives, or folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// How deep: 0 structure and sizes, 1 manifests and configs hashed, 2 all digests, 3 layers inflated and compared with their diffIDs,
    /// 4 layers read as tar archives
    #[arg(long, value_name = "LEVEL", default_value_t = 2)]
    level: u8,
    /// Blobs may be missing
    #[arg(long)]
    allow_sparse: bool,
    #[command(flatten)]
    emptiness: Emptiness,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let context = Context { allow_empty: arguments.emptiness.allow_empty, ..terminal.context() };
    let report = fsck(&arguments.paths, arguments.level, arguments.allow_sparse, context)?;
    terminal.answer(&report)
}
