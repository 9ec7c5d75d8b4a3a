use super::super::resolve::next_sequence;
use super::super::resolve::tests::{any_set, authored, end, microsoft, now, own, statement, status};
use super::*;
use crate::plan::lifecycle::convention::Convention;
use crate::plan::lifecycle::field::{Field, Status, Value};
use crate::plan::lifecycle::profile::Profile;

fn digests(statements: &[&Statement]) -> Vec<Digest> {
    let mut digests: Vec<Digest> = statements.iter().map(|statement| statement.digest.clone()).collect();
    digests.sort();
    digests
}

#[test]
fn of_duplicates_one_is_left() {
    let duplicates: Vec<Statement> = (0..23).map(|number| microsoft(&number.to_string(), None, "2024-11-12")).collect();
    let done = compact(&duplicates, now());
    assert_eq!((done.keep.len(), done.remove.len(), done.write), (1, 22, None));
    let left: Vec<Statement> = duplicates.into_iter().filter(|statement| done.keep.contains(&statement.digest)).collect();
    assert_eq!(compact(&left, now()), Compaction { keep: done.keep, remove: vec![], write: None });
}

#[test]
fn what_two_say_together_is_said_by_a_new_one() {
    let ours = own("ours", Some("2026-02-01"), &[status(Status::Deprecated)]);
    let theirs = microsoft("theirs", Some("2026-03-01"), "2027-01-01");
    let done = compact(&[ours.clone(), theirs.clone()], now());
    assert_eq!(done.keep, []);
    assert_eq!(done.write, Some((Record::from([status(Status::Deprecated), end("2027-01-01")]), digests(&[&ours, &theirs]))));
}

#[test]
fn readers_of_another_type_keep_theirs_if_it_is_true() {
    let vendor = |name: &str, date| statement(name, Convention::Vendor("example".to_owned()), Some("2026-01-01"), &[end(date)]);
    let ours = own("ours", Some("2026-02-01"), &[status(Status::EndOfLife), end("2026-01-15")]);
    let (right, wrong) = (vendor("right", "2026-01-15"), vendor("wrong", "2027-01-15"));
    let done = compact(&[ours.clone(), right.clone()], now());
    assert_eq!((done.keep, done.remove.len(), done.write), (digests(&[&ours, &right]), 0, None));
    let done = compact(&[ours.clone(), wrong.clone()], now());
    assert_eq!((done.keep, done.write), (digests(&[&ours]), None));
    assert_eq!(done.remove, [(wrong.digest, "it says something else than what holds".to_owned())]);
}

/// The higher number goes because it says something else; the lower one behind it is later than the one that speaks, and says less.
#[test]
fn what_was_held_back_does_not_come_to_speak() {
    let reason = (Field::Reason, Value::Text("x".to_owned()));
    let vendor = statement("vendor", Convention::Vendor("example".to_owned()), Some("2026-02-01"), &[end("2026-01-15"), reason.clone()]);
    let mut high = own("high", Some("2026-01-01"), &[status(Status::Deprecated)]);
    let mut low = own("low", Some("2026-03-01"), &[end("2026-01-15")]);
    (high.sequence, low.sequence) = (5, 4);
    let set = [vendor, high, low];
    let holds = Record::from([end("2026-01-15"), reason]);
    assert_eq!(resolve(&set, &[], now()).stated(), holds);
    assert_eq!(compact(&set, now()).write.map(|(says, _)| says), Some(holds));
}

#[test]
fn what_is_not_understood_and_what_is_to_come_stays() {
    let silent = own("silent", Some("2026-01-01"), &[(Field::Version, Value::Text("1".to_owned()))]);
    let future = own("future", Some("2031-01-01"), &[status(Status::Active)]);
    let present = own("present", Some("2026-02-01"), &[status(Status::Withdrawn)]);
    let done = compact(&[silent.clone(), future.clone(), present.clone()], now());
    assert_eq!((done.keep, done.remove.len(), done.write), (digests(&[&silent, &future, &present]), 0, None));
    assert_eq!(compact(&[], now()), Compaction { keep: vec![], remove: vec![], write: None });
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 600, failure_persistence: None, ..Default::default() })]

    /// Nothing that holds changes, each type has one statement, doing it again has nothing to do, and what comes back from a
    /// place that was not compacted changes nothing.
    #[test]
    fn compaction_changes_nothing_that_holds(set in any_set(24)) {
        let before = resolve(&set, &[], now());
        let done = compact(&set, now());
        let mut after: Vec<Statement> = set.iter().filter(|statement| done.keep.contains(&statement.digest)).cloned().collect();
        proptest::prop_assert_eq!(done.keep.len() + done.remove.len(), set.len());
        let mut returned = set.clone();
        if let Some((says, replaces)) = &done.write {
            let made = authored(says.clone(), replaces.clone(), next_sequence(&set, None), &Profile::Combined, now());
            after.push(made.clone());
            returned.push(made);
        }
        let resolution = resolve(&after, &[], now());
        proptest::prop_assert_eq!(resolution.stated(), before.stated());
        proptest::prop_assert!(!resolution.ambiguous);
        proptest::prop_assert_eq!(resolve(&returned, &[], now()).stated(), before.stated());
        let counted: Vec<&str> = after
            .iter()
            .filter(|statement| !matches!(resolution.roles[&statement.digest], Role::SaysNothing | Role::Future))
            .map(|statement| statement.artifact_type.as_str())
            .collect();
        let types: BTreeSet<&str> = counted.iter().copied().collect();
        proptest::prop_assert_eq!(types.len(), counted.len());
    }
}
