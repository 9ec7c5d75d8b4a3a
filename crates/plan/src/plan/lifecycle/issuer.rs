//! What one issuer says: the later word, with what it leaves standing of the earlier ones.

use std::collections::{BTreeMap, BTreeSet};

use super::convention::Extent;
use super::field::{self, Field, Record, Stated, Status, Value};
use super::held::{Held, Role, SaidBy};
use super::statement::{Statement, agree};
use super::time::Moment;
use crate::foundation::Digest;

/// Values that hold together, each with who says it.
pub(super) type Fields = BTreeMap<Field, Held>;

/// What may hold by the words of one issuer: all that is dated together, or one statement that has no date.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    /// The statement that comes last, or the strictest of those.
    pub(super) last: &'a Statement,
    pub(super) fields: Fields,
}

/// What one issuer says.
#[derive(Debug, Default)]
pub(super) struct Word<'a> {
    pub(super) candidates: Vec<Candidate<'a>>,
    /// Dated statements that nothing later put an end to.
    pub(super) in_force: Vec<&'a Statement>,
    /// Two that are equally late and differ.
    pub(super) torn: Option<(&'a Statement, &'a Statement)>,
    /// The withdrawal that holds, whatever was said later.
    pub(super) withdrawn: Option<&'a Statement>,
}

impl<'a> Word<'a> {
    /// The statement that comes last, as far as that is known.
    pub(super) fn last(&self) -> Option<&'a Statement> {
        self.candidates.first().map(|candidate| candidate.last).or(self.withdrawn)
    }

    /// All that the issuer says, a withdrawal included.
    pub(super) fn together(&self, now: Moment) -> Fields {
        let mut sorted: Vec<&Candidate<'_>> = self.candidates.iter().collect();
        sorted.sort_by_cached_key(|candidate| (strictness(&record(&candidate.fields), now), candidate.last.digest.clone()));
        let mut fields = strictest(sorted.into_iter().map(|candidate| candidate.fields.clone()));
        if let Some(withdrawn) = self.withdrawn
            && field::status(&record(&fields)) != Some(Status::Withdrawn)
        {
            let mut says = held(withdrawn);
            fields.extend(says.remove(&Field::Status).map(|status| (Field::Status, status)));
            // Why it was withdrawn is reported, unless there is a later reason.
            if let Some(reason) = says.remove(&Field::Reason) {
                fields.entry(Field::Reason).or_insert(reason);
            }
        }
        fields
    }
}

/// A statement and when it counts as made.
#[derive(Debug, Clone, Copy)]
struct Dated<'a> {
    statement: &'a Statement,
    /// Not before any with a lower number on the same subject.
    time: Moment,
}

impl Dated<'_> {
    fn is_later(self, other: Self) -> bool {
        self.time > other.time || (self.time == other.time && follows(self.statement, other.statement))
    }
}

/// Whether the numbers of two statements put one after the other.
fn follows(one: &Statement, other: &Statement) -> bool {
    one.subject == other.subject && other.sequence > 0 && one.sequence > other.sequence
}

/// What the statements of one issuer say together at `now`; a date that is later than that is none.
pub(super) fn word<'a>(statements: &[&'a Statement], now: Moment, roles: &mut BTreeMap<Digest, Role>) -> Word<'a> {
    let dated = dated(statements, now);
    let replaced = replaced(statements);
    roles.extend(replaced.iter().map(|(old, by)| ((*old).clone(), Role::Replaced { by: (*by).clone() })));
    let left = |statement: &Statement| !replaced.contains_key(&statement.digest);
    let mut word = Word::default();
    fold(dated.values().copied().filter(|dated| left(dated.statement)).collect(), now, &mut word);
    let undated = statements.iter().copied().filter(|statement| left(statement) && !dated.contains_key(&statement.digest));
    word.candidates.extend(undated.map(|statement| Candidate { last: statement, fields: held(statement) }));
    word.withdrawn = withdrawn(statements, &dated);
    word
}

/// Those with a usable date, each with the time for which it counts.
fn dated<'a>(statements: &[&'a Statement], now: Moment) -> BTreeMap<&'a Digest, Dated<'a>> {
    let own = |statement: &Statement| statement.made.time().filter(|time| *time <= now);
    let dated: Vec<(&'a Statement, Moment)> = statements.iter().filter_map(|statement| Some((*statement, own(statement)?))).collect();
    let time = |(statement, time): &(&'a Statement, Moment)| {
        let lower = dated.iter().filter(|(other, _)| follows(statement, other)).map(|(_, time)| *time);
        let time = lower.chain([*time]).max().unwrap_or(*time);
        (&statement.digest, Dated { statement, time })
    };
    dated.iter().map(time).collect()
}

/// What is replaced, and by which one. A statement cannot be in the list of one that it lists itself, because it would have to
/// contain its own digest; should all be replaced nevertheless, none is.
fn replaced<'a>(statements: &[&'a Statement]) -> BTreeMap<&'a Digest, &'a Digest> {
    let here: BTreeSet<&Digest> = statements.iter().map(|statement| &statement.digest).collect();
    let mut replaced: BTreeMap<&Digest, &Digest> = BTreeMap::new();
    for statement in statements {
        for old in statement.replaces.iter().filter(|old| **old != statement.digest && here.contains(old)) {
            replaced.entry(old).or_insert(&statement.digest);
        }
    }
    if replaced.len() == here.len() { BTreeMap::new() } else { replaced }
}

