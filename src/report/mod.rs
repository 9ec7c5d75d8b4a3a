//! What verbs found out and did, as data: the JSON contract and its rendering for users.
//!
//! Every report is one JSON object whose first member is `"schema": "airbase.<verb>/v1"`. Within a version members are only
//! added. Digests are written in full, sizes are bytes, times are as the documents spell them, absent facts are absent
//! members. Findings have `code`, `severity`, `message` and where they apply `place`, `expected`, `found`, `details`, `hints`.
//! `docs/json.md` lists every member; a test holds it against what is printed.
//!
//! Rendering goes to a [`Page`], which escapes what came from documents and knows whether it may use colour. Nothing here
//! prints.

pub mod attach;
pub mod base;
pub mod batch;
pub mod collection;
pub mod copy;
pub mod diff;
pub mod doctor;
pub mod files;
pub mod fsck;
pub mod gc;
pub mod index;
pub mod inspect;
pub mod lifecycle;
pub mod outdated;
mod page;
mod pieces;
pub mod prepare;
pub mod rebase;
pub mod referrers;
pub mod rm;
pub mod sync;
pub mod tag;
pub mod verdict;
pub mod why;

pub use page::{Page, Tone};
pub use pieces::Pieces;

use std::io::{self, Write as _};

use serde::Serialize;

use crate::foundation::{Code, ExitClass, Finding, Severity, text};

/// How commands are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commands {
    /// One line each.
    Lines,
    /// A script that stops at the first error.
    Script,
}

/// Something that was not typed and counted all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The option that it stands for, without dashes.
    pub name: &'static str,
    /// Its values.
    pub value: Vec<String>,
    /// The variable or the file that has it.
    pub from: String,
}

/// A report: the answer of one verb.
pub trait Report: Serialize {
    /// The name and version of its JSON form.
    const SCHEMA: &'static str;

    /// Writes it for users.
    fn render(&self, page: &mut Page);

    /// All findings in it, wherever in it they stand.
    fn findings(&self) -> Vec<&Finding>;

    /// What the answer amounts to.
    fn exit(&self) -> Option<ExitClass> {
        None
    }

    /// How the process ends, when nothing stopped it. Where the system could not read something, no answer is a good one.
    fn ended(&self) -> Option<ExitClass> {
        let unread = exit_of(self.findings()).filter(|class| *class == ExitClass::Io);
        self.exit().into_iter().chain(unread).reduce(ExitClass::worse)
    }

    /// The form for spreadsheets, where there is one. Its cells come from [`text::cell`].
    fn to_csv(&self) -> Option<String> {
        None
    }

    /// The commands of other programs that do what it says, where there are any.
    fn to_commands(&self, _form: Commands) -> Option<String> {
        None
    }

    /// Writes the JSON form, in which no character is hidden, and a newline. `settings` are what else the answer was asked by.
    ///
    /// # Errors
    /// Those of `out`.
    fn write_json(&self, settings: &[Setting], out: &mut dyn io::Write) -> io::Result<()>
    where
        Self: Sized,
    {
        #[derive(Serialize)]
        struct Envelope<'a, R> {
            schema: &'static str,
            #[serde(skip_serializing_if = "<[Setting]>::is_empty")]
            settings: &'a [Setting],
            #[serde(flatten)]
            report: &'a R,
        }
        let mut out = Shown(io::BufWriter::new(out));
        serde_json::to_writer_pretty(&mut out, &Envelope { schema: Self::SCHEMA, settings, report: self })?;
        out.write_all(b"\n")?;
        out.flush()
    }
}

/// Writes JSON as [`text::json`] spells it. The serialiser hands over whole characters.
struct Shown<W: io::Write>(W);

impl<W: io::Write> io::Write for Shown<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(bytes) {
            Ok(piece) => self.0.write_all(text::json(piece).as_bytes())?,
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// How findings end the process, which is as the worst of them does: a refusal is unsafe input, unless it is that nothing was there
/// or that the system could not read it; damage is a finding; the rest is only worth knowing.
pub fn exit_of<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Option<ExitClass> {
    let class = |finding: &Finding| match (finding.severity, finding.code.exit_class()) {
        (Severity::Refusal | Severity::Damage, ExitClass::Io) => Some(ExitClass::Io),
        (Severity::Refusal, _) if finding.code == Code::PathNothing => Some(ExitClass::Precondition),
        (Severity::Refusal, _) => Some(ExitClass::Corrupt),
        (Severity::Damage, _) => Some(ExitClass::Findings),
        _ => None,
    };
    findings.into_iter().filter_map(class).reduce(ExitClass::worse)
}
