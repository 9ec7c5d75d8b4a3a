//! What a statement on an index says of a platform below it.

use std::collections::BTreeMap;

use super::field::{Field, Stated, Status, Value};
use super::statement::Statement;
use crate::foundation::Digest;
use crate::oci::Platform;

/// The statement on an index, as it holds for the manifest `platform_digest` below it, of `platform` if that is known.
///
/// Which image it stands in for is said of the index only. A successor by platform becomes the successor of this one. Where there is
/// none for it, it is not superseded; where that is the platform itself, it stays in use, and only a withdrawal speaks of it.
pub fn down(statement: &Statement, platform: Option<&str>, platform_digest: &Digest) -> Statement {
    let mut below = statement.clone();
    below.findings.clear();
    below.says.remove(&Field::Supersedes);
    let by_platform = below.says.remove(&Field::SupersededByPlatforms);
    if let Some(Stated { value: Value::Platforms(platforms), place, key, dialect }) = by_platform {
        match platform.and_then(|platform| of_platform(&platforms, platform)) {
            Some(successor) if successor == platform_digest => {
                let withdrawn = |stated: &Stated| stated.value == Value::Status(Status::Withdrawn);
                below.says.retain(|field, stated| (*field == Field::Status && withdrawn(stated)) || *field == Field::Reason);
            }
            Some(successor) => {
                let key = format!("{key}.{}", platform.unwrap_or_default());
                below.says.insert(Field::SupersededBy, Stated { value: Value::Digest(successor.clone()), place, key, dialect });
            }
            None => {
                below.says.retain(|field, stated| {
                    !matches!(field, Field::SupersededBy | Field::SupersededByName) && stated.value != Value::Status(Status::Superseded)
                });
            }
        }
    }
    // What says of an index why, or where to read more, says nothing of where its platforms stand: it must not hide what is said of them.
    let stands = |field: &Field| matches!(field, Field::Status | Field::SupersededBy | Field::SupersededByName) || field.is_time();
    if !below.says.keys().any(stands) {
        below.says.clear();
    }
    below
}

/// What a platform has among values by platform. Two spellings, such as `linux/arm64` and `linux/arm64/v8`, may mean one platform.
pub fn of_platform<'v, V>(values: &'v BTreeMap<String, V>, platform: &str) -> Option<&'v V> {
    let parsed = platform.parse::<Platform>().ok();
    let is_it = |own: &str| own.parse::<Platform>().is_ok_and(|own| parsed.as_ref().is_some_and(|platform| own.matches(platform)));
    let mut matching = values.iter().filter(|(own, _)| is_it(own)).map(|(_, value)| value);
    values.get(platform).or_else(|| matching.next().filter(|_| matching.next().is_none()))
}
