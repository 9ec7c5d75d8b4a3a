//! What several statements on one image say together, by the six rules of `docs/lifecycle.md`.
//!
//! Clients take the first statement that a list happens to give them. Here the result is a function of the set: no order of the
//! statements, no clock but the one in the question, and no store changes it. `issuer` decides what each issuer says; here
//! several issuers, and what the image says of itself, come together.

use std::collections::{BTreeMap, BTreeSet};

use super::convention::Extent;
use super::declared::{Declaration, Inherited, Misread};
use super::field::{self, Field, Place, Record, Status, Value};
use super::held::{Held, Role, SaidBy};
use super::issuer::{Candidate, Fields, Word, differing, record, strictest, strictness, word};
use super::statement::Statement;
use super::time::{Moment, When};
use crate::foundation::{Code, Digest, Fact, Finding};

impl Role {
    /// As reports have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Speaks => "speaks",
            Self::Adds => "adds",
            Self::Agrees => "agrees",
            Self::Differs => "differs",
            Self::Older => "older",
            Self::Replaced { .. } => "replaced",
            Self::Overridden { .. } => "overridden",
            Self::Future => "future",
            Self::NotAsked => "not-asked",
            Self::SaysNothing => "says-nothing",
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// As of when.
    pub now: Moment,
    /// Whether that time was given. Then what was said later does not count; against the clock, a later date cannot be right.
    pub exact: bool,
    /// Whose word counts; without any, everybody's.
    pub issuers: Vec<String>,
}

impl Question {
    /// As of a time that somebody gave.
    pub fn at(now: Moment) -> Self {
        Self { now, exact: true, issuers: Vec::new() }
    }
}

impl From<Moment> for Question {
    /// By the clock.
    fn from(now: Moment) -> Self {
        Self { now, exact: false, issuers: Vec::new() }
    }
}

/// What is said of an image.
#[derive(Debug, Clone, Copy, Default)]
pub struct Said<'a> {
    /// The statements on it, and those on the indexes above it as [`super::level::down`] gives them.
    pub statements: &'a [Statement],
    /// What it says itself, and what the indexes above it say of themselves.
    pub declared: &'a [Declaration],
    /// What of that is not understood.
    pub misread: &'a [Misread],
    /// How many entries may be statements on it and cannot be read.
    pub unreadable: usize,
}

impl<'a> Said<'a> {
    /// Statements, and nothing else.
    pub fn of(statements: &'a [Statement]) -> Self {
        Self { statements, ..Self::default() }
    }
}

/// What one issuer says, whatever others say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Own {
    /// The values.
    pub says: Record,
    /// The statements of others that it overrides.
    pub overrides: Vec<Digest>,
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
    /// Whether statements differ and strictness decided.
    pub ambiguous: bool,
    /// How many entries may be statements and cannot be read or understood.
    pub unreadable: usize,
    /// How many of these are dates that the image gives itself: none of them can be a withdrawal.
    pub misread_dates: usize,
    /// When the last of the statements that count was made, if one has a date.
    pub last: Option<Moment>,
    /// What each issuer says.
    pub by_issuer: BTreeMap<Option<String>, Own>,
    /// What a user should know.
    pub findings: Vec<Finding>,
}

impl Resolution {
    /// The statement that the standing follows from.
    pub fn speaker(&self) -> Option<&Digest> {
        self.roles.iter().find(|(_, role)| **role == Role::Speaks).map(|(digest, _)| digest)
    }

    /// Who says where the image stands: the issuer of the statement, or nobody by name.
    pub fn issuer(&self) -> Option<&str> {
        let speaker = self.speaker()?;
        self.fields.values().find_map(|held| match &held.source {
            SaidBy::Statement { statement, issuer, .. } if statement == speaker => issuer.as_deref(),
            _ => None,
        })
    }

    /// Whether something that cannot be read or understood may say that the image is withdrawn.
    pub fn may_be_withdrawn(&self) -> bool {
        self.unreadable > self.misread_dates
    }

    /// What statements say: what the image says of itself is not among it.
    pub fn stated(&self) -> Record {
        let by_statement = self.fields.iter().filter(|(_, held)| held.source != SaidBy::Image);
        by_statement.map(|(field, held)| (*field, held.stated.value.clone())).collect()
    }

