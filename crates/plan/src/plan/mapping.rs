//! Rules from the name of a base to where it lies here: names differ inside the gap.
//!
//! `PATTERN=REFERENCE`, where `*` in the pattern stands for any text, or `DIGEST=REFERENCE` for an old base that has no name. In the
//! reference `{match}` is what the `*` stood for,
//! `{repository}` the name without its tag, `{name}` the last part of the repository, and `{tag}` the tag:
//! `docker.io/library/*=./bases/{name}-{tag}.tar`.

use std::fmt;

use crate::foundation::{Code, Digest, Error, Fact, Result};
use crate::oci::ImageName;

/// The pattern of a rule: a name, in which one `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) before: String,
    /// What follows the `*`, if there is one.
    pub(super) after: Option<String>,
}

impl Pattern {
    /// Reads `PATTERN=TARGET`; `None` if it is no such thing.
    pub(super) fn of_rule(text: &str) -> Option<(Self, &str)> {
        let (pattern, target) = text.split_once('=')?;
        if pattern.is_empty() || target.is_empty() || pattern.matches('*').count() > 1 {
            return None;
        }
        let (before, after) = match pattern.split_once('*') {
            Some((before, after)) => (before.to_owned(), Some(after.to_owned())),
            None => (pattern.to_owned(), None),
        };
        Some((Self { before, after }, target))
    }

    /// What the `*` stands for in `name`, if the pattern fits; nothing without one.
    pub(super) fn matches<'a>(&self, name: &'a str) -> Option<&'a str> {
        match &self.after {
            None => (name == self.before).then_some(""),
            Some(after) => name.strip_prefix(self.before.as_str())?.strip_suffix(after.as_str()),
        }
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pattern: Pattern,
    target: String,
}

/// As it was written.
impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pattern { before, after } = &self.pattern;
        let after = after.as_ref().map(|after| format!("*{after}")).unwrap_or_default();
        write!(formatter, "{before}{after}={}", self.target)
    }
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// `usage.argument`.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = || {
            Error::new(Code::UsageArgument, "this is not a mapping rule")
                .expected(Fact::new("PATTERN=REFERENCE, such as 'docker.io/library/*=./bases/{name}.tar'", "--map"))
                .found(Fact::new(text, "the command line"))
        };
        let (pattern, target) = Pattern::of_rule(text).ok_or_else(refused)?;
        Ok(Self { pattern, target: target.to_owned() })
    }

    /// Reads several.
    ///
    /// # Errors
    /// `usage.argument`.
    pub fn all<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Vec<Self>> {
        texts.into_iter().map(|text| Self::parse(text.as_ref())).collect()
    }

    /// The reference that the rule gives for `name`, if it applies: to the name as written, or to Docker's full spelling. A name with a
    /// digest and no tag has no `{tag}`, and is never taken for `latest`.
    pub fn apply(&self, name: &str) -> Option<String> {
        let parsed = ImageName::parse(name);
        let canonical = if parsed.tag.is_some() { parsed.without_digest() } else { parsed }.canonical();
        let matched = self.pattern.matches(name).or_else(|| canonical.as_deref().and_then(|name| self.pattern.matches(name)));
        let is_same =
            || self.pattern.after.is_none() && canonical.is_some() && ImageName::parse(&self.pattern.before).canonical() == canonical;
        let matched = matched.or_else(|| is_same().then_some(""))?;
        self.filled(matched, name)
    }

    /// Whether the rule is about this one name alone.
    pub fn is_about(&self, name: &str) -> bool {
        self.pattern.after.is_none() && self.apply(name).is_some()
    }

    /// The reference that the rule gives for a base with this digest, if it is about that: `DIGEST=…`, or `NAME@DIGEST=…` as images
    /// record it. `name` is what the base is called.
    pub fn for_digest(&self, digest: &Digest, name: Option<&str>) -> Option<String> {
        let own = self.pattern.before.rsplit('@').next().unwrap_or_default();
        let is_it = self.pattern.after.is_none() && own.parse::<Digest>().is_ok_and(|own| own == *digest);
        if is_it { self.filled("", name.unwrap_or_default()) } else { None }
    }

    /// The reference; `None` if it wants a tag and the name has a digest alone.
    fn filled(&self, matched: &str, name: &str) -> Option<String> {
        let parts = ImageName::parse(name);
        let filled =
            self.target.replace("{match}", matched).replace("{repository}", parts.repository).replace("{name}", parts.short_repository());
        if !filled.contains("{tag}") {
            return Some(filled);
        }
        let tag = parts.tag.or_else(|| parts.digest.is_none().then_some("latest"))?;
        Some(filled.replace("{tag}", tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_references() {
        for (rule, name, reference) in [
            ("docker.io/library/*=./bases/{name}-{tag}.tar", "docker.io/library/debian:12", Some("./bases/debian-12.tar")),
            ("docker.io/library/*=./bases/{name}-{tag}.tar", "debian:12", Some("./bases/debian-12.tar")),
            ("registry.example/*=oci:mirror:{match}", "registry.example/team/base:7", Some("oci:mirror:team/base:7")),
            ("a/b:1=x.tar", "a/b:1", Some("x.tar")),
            ("a/b:1=x.tar", "a/b:2", None),
            ("debian:12=x.tar", "docker.io/library/debian:12", Some("x.tar")),
        ] {
            assert_eq!(Rule::parse(rule).unwrap().apply(name).as_deref(), reference, "{rule} {name}");
        }
        // A digest is no tag, and a name that has one is not `latest`.
        let digest = Digest::sha256(b"base");
        for (rule, name, reference) in [
            ("docker.io/library/*=./bases/{name}-{tag}.tar", "debian@D", None),
            ("docker.io/library/*=./bases/{name}-{tag}.tar", "debian:12@D", Some("./bases/debian-12.tar")),
            ("docker.io/library/*=./bases/{name}.tar", "debian@D", Some("./bases/debian.tar")),
            ("docker.io/library/debian:latest=x.tar", "debian@D", None),
            ("debian=x.tar", "debian@D", None),
            ("debian@D=x.tar", "docker.io/library/debian@D", Some("x.tar")),
            ("docker.io/library/debian=x.tar", "debian:latest", Some("x.tar")),
        ] {
            let whole = |text: &str| text.replace("@D", &format!("@{digest}"));
            assert_eq!(Rule::parse(&whole(rule)).unwrap().apply(&whole(name)).as_deref(), reference, "{rule} {name}");
        }
        let by_tag = Rule::parse(&format!("{digest}=bases/{{name}}-{{tag}}.tar")).unwrap();
        assert_eq!(by_tag.for_digest(&digest, Some(&format!("site/os@{digest}"))), None);
        let by_digest = Rule::parse(&format!("{digest}=bases/{{name}}.tar")).unwrap();
        assert_eq!(by_digest.for_digest(&digest, Some("site/os:12")).as_deref(), Some("bases/os.tar"));
        assert_eq!(by_digest.for_digest(&Digest::sha256(b"other"), None), None);
        for rule in ["", "a", "=b", "a=", "*/*=x"] {
            assert_eq!(Rule::parse(rule).unwrap_err().code(), Code::UsageArgument, "{rule}");
        }
    }
}