/// Goes back from the latest, as far as a statement that says everything.
fn fold<'a>(mut dated: Vec<Dated<'a>>, now: Moment, word: &mut Word<'a>) {
    let mut fields = Fields::new();
    let mut last = None;
    dated.sort_by_key(|dated| (std::cmp::Reverse(dated.time), &dated.statement.digest));
    for group in dated.chunk_by(|one, other| one.time == other.time) {
        let overtaken = |one: &Statement| group.iter().any(|other| follows(other.statement, one));
        let mut equals: Vec<&Statement> = group.iter().map(|dated| dated.statement).filter(|one| !overtaken(one)).collect();
        equals.sort_by_cached_key(|statement| (strictness(&statement.record(), now), statement.digest.clone()));
        last = last.or(equals.first().copied());
        let says: Vec<Fields> = equals.iter().map(|statement| held(statement)).collect();
        let pair = differing(&says, now).and_then(|(one, other)| Some((*equals.get(one)?, *equals.get(other)?)));
        word.torn = word.torn.or(pair);
        for (field, value) in strictest(says) {
            fields.entry(field).or_insert(value);
        }
        word.in_force.extend(equals.iter().copied());
        if equals.iter().any(|statement| statement.extent() == Extent::Everything) {
            break;
        }
    }
    word.candidates.extend(last.map(|last| Candidate { last, fields }));
}

/// The withdrawal that holds, if one does: nothing later of the same issuer ends it.
fn withdrawn<'a>(statements: &[&'a Statement], dated: &BTreeMap<&Digest, Dated<'_>>) -> Option<&'a Statement> {
    let status = |statement: &Statement| field::status(&statement.record());
    let ends = |statement: &Statement| {
        statement.cleared.contains(&Field::Status) || !matches!(status(statement), None | Some(Status::Withdrawn | Status::Superseded))
    };
    let is_later = |one: &Statement, other: &Statement| {
        one.replaces.contains(&other.digest)
            || matches!((dated.get(&one.digest), dated.get(&other.digest)), (Some(one), Some(other)) if one.is_later(*other))
    };
    let withdrawals = statements.iter().copied().filter(|statement| status(statement) == Some(Status::Withdrawn));
    let holds = withdrawals.filter(|withdrawal| !statements.iter().any(|other| ends(other) && is_later(other, withdrawal)));
    holds.max_by_key(|withdrawal| (withdrawal.made.time(), std::cmp::Reverse(&withdrawal.digest)))
}

/// What a statement says, each value with it as the source.
pub(super) fn held(statement: &Statement) -> Fields {
    let source = SaidBy::Statement {
        statement: statement.digest.clone(),
        made: statement.made.time(),
        issuer: statement.issuer.clone(),
        on: statement.subject.clone(),
    };
    statement.says.iter().map(|(field, stated)| (*field, Held { stated: stated.clone(), source: source.clone() })).collect()
}

/// The values without who says them.
pub(super) fn record(fields: &Fields) -> Record {
    fields.iter().map(|(field, held)| (*field, held.stated.value.clone())).collect()
}

/// Where to go instead is one thing in three parts.
const SUCCESSOR: [Field; 3] = [Field::SupersededBy, Field::SupersededByName, Field::SupersededByPlatforms];

/// Of each field the strictest value; of what is neither strict nor lax, that of the first who says it. The strictest come first.
pub(super) fn strictest(candidates: impl IntoIterator<Item = Fields>) -> Fields {
    let mut result = Fields::new();
    for mut fields in candidates {
        if SUCCESSOR.iter().any(|field| result.contains_key(field)) {
            fields.retain(|field, _| !SUCCESSOR.contains(field));
        }
        for (field, held) in fields {
            let stricter = result.get(&field).is_none_or(|known| held.stated.value.strictness() < known.stated.value.strictness());
            if stricter {
                result.insert(field, held);
            }
        }
    }
    result
}

/// How strict a record is, the strictest first: where it leaves the image, and from when on.
pub(super) fn strictness(record: &Record, now: Moment) -> impl Ord + use<> {
    let place = field::standing(record, now).and_then(|standing| Status::ALL.iter().position(|status| *status == standing));
    let end = record.get(&Field::EndOfLife).map(Value::strictness);
    (place.unwrap_or(Status::ALL.len()), end.is_none(), end)
}

/// Two that say different things of what decides, if there are such. A date that is known to the day agrees with any time of that day,
/// and successors are compared only if they are said of the same subject: that of an index is another one than that of a platform.
pub(super) fn differing(several: &[Fields], now: Moment) -> Option<(usize, usize)> {
    type On<'a> = (Field, Option<&'a Digest>);
    let mut known: BTreeMap<On<'_>, Vec<(usize, &Stated)>> = BTreeMap::new();
    let mut standing: Option<(usize, Status)> = None;
    for (number, fields) in several.iter().enumerate() {
        for field in [Field::Status, Field::EndOfLife, Field::EndOfSupport, Field::SupersededBy] {
            let Some(held) = fields.get(&field) else { continue };
            let on = match &held.source {
                SaidBy::Statement { on, .. } if field == Field::SupersededBy => Some(on),
                _ => None,
            };
            let known = known.entry((field, on)).or_default();
            if let Some((other, _)) = known.iter().find(|(_, other)| !agree(other, &held.stated)) {
                return Some((*other, number));
            }
            if known.iter().all(|(_, other)| other.value != held.stated.value || other.key != held.stated.key) {
                known.push((number, &held.stated));
            }
        }
        let own = field::standing(&record(fields), now);
        match (standing, own) {
            (Some((other, first)), Some(own)) if first != own => return Some((other, number)),
            (None, Some(own)) => standing = Some((number, own)),
            _ => {}
        }
    }
    None
}
