//! What to state next: a wish, applied to what is stated already.

use std::collections::BTreeSet;

use super::field::{self, Field, Record, Status, Value};
use super::time::{Moment, When};

/// What a user wants to be so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// The values that shall hold.
    pub set: Record,
    /// The fields about which nothing shall be said any more.
    pub clear: BTreeSet<Field>,
    /// Whether the status was asked for as such. Only then it ends a withdrawal; one that follows from something else, such as a
    /// successor or a published list, does not.
    pub explicit: bool,
}

/// What the next statement says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Next {
    /// All that shall hold.
    pub says: Record,
    /// What is taken back.
    pub cleared: BTreeSet<Field>,
}

impl Change {
    /// A change to one value, which ends no withdrawal.
    pub fn of(field: Field, value: Value) -> Self {
        Self { set: Record::from([(field, value)]), ..Self::default() }
    }

    /// All that the next statement says: a statement of ours says everything, so it repeats what is `stated` and stays. `None` if
    /// it is so already, to the second.
    ///
    /// An image that is active again has not come to its end and is not superseded, unless the wish says so too. One whose life
    /// has ended without a date has ended now. A withdrawal stays, unless the status is set or cleared as such.
    pub fn next(&self, stated: &Record, now: Moment) -> Option<Next> {
        let withdrawn = field::status(stated) == Some(Status::Withdrawn);
        let mut set = self.set.clone();
        if withdrawn && !self.explicit {
            set.remove(&Field::Status);
        }
        let mut next = stated.clone();
        next.retain(|field, _| !self.clear.contains(field));
        if field::status(&set) == Some(Status::Active) {
            let ended = field::when(&next, Field::EndOfLife).is_some_and(|end| end.has_come(now));
            next.retain(|field, _| match field {
                Field::EndOfLife => !ended,
                Field::SupersededBy | Field::SupersededByName | Field::SupersededByPlatforms | Field::Reason | Field::Url => false,
                _ => true,
            });
        }
        // Where to go instead is one thing in three parts.
        if set.contains_key(&Field::SupersededBy) && set.get(&Field::SupersededBy) != stated.get(&Field::SupersededBy) {
            next.retain(|field, _| !matches!(field, Field::SupersededByName | Field::SupersededByPlatforms));
        }
        next.extend(set);
        if next != *stated {
            to_be_written(&mut next, now);
        }
        if next == *stated {
            return None;
        }
        let mut cleared: BTreeSet<Field> = stated.keys().filter(|field| self.clear.contains(field)).copied().collect();
        cleared.retain(|field| !next.contains_key(field));
        if withdrawn && field::status(&next) != Some(Status::Withdrawn) {
            cleared.insert(Field::Status);
        }
        Some(Next { says: next, cleared })
    }
}

