//! What follows from a verdict: whether the moved image is written, and what was accepted.

use std::collections::BTreeSet;

use super::policy::{Action, Rule, code};
use super::{Answer, Hidden, Judgement, Patched};
use crate::foundation::{Code, Error, Fact, Finding, Result, Severity, text};

/// How many causes a refusal lists.
const SHOWN: usize = 8;

/// What is done with an image that would not run after the move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Strictness {
    /// Refuse it.
    #[default]
    Refuse,
    /// Move it and tell.
    Warn,
    /// Do not look.
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
    /// The rules of the site, which go before both.
    pub rules: Vec<Rule>,
    /// Whether an image that hides fixes of its base is refused.
    pub deny_hidden: bool,
}

/// What is left of a verdict.
#[derive(Debug)]
pub struct Weighed<'f> {
    /// The verdict without what was accepted.
    pub answer: Answer,
    /// The codes of what was accepted.
    pub accepted: BTreeSet<Code>,
    refused: Vec<&'f Finding>,
}

impl Gate {
    /// One that asks nobody.
    pub const OFF: Self = Self { strictness: Strictness::Off, accept: BTreeSet::new(), rules: Vec::new(), deny_hidden: false };
    /// One that tells and refuses nothing.
    pub const WARN: Self = Self { strictness: Strictness::Warn, accept: BTreeSet::new(), rules: Vec::new(), deny_hidden: false };

    /// Reads the codes of findings that are accepted.
    ///
    /// # Errors
    /// `usage.argument` for what is no code of a finding of a verdict.
    pub fn codes(texts: &[String]) -> Result<BTreeSet<Code>> {
        let known = |text: &String| {
            code(text).ok_or_else(|| {
                Error::new(Code::UsageArgument, "there is no such finding of a verdict")
                    .found(Fact::new(text, "--accept"))
                    .hint("`airbase explain` lists all codes; those of a verdict begin with verdict.")
            })
        };
        texts.iter().map(known).collect()
    }

    /// What is done with a finding.
    fn action(&self, finding: &Finding) -> Action {
        let breaks = Answer::of(finding) == Answer::Breaks;
        match self.rules.iter().find(|rule| rule.fits(finding)) {
            Some(rule) => rule.action,
            None if breaks && self.accept.contains(&finding.code) => Action::Accept,
            None if breaks && self.strictness == Strictness::Refuse => Action::Refuse,
            None => Action::Warn,
        }
    }

