//! What several statements on one image say together.
//!
//! Clients take the first statement that a list happens to give them. Here the result is a function of the set: no order of the
//! statements, no clock but `now`, and no store changes it. In this order:
//!
//! 1. A statement from the future does not count, unless there are only such: its clock was wrong, or somebody wants to have
//!    the last word for years.
//! 2. A statement that another one says it replaces does not count. That needs no clock.
//! 3. Of one issuer and one convention, the highest sequence, then the latest time speaks.
//! 4. Of those, the latest speaks. An unknown time is the oldest.
//! 5. Of those, the most restrictive speaks; then the one with the smallest digest. If they differ, the result is ambiguous.
//! 6. If the one that speaks says everything, nothing else holds. If it says one thing (Microsoft's date), the others hold for
//!    what it leaves out, down to the next one that says everything.
//!
//! Any statement goes before what the image says of itself.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::convention::{Convention, Extent};
use super::declared::{Declaration, Inherited};
use super::field::{self, Field, Place, Record, Stated, Status};
use super::statement::Statement;
use super::time::{Moment, Span, When};
use crate::core::{Code, Digest, Fact, Finding};

/// What became of one statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "role", rename_all = "kebab-case")]
pub enum Role {
    /// It speaks.
    Speaks,
    /// It adds what the one that speaks leaves out.
    Adds,
    /// A later one of its kind, or a later one of another kind, speaks.
    Older,
    /// Another statement says that it replaces this one.
    Replaced {
        /// That statement.
        by: Digest,
    },
    /// It comes from the future.
    Future,
    /// It says nothing on the life cycle that is understood.
    SaysNothing,
}

/// Who says what holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Source {
    /// A statement.
    Statement {
        /// The digest of its manifest.
        statement: Digest,
        /// When it was made, if that is known.
        made: Option<Moment>,
    },
    /// The image itself.
    Image,
}

/// A value that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// The value, and where it was read.
    #[serde(flatten)]
    pub stated: Stated,
    /// Who says it.
    #[serde(flatten)]
    pub source: Source,
}

/// What holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// What became of each statement, by its digest.
    pub roles: BTreeMap<Digest, Role>,
    /// The values that hold.
    pub fields: BTreeMap<Field, Held>,
    /// Where the image stands. `None` is unknown, and never means that all is well.
    pub standing: Option<Status>,
    /// Whether statements differ and nothing but strictness or their digests decided.
    pub ambiguous: bool,
    /// Whether what holds comes from the future, for want of anything else.
    pub future: bool,
    /// What a person should know.
    pub findings: Vec<Finding>,
}

impl Resolution {
    /// The statement that speaks.
    pub fn speaker(&self) -> Option<&Digest> {
        self.roles.iter().find(|(_, role)| **role == Role::Speaks).map(|(digest, _)| digest)
    }

    /// What statements say: what the image says of itself is not among it.
    pub fn stated(&self) -> Record {
        let by_statement = self.fields.iter().filter(|(_, held)| held.source != Source::Image);
        by_statement.map(|(field, held)| (*field, held.stated.value.clone())).collect()
    }

    /// Whole days until the end of life, while it is to come.
    pub fn days_left(&self, now: Moment) -> Option<u64> {
        let end = field::when(&self.record(), Field::EndOfLife)?.moment()?;
        (end > now).then(|| end.days_since(now))
    }

    /// What a new statement repeats so that it still holds: what statements say, and what the image says in annotations. A label
    /// may be its base's.
    pub fn kept(&self) -> Record {
        let own = self.fields.iter().filter(|(_, held)| held.source != Source::Image || held.stated.place != Place::Label);
        own.map(|(field, held)| (*field, held.stated.value.clone())).collect()
    }

    /// All that holds.
    pub fn record(&self) -> Record {
        self.fields.iter().map(|(field, held)| (*field, held.stated.value.clone())).collect()
    }
}

