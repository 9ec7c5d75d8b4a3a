//! Which statements can go, so that readers who take the first one of a type take the right one.
//!
//! It is decided for each issuer alone, because nobody speaks for another one. After it, of each issuer each artifact type has one
//! statement at most, and none of them contradicts what it says. What was not understood, what comes from the future, and
//! what another issuer overrides stays. A new statement is made only where none that is there says alone what all say together, and
//! only in the name of the issuer who asks; a withdrawal that holds is repeated in it before anything goes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::convention::{MICROSOFT_TYPE, OWN_TYPE};
use super::field::Record;
use super::held::Role;
use super::resolve::{Resolution, Said, replaced_by_next, resolve};
use super::statement::Statement;
use super::time::Moment;
use crate::foundation::Digest;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compaction {
    /// Those that stay.
    pub keep: Vec<Digest>,
    /// Those that go, each with why.
    pub remove: Vec<(Digest, String)>,
    /// The statement that is needed first: what it says, and which ones it replaces.
    pub write: Option<(Record, Vec<Digest>)>,
}

/// Decides for the statements on one image; a new one would be made by `issuer`.
pub fn compact(statements: &[Statement], issuer: Option<&str>, now: Moment) -> Compaction {
    let overridden: BTreeSet<&Digest> = statements.iter().flat_map(|statement| &statement.overrides).collect();
    let mut issuers: BTreeMap<Option<&str>, Vec<Statement>> = BTreeMap::new();
    for statement in statements {
        issuers.entry(statement.issuer.as_deref()).or_default().push(statement.clone());
    }
    let mut done = Compaction { keep: Vec::new(), remove: Vec::new(), write: None };
    for (of, own) in issuers {
        let mut one = of_issuer(&own, now);
        if one.write.is_some() && of != issuer {
            one = Compaction { keep: own.iter().map(|statement| statement.digest.clone()).collect(), remove: Vec::new(), write: None };
        }
        let (stay, go): (Vec<_>, Vec<_>) = one.remove.into_iter().partition(|(digest, _)| overridden.contains(digest));
        done.keep.extend(one.keep.into_iter().chain(stay.into_iter().map(|(digest, _)| digest)));
        done.remove.extend(go);
        done.write = done.write.or(one.write);
    }
    done.keep.sort();
    done.keep.dedup();
    done.remove.sort();
    done
}

fn of_issuer(statements: &[Statement], now: Moment) -> Compaction {
    let resolution = resolve(Said::of(statements), &now.into());
    let holds = resolution.stated();
    let set: BTreeMap<&Digest, &Statement> = statements.iter().map(|statement| (&statement.digest, statement)).collect();
    let speaker = resolution.speaker().and_then(|digest| set.get(digest)).copied();
    if let Some(speaker) = speaker.filter(|speaker| speaker.record() == holds && !resolution.ambiguous) {
        let done = choose(&set, &resolution, Some(speaker));
        // What goes may have held back something that stays; then only a new statement is safe.
        let left: Vec<Statement> = done.keep.iter().filter_map(|digest| set.get(digest)).copied().cloned().collect();
        let after = resolve(Said::of(&left), &now.into());
        if after.stated() == holds && !after.ambiguous {
            return done;
        }
    }
    let mut done = choose(&set, &resolution, None);
    if speaker.is_some() {
        // Those of other types that stay for their readers are replaced too: for us, the new one says it all.
        let issuer = statements.first().and_then(|statement| statement.issuer.as_deref());
        done.write = Some((holds, replaced_by_next(statements, issuer)));
    }
    done
}

/// Sorts out. Without `speaker`, a statement of our types will be made.
fn choose(set: &BTreeMap<&Digest, &Statement>, resolution: &Resolution, speaker: Option<&Statement>) -> Compaction {
    let holds = resolution.stated();
    let mut types: BTreeSet<&str> = BTreeSet::new();
    match speaker {
        None => types.extend([OWN_TYPE, MICROSOFT_TYPE]),
        Some(speaker) => types.extend([speaker.artifact_type.as_str()]),
    }
    let mut done = Compaction { keep: Vec::new(), remove: Vec::new(), write: None };
    done.keep.extend(speaker.map(|speaker| speaker.digest.clone()));
    // The latest of each type first.
    let mut others: Vec<&Statement> = set.values().copied().filter(|statement| Some(*statement) != speaker).collect();
    others.sort_by_key(|statement| (Reverse(statement.made.time()), statement.digest.clone()));
    for statement in others {
        let agrees = statement.record().iter().all(|(field, value)| holds.get(field) == Some(value));
        let why = match resolution.roles.get(&statement.digest) {
            Some(Role::SaysNothing | Role::Future | Role::NotAsked) | None => None,
            Some(Role::Replaced { by }) => Some(format!("replaced by {by}")),
            Some(_) if !agrees => Some("it says something else than what holds".to_owned()),
            Some(_) if types.insert(&statement.artifact_type) => None,
            Some(_) => Some("another one of its type says what holds".to_owned()),
        };
        match why {
            Some(why) => done.remove.push((statement.digest.clone(), why)),
            None => done.keep.push(statement.digest.clone()),
        }
    }
    done.keep.sort();
    done.remove.sort();
    done
}

#[cfg(test)]
mod tests;
