//! `--supersede`, `--eol` and `--reason` of commands by which an image loses its name.

use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::foundation::clock::Time;
use crate::verbs::lifecycle::Taking;

#[derive(Debug, clap::Args)]
pub(super) struct Superseding {
    /// Mark the image that loses its name as superseded by the one that takes it, in the same exchange of the index
    #[arg(long)]
    supersede: bool,
    /// With --supersede: when the life of the old image ends: YYYY-MM-DD, YYYY-MM-DDThh:mm:ssZ, or now
    #[arg(long, visible_alias = "end-of-life", value_name = "TIME", requires = "supersede")]
    eol: Option<String>,
    /// With --supersede: why
    #[arg(long, value_name = "TEXT", requires = "supersede")]
    reason: Option<String>,
}

impl Superseding {
    /// What is asked for, if anything is.
    pub(super) fn taking(&self) -> Result<Option<Taking>> {
        if !self.supersede {
            return Ok(None);
        }
        let now = Terminal::epoch()?.unwrap_or_else(Time::now).into();
        Ok(Some(Taking { more: super::lifecycle::words(self.eol.as_deref(), self.reason.as_deref())?, now }))
    }
}
