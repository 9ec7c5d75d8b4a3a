//! Options that several commands have.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, ValueEnum};

use super::environment::written_file;
use crate::foundation::fsys::shown;
use crate::foundation::{Code, Error, Limits, Result};
use crate::plan::lifecycle::time::Moment;
use crate::plan::verdict::{self, Strictness};
use crate::verbs::Sparse;

/// Options of all commands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of all commands")]
pub(in crate::cli) struct Global {
    /// The form of the result on standard output
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Print nothing but the result of `cat` and errors; the exit status tells
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Print digests in full
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// When to use colour; NO_COLOR is obeyed
    #[arg(long, global = true, value_enum, default_value_t = When::Auto)]
    pub color: When,
    /// How progress is shown on standard error
    #[arg(long, global = true, value_enum, default_value_t = Progress::Auto)]
    pub progress: Progress,
    /// How many threads may work; the result does not depend on it
    #[arg(long, global = true, value_name = "N")]
    pub jobs: Option<std::num::NonZeroUsize>,
    /// How many seconds to wait for another writer
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 30)]
    pub lock_timeout: u64,
    /// What else is read as a statement on the life cycle: a table of types and keys (docs/lifecycle.md); without it that of AIRBASE_CONVENTIONS
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub conventions: Option<std::path::PathBuf>,
    /// A file of settings, instead of the user's and the machine's; without it that of AIRBASE_CONFIG: `airbase config` shows what is set
    // Not global for clap: `cat --config` prints the config of an image. See `with_config_everywhere`.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub config: Option<std::path::PathBuf>,
    /// Largest manifest or config that is read
    #[arg(long, global = true, value_name = "BYTES", default_value_t = Limits::STANDARD.document_bytes, hide_short_help = true)]
    pub max_document_bytes: u64,
    /// Largest index.json that is read
    #[arg(long, global = true, value_name = "BYTES", default_value_t = Limits::STANDARD.index_bytes, hide_short_help = true)]
    pub max_index_bytes: u64,
    /// Most bytes that a layer may inflate to
    #[arg(long, global = true, value_name = "BYTES", default_value_t = Limits::STANDARD.layer_bytes, hide_short_help = true)]
    pub max_layer_bytes: u64,
    /// Most bytes that an archive inside gzip, zstd or xz may inflate to
    #[arg(long, global = true, value_name = "BYTES", default_value_t = Limits::STANDARD.archive_bytes, hide_short_help = true)]
    pub max_archive_bytes: u64,
    /// Most entries of an index, and most members of an archive
    #[arg(long, global = true, value_name = "N", default_value_t = Limits::STANDARD.index_entries, hide_short_help = true)]
    pub max_entries: usize,
}

impl Global {
    /// The bounds that the options ask for.
    pub(in crate::cli) fn limits(&self) -> Limits {
        let mut limits = Limits::STANDARD;
        limits.document_bytes = self.max_document_bytes;
        limits.index_bytes = self.max_index_bytes;
        limits.layer_bytes = self.max_layer_bytes;
        limits.archive_bytes = self.max_archive_bytes;
        if self.max_entries != Limits::STANDARD.index_entries {
            limits.index_entries = self.max_entries;
            limits.archive_entries = self.max_entries;
            limits.graph_nodes = self.max_entries;
            limits.tree_documents = self.max_entries;
        }
        limits
    }

    /// How long to wait for a lock.
    pub(in crate::cli) fn lock_timeout(&self) -> Duration {
        Duration::from_secs(self.lock_timeout)
    }
}

/// The form of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// Text to read
    #[value(aliases = ["table", "text"])]
    Human,
    /// One JSON document
    Json,
    /// Rows for a spreadsheet; of `outdated`, `lifecycle check`, `lifecycle report` and `batch report`
    Csv,
    /// The commands of a client, one line each; of `prepare`
    Commands,
    /// The same as a script that stops at the first error and can be run again; of `prepare`
    Sh,
}

/// When to do something that suits a terminal only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum When {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Progress {
    /// A line on a terminal, nothing elsewhere
    Auto,
    /// JSON Lines
    Json,
    /// Not at all
    None,
}

/// `--sparse` of commands that move images: what is moved has no place for what is not here, so `keep` is none of its values.
pub(super) fn without_keep(command: clap::Command) -> clap::Command {
    let words = [Sparse::Refuse, Sparse::Filter].iter().filter_map(ValueEnum::to_possible_value);
    let values = PossibleValuesParser::new(words).try_map(|word| Sparse::from_str(&word, false));
    // In its place: `mut_arg` would list it last.
    command.mut_args(|argument| if argument.get_id() == "sparse" { argument.value_parser(values.clone()) } else { argument })
}

/// What an answer about nothing is.
#[derive(Debug, Clone, Copy, Args)]
pub(in crate::cli) struct Emptiness {
    /// End with 0 where no image was looked at; without it, that is 4
    #[arg(long)]
    pub allow_empty: bool,
}

/// Where a changed image goes.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct Destination {
    /// Where the result goes: DIR[:NAME], or FILE.tar[:NAME], also .tar.gz and .tar.zst
    #[arg(long, short, value_name = "OUT")]
    pub output: Option<String>,
    /// A name for the result; without -o it is added to the layout that the image came from
    #[arg(long, short, value_name = "NAME")]
    pub tag: Vec<String>,
    /// Replace an archive that exists
    #[arg(long)]
    pub overwrite: bool,
}

/// What is done with images that would not run on their new bases.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct Gate {
    /// What is done with an image of which is known that it would not run on the new base
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Strictness::Refuse)]
    verdict: Strictness,
    /// Move an image though it has findings of this code, such as verdict.module; the result records it
    #[arg(long, value_name = "CODE")]
    accept: Vec<String>,
    #[command(flatten)]
    policing: Policing,
}

/// What a site says of verdicts.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct Policing {
    /// A TOML file that says by code and file which findings of verdicts refuse an image, which are told, and which are accepted
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// What else is denied: hidden-fix, files of the app in the place of what the new base changed
    #[arg(long, value_enum, value_name = "WHAT")]
    deny: Vec<Deny>,
}

/// What is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Deny {
    /// Files of the app that hide fixes of the new base
    HiddenFix,
}

impl Policing {
    /// The gate that has these rules, as of `now`, and refuses what breaks.
    ///
    /// # Errors
    /// `verdict.policy`, `verdict.policy_expired`, and those of reading the file.
    pub(in crate::cli) fn gate(&self, now: Moment) -> Result<verdict::Gate> {
        let rules = self.policy.as_deref().map(|path| rules(path, now)).transpose()?.unwrap_or_default();
        Ok(verdict::Gate { rules, deny_hidden: !self.deny.is_empty(), ..verdict::Gate::default() })
    }
}

fn rules(path: &Path, now: Moment) -> Result<Vec<verdict::Rule>> {
    verdict::policy(&written_file(path, "the policy")?, &shown(path), now)
}

impl Gate {
    /// As the verbs take it.
    ///
    /// # Errors
    /// `usage.argument` for a code that no verdict has, and those of [`Policing::gate`].
    pub(in crate::cli) fn gate(&self, now: Moment) -> Result<verdict::Gate> {
        let gate = self.policing.gate(now)?;
        if self.verdict == Strictness::Off && (gate.deny_hidden || !gate.rules.is_empty()) {
            return Err(Error::new(Code::UsageArgument, "--verdict off does not look, and --policy and --deny need a verdict")
                .hint("Leave --verdict away, or --policy and --deny."));
        }
        Ok(verdict::Gate { strictness: self.verdict, accept: verdict::Gate::codes(&self.accept)?, ..gate })
    }
}