/// What holds of an image at `now`, by `statements` on it and by what it declares itself.
pub fn resolve(statements: &[Statement], declared: &[Declaration], now: Moment) -> Resolution {
    // By digest: the same statement found in two ways is one, and nothing below depends on an order.
    let set: BTreeMap<&Digest, &Statement> = statements.iter().map(|statement| (&statement.digest, statement)).collect();
    let mut roles: BTreeMap<Digest, Role> = BTreeMap::new();
    let mut findings = Vec::new();

    let (valid, silent): (Vec<&Statement>, Vec<&Statement>) = set.into_values().partition(|statement| statement.is_valid());
    roles.extend(silent.into_iter().map(|statement| (statement.digest.clone(), Role::SaysNothing)));

    let latest = now.plus(Span::CLOCK_SKEW);
    let (future, present): (Vec<&Statement>, Vec<&Statement>) =
        valid.into_iter().partition(|statement| statement.made.time().is_some_and(|time| time > latest));
    for statement in &future {
        findings.push(from_the_future(statement, now, present.is_empty()));
    }
    let from_future = present.is_empty() && !future.is_empty();
    let candidates = if present.is_empty() {
        future
    } else {
        roles.extend(future.into_iter().map(|statement| (statement.digest.clone(), Role::Future)));
        present
    };

    let heads_and_rest = order(without_replaced(candidates, &mut roles), now);
    let mut fields = BTreeMap::new();
    let mut ambiguous = false;
    if let Some(speaker) = heads_and_rest.first() {
        let rivals: Vec<&Statement> = heads_and_rest.iter().skip(1).copied().filter(|other| ties(speaker, other)).collect();
        if let Some(rival) = rivals.iter().find(|rival| differ(speaker, rival)) {
            ambiguous = true;
            findings.push(undecided(speaker, rival));
        }
        roles.extend(heads_and_rest.iter().map(|statement| (statement.digest.clone(), Role::Older)));
        roles.insert(speaker.digest.clone(), Role::Speaks);
        for statement in &heads_and_rest {
            for (field, stated) in &statement.says {
                if let std::collections::btree_map::Entry::Vacant(place) = fields.entry(*field) {
                    let source = Source::Statement { statement: statement.digest.clone(), made: statement.made.time() };
                    place.insert(Held { stated: stated.clone(), source });
                    if statement.digest != speaker.digest {
                        roles.insert(statement.digest.clone(), Role::Adds);
                    }
                }
            }
            if statement.extent() == Extent::Everything {
                break;
            }
        }
    } else {
        // The nearest place first; what was inherited is the base's, not the image's.
        for declaration in declared.iter().filter(|declaration| declaration.inherited != Inherited::Yes) {
            fields.entry(declaration.field).or_insert_with(|| Held { stated: declaration.stated.clone(), source: Source::Image });
        }
    }
    let record: Record = fields.iter().map(|(field, held): (&Field, &Held)| (*field, held.stated.value.clone())).collect();
    Resolution { roles, standing: field::standing(&record, now), fields, ambiguous, future: from_future, findings }
}

/// Leaves out what another candidate replaces. A statement cannot be in the list of one that it lists itself, because it would
/// have to contain its own digest; should all be replaced nevertheless, none is.
fn without_replaced<'a>(candidates: Vec<&'a Statement>, roles: &mut BTreeMap<Digest, Role>) -> Vec<&'a Statement> {
    let mut replaced: BTreeMap<&Digest, &Digest> = BTreeMap::new();
    for statement in &candidates {
        for old in statement.replaces.iter().filter(|old| **old != statement.digest) {
            replaced.entry(old).or_insert(&statement.digest);
        }
    }
    if candidates.iter().all(|statement| replaced.contains_key(&statement.digest)) {
        return candidates;
    }
    let mut left = Vec::with_capacity(candidates.len());
    for statement in &candidates {
        match replaced.get(&statement.digest) {
            Some(by) => {
                roles.insert(statement.digest.clone(), Role::Replaced { by: (*by).clone() });
            }
            None => left.push(*statement),
        }
    }
    left
}

/// The kind of a statement: sequences count within one.
fn kind(statement: &Statement) -> (&Convention, Option<&str>) {
    (&statement.convention, statement.issuer.as_deref())
}

