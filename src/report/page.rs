//! Text for users.

use std::io;

use crate::foundation::{Digest, Finding, Severity, text};

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

/// Ends a tone.
const RESET: &str = "\u{1b}[0m";

impl Tone {
    const ALL: [Self; 6] = [Self::Plain, Self::Strong, Self::Good, Self::Caution, Self::Bad, Self::Dim];

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

    /// The failure of writing, if there was one. It is reported once.
    pub fn failure(&mut self) -> Option<io::Error> {
        self.failed.take()
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
        if self.colour && tone != Tone::Plain { format!("{}{words}{RESET}", tone.code()) } else { words.to_owned() }
    }

    /// A line, indented by `depth` steps. What is hidden in it is escaped here once more, whatever its writer did.
    pub fn line(&mut self, depth: usize, words: &str) {
        self.text.push_str(&"  ".repeat(depth));
        if words.chars().any(text::hidden) {
            self.push_escaped(words);
        } else {
            self.text.push_str(words);
        }
        self.text.push('\n');
        if self.out.is_some() && self.text.len() > HELD_BYTES {
            self.flush();
        }
    }

    /// Adds `words`, of which only our own tones are taken as they are.
    fn push_escaped(&mut self, words: &str) {
        let mut rest = words;
        while let Some(at) = rest.find('\u{1b}').filter(|_| self.colour) {
            let (before, sequence) = rest.split_at(at);
            let tone = Tone::ALL.iter().map(|tone| tone.code()).chain([RESET]).find(|code| !code.is_empty() && sequence.starts_with(code));
            let code = tone.unwrap_or_default();
            self.text.push_str(&text::escape(before));
            self.text.push_str(code);
            let skipped = if code.is_empty() {
                self.text.push_str("\\u{1b}");
                1
            } else {
                code.len()
            };
            rest = sequence.get(skipped..).unwrap_or_default();
        }
        self.text.push_str(&text::escape(rest));
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

    /// What counted without being typed, and where it stands.
    pub fn setting(&mut self, setting: &super::Setting) {
        let words = format!("--{} {}", setting.name, setting.value.join(&format!(" --{} ", setting.name)));
        self.field(0, "setting", &format!("{words} ({})", setting.from));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Also where a verb forgot to escape: only the tones that the page itself set get through, and none where there is no colour.
    #[test]
    fn a_line_holds_nothing_hidden() {
        let evil = "a\u{1b}[2Jb\u{1b}]0;t\u{7}\n\u{ad}";
        let safe = "a\\u{1b}[2Jb\\u{1b}]0;t\\u{7}\\n\\u{ad}";
        let mut plain = Page::new(false, false);
        plain.line_toned(1, Tone::Bad, evil);
        plain.line(0, "\u{1b}[31m");
        assert_eq!(plain.into_text(), format!("  {safe}\n\\u{{1b}}[31m\n"));
        let mut coloured = Page::new(true, false);
        coloured.line_toned(0, Tone::Bad, evil);
        assert_eq!(coloured.into_text(), format!("\u{1b}[31m{safe}\u{1b}[0m\n"));
    }
}
