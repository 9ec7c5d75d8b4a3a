//! A gate: which standings are not let through, and with how much grace.

use serde::Serialize;

use super::field::{self, Field, Status};
use super::held::SaidBy;
use super::resolve::Resolution;
use super::time::{Moment, Span, When};
use crate::foundation::{Code, Error, Fact, Result};

/// Something that a gate does not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deny {
    /// Images that must not be used.
    Withdrawn,
    /// Images whose life has ended.
    EndOfLife,
    /// Images that get no security fixes.
    EndOfSupport,
    /// Images that another one replaces.
    Superseded,
    /// Images for nothing new.
    Deprecated,
    /// Images on a base whose life has ended, that is withdrawn, or of which that may be said where it cannot be read; and those that have
    /// a base of which it is not known which image it is.
    BaseEndOfLife,
    /// Images of which nothing is known.
    Unknown,
    /// Images of which statements say different things.
    Ambiguous,
    /// Images to which nothing refers and for which there is no list of referrers, so that nobody knows whether something was said: a copy
    /// may have left it behind.
    Unlisted,
    /// Images of which something may be said that cannot be read. They are always stopped.
    Unreadable,
}

impl Deny {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Withdrawn,
        Self::EndOfLife,
        Self::EndOfSupport,
        Self::Superseded,
        Self::Deprecated,
        Self::BaseEndOfLife,
        Self::Unknown,
        Self::Ambiguous,
        Self::Unlisted,
        Self::Unreadable,
    ];
    /// What a gate stops when nobody says what.
    pub const STANDARD: [Self; 2] = [Self::Withdrawn, Self::EndOfLife];

    /// As `--deny` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Withdrawn => "withdrawn",
            Self::EndOfLife => "end-of-life",
            Self::EndOfSupport => "end-of-support",
            Self::Superseded => "superseded",
            Self::Deprecated => "deprecated",
            Self::BaseEndOfLife => "base-end-of-life",
            Self::Unknown => "unknown",
            Self::Ambiguous => "ambiguous",
            Self::Unlisted => "unlisted",
            Self::Unreadable => "unreadable",
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// `usage.argument`.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|deny| deny.name() == text).ok_or_else(|| {
            Error::new(Code::UsageArgument, "this is nothing that can be denied")
                .expected(Fact::new(Self::ALL.map(Self::name).join(", "), "--deny"))
                .found(Fact::new(text, "the command line"))
        })
    }
}

/// A gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What it does not let through.
    pub deny: Vec<Deny>,
    /// How long after its beginning something is let through nevertheless. What is withdrawn has none.
    pub grace: Span,
    /// For how long a word holds: of an image of which nothing was said for longer, nothing is known.
    pub max_age: Option<Span>,
}

impl Policy {
    /// A gate that stops this, and always what cannot be read.
    pub fn new(deny: impl IntoIterator<Item = Deny>, grace: Span) -> Self {
        let deny: std::collections::BTreeSet<Deny> = deny.into_iter().chain([Deny::Unreadable]).collect();
        Self { deny: deny.into_iter().collect(), grace, max_age: None }
    }
}

/// Why an image is not let through, or will soon not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The rule.
    pub deny: Deny,
    /// Since when it is so, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// Until when it is let through nevertheless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<Moment>,
}

/// What the gate says of one image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Why it is stopped.
    pub denied: Vec<Reason>,
    /// What would stop it, were there no grace.
    pub in_grace: Vec<Reason>,
    /// Whether nothing is known of it.
    pub unknown: bool,
}

/// What is asked about one image.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What holds of it.
    pub resolution: &'a Resolution,
    /// The end of life of the verified base and those below it, the earliest.
    pub base_end: Option<When>,
    /// Whether something that may be said of one of these bases cannot be read, or there is a base that is not known.
    pub base_unreadable: bool,
    /// Whether it has a list of referrers.
    pub listed: bool,
    /// As of when.
    pub now: Moment,
}