/// The first of each kind, the one that speaks before all; then the others.
fn order(statements: Vec<&Statement>, now: Moment) -> Vec<&Statement> {
    let by_time = |statement: &Statement| (Reverse(statement.made.time()), strictness(statement, now), statement.digest.clone());
    let mut kinds: BTreeMap<(&Convention, Option<&str>), Vec<&Statement>> = BTreeMap::new();
    for statement in statements {
        kinds.entry(kind(statement)).or_default().push(statement);
    }
    let mut heads = Vec::new();
    let mut rest = Vec::new();
    for mut members in kinds.into_values() {
        members.sort_by_cached_key(|statement| (Reverse(statement.sequence), by_time(statement)));
        let mut members = members.into_iter();
        heads.extend(members.next());
        rest.extend(members);
    }
    heads.sort_by_cached_key(|statement| by_time(statement));
    rest.sort_by_cached_key(|statement| by_time(statement));
    heads.extend(rest);
    heads
}

/// How strict a statement is, the strictest first: where it leaves the image, and from when on.
fn strictness(statement: &Statement, now: Moment) -> (u8, Option<Moment>, bool) {
    let record = statement.record();
    let standing = field::standing(&record, now);
    let rank = standing.and_then(|standing| Status::ALL.iter().position(|status| *status == standing));
    let rank = rank.and_then(|rank| u8::try_from(rank).ok()).unwrap_or(u8::MAX);
    match field::when(&record, Field::EndOfLife) {
        // An end that has come at a time that nobody knows is before every time.
        Some(When::Already) => (rank, None, false),
        Some(When::At(end)) => (rank, Some(end), false),
        _ => (rank, Some(Moment::LAST), true),
    }
}

/// Whether neither sequence nor time puts one before the other.
fn ties(one: &Statement, other: &Statement) -> bool {
    one.made.time() == other.made.time() && (kind(one) != kind(other) || one.sequence == other.sequence)
}

/// Whether two statements cannot both hold.
fn differ(one: &Statement, other: &Statement) -> bool {
    let everything = one.extent() == Extent::Everything && other.extent() == Extent::Everything;
    let (one, other) = (one.record(), other.record());
    if everything { one != other } else { one.iter().any(|(field, value)| other.get(field).is_some_and(|theirs| theirs != value)) }
}

fn from_the_future(statement: &Statement, now: Moment, counts: bool) -> Finding {
    let message = if counts {
        "a statement comes from the future, and there is no other, so it counts"
    } else {
        "a statement comes from the future and does not count"
    };
    let time = statement.made.time().map_or_else(|| "no time".to_owned(), |time| time.to_string());
    Finding::new(Code::LifecycleFuture, message)
        .at(format!("statement {}", statement.digest))
        .expected(Fact::new(format!("at most {}", now.plus(Span::CLOCK_SKEW)), "now and a day"))
        .found(Fact::new(time, "the statement"))
}

fn undecided(speaker: &Statement, rival: &Statement) -> Finding {
    let says = |statement: &Statement| {
        let listed: Vec<String> = statement.says.iter().map(|(field, stated)| format!("{} {}", field.name(), stated.value)).collect();
        listed.join(", ")
    };
    Finding::new(Code::LifecycleAmbiguous, "statements differ, and neither is later; the stricter one is taken")
        .at(format!("image {}", speaker.subject))
        .expected(Fact::new(says(speaker), format!("statement {}, which is taken", speaker.digest)))
        .found(Fact::new(says(rival), format!("statement {}", rival.digest)))
}

/// The digests of all statements that a new one takes the place of: those that count and those that they replaced, so that one
/// that was removed and comes back with the next synchronisation stays replaced. What was not understood is not replaced.
pub fn replaced_by_next(statements: &[Statement]) -> Vec<Digest> {
    let valid = statements.iter().filter(|statement| statement.is_valid());
    let all: BTreeSet<&Digest> = valid.flat_map(|statement| statement.replaces.iter().chain([&statement.digest])).collect();
    all.into_iter().cloned().collect()
}

/// The sequence of the next statement of `issuer` in our convention.
pub fn next_sequence(statements: &[Statement], issuer: Option<&str>) -> u64 {
    let own = statements.iter().filter(|statement| kind(statement) == (&Convention::Own, issuer));
    own.map(|statement| statement.sequence).max().unwrap_or(0).saturating_add(1)
}

#[cfg(test)]
pub(super) mod tests;
