//! What follows from a verdict: whether the moved image is written, and what was accepted.

use std::collections::BTreeSet;

use super::{Answer, Judgement};
use crate::core::{Code, Error, Fact, Finding, Result};

/// How many causes a refusal lists.
const SHOWN: usize = 8;

/// What is done with an image that would not run after the move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// It is refused.
    #[default]
    Refuse,
    /// It is moved, and that is told.
    Warn,
    /// Nobody looks.
    Off,
}

impl Strictness {
    /// As the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Warn => "warn",
            Self::Off => "off",
        }
    }
}

/// Who decides whether an image that breaks is moved.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    /// What is done with it.
    pub strictness: Strictness,
    /// Findings of these codes refuse nothing.
    pub accept: BTreeSet<Code>,
}

impl Gate {
    /// One that asks nobody.
    pub const OFF: Self = Self { strictness: Strictness::Off, accept: BTreeSet::new() };

    /// Reads the codes of findings that are accepted.
    ///
    /// # Errors
    /// `usage.argument` for what is no code of a verdict.
    pub fn codes(texts: &[String]) -> Result<BTreeSet<Code>> {
        texts.iter().map(|text| code(text)).collect()
    }

    /// What of a judgement on the image called `image` is accepted: the codes of findings that break it.
    ///
    /// # Errors
    /// The gravest finding that is not accepted, if that refuses the image.
    pub fn pass(&self, judgement: &Judgement, image: &str) -> Result<BTreeSet<Code>> {
        let breaking = judgement.findings.iter().filter(|finding| Answer::of(finding) == Answer::Breaks);
        let (accepted, rest): (Vec<&Finding>, Vec<&Finding>) = breaking.partition(|finding| self.accept.contains(&finding.code));
        match rest.split_first() {
            Some((first, more)) if self.strictness == Strictness::Refuse => Err(refusal(image, first, more, judgement)),
            _ => Ok(accepted.iter().map(|finding| finding.code).collect()),
        }
    }
}

/// The code of a verdict that is called so.
fn code(text: &str) -> Result<Code> {
    Code::from_slug(text).filter(|code| code.slug().starts_with("verdict.")).ok_or_else(|| {
        Error::new(Code::UsageArgument, "there is no such finding of a verdict")
            .found(Fact::new(text, "--accept"))
            .hint("`airbase explain` lists all codes; those of a verdict begin with verdict.")
    })
}

/// Why an image is not moved: the first cause, with the others behind it.
fn refusal(image: &str, first: &Finding, more: &[&Finding], judgement: &Judgement) -> Error {
    let place = first.place.as_ref().map(|place| format!(" in {place}")).unwrap_or_default();
    let mut error = Error::new(first.code, format!("the image would not run on the new base: {}{place}", first.message)).at(image);
    if let Some(fact) = first.expected.clone() {
        error = error.expected(fact);
    }
    if let Some(fact) = first.found.clone() {
        error = error.found(fact);
    }
    let mut error = error.details(first.details.iter().cloned());
    // Another distribution explains much of what follows.
    for system in judgement.findings.iter().filter(|finding| finding.code == Code::VerdictSystem) {
        error = error.detail(one_line(system));
    }
    for other in more.iter().take(SHOWN) {
        error = error.detail(one_line(other));
    }
    if more.len() > SHOWN {
        error = error.detail(format!("and {} more", more.len() - SHOWN));
    }
    let mut codes: BTreeSet<&str> = more.iter().map(|finding| finding.code.slug()).collect();
    codes.insert(first.code.slug());
    let accept = codes.iter().map(|code| format!("--accept {code}")).collect::<Vec<_>>().join(" ");
    error
        .hint(first.code.next())
        .hint(format!("Or move it all the same with {accept}, which is recorded in the result, or with --verdict warn."))
}