/// Asks the gate.
pub fn evaluate(policy: &Policy, asked: Asked<'_>) -> Verdict {
    let Asked { resolution, base_end, base_unreadable, listed, now } = asked;
    let record = resolution.record();
    let made = |field: Field| match resolution.fields.get(&field).map(|held| &held.source) {
        Some(SaidBy::Statement { made, .. }) => *made,
        _ => None,
    };
    // Since when a date has passed; a status counts from the statement that gives it.
    let date = |field: Field| field::when(&record, field).filter(|end| end.has_come(now)).map(When::moment);
    let word = |status: Status| (field::status(&record) == Some(status)).then(|| made(Field::Status));
    let by_successor = [Field::SupersededBy, Field::SupersededByName].into_iter().find(|field| record.contains_key(field));
    let silent = policy.max_age.is_some_and(|age| resolution.last.is_none_or(|last| last.plus(age) < now));
    let mut verdict = Verdict { unknown: silent || resolution.standing.is_none(), ..Verdict::default() };
    for deny in &policy.deny {
        let since = match deny {
            Deny::Withdrawn => word(Status::Withdrawn),
            // The earlier of both: a grace must not open again what the status closed. One without a date counts from always.
            Deny::EndOfLife => [date(Field::EndOfLife), word(Status::EndOfLife)].into_iter().flatten().min(),
            Deny::EndOfSupport => date(Field::EndOfSupport),
            Deny::Superseded => word(Status::Superseded).or_else(|| by_successor.map(made)),
            Deny::Deprecated => word(Status::Deprecated),
            Deny::BaseEndOfLife => base_end.filter(|end| end.has_come(now)).map(When::moment).or_else(|| base_unreadable.then_some(None)),
            Deny::Unknown => verdict.unknown.then_some(None),
            Deny::Unlisted => (!listed).then_some(None),
            Deny::Unreadable => (resolution.unreadable > 0).then_some(None),
            Deny::Ambiguous => resolution.ambiguous.then_some(None),
        };
        let Some(since) = since else { continue };
        let until = since.map(|since| since.plus(policy.grace)).filter(|until| *deny != Deny::Withdrawn && *until > now);
        let reason = Reason { deny: *deny, since, grace_until: until };
        if until.is_some() { &mut verdict.in_grace } else { &mut verdict.denied }.push(reason);
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::super::resolve::tests::{end, microsoft, own, status};
    use super::super::resolve::{Said, resolve};
    use super::*;
    use crate::plan::lifecycle::field::Value;
    use crate::plan::lifecycle::statement::Statement;

    fn verdict(deny: &[Deny], grace: &str, statements: &[Statement], base: Option<&str>, now: &str) -> (Vec<Deny>, Vec<Deny>) {
        let now = Moment::strict(now).unwrap();
        let policy = Policy { deny: deny.to_vec(), grace: Span::parse(grace).unwrap(), max_age: None };
        let base = base.map(|text| When::At(Moment::strict(text).unwrap()));
        let resolution = resolve(Said::of(statements), &now.into());
        let verdict = evaluate(&policy, Asked { resolution: &resolution, base_end: base, base_unreadable: false, listed: true, now });
        let rules = |reasons: Vec<Reason>| reasons.into_iter().map(|reason| reason.deny).collect();
        (rules(verdict.denied), rules(verdict.in_grace))
    }

    #[test]
    fn the_end_of_life_stops_from_its_first_instant_and_after_the_grace() {
        let statements = [microsoft("m", Some("2026-01-01"), "2026-05-01")];
        for (grace, now, stopped, graced) in [
            ("0", "2026-04-30T23:59:59Z", false, false),
            ("0", "2026-05-01", true, false),
            ("30d", "2026-05-01", false, true),
            ("30d", "2026-05-30T23:59:59Z", false, true),
            ("30d", "2026-05-31", true, false),
        ] {
            let (denied, in_grace) = verdict(&Deny::STANDARD, grace, &statements, None, now);
            assert_eq!((denied == [Deny::EndOfLife], in_grace == [Deny::EndOfLife]), (stopped, graced), "{grace} {now}");
        }
        // What its status stops already is not let through again when the date comes.
        let both = [own("s", Some("2024-11-20"), &[status(Status::EndOfLife), end("2026-11-25")])];
        for now in ["2026-11-24", "2026-11-26", "2027-01-01"] {
            assert_eq!(verdict(&Deny::STANDARD, "30d", &both, None, now), (vec![Deny::EndOfLife], vec![]), "{now}");
        }
    }

    #[test]
    fn each_rule_stops_its_own() {
        let now = "2026-06-01";
        let successor = (Field::SupersededByName, Value::Text("app:2".to_owned()));
        let support = (Field::EndOfSupport, end("2026-01-01").1);
        for (says, expected) in [
            (status(Status::Withdrawn), Deny::Withdrawn),
            (end("2026-01-01"), Deny::EndOfLife),
            (status(Status::EndOfLife), Deny::EndOfLife),
            (support, Deny::EndOfSupport),
            (status(Status::Superseded), Deny::Superseded),
            (successor, Deny::Superseded),
            (status(Status::Deprecated), Deny::Deprecated),
        ] {
            let statements = [own("s", Some("2026-02-01"), std::slice::from_ref(&says))];
            let all: Vec<Deny> = Deny::ALL.into_iter().filter(|deny| *deny != Deny::Unknown).collect();
            assert_eq!(verdict(&all, "0", &statements, None, now).0, [expected], "{says:?}");
        }
        assert_eq!(verdict(&Deny::ALL, "0", &[], Some("2026-01-01"), now).0, [Deny::BaseEndOfLife, Deny::Unknown]);
        assert_eq!(verdict(&Deny::ALL, "0", &[own("s", None, &[status(Status::Active)])], Some("2027-01-01"), now).0, []);
        let torn = [own("a", None, &[end("2027-01-01")]), own("b", None, &[end("2027-01-02")])];
        assert_eq!(verdict(&Deny::ALL, "0", &torn, None, now).0, [Deny::Ambiguous]);
    }

    #[test]
    fn grace_counts_from_the_statement_and_withdrawal_has_none() {
        let deprecated = [own("d", Some("2026-05-20"), &[status(Status::Deprecated)])];
        assert_eq!(verdict(&[Deny::Deprecated], "30d", &deprecated, None, "2026-06-01"), (vec![], vec![Deny::Deprecated]));
        assert_eq!(verdict(&[Deny::Deprecated], "30d", &deprecated, None, "2026-06-30"), (vec![Deny::Deprecated], vec![]));
        let withdrawn = [own("w", Some("2026-05-31"), &[status(Status::Withdrawn)])];
        assert_eq!(verdict(&[Deny::Withdrawn], "30d", &withdrawn, None, "2026-06-01"), (vec![Deny::Withdrawn], vec![]));
        // Since when is not known: there is nothing to count from.
        let undated = [own("u", None, &[status(Status::Deprecated)])];
        assert_eq!(verdict(&[Deny::Deprecated], "30d", &undated, None, "2026-06-01"), (vec![Deny::Deprecated], vec![]));
    }

    #[test]
    fn rules_have_names() {
        for deny in Deny::ALL {
            assert_eq!(Deny::parse(deny.name()).unwrap(), deny);
        }
        assert_eq!(Deny::parse("eol").unwrap_err().code(), Code::UsageArgument);
    }
}