    /// What is left of a verdict.
    pub fn weigh<'f>(&self, findings: &'f [Finding]) -> Weighed<'f> {
        let mut weighed = Weighed { answer: Answer::Runs, accepted: BTreeSet::new(), refused: Vec::new() };
        for finding in findings.iter().filter(|finding| Answer::of(finding) != Answer::Runs) {
            let answer = match self.action(finding) {
                Action::Accept => {
                    weighed.accepted.insert(finding.code);
                    continue;
                }
                Action::Refuse => {
                    weighed.refused.push(finding);
                    Answer::Breaks
                }
                Action::Warn => Answer::of(finding),
            };
            weighed.answer = weighed.answer.max(answer);
        }
        weighed
    }

    /// What of a judgement on the image called `image` is accepted.
    ///
    /// # Errors
    /// The gravest finding that refuses the image, and `verdict.hidden_fix` if that is denied.
    pub fn pass(&self, judgement: &Judgement, image: &str) -> Result<BTreeSet<Code>> {
        let mut weighed = self.weigh(&judgement.findings);
        if let Some((first, more)) = weighed.refused.split_first() {
            return Err(refusal(image, first, more, judgement));
        }
        if let Some(finding) = self.hidden(judgement.patched, &judgement.hidden) {
            return Err(Error::of(finding.severity(Severity::Damage)).at(image));
        }
        if self.deny_hidden && !judgement.hidden.is_empty() {
            weighed.accepted.insert(Code::VerdictHiddenFix);
        }
        Ok(weighed.accepted)
    }

    /// What speaks against an image that hides fixes, or of which that is not known, if that is denied.
    pub fn hidden(&self, patched: Patched, hidden: &[Hidden]) -> Option<Finding> {
        let accepted = |path: &str| {
            let rule = self.rules.iter().find(|rule| rule.stands_for(Code::VerdictHiddenFix, path));
            rule.map_or_else(|| self.accept.contains(&Code::VerdictHiddenFix), |rule| rule.action != Action::Refuse)
        };
        let left: Vec<&Hidden> = hidden.iter().filter(|hidden| !accepted(&hidden.path)).collect();
        let (message, fact) = match patched {
            _ if !self.deny_hidden => return None,
            _ if !left.is_empty() => ("the app hides fixes of the new base", format!("{} of the app", text::count(left.len(), "file"))),
            Patched::Unknown => ("whether the app hides fixes of the new base is not known", Patched::Unknown.name().to_owned()),
            _ => return None,
        };
        let mut finding = Finding::new(Code::VerdictHiddenFix, message).found(Fact::new(fact, "the image"));
        finding.details = left.iter().take(SHOWN).map(ToString::to_string).collect();
        let more = left.len().saturating_sub(SHOWN);
        Some(if more > 0 { finding.detail(format!("and {more} more")) } else { finding })
    }
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
    use super::*;

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
        Gate { strictness, accept: Gate::codes(&texts).unwrap(), ..Gate::OFF }
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
        for wrong in ["", "verdict", "verdict.", "blob.missing", "verdict.nothing", "VERDICT.MODULE", "verdict.off", "verdict.policy"] {
            assert_eq!(Gate::codes(&[wrong.to_owned()]).unwrap_err().code(), Code::UsageArgument, "{wrong}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_goes_before_options() {
        let text = "[[rule]]\ncode = 'verdict.elf.needed'\nfiles = '/app/*'\naction = 'accept'\nreason = 'tested'\n\
            [[rule]]\ncode = 'verdict.elf.needed'\naction = 'refuse'\nreason = 'never'\n\
            [[rule]]\ncode = 'verdict.changed'\naction = 'refuse'\nreason = 'never'\n\
            [[rule]]\ncode = 'verdict.module'\naction = 'warn'\nreason = 'no plugins here'\n";
        let now = crate::plan::lifecycle::time::Moment::strict("2026-01-01").unwrap();
        let rules = super::super::policy::parse(text.as_bytes(), "policy", now).unwrap();
        let gate = |strictness, accept: &[&str]| Gate { rules: rules.clone(), ..gate(strictness, accept) };
        let pass = |gate: &Gate, code, severity, place: &str| {
            let mut judgement = judgement(&[(code, severity)]);
            judgement.findings[0].place = Some(place.to_owned());
            let answer = gate.weigh(&judgement.findings).answer;
            (gate.pass(&judgement, "apps:app").map_err(|error| error.code()), answer)
        };
        let refuse = gate(Strictness::Refuse, &["verdict.elf.needed"]);
        let accepted = Ok(BTreeSet::from([Code::VerdictNeeded]));
        assert_eq!(pass(&refuse, Code::VerdictNeeded, Severity::Damage, "/app/run"), (accepted, Answer::Runs));
        assert_eq!(pass(&refuse, Code::VerdictNeeded, Severity::Damage, "/usr/bin/x"), (Err(Code::VerdictNeeded), Answer::Breaks));
        assert_eq!(pass(&refuse, Code::VerdictChanged, Severity::Warning, "/app/run"), (Err(Code::VerdictChanged), Answer::Breaks));
        assert_eq!(pass(&refuse, Code::VerdictModule, Severity::Damage, "/app/run"), (Ok(BTreeSet::new()), Answer::Breaks));
        let warn = gate(Strictness::Warn, &[]);
        assert_eq!(pass(&warn, Code::VerdictNeeded, Severity::Damage, "/usr/bin/x").0, Err(Code::VerdictNeeded));
    }

    #[test]
    fn fixes_that_are_hidden_are_denied_where_that_is_asked_for() {
        let mut judgement = judgement(&[]);
        let gate = Gate { deny_hidden: true, ..gate(Strictness::Refuse, &[]) };
        let code = |gate: &Gate, judgement: &Judgement| gate.pass(judgement, "apps:app").map_err(|error| error.code()).err();
        assert_eq!(code(&gate, &judgement), Some(Code::VerdictHiddenFix), "unknown is not fine");
        judgement.patched = Patched::Yes;
        assert_eq!(code(&gate, &judgement), None);
        (judgement.patched, judgement.hidden) = (
            Patched::Partly,
            vec![Hidden { path: "/usr/lib/libssl.so.3".to_owned(), packages: Vec::new(), new_base_packages: Vec::new() }],
        );
        assert_eq!(code(&gate, &judgement), Some(Code::VerdictHiddenFix));
        assert_eq!(code(&Gate { deny_hidden: false, ..gate.clone() }, &judgement), None);
        let accepting = Gate { accept: BTreeSet::from([Code::VerdictHiddenFix]), ..gate };
        assert_eq!(accepting.pass(&judgement, "apps:app").unwrap(), BTreeSet::from([Code::VerdictHiddenFix]));
    }
}