/// A reason of a verdict in one line.
pub fn one_line(finding: &Finding) -> String {
    let place = finding.place.as_ref().map(|place| format!(" in {place}")).unwrap_or_default();
    let facts = match (finding.code, &finding.expected, &finding.found) {
        (Code::VerdictSystem, Some(before), Some(after)) => format!(": {} -> {}", before.value, after.value),
        _ => String::new(),
    };
    format!("[{}] {}{facts}{place}", finding.code.slug(), finding.message)
}

#[cfg(test)]
mod tests {
    use super::super::Patched;
    use super::*;
    use crate::core::Severity;

    fn judgement(findings: &[(Code, Severity)]) -> Judgement {
        let findings: Vec<Finding> = findings
            .iter()
            .map(|(code, severity)| Finding::new(*code, format!("about {}", code.slug())).severity(*severity).at("/app/run"))
            .collect();
        let answer = findings.iter().map(Answer::of).max().unwrap_or(Answer::Runs);
        Judgement { answer, patched: Patched::Unknown, hidden: Vec::new(), findings, reached: 1 }
    }

    fn gate(strictness: Strictness, accept: &[&str]) -> Gate {
        let texts: Vec<String> = accept.iter().map(ToString::to_string).collect();
        Gate { strictness, accept: Gate::codes(&texts).unwrap() }
    }

    #[test]
    fn only_what_breaks_is_refused_unless_its_code_is_accepted() {
        let breaks = judgement(&[
            (Code::VerdictNeeded, Severity::Damage),
            (Code::VerdictModule, Severity::Damage),
            (Code::VerdictChanged, Severity::Warning),
        ]);
        let refuse = |accept: &[&str]| gate(Strictness::Refuse, accept).pass(&breaks, "apps:app").map_err(|error| error.code());
        assert_eq!(refuse(&[]), Err(Code::VerdictNeeded));
        assert_eq!(refuse(&["verdict.elf.needed"]), Err(Code::VerdictModule));
        assert_eq!(refuse(&["verdict.elf.needed", "verdict.module"]), Ok(BTreeSet::from([Code::VerdictNeeded, Code::VerdictModule])));
        assert_eq!(refuse(&["verdict.changed"]), Err(Code::VerdictNeeded));
        assert_eq!(gate(Strictness::Warn, &[]).pass(&breaks, "apps:app").unwrap(), BTreeSet::new());
        assert_eq!(gate(Strictness::Warn, &["verdict.module"]).pass(&breaks, "apps:app").unwrap(), BTreeSet::from([Code::VerdictModule]));
        let others = judgement(&[(Code::VerdictNeeded, Severity::Warning), (Code::VerdictUnclear, Severity::Damage)]);
        assert_eq!(gate(Strictness::Refuse, &["verdict.elf.needed"]).pass(&others, "apps:app").unwrap(), BTreeSet::new());
    }

    #[test]
    fn a_refusal_tells_all_causes_and_what_settles_them() {
        let many: Vec<(Code, Severity)> = std::iter::repeat_n((Code::VerdictMissing, Severity::Damage), SHOWN + 3).collect();
        let error = gate(Strictness::Refuse, &[]).pass(&judgement(&many), "apps:app").unwrap_err();
        let finding = error.into_finding();
        assert_eq!(finding.place.as_deref(), Some("apps:app"));
        assert_eq!(finding.details.len(), SHOWN + 1);
        assert_eq!(finding.details.last().unwrap(), "and 2 more");
        assert!(finding.hints[1].contains("--accept verdict.missing,") && finding.hints[1].contains("--verdict warn"));
    }

    #[test]
    fn what_is_no_finding_of_a_verdict_cannot_be_accepted() {
        for wrong in ["", "verdict", "verdict.", "blob.missing", "verdict.nothing", "VERDICT.MODULE"] {
            assert_eq!(Gate::codes(&[wrong.to_owned()]).unwrap_err().code(), Code::UsageArgument, "{wrong}");
        }
    }
}
