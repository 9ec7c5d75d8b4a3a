//! Text for people.

use std::io;

use crate::core::{Digest, Finding, Severity, text};

/// The longest value that is shown whole, in characters. Annotations may hold megabytes.
const MOST_CHARACTERS: usize = 1200;

/// What a piece of text means; on a terminal it is a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing in particular.
    Plain,
    /// A heading.
    Strong,
    /// All is well.
    Good,
    /// Somebody should look.
    Caution,
    /// Something is wrong.
    Bad,
    /// Of lesser interest.
    Dim,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\u{1b}[1m",
            Self::Good => "\u{1b}[32m",
            Self::Caution => "\u{1b}[33m",
            Self::Bad => "\u{1b}[31m",
            Self::Dim => "\u{1b}[2m",
        }
    }
}

/// How much text is held back before it is written.
const HELD_BYTES: usize = 64 << 10;

/// Lines of text, with or without colour. A long page is written while it is made.
pub struct Page {
    text: String,
    colour: bool,
    /// Whether digests are written in full.
    pub full: bool,
    out: Option<Box<dyn io::Write>>,
    failed: Option<io::Error>,
}

impl std::fmt::Debug for Page {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Page({} bytes)", self.text.len())
    }
}

impl Page {
    /// An empty page.
    pub fn new(colour: bool, full: bool) -> Self {
        Self { text: String::new(), colour, full, out: None, failed: None }
    }

    /// Writes the lines to `out`; [`Page::finish`] writes what is left.
    pub fn write_to(self, out: Box<dyn io::Write>) -> Self {
        Self { out: Some(out), ..self }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// The first failure of writing.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush();
        self.failed.map_or(Ok(()), Err)
    }

    fn flush(&mut self) {
        if self.failed.is_none()
            && let Some(out) = &mut self.out
        {
            self.failed = out.write_all(self.text.as_bytes()).and_then(|()| out.flush()).err();
        }
        self.text.clear();
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.text
    }

    /// `words` in a tone; untrusted text must have gone through [`text::escape`].
    pub fn toned(&self, tone: Tone, words: &str) -> String {
        if self.colour && tone != Tone::Plain { format!("{}{words}\u{1b}[0m", tone.code()) } else { words.to_owned() }
    }

    /// A line, indented by `depth` steps.
    pub fn line(&mut self, depth: usize, words: &str) {
        self.text.push_str(&"  ".repeat(depth));
        self.text.push_str(words);
        self.text.push('\n');
        if self.out.is_some() && self.text.len() > HELD_BYTES {
            self.flush();
        }
    }

    /// A line in a tone.
    pub fn line_toned(&mut self, depth: usize, tone: Tone, words: &str) {
        let words = self.toned(tone, words);
        self.line(depth, &words);
    }

    /// `label` and an untrusted value, aligned. A value of more than a screen is cut; the JSON form has it whole.
    pub fn field(&mut self, depth: usize, label: &str, value: &str) {
        let mut value = text::escape(value);
        if let Some((end, _)) = value.char_indices().nth(MOST_CHARACTERS) {
            let length = value.chars().count();
            value.truncate(end);
            value.push_str(&format!("… ({length} characters in all)"));
        }
        self.trusted_field(depth, label, &value);
    }

    /// `label` and a value that is already safe, aligned.
    pub fn trusted_field(&mut self, depth: usize, label: &str, value: &str) {
        let label = self.toned(Tone::Dim, &format!("{label:<12}"));
        self.line(depth, &format!("{label} {value}"));
    }

    /// An empty line.
    pub fn gap(&mut self) {
        self.text.push('\n');
    }

    /// A digest: twelve digits, or all of them.
    pub fn digest(&self, digest: &Digest) -> String {
        if self.full { digest.to_string() } else { digest.short() }
    }

    /// A finding with everything that belongs to it.
    pub fn finding(&mut self, depth: usize, finding: &Finding) {
        let (tone, word) = match finding.severity {
            Severity::Note => (Tone::Dim, "note"),
            Severity::Warning => (Tone::Caution, "warning"),
            Severity::Damage => (Tone::Bad, "damage"),
            Severity::Refusal => (Tone::Bad, "refused"),
        };
        let head = self.toned(tone, word);
        self.line(depth, &format!("{head} [{}] {}", finding.code.slug(), text::escape(&finding.message)));
        self.particulars(depth + 1, finding);
    }

    /// Place, facts, details and hints of a finding.
    pub fn particulars(&mut self, depth: usize, finding: &Finding) {
        if let Some(place) = &finding.place {
            self.field(depth, "at", place);
        }
        for (label, fact) in [("expected", &finding.expected), ("found", &finding.found)] {
            if let Some(fact) = fact {
                // A blank looks as if something had not been printed.
                let value = if fact.value.is_empty() { "an empty text" } else { &fact.value };
                self.field(depth, label, &format!("{value}  ({})", fact.from));
            }
        }
        for detail in &finding.details {
            self.line(depth, &text::escape(detail));
        }
        for hint in &finding.hints {
            let label = self.toned(Tone::Strong, "hint");
            self.line(depth, &format!("{label}: {}", text::escape(hint)));
        }
    }

    /// All findings, the worst first.
    pub fn findings(&mut self, depth: usize, findings: &[Finding]) {
        let mut sorted: Vec<&Finding> = findings.iter().collect();
        sorted.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        for finding in sorted {
            self.finding(depth, finding);
        }
    }
}