/// What is written has exact dates only.
fn to_be_written(record: &mut Record, now: Moment) {
    for field in Field::ALL.into_iter().filter(|field| field.is_time()) {
        match field::when(record, field) {
            Some(When::At(moment)) => {
                record.insert(field, Value::Time(When::At(moment.to_the_second())));
            }
            Some(other) => {
                record.remove(&field);
                if field == Field::EndOfLife {
                    let status = if other.has_come(now) { Status::EndOfLife } else { Status::Active };
                    record.entry(Field::Status).or_insert(Value::Status(status));
                }
            }
            None => {}
        }
    }
    if field::status(record) == Some(Status::EndOfLife) {
        record.entry(Field::EndOfLife).or_insert(Value::Time(When::At(now.to_the_second())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foundation::Digest;

    fn moment(text: &str) -> Moment {
        Moment::strict(text).unwrap()
    }

    fn end(text: &str) -> (Field, Value) {
        (Field::EndOfLife, Value::Time(When::At(moment(text))))
    }

    fn status(status: Status) -> (Field, Value) {
        (Field::Status, Value::Status(status))
    }

    fn reason(text: &str) -> (Field, Value) {
        (Field::Reason, Value::Text(text.to_owned()))
    }

    fn next(stated: &[(Field, Value)], set: &[(Field, Value)]) -> Option<Record> {
        let change = Change { set: set.iter().cloned().collect(), explicit: true, ..Change::default() };
        change.next(&stated.iter().cloned().collect(), moment("2026-06-01")).map(|next| next.says)
    }

    fn record(pairs: &[(Field, Value)]) -> Record {
        pairs.iter().cloned().collect()
    }

    #[test]
    fn what_is_so_already_needs_no_statement() {
        let stated = [end("2026-12-01"), reason("x")];
        assert_eq!(next(&stated, &[end("2026-12-01")]), None);
        assert_eq!(next(&stated, &[]), None);
        assert_eq!(next(&stated, &[end("2026-12-02")]), Some(record(&[end("2026-12-02"), reason("x")])));
        assert_eq!(next(&[], &[]), None);
    }

    #[test]
    fn an_end_without_a_date_is_now_and_stays_then() {
        let ended = [status(Status::EndOfLife), end("2026-06-01")];
        assert_eq!(next(&[], &[status(Status::EndOfLife)]), Some(record(&ended)));
        // On any later day it is so already.
        let change = Change::of(Field::Status, Value::Status(Status::EndOfLife));
        assert_eq!(change.next(&ended.iter().cloned().collect(), moment("2026-07-01")), None);
    }

    #[test]
    fn an_image_that_is_active_again_has_not_ended() {
        let successor = (Field::SupersededBy, Value::Digest(Digest::sha256(b"new")));
        let version = (Field::Version, Value::Text("1".to_owned()));
        let stated = [end("2026-05-01"), status(Status::EndOfLife), successor, reason("by mistake"), version.clone()];
        assert_eq!(next(&stated, &[status(Status::Active)]), Some(record(&[status(Status::Active), version])));
        // A date that is still to come stays, and so does one that the wish gives.
        assert_eq!(next(&[end("2027-01-01")], &[status(Status::Active)]), Some(record(&[end("2027-01-01"), status(Status::Active)])));
        assert_eq!(
            next(&[end("2026-05-01")], &[status(Status::Active), end("2026-09-01")]),
            Some(record(&[end("2026-09-01"), status(Status::Active)]))
        );
    }

    #[test]
    fn another_successor_takes_the_name_of_the_old_one_along() {
        let digest = |text: &str| (Field::SupersededBy, Value::Digest(Digest::sha256(text.as_bytes())));
        let name = (Field::SupersededByName, Value::Text("app:2".to_owned()));
        assert_eq!(next(&[digest("2"), name.clone()], &[digest("3")]), Some(record(&[digest("3")])));
        assert_eq!(next(&[digest("2"), name], &[digest("2")]), None);
    }

    #[test]
    fn what_others_said_without_a_date_becomes_a_status() {
        let already = (Field::EndOfLife, Value::Time(When::Already));
        assert_eq!(next(&[already], &[reason("x")]), Some(record(&[status(Status::EndOfLife), end("2026-06-01"), reason("x")])));
        let not_yet = (Field::EndOfLife, Value::Time(When::NotYet));
        assert_eq!(next(&[not_yet], &[reason("x")]), Some(record(&[status(Status::Active), reason("x")])));
    }

    #[test]
    fn a_field_can_be_taken_back() {
        let change = Change { clear: BTreeSet::from([Field::Reason]), ..Change::default() };
        let stated: Record = [end("2026-12-01"), reason("x")].into_iter().collect();
        let next = Next { says: record(&[end("2026-12-01")]), cleared: BTreeSet::from([Field::Reason]) };
        assert_eq!(change.next(&stated, moment("2026-06-01")), Some(next));
        assert_eq!(change.next(&record(&[end("2026-12-01")]), moment("2026-06-01")), None);
    }
    /// Rule 3 of `docs/lifecycle.md`, the writer's part.
    #[test]
    fn a_withdrawal_ends_only_where_the_status_is_meant() {
        let withdrawn = [status(Status::Withdrawn), reason("backdoor")];
        let successor = (Field::SupersededBy, Value::Digest(Digest::sha256(b"new")));
        let wish = |set: &[(Field, Value)], clear: &[Field], explicit| {
            let change = Change { set: record(set), clear: clear.iter().copied().collect(), explicit };
            change.next(&record(&withdrawn), moment("2026-06-01"))
        };
        let superseded = wish(&[status(Status::Superseded), successor.clone()], &[], false).unwrap();
        assert_eq!(superseded.says, record(&[status(Status::Withdrawn), reason("backdoor"), successor]));
        assert_eq!(superseded.cleared, BTreeSet::new());
        assert_eq!(wish(&[status(Status::Active)], &[], false), None);
        let dated = wish(&[end("2026-12-01")], &[], false).unwrap();
        assert_eq!(field::status(&dated.says), Some(Status::Withdrawn));
        for status_set in [Status::Active, Status::Deprecated, Status::Superseded, Status::EndOfLife] {
            let next = wish(&[status(status_set)], &[], true).unwrap();
            assert_eq!((field::status(&next.says), next.cleared), (Some(status_set), BTreeSet::from([Field::Status])));
        }
        let cleared = wish(&[], &[Field::Status], false).unwrap();
        assert_eq!(cleared, Next { says: record(&[reason("backdoor")]), cleared: BTreeSet::from([Field::Status]) });
    }
}