    /// Whole days until the end of life, while it is to come.
    pub fn days_left(&self, now: Moment) -> Option<u64> {
        let end = field::when(&self.record(), Field::EndOfLife)?.moment()?;
        (end > now).then(|| end.days_since(now))
    }

    /// What a new statement of `issuer` repeats so that it still holds: what that issuer says, and what the image says in annotations. A
    /// label may be its base's.
    pub fn kept(&self, issuer: Option<&str>) -> Record {
        let mut kept = self.by_issuer.get(&issuer.map(str::to_owned)).map(|said| said.says.clone()).unwrap_or_default();
        for (field, held) in self.fields.iter().filter(|(_, held)| held.source == SaidBy::Image && held.stated.place != Place::Label) {
            kept.entry(*field).or_insert_with(|| held.stated.value.clone());
        }
        kept
    }

    /// All that holds.
    pub fn record(&self) -> Record {
        record(&self.fields)
    }
}

/// What holds of an image, by what is said of it.
pub fn resolve(said: Said<'_>, question: &Question) -> Resolution {
    let now = question.now;
    // By digest: the same statement found in two ways is one, and nothing below depends on an order.
    let set: BTreeMap<&Digest, &Statement> = said.statements.iter().map(|statement| (&statement.digest, statement)).collect();
    let mut roles: BTreeMap<Digest, Role> = BTreeMap::new();
    let mut findings = Vec::new();
    let counted = counted(set.values().copied(), question, &mut roles, &mut findings);
    let unreadable = said.unreadable + counted.iter().filter(|statement| statement.unreadable).count();
    let set: BTreeMap<&Digest, &Statement> = counted.iter().map(|statement| (&statement.digest, *statement)).collect();
    let mut issuers: BTreeMap<Option<&str>, Vec<&Statement>> = BTreeMap::new();
    for statement in counted.into_iter().filter(|statement| statement.is_valid()) {
        roles.insert(statement.digest.clone(), Role::Older);
        issuers.entry(statement.issuer.as_deref()).or_default().push(statement);
    }
    let mut words: BTreeMap<Option<&str>, Word<'_>> =
        issuers.into_iter().map(|(issuer, statements)| (issuer, word(&statements, now, &mut roles))).collect();
    let by_issuer = words.iter().map(|(issuer, word)| (issuer.map(str::to_owned), own(word, now))).collect();
    let last = words.values().flat_map(|word| &word.in_force).filter_map(|statement| statement.made.time()).max();
    override_all(&mut words, &set, &mut roles);

    // Of one issuer first: words of which none is later. Then between issuers.
    let within = words.values().find_map(|word| {
        let says: Vec<Fields> = word.candidates.iter().map(|candidate| candidate.fields.clone()).collect();
        differing(&says, now)
            .and_then(|(one, other)| Some((word.candidates.get(one)?.last, word.candidates.get(other)?.last)))
            .or(word.torn)
    });
    let mut several: Vec<(Fields, &Statement)> = words.values().filter_map(|word| Some((word.together(now), word.last()?))).collect();
    several.sort_by_cached_key(|(fields, last)| (strictness(&record(fields), now), last.digest.clone()));
    let says: Vec<Fields> = several.iter().map(|(fields, _)| fields.clone()).collect();
    let between = differing(&says, now).and_then(|(one, other)| Some((several.get(one)?.1, several.get(other)?.1)));
    let torn = within.or(between);
    findings.extend(torn.map(|(one, other)| undecided(one, other)));
    let mut fields = strictest(says);
    let speaker = speaker(&fields, several.first().map(|(_, last)| *last), now).cloned();
    let in_force: Vec<&Statement> = words.values().flat_map(|word| word.in_force.iter().copied()).collect();
    let candidates: Vec<Candidate<'_>> = words.into_values().flat_map(|word| word.candidates).collect();
    assign(&mut roles, &candidates, &fields, speaker.as_ref(), now);
    let in_force: Vec<&Statement> = in_force.into_iter().chain(candidates.iter().map(|candidate| candidate.last)).collect();
    let silenced = Silenced::by(&in_force, !fields.is_empty());
    declare(&mut fields, said.declared, &silenced);
    let misread: Vec<&Misread> = said.misread.iter().filter(|word| silenced.leaves(word)).collect();
    let misread_dates = misread.iter().filter(|word| word.field.is_time()).count();
    let unreadable = unreadable + misread.len();
    let standing = field::standing(&record(&fields), now);
    Resolution {
        roles,
        // What cannot be read may be stricter than all that is weaker than these two.
        standing: standing.filter(|standing| unreadable == 0 || matches!(standing, Status::Withdrawn | Status::EndOfLife)),
        fields,
        ambiguous: torn.is_some(),
        unreadable,
        misread_dates,
        last,
        by_issuer,
        findings,
    }
}

