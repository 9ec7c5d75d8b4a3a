//! What to state next: a wish, applied to what is stated already.

use std::collections::BTreeSet;

use super::field::{self, Field, Record, Status, Value};
use super::time::{Moment, When};

/// What a person wants to be so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// The values that shall hold.
    pub set: Record,
    /// The fields about which nothing shall be said any more.
    pub clear: BTreeSet<Field>,
}

impl Change {
    /// A change to one value.
    pub fn of(field: Field, value: Value) -> Self {
        Self { set: Record::from([(field, value)]), clear: BTreeSet::new() }
    }

    /// All that the next statement says: a statement of ours says everything, so it repeats what is `stated` and stays. `None` if
    /// it is so already, to the second.
    ///
    /// An image that is active again has not come to its end and is not superseded, unless the wish says so too. One whose life
    /// has ended without a date has ended now.
    pub fn next(&self, stated: &Record, now: Moment) -> Option<Record> {
        let mut next = stated.clone();
        next.retain(|field, _| !self.clear.contains(field));
        if field::status(&self.set) == Some(Status::Active) {
            let ended = field::when(&next, Field::EndOfLife).is_some_and(|end| end.has_come(now));
            next.retain(|field, _| match field {
                Field::EndOfLife => !ended,
                Field::SupersededBy | Field::SupersededByName | Field::SupersededByPlatforms | Field::Reason | Field::Url => false,
                _ => true,
            });
        }
        // Where to go instead is one thing in three parts.
        if self.set.contains_key(&Field::SupersededBy) && self.set.get(&Field::SupersededBy) != stated.get(&Field::SupersededBy) {
            next.retain(|field, _| !matches!(field, Field::SupersededByName | Field::SupersededByPlatforms));
        }
        next.extend(self.set.iter().map(|(field, value)| (*field, value.clone())));
        if next == *stated {
            return None;
        }
        to_be_written(&mut next, now);
        (next != *stated).then_some(next)
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
    use crate::core::Digest;

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
        let change = Change { set: set.iter().cloned().collect(), clear: BTreeSet::new() };
        change.next(&stated.iter().cloned().collect(), moment("2026-06-01"))
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
        let change = Change { set: Record::new(), clear: BTreeSet::from([Field::Reason]) };
        let stated: Record = [end("2026-12-01"), reason("x")].into_iter().collect();
        assert_eq!(change.next(&stated, moment("2026-06-01")), Some(record(&[end("2026-12-01")])));
        assert_eq!(change.next(&record(&[end("2026-12-01")]), moment("2026-06-01")), None);
    }
}
