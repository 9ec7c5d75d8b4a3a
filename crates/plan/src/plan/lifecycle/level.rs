//! What a statement on an index says of a platform below it.

use super::field::{Field, Stated, Status, Value};
use super::statement::Statement;
use crate::foundation::Digest;

/// The statement on an index, as it holds for the manifest `platform_digest` below it, of `platform` if that is known.
///
/// Which image it stands in for is said of the index only. A successor by platform becomes the successor of this one. Where there is
/// none for it, it is not superseded; where that is the platform itself, it stays in use, and only a withdrawal speaks of it.
pub fn down(statement: &Statement, platform: Option<&str>, platform_digest: &Digest) -> Statement {
    let mut below = statement.clone();
    below.findings.clear();
    below.says.remove(&Field::Supersedes);
    let Some(Stated { value: Value::Platforms(platforms), place, key, dialect }) = below.says.remove(&Field::SupersededByPlatforms) else {
        return below;
    };
    match platform.and_then(|platform| Some((platform, platforms.get(platform)?))) {
        Some((_, successor)) if successor == platform_digest => {
            let withdrawn = |stated: &Stated| stated.value == Value::Status(Status::Withdrawn);
            below.says.retain(|field, stated| (*field == Field::Status && withdrawn(stated)) || *field == Field::Reason);
            if !below.says.contains_key(&Field::Status) {
                below.says.clear();
            }
        }
        Some((platform, successor)) => {
            let stated = Stated { value: Value::Digest(successor.clone()), place, key: format!("{key}.{platform}"), dialect };
            below.says.insert(Field::SupersededBy, stated);
        }
        None => {
            below.says.retain(|field, stated| {
                !matches!(field, Field::SupersededBy | Field::SupersededByName) && stated.value != Value::Status(Status::Superseded)
            });
        }
    }
    below
}