/// Leaves out what was made later than is asked about, and whose word is not asked for.
fn counted<'a>(
    set: impl Iterator<Item = &'a Statement>,
    question: &Question,
    roles: &mut BTreeMap<Digest, Role>,
    findings: &mut Vec<Finding>,
) -> Vec<&'a Statement> {
    let mut counted = Vec::new();
    for statement in set {
        let is_asked = |issuer: &str| question.issuers.iter().any(|asked| asked == issuer);
        let later = statement.made.time().is_some_and(|time| time > question.now);
        if !question.issuers.is_empty() && !statement.issuer.as_deref().is_some_and(is_asked) {
            roles.insert(statement.digest.clone(), Role::NotAsked);
            continue;
        }
        if later && statement.is_valid() {
            findings.push(from_the_future(statement, question));
        }
        if later && question.exact {
            roles.insert(statement.digest.clone(), Role::Future);
            continue;
        }
        roles.insert(statement.digest.clone(), Role::SaysNothing);
        counted.push(statement);
    }
    counted
}

/// What one issuer says.
fn own(word: &Word<'_>, now: Moment) -> Own {
    let overrides: BTreeSet<Digest> = word.in_force.iter().flat_map(|statement| statement.overrides.iter().cloned()).collect();
    Own { says: record(&word.together(now)), overrides: overrides.into_iter().collect() }
}

/// What is said in a field, and who says so.
type Claim = (Option<String>, Field, String);

/// Takes away what other issuers override. A withdrawal stays, and issuers who override each other override nothing.
fn override_all(words: &mut BTreeMap<Option<&str>, Word<'_>>, set: &BTreeMap<&Digest, &Statement>, roles: &mut BTreeMap<Digest, Role>) {
    // Which issuer overrides which, and which values of it.
    let mut claims: Vec<(Option<String>, Claim, Digest)> = Vec::new();
    for (issuer, word) in &*words {
        for statement in &word.in_force {
            let others = statement.overrides.iter().filter_map(|digest| set.get(digest)).filter(|other| other.issuer.as_deref() != *issuer);
            for other in others {
                let says = other.says.iter().filter(|(_, stated)| stated.value != Value::Status(Status::Withdrawn));
                claims.extend(says.map(|(field, stated)| {
                    (issuer.map(str::to_owned), (other.issuer.clone(), *field, stated.value.to_string()), statement.digest.clone())
                }));
            }
        }
    }
    let edges: BTreeSet<(Option<String>, Option<String>)> = claims.iter().map(|(by, claim, _)| (by.clone(), claim.0.clone())).collect();
    let reaches = |from: &Option<String>, to: &Option<String>| {
        let mut seen: BTreeSet<&Option<String>> = BTreeSet::from([from]);
        let mut ahead = vec![from];
        while let Some(at) = ahead.pop() {
            ahead.extend(edges.iter().filter(|(by, _)| by == at).map(|(_, of)| of).filter(|of| seen.insert(of)));
        }
        seen.contains(to)
    };
    claims.retain(|(by, claim, _)| !reaches(&claim.0, by));
    for (issuer, word) in words {
        for candidate in &mut word.candidates {
            let mut by = None;
            candidate.fields.retain(|field, held| {
                let claim = (issuer.map(str::to_owned), *field, held.stated.value.to_string());
                let overriding = claims.iter().find(|(_, other, _)| *other == claim);
                by = by.take().or_else(|| overriding.map(|(_, _, statement)| statement.clone()));
                overriding.is_none()
            });
            if let Some(by) = by {
                roles.insert(candidate.last.digest.clone(), Role::Overridden { by });
            }
        }
        word.candidates.retain(|candidate| {
            !candidate.fields.is_empty() || !matches!(roles.get(&candidate.last.digest), Some(Role::Overridden { .. }))
        });
    }
}

