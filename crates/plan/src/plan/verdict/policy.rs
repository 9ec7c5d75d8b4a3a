//! A site's rules on findings of verdicts: a TOML file that maps a code and a glob of paths to what is done with them, with a reason.

use serde::Deserialize;
use toml::Spanned;

use crate::foundation::{Code, Error, Fact, Finding, Result};
use crate::plan::batch::name::glob;
use crate::plan::lifecycle::time::Moment;

/// What is done with a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    /// The image is not moved.
    Refuse,
    /// It is moved, and that is reported.
    Warn,
    /// It does not count; the result records it.
    Accept,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Warn => "warn",
            Self::Accept => "accept",
        }
    }
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    code: Code,
    files: String,
    pub(super) action: Action,
    reason: String,
    expires: Option<String>,
}

impl Rule {
    pub(super) fn fits(&self, finding: &Finding) -> bool {
        self.stands_for(finding.code, finding.place.as_deref().unwrap_or_default())
    }

    /// Whether it is about findings of a code on this file.
    pub(super) fn stands_for(&self, code: Code, place: &str) -> bool {
        let path = if place.starts_with('/') || place == super::trace::Trace::CONFIG { place.to_owned() } else { format!("/{place}") };
        self.code == code && glob(&self.files, &path)
    }

    /// The rule in one line, for evidence.
    pub fn line(&self) -> String {
        let until = self.expires.as_ref().map(|date| format!(" until {date}")).unwrap_or_default();
        format!("{} {} {}{until}: {}", self.action.name(), self.code.slug(), self.files, self.reason)
    }
}

/// A file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    rule: Vec<WrittenRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    code: Spanned<String>,
    files: Option<Spanned<String>>,
    action: Action,
    reason: Spanned<String>,
    expires: Option<Spanned<toml::Value>>,
}

/// Reads the file that is called `from`. Its rules are asked in their order, and the first one that fits decides.
///
/// # Errors
/// `verdict.policy` for what is not understood, with its line, and `verdict.policy_expired` for a rule that ended before `now`.
pub fn parse(text: &[u8], from: &str, now: Moment) -> Result<Vec<Rule>> {
    let text = std::str::from_utf8(text).map_err(|error| refused(from, None, &error))?;
    let line = |at: usize| Some(text.get(..at).unwrap_or_default().matches('\n').count() + 1);
    let written: Written =
        toml::from_str(text).map_err(|error| refused(from, error.span().and_then(|span| line(span.start)), &error.message()))?;
    if written.rule.is_empty() {
        return Err(refused(from, None, &"no [[rule]]"));
    }
    let rule = |rule: WrittenRule| {
        let at = |span: std::ops::Range<usize>| line(span.start);
        let known = code(rule.code.get_ref()).ok_or_else(|| {
            let what = format!("{:?}, which is no code of a finding of a verdict", rule.code.get_ref());
            refused(from, at(rule.code.span()), &what)
        })?;
        let files = rule.files.map_or_else(|| Ok("*".to_owned()), |files| globbed(from, at(files.span()), files.into_inner()))?;
        if rule.reason.get_ref().trim().is_empty() {
            return Err(refused(from, at(rule.reason.span()), &"an empty reason"));
        }
        let expires = rule.expires.map(|date| expiring(from, at(date.span()), date.get_ref(), now)).transpose()?;
        Ok(Rule { code: known, files, action: rule.action, reason: rule.reason.into_inner(), expires })
    };
    written.rule.into_iter().map(rule).collect()
}

/// The code of findings of a verdict that is called so.
pub(super) fn code(text: &str) -> Option<Code> {
    const OTHERS: [Code; 4] = [Code::VerdictOff, Code::VerdictSystem, Code::VerdictPolicy, Code::VerdictPolicyExpired];
    Code::from_slug(text).filter(|code| code.slug().starts_with("verdict.") && !OTHERS.contains(code))
}

/// A glob that can stand for a file: `*` is any text, `?` one character.
fn globbed(from: &str, line: Option<usize>, text: String) -> Result<String> {
    let wrong = if text.contains(['[', ']', '{', '}', '\\']) {
        Some("has other wildcards than * and ?")
    } else if !text.starts_with(['/', '*']) && text != super::trace::Trace::CONFIG {
        Some("means no file of an image: it begins with neither / nor *")
    } else {
        None
    };
    match wrong {
        Some(why) => Err(refused(from, line, &format!("the glob {text:?}, which {why}"))),
        None => Ok(text),
    }
}

