//! What went wrong, as data.
//!
//! There are two channels. A [`Finding`] says "I did it, and here is what is wrong with what I saw"; an [`Error`] is the
//! finding that stopped the work. Both carry a stable [`Code`], the two facts that were compared, where each came from,
//! and what to do next.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;

use super::{Code, ExitClass, Severity};

/// The result of everything that can be refused.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One side of a comparison: what it was, and where it stood.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Fact {
    /// The value, unescaped.
    pub value: String,
    /// The document, file or option that it came from.
    pub from: String,
}

impl Fact {
    /// `value`, as `from` has it.
    pub fn new(value: impl ToString, from: impl ToString) -> Self {
        Self { value: value.to_string(), from: from.to_string() }
    }
}

/// Something about the input that a user should know.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Finding {
    /// The stable code.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence without a period: lower case, naming the thing.
    pub message: String,
    /// The source, reference, digest or member that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What was expected, and by whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Fact>,
    /// What was found, and where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Fact>,
    /// Further lines: candidates, matches, amounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// What the operator can do, offline.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

impl Finding {
    /// Those of `more` that `told` does not tell of already: one document may be read for several reasons, with other words about the
    /// reason.
    pub fn new_among(told: &[Self], more: Vec<Self>) -> Vec<Self> {
        let what = |finding: &Self| (finding.code, finding.message.clone(), finding.found.as_ref().map(|fact| fact.value.clone()));
        let mut told: HashSet<_> = told.iter().map(what).collect();
        more.into_iter().filter(|finding| told.insert(what(finding))).collect()
    }

    /// Whether the system could not read something that was needed.
    pub fn is_unread(&self) -> bool {
        self.severity >= Severity::Damage && self.code.exit_class() == ExitClass::Io
    }

    /// A finding of `code` with the severity and the hint that belong to it.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: message.into(),
            place: None,
            expected: None,
            found: None,
            details: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Says what it is about, unless something nearer to the fact said so already.
    pub fn at(mut self, place: impl ToString) -> Self {
        self.place.get_or_insert_with(|| place.to_string());
        self
    }

    /// Adds what was expected.
    pub fn expected(mut self, fact: Fact) -> Self {
        self.expected = Some(fact);
        self
    }

    /// Adds what was found.
    pub fn found(mut self, fact: Fact) -> Self {
        self.found = Some(fact);
        self
    }

    /// Adds a further line.
    pub fn detail(mut self, line: impl ToString) -> Self {
        self.details.push(line.to_string());
        self
    }

    /// Adds something that the operator can do.
    pub fn hint(mut self, hint: impl ToString) -> Self {
        self.hints.push(hint.to_string());
        self
    }

    /// Sets another severity than the code's own.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

/// What an `io::Error` carries where a file that was to be opened once more is another one by now, or has another size.
#[derive(Debug)]
pub(super) struct Replaced;

impl fmt::Display for Replaced {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("it was replaced or changed while it was read")
    }
}

impl std::error::Error for Replaced {}

/// The finding that stopped the work.
#[derive(Debug)]
pub struct Error {
    finding: Box<Finding>,
    class: Option<ExitClass>,
    source: Option<std::io::Error>,
}

impl Error {
    /// An error of `code`.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { finding: Box::new(Finding::new(code, message)), class: None, source: None }
    }

    /// An error that is `finding`, which was one before anybody knew that it would stop the work.
    pub fn of(finding: Finding) -> Self {
        Self { finding: Box::new(finding), class: None, source: None }
    }

    /// A file operation failed: `step` says which, in words that follow "failed to".
    pub fn io(step: impl Into<String>, source: std::io::Error) -> Self {
        let code = match source.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) => Code::IoSpace,
            // How many files were open meanwhile is not what the answer depends on.
            _ if source.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Replaced>) => Code::BlobChanged,
            _ => Code::Io,
        };
        let mut error = Self::new(code, format!("failed to {}", step.into()));
        error.finding.found = Some(Fact::new(&source, "the operating system"));
        error.source = Some(source);
        error
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.finding.code
    }

    /// All of it.
    pub fn finding(&self) -> &Finding {
        &self.finding
    }

    /// Gives up the finding.
    pub fn into_finding(self) -> Finding {
        *self.finding
    }

    /// How the process should end.
    pub fn exit_class(&self) -> ExitClass {
        self.class.unwrap_or_else(|| self.finding.code.exit_class())
    }

    /// Sets another end of the process than the code's own: a missing image is usage in one verb, a policy in another.
    pub fn with_exit_class(mut self, class: ExitClass) -> Self {
        self.class = Some(class);
        self
    }

    /// The operating system's error number, if there was one.
    pub fn raw_os_error(&self) -> Option<i32> {
        self.source.as_ref().and_then(std::io::Error::raw_os_error)
    }

    /// Whether the system said that there is no file of that name, or can be none.
    pub fn is_not_found(&self) -> bool {
        use rustix::io::Errno;
        let errno = self.raw_os_error().map(Errno::from_raw_os_error);
        matches!(errno, Some(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::INVAL))
    }

    /// See [`Finding::severity`].
    pub fn severity(mut self, severity: Severity) -> Self {
        self.finding.severity = severity;
        self
    }

    /// See [`Finding::at`].
    pub fn at(mut self, place: impl ToString) -> Self {
        *self.finding = self.finding.at(place);
        self
    }

    /// See [`Finding::expected`].
    pub fn expected(mut self, fact: Fact) -> Self {
        self.finding.expected = Some(fact);
        self
    }

    /// See [`Finding::found`].
    pub fn found(mut self, fact: Fact) -> Self {
        self.finding.found = Some(fact);
        self
    }

    /// See [`Finding::detail`].
    pub fn detail(mut self, line: impl ToString) -> Self {
        self.finding.details.push(line.to_string());
        self
    }

    /// Adds many further lines.
    pub fn details(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.finding.details.extend(lines);
        self
    }

    /// See [`Finding::hint`].
    pub fn hint(mut self, hint: impl ToString) -> Self {
        self.finding.hints.push(hint.to_string());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finding = &self.finding;
        write!(formatter, "{} [{}]", finding.message, finding.code.slug())?;
        if let Some(place) = &finding.place {
            write!(formatter, " at {place}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

impl From<Error> for Finding {
    fn from(error: Error) -> Self {
        error.into_finding()
    }
}