/// The statement that the standing follows from.
fn speaker<'a>(fields: &'a Fields, first: Option<&'a Statement>, now: Moment) -> Option<&'a Digest> {
    let record = record(fields);
    let standing = field::standing(&record, now);
    let alone = |field: Field| {
        let value = record.get(&field)?;
        (field::standing(&Record::from([(field, value.clone())]), now) == standing).then_some(field)
    };
    let deciding = [Field::Status, Field::EndOfLife, Field::SupersededBy, Field::SupersededByName].into_iter().find_map(alone);
    let held = deciding.filter(|_| standing.is_some()).and_then(|field| fields.get(&field));
    held.and_then(|held| held.source.statement()).or(first.map(|first| &first.digest))
}

/// Says what became of those that count.
fn assign(roles: &mut BTreeMap<Digest, Role>, candidates: &[Candidate<'_>], fields: &Fields, speaker: Option<&Digest>, now: Moment) {
    for candidate in candidates {
        if !matches!(roles.get(&candidate.last.digest), Some(Role::Overridden { .. })) {
            let differs = differing(&[candidate.fields.clone(), fields.clone()], now).is_some();
            let role = if differs { Role::Differs } else { Role::Agrees };
            roles.insert(candidate.last.digest.clone(), role);
        }
    }
    roles.extend(fields.values().filter_map(|held| held.source.statement()).map(|source| (source.clone(), Role::Adds)));
    roles.extend(speaker.map(|speaker| (speaker.clone(), Role::Speaks)));
}

/// What statements take from the words of the image itself. These hold while no statement says everything; what was inherited is the base's,
/// not the image's, and what was taken back is not said again by it. Two things hold longer: that it is withdrawn, until a statement of
/// nobody by name ends that as it ends another one; and what a label says, which no statement repeats, until a statement judges the image.
struct Silenced {
    cleared: BTreeSet<Field>,
    /// Whether a withdrawal is ended.
    ended: bool,
    /// Whether a statement says everything.
    annotations: bool,
    /// Whether one judges the image.
    labels: bool,
}

impl Silenced {
    fn by(in_force: &[&Statement], is_stated: bool) -> Self {
        let has_status =
            |statement: &Statement| !matches!(field::status(&statement.record()), None | Some(Status::Withdrawn | Status::Superseded));
        let whole: Vec<&&Statement> = in_force.iter().filter(|one| is_stated && one.extent() == Extent::Everything).collect();
        Self {
            cleared: in_force.iter().flat_map(|statement| &statement.cleared).copied().collect(),
            ended: in_force.iter().any(|statement| statement.issuer.is_none() && has_status(statement)),
            annotations: !whole.is_empty(),
            labels: whole.iter().any(|statement| has_status(statement) || statement.says.contains_key(&Field::EndOfLife)),
        }
    }

    fn is_own(&self, field: Field, inherited: Inherited) -> bool {
        inherited != Inherited::Yes && !self.cleared.contains(&field)
    }

    fn hides(&self, place: Place) -> bool {
        if place == Place::Label { self.labels } else { self.annotations }
    }

    /// Whether something that is not understood may still say something that counts: a status may be a withdrawal.
    fn leaves(&self, word: &Misread) -> bool {
        let is_hidden = if word.field == Field::Status { self.ended } else { self.hides(word.place) };
        word.field.decides() && self.is_own(word.field, word.inherited) && !is_hidden
    }
}

/// Adds what the image says of itself; the nearest place first.
fn declare(fields: &mut Fields, declared: &[Declaration], silenced: &Silenced) {
    for declaration in declared.iter().filter(|one| silenced.is_own(one.field, one.inherited)) {
        let held = || Held { stated: declaration.stated.clone(), source: SaidBy::Image };
        if declaration.stated.value == Value::Status(Status::Withdrawn) && !silenced.ended {
            if fields.get(&Field::Status).is_none_or(|held| held.stated.value != declaration.stated.value) {
                fields.insert(Field::Status, held());
            }
        } else if !silenced.hides(declaration.stated.place) {
            fields.entry(declaration.field).or_insert_with(held);
        }
    }
}

fn from_the_future(statement: &Statement, question: &Question) -> Finding {
    let message = if question.exact {
        "a statement was made later than the time that is asked about and does not count"
    } else {
        "the date of a statement is later than the clock, so it counts as if it had none"
    };
    let time = statement.made.time().map_or_else(|| "no time".to_owned(), |time| time.to_string());
    Finding::new(Code::LifecycleFuture, message)
        .at(format!("statement {}", statement.digest))
        .expected(Fact::new(format!("at most {}", question.now), if question.exact { "the time that is asked about" } else { "the clock" }))
        .found(Fact::new(time, "the statement"))
}

fn undecided(one: &Statement, other: &Statement) -> Finding {
    let says = |statement: &Statement| {
        let listed: Vec<String> = statement.says.iter().map(|(field, stated)| format!("{} {}", field.name(), stated.value)).collect();
        listed.join(", ")
    };
    let by = |statement: &Statement| {
        let issuer = statement.issuer.as_ref().map(|issuer| format!(" of {issuer}")).unwrap_or_default();
        let date = statement.made.time().map_or_else(|| " without a date".to_owned(), |made| format!(", {made}"));
        format!("statement {}{issuer}{date}", statement.digest)
    };
    let (message, hint) = if one.issuer == other.issuer {
        (
            "statements differ, and neither is later; the stricter holds",
            "Say what holds with `airbase lifecycle set`; the new statement replaces both.",
        )
    } else {
        (
            "issuers differ; the stricter holds",
            "Say whom to believe with --issuer, or override the statements of others with `airbase lifecycle set --override`.",
        )
    };
    Finding::new(Code::LifecycleAmbiguous, message)
        .at(format!("image {}", one.subject))
        .expected(Fact::new(says(one), by(one)))
        .found(Fact::new(says(other), by(other)))
        .hint(hint)
}

/// The digests of all statements that a new one of `issuer` takes the place of: those that count and those that they replaced, so that
/// one that was removed and comes back with the next synchronisation stays replaced. What was not understood is not replaced.
pub fn replaced_by_next(statements: &[Statement], issuer: Option<&str>) -> Vec<Digest> {
    let own = statements.iter().filter(|statement| statement.is_valid() && statement.issuer.as_deref() == issuer);
    let all: BTreeSet<&Digest> = own.flat_map(|statement| statement.replaces.iter().chain([&statement.digest])).collect();
    all.into_iter().cloned().collect()
}

/// The sequence of the next statement of `issuer` on `subject`.
pub fn next_sequence(statements: &[Statement], subject: &Digest, issuer: Option<&str>) -> u64 {
    let own = statements.iter().filter(|statement| statement.subject == *subject && statement.issuer.as_deref() == issuer);
    own.map(|statement| statement.sequence).max().unwrap_or(0).saturating_add(1)
}

/// Where an image stands, for who decides what is to be used: `None` is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// Where it stands.
    pub standing: Option<Status>,
    /// Why, as the statements have it.
    pub reason: Option<String>,
    /// Since when or from when on its life has ended, if a date is known.
    pub end_of_life: Option<When>,
    /// The image to use instead.
    pub superseded_by: Option<Digest>,
    /// Whether something that may be a statement cannot be read, so that it may be worse.
    pub unreadable: bool,
}

impl From<&Resolution> for Stand {
    fn from(resolution: &Resolution) -> Self {
        let record = resolution.record();
        Self {
            standing: resolution.standing,
            reason: field::text(&record, Field::Reason).map(str::to_owned),
            end_of_life: field::when(&record, Field::EndOfLife),
            superseded_by: field::digest(&record, Field::SupersededBy).cloned(),
            unreadable: resolution.unreadable > 0,
        }
    }
}

impl Stand {
    /// Whether it must not be used.
    pub fn is_stopped(&self) -> bool {
        matches!(self.standing, Some(Status::Withdrawn | Status::EndOfLife))
    }
}

#[cfg(test)]
pub(super) mod tests;
