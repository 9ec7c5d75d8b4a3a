//! `--supersede`, `--eol` and `--reason` of commands by which an image loses its name.

use crate::foundation::Result;
use crate::verbs::lifecycle::{End, Taking, Words, said};

#[derive(Debug, clap::Args)]
pub(super) struct Superseding {
    /// Mark the image that loses its name as superseded by the one that takes it, in the same exchange of the index
    #[arg(long)]
    supersede: bool,
    /// With --supersede: when the life of the old image ends: YYYY-MM-DD, YYYY-MM-DDThh:mm:ssZ, or now
    #[arg(long, visible_alias = "end-of-life", value_name = "TIME", value_parser = End::parse, requires = "supersede")]
    eol: Option<End>,
    /// With --supersede: why
    #[arg(long, value_name = "TEXT", requires = "supersede", value_parser = |text: &str| said(text, "--reason"))]
    reason: Option<String>,
}

impl Superseding {
    /// What is asked for, if anything is.
    pub(super) fn taking(&self) -> Result<Option<Taking>> {
        if !self.supersede {
            return Ok(None);
        }
        let words = Words { eol: self.eol, reason: self.reason.clone(), url: None };
        Ok(Some(Taking { words, now: super::now(None)? }))
    }
}
