use super::super::resolve::tests::{any_set, authored, end, microsoft, now, own, statement, status, subject};
use super::super::resolve::{next_sequence, resolve};
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
    let done = compact(&duplicates, None, now());
    assert_eq!((done.keep.len(), done.remove.len(), done.write), (1, 22, None));
    let left: Vec<Statement> = duplicates.into_iter().filter(|statement| done.keep.contains(&statement.digest)).collect();
    assert_eq!(compact(&left, None, now()), Compaction { keep: done.keep, remove: vec![], write: None });
}

#[test]
fn what_two_say_together_is_said_by_a_new_one() {
    let ours = own("ours", Some("2026-02-01"), &[status(Status::Deprecated)]);
    let theirs = microsoft("theirs", Some("2026-03-01"), "2027-01-01");
    let done = compact(&[ours.clone(), theirs.clone()], None, now());
    assert_eq!(done.keep, []);
    assert_eq!(done.write, Some((Record::from([status(Status::Deprecated), end("2027-01-01")]), digests(&[&ours, &theirs]))));
}

#[test]
fn readers_of_another_type_keep_theirs_if_it_is_true() {
    let vendor = |name: &str, date| statement(name, Convention::Vendor("example".to_owned()), Some("2026-01-01"), &[end(date)]);
    let ours = own("ours", Some("2026-02-01"), &[status(Status::EndOfLife), end("2026-01-15")]);
    let (right, wrong) = (vendor("right", "2026-01-15"), vendor("wrong", "2027-01-15"));
    let done = compact(&[ours.clone(), right.clone()], None, now());
    assert_eq!((done.keep, done.remove.len(), done.write), (digests(&[&ours, &right]), 0, None));
    let done = compact(&[ours.clone(), wrong.clone()], None, now());
    assert_eq!((done.keep, done.write), (digests(&[&ours]), None));
    assert_eq!(done.remove, [(wrong.digest, "it says something else than what holds".to_owned())]);
}

/// The higher number is the later one, whatever the clocks said, and stays so without the lower one.
#[test]
fn the_number_decides_what_stays() {
    let mut high = own("high", Some("2026-01-01"), &[status(Status::Deprecated)]);
    let mut low = own("low", Some("2026-03-01"), &[end("2026-01-15")]);
    (high.sequence, low.sequence) = (5, 4);
    let done = compact(&[high.clone(), low.clone()], None, now());
    assert_eq!((done.keep, done.write), (digests(&[&high]), None));
}

#[test]
fn what_is_not_understood_stays_and_what_is_to_come_is_settled() {
    let silent = own("silent", Some("2026-01-01"), &[(Field::Version, Value::Text("1".to_owned()))]);
    let present = own("present", Some("2026-02-01"), &[status(Status::Withdrawn)]);
    let done = compact(&[silent.clone(), present.clone()], None, now());
    assert_eq!((done.keep, done.remove.len(), done.write), (digests(&[&silent, &present]), 0, None));
    let future = own("future", Some("2031-01-01"), &[status(Status::Active)]);
    let done = compact(&[silent.clone(), future.clone(), present.clone()], None, now());
    assert_eq!(
        (done.keep, done.write),
        (digests(&[&silent]), Some((Record::from([status(Status::Withdrawn)]), digests(&[&future, &present]))))
    );
    assert_eq!(compact(&[], None, now()), Compaction { keep: vec![], remove: vec![], write: None });
}

/// Rule 3 of `docs/lifecycle.md`: older versions wrote over a withdrawal, and it holds nevertheless.
#[test]
fn a_withdrawal_is_repeated_before_its_statement_goes() {
    let withdrawn = own("withdrawn", Some("2026-01-01"), &[status(Status::Withdrawn)]);
    let successor = (Field::SupersededBy, Value::Digest(Digest::sha256(b"new")));
    let mut superseded = own("superseded", Some("2026-02-01"), &[status(Status::Superseded), successor.clone()]);
    superseded.replaces = vec![withdrawn.digest.clone()];
    let done = compact(&[withdrawn.clone(), superseded.clone()], None, now());
    assert_eq!(done.write, Some((Record::from([status(Status::Withdrawn), successor]), digests(&[&withdrawn, &superseded]))));
}

#[test]
fn nobody_speaks_for_another_issuer() {
    let theirs = |name: &str, time: &str, says: (Field, Value)| {
        let mut made = microsoft(name, Some(time), "2027-01-01");
        made.issuer = Some("vendor".to_owned());
        made.says.insert(says.0, own("x", None, std::slice::from_ref(&says)).says.remove(&says.0).unwrap());
        made
    };
    let one = theirs("one", "2026-01-01", status(Status::Deprecated));
    let two = theirs("two", "2026-02-01", (Field::Reason, Value::Text("x".to_owned())));
    let done = compact(&[one.clone(), two.clone()], None, now());
    assert_eq!((done.keep, done.remove.len(), done.write), (digests(&[&one, &two]), 0, None));
    assert!(compact(&[one, two], Some("vendor"), now()).write.is_some());
    // What was taken back goes, and what took it back stays.
    let ended = own("ended", Some("2026-01-01"), &[end("2026-01-15")]);
    let mut taken_back = own("taken back", Some("2026-02-01"), &[]);
    taken_back.cleared.insert(Field::EndOfLife);
    let done = compact(&[ended.clone(), taken_back.clone()], None, now());
    assert_eq!((done.keep, done.remove.len(), done.write), (digests(&[&taken_back]), 1, None));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 600, failure_persistence: None, ..Default::default() })]

    /// Nothing that holds changes, each type has one statement, doing it again has nothing to do, and what comes back from a
    /// place that was not compacted changes nothing.
    #[test]
    fn compaction_changes_nothing_that_holds(mut set in any_set(24)) {
        for statement in &mut set {
            statement.issuer = None;
        }
        let before = resolve(Said::of(&set), &now().into());
        let done = compact(&set, None, now());
        let mut after: Vec<Statement> = set.iter().filter(|statement| done.keep.contains(&statement.digest)).cloned().collect();
        proptest::prop_assert_eq!(done.keep.len() + done.remove.len(), set.len());
        let mut returned = set.clone();
        if let Some((says, replaces)) = &done.write {
            let made = authored(says.clone(), replaces.clone(), next_sequence(&set, &subject().digest, None), &Profile::Combined, now());
            after.push(made.clone());
            returned.push(made);
        }
        let resolution = resolve(Said::of(&after), &now().into());
        proptest::prop_assert_eq!(resolution.stated(), before.stated());
        proptest::prop_assert!(!resolution.ambiguous);
        proptest::prop_assert_eq!(resolve(Said::of(&returned), &now().into()).stated(), before.stated());
        let counted: Vec<&str> = after
            .iter()
            .filter(|statement| !matches!(resolution.roles[&statement.digest], Role::SaysNothing | Role::Future))
            .map(|statement| statement.artifact_type.as_str())
            .collect();
        let types: BTreeSet<&str> = counted.iter().copied().collect();
        proptest::prop_assert_eq!(types.len(), counted.len());
    }
}