/// The date from which a rule does not hold any more.
fn expiring(from: &str, line: Option<usize>, value: &toml::Value, now: Moment) -> Result<String> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Datetime(date) => date.to_string(),
        other => return Err(refused(from, line, &format!("{}, which is no date", other.type_str()))),
    };
    let ends = Moment::strict(&text).map_err(|_| refused(from, line, &format!("{text:?}, which is no date")))?;
    if !ends.has_come(now) {
        return Ok(text);
    }
    Err(Error::new(Code::VerdictPolicyExpired, "a rule of the policy has expired")
        .at(place(from, line))
        .expected(Fact::new(format!("a date after {now}"), "today"))
        .found(Fact::new(text, "expires")))
}

fn place(from: &str, line: Option<usize>) -> String {
    line.map_or_else(|| from.to_owned(), |line| format!("{from}, line {line}"))
}

fn refused(from: &str, line: Option<usize>, found: &dyn std::fmt::Display) -> Error {
    Error::new(Code::VerdictPolicy, "the policy is not understood")
        .at(place(from, line))
        .expected(Fact::new(
            "[[rule]] with code, action = \"refuse\", \"warn\" or \"accept\", reason, and where wanted files and expires",
            "TOML",
        ))
        .found(Fact::new(found, from))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-06-01";

    fn read(text: &str) -> Result<Vec<Rule>> {
        parse(text.as_bytes(), "p.toml", Moment::strict(NOW).unwrap())
    }

    fn rule(more: &str) -> String {
        format!("[[rule]]\ncode = \"verdict.module\"\naction = \"accept\"\nreason = \"known\"\n{more}\n")
    }

    #[test]
    fn a_rule_stands_for_its_code_and_its_files() {
        let rules = read(&rule("files = \"/opt/*\"\nexpires = 2026-06-02")).unwrap();
        assert_eq!(rules[0].line(), "accept verdict.module /opt/* until 2026-06-02: known");
        assert!(rules[0].stands_for(Code::VerdictModule, "/opt/app/run") && rules[0].stands_for(Code::VerdictModule, "opt/app"));
        assert!(!rules[0].stands_for(Code::VerdictNeeded, "/opt/app") && !rules[0].stands_for(Code::VerdictModule, "/usr/opt/app"));
        assert!(read(&rule("")).unwrap()[0].stands_for(Code::VerdictModule, "the config"));
        assert!(read(&rule("files = \"the config\"\nexpires = \"2027-01-01\"")).is_ok());
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_line() {
        for (text, line) in [
            (rule("files = \"opt/*\""), 5),
            (rule("files = \"\""), 5),
            (rule("files = \"/opt/[ab]\""), 5),
            (rule("file = \"/opt\""), 5),
            (rule("expires = 7"), 5),
            (rule("expires = \"soon\""), 5),
            (rule("").replace("verdict.module", "blob.missing"), 2),
            (rule("").replace("verdict.module", "verdict.off"), 2),
            (rule("").replace("accept", "allow"), 3),
            (rule("").replace("known", " "), 4),
            (rule("").replace("reason = \"known\"\n", ""), 1),
            (format!("{}[other]\n", rule("")), 6),
        ] {
            let finding = read(&text).unwrap_err().into_finding();
            assert_eq!((finding.code, finding.place.as_deref()), (Code::VerdictPolicy, Some(&*format!("p.toml, line {line}"))), "{text}");
        }
        assert_eq!(read("").unwrap_err().code(), Code::VerdictPolicy);
    }

    #[test]
    fn a_rule_that_has_expired_is_an_error() {
        for (date, expired) in [("2026-05-31", true), ("2026-06-01", true), ("2026-06-02", false), ("\"2026-05-31\"", true)] {
            let read = read(&rule(&format!("expires = {date}"))).map_err(|error| error.code());
            assert_eq!(read.err(), expired.then_some(Code::VerdictPolicyExpired), "{date}");
        }
    }
}
