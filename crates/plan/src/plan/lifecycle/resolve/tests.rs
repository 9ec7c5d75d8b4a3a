use proptest::prelude::*;

use super::super::change::Change;
use super::super::convention::{Convention, Conventions, MICROSOFT_KEY, MICROSOFT_TYPE, OWN_TYPE};
use super::super::field::{Place, Value};
use super::super::profile::{NewStatement, Profile, write};
use super::super::statement::{Made, Referrer};
use super::super::time::Span;
use super::*;
use crate::foundation::Limits;
use crate::oci::{Descriptor, Verified, media_type};
use crate::plan::lifecycle::field::Stated;

pub(in super::super) fn moment(text: &str) -> Moment {
    Moment::strict(text).unwrap()
}

pub(in super::super) fn now() -> Moment {
    moment("2026-06-01")
}

pub(in super::super) fn subject() -> Descriptor {
    Descriptor::authored(media_type::OCI_MANIFEST, &Verified::authored(b"the image".to_vec()))
}

/// A statement called `name`, made at `time`.
pub(in super::super) fn statement(name: &str, convention: Convention, time: Option<&str>, says: &[(Field, Value)]) -> Statement {
    let made = match time {
        Some(text) => Made::At { time: moment(text), key: "made".to_owned() },
        None => Made::Unknown { why: "it has no time".to_owned() },
    };
    let stated = |value: &Value| Stated { value: value.clone(), place: Place::Annotation, key: "key".to_owned(), dialect: None };
    Statement {
        digest: Digest::sha256(name.as_bytes()),
        subject: subject().digest.clone(),
        artifact_type: match &convention {
            Convention::Own => OWN_TYPE.to_owned(),
            Convention::Microsoft => MICROSOFT_TYPE.to_owned(),
            Convention::Vendor(name) => format!("application/vnd.{name}.image.lifecycle.metadata"),
            Convention::Other | Convention::Site(_) => "application/vnd.example.lifecycle".to_owned(),
        },
        convention,
        made,
        sequence: 0,
        replaces: Vec::new(),
        issuer: None,
        says: says.iter().map(|(field, value)| (*field, stated(value))).collect(),
        cleared: BTreeSet::new(),
        overrides: Vec::new(),
        unreadable: false,
        findings: Vec::new(),
    }
}

/// What holds by `statements` alone.
pub(in super::super) fn holds(statements: &[Statement]) -> Resolution {
    resolve(Said::of(statements), &now().into())
}

pub(in super::super) fn own(name: &str, time: Option<&str>, says: &[(Field, Value)]) -> Statement {
    statement(name, Convention::Own, time, says)
}

pub(in super::super) fn microsoft(name: &str, time: Option<&str>, date: &str) -> Statement {
    statement(name, Convention::Microsoft, time, &[end(date)])
}

pub(in super::super) fn end(date: &str) -> (Field, Value) {
    (Field::EndOfLife, Value::Time(When::At(moment(date))))
}

pub(in super::super) fn status(status: Status) -> (Field, Value) {
    (Field::Status, Value::Status(status))
}

fn reason(text: &str) -> (Field, Value) {
    (Field::Reason, Value::Text(text.to_owned()))
}

fn speaker(statements: &[Statement]) -> Option<Digest> {
    holds(statements).speaker().cloned()
}

fn codes(resolution: &Resolution) -> Vec<Code> {
    resolution.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn nothing_is_known_of_an_image_without_statements() {
    let resolution = holds(&[]);
    assert_eq!((resolution.standing, resolution.ambiguous, resolution.fields.len()), (None, false, 0));
}

#[test]
fn the_latest_speaks_whatever_the_order() {
    let old = own("old", Some("2026-01-01"), &[status(Status::Deprecated)]);
    let new = own("new", Some("2026-02-01"), &[status(Status::Active)]);
    for set in [[old.clone(), new.clone()], [new.clone(), old.clone()]] {
        let resolution = holds(&set);
        assert_eq!(resolution.standing, Some(Status::Active));
        assert_eq!((resolution.roles[&new.digest].clone(), resolution.roles[&old.digest].clone()), (Role::Speaks, Role::Older));
        assert!(!resolution.ambiguous && resolution.findings.is_empty());
    }
}

#[test]
fn a_list_of_replaced_statements_goes_before_every_clock() {
    let mistaken = own("mistaken", Some("2026-05-31"), &[status(Status::Withdrawn)]);
    let mut right = own("right", Some("2020-01-01"), &[status(Status::Active)]);
    right.replaces = vec![mistaken.digest.clone()];
    let resolution = holds(&[mistaken.clone(), right.clone()]);
    assert_eq!(resolution.standing, Some(Status::Active));
    assert_eq!(resolution.roles[&mistaken.digest], Role::Replaced { by: right.digest });
}

#[test]
fn statements_that_replace_each_other_replace_nothing() {
    let mut one = own("one", Some("2026-01-01"), &[status(Status::Active)]);
    let mut two = own("two", Some("2026-02-01"), &[status(Status::Deprecated)]);
    one.replaces = vec![two.digest.clone(), one.digest.clone()];
    two.replaces = vec![one.digest.clone()];
    assert_eq!(speaker(&[one, two.clone()]), Some(two.digest));
}

#[test]
fn a_higher_sequence_of_the_same_issuer_goes_before_its_time() {
    let mut first = own("first", Some("2026-05-01"), &[status(Status::Deprecated)]);
    let mut second = own("second", Some("2026-01-01"), &[status(Status::Active)]);
    (first.sequence, second.sequence) = (1, 2);
    assert_eq!(speaker(&[first.clone(), second.clone()]), Some(second.digest.clone()));
    // The numbers of two issuers cannot be compared, and neither overrules the other.
    (first.issuer, second.issuer) = (Some("a".to_owned()), Some("b".to_owned()));
    let torn = holds(&[first.clone(), second.clone()]);
    assert_eq!((torn.speaker(), torn.ambiguous), (Some(&first.digest), true));
}

#[test]
fn an_unknown_time_is_not_the_oldest() {
    let unknown = own("unknown", None, &[end("2026-01-01")]);
    let known = own("known", Some("2026-05-01"), &[status(Status::Active)]);
    let torn = holds(&[unknown.clone(), known.clone()]);
    assert_eq!((torn.speaker(), torn.standing, torn.ambiguous), (Some(&unknown.digest), Some(Status::EndOfLife), true));
    let mut later = known;
    later.replaces = vec![unknown.digest.clone()];
    let settled = holds(&[unknown, later]);
    assert_eq!((settled.standing, settled.ambiguous), (Some(Status::Active), false));
}

#[test]
fn what_was_said_later_does_not_count_and_no_clock_is_ahead() {
    let ahead = own("ahead", Some("2026-06-01T00:00:01Z"), &[status(Status::Active)]);
    let present = own("present", Some("2026-05-01"), &[status(Status::Withdrawn)]);
    let asked = resolve(Said::of(&[ahead.clone(), present.clone()]), &Question::at(now()));
    assert_eq!((asked.standing, asked.roles[&ahead.digest].clone()), (Some(Status::Withdrawn), Role::Future));
    assert_eq!(codes(&asked), [Code::LifecycleFuture]);
    assert_eq!(resolve(Said::of(std::slice::from_ref(&ahead)), &Question::at(now())).standing, None);
    let then = Question::at(moment("2026-06-01T00:00:01Z"));
    assert_eq!(resolve(Said::of(&[ahead.clone(), present.clone()]), &then).standing, Some(Status::Active));
    // By the clock its date cannot be right, so it has none: it ends nothing, and what is stricter in it holds.
    assert_eq!(holds(&[ahead.clone(), present.clone()]).standing, Some(Status::Withdrawn));
    let worse = own("worse", Some("2030-01-01"), &[status(Status::Withdrawn)]);
    let told = holds(&[worse, own("fine", Some("2026-05-01"), &[status(Status::Active)])]);
    assert_eq!((told.standing, told.ambiguous), (Some(Status::Withdrawn), true));
}

#[test]
fn a_tie_goes_to_the_stricter_and_is_told() {
    let time = Some("2026-05-01");
    for (strict, lax) in [
        (vec![status(Status::Withdrawn)], vec![end("2026-01-01")]),
        (vec![end("2026-01-01")], vec![status(Status::Superseded)]),
        (vec![status(Status::Superseded)], vec![status(Status::Deprecated)]),
        (vec![status(Status::Deprecated)], vec![status(Status::Active)]),
        (vec![end("2026-01-01")], vec![end("2026-01-02")]),
        (vec![end("2027-01-01")], vec![end("2027-01-02")]),
    ] {
        for names in [["a", "b"], ["b", "a"]] {
            let winner = own(names[0], time, &strict);
            let loser = own(names[1], time, &lax);
            let resolution = holds(&[loser, winner.clone()]);
            assert!(strict.iter().all(|(field, value)| resolution.record().get(field) == Some(value)), "{strict:?} before {lax:?}");
            assert_eq!(resolution.speaker(), Some(&winner.digest), "{strict:?} before {lax:?}");
            assert!(resolution.ambiguous);
            assert_eq!(codes(&resolution), [Code::LifecycleAmbiguous]);
        }
    }
}

#[test]
fn duplicates_are_not_ambiguous() {
    let duplicates: Vec<Statement> = (0..23).map(|number| microsoft(&number.to_string(), None, "2024-11-12")).collect();
    let resolution = holds(&duplicates);
    assert_eq!((resolution.standing, resolution.ambiguous), (Some(Status::EndOfLife), false));
    assert_eq!(resolution.speaker(), duplicates.iter().map(|statement| &statement.digest).min());
}

#[test]
fn one_date_lies_over_what_was_said_before() {
    let oldest = own("oldest", Some("2026-01-01"), &[reason("forgotten"), end("2029-01-01")]);
    let ours = own("ours", Some("2026-02-01"), &[status(Status::Deprecated), end("2028-01-01")]);
    let theirs = microsoft("theirs", Some("2026-03-01"), "2027-01-01");
    let resolution = holds(&[oldest.clone(), ours.clone(), theirs.clone()]);
    let from = |field| resolution.fields.get(&field).map(|held: &Held| (held.stated.value.to_string(), held.source.clone()));
    let by = |statement: &Statement| SaidBy::Statement {
        statement: statement.digest.clone(),
        made: statement.made.time(),
        issuer: None,
        on: subject().digest.clone(),
    };
    assert_eq!(from(Field::EndOfLife), Some(("2027-01-01T00:00:00Z".to_owned(), by(&theirs))));
    assert_eq!(from(Field::Status), Some(("deprecated".to_owned(), by(&ours))));
    // Ours said everything, so nothing of what stood before it holds.
    assert_eq!(from(Field::Reason), None);
    // It is deprecated; the end is to come.
    assert_eq!(resolution.roles[&ours.digest], Role::Speaks);
    assert_eq!(resolution.roles[&theirs.digest], Role::Adds);
    assert_eq!(resolution.roles[&oldest.digest], Role::Older);
    // The other way round, ours takes the date of theirs along.
    let after = own("after", Some("2026-04-01"), &[status(Status::Active)]);
    let resolution = holds(&[ours, theirs, after]);
    assert_eq!((resolution.standing, resolution.fields.len()), (Some(Status::Active), 1));
}

#[test]
fn any_statement_goes_before_what_the_image_says_itself() {
    let declaration = |field, value, inherited| Declaration {
        field,
        stated: Stated { value, place: Place::Label, key: "label".to_owned(), dialect: None },
        inherited,
    };
    let declared = [
        declaration(Field::EndOfLife, end("2020-01-01").1, Inherited::Yes),
        declaration(Field::EndOfLife, end("2026-01-01").1, Inherited::Unknown),
        declaration(Field::Url, Value::Text("https://example.org".to_owned()), Inherited::No),
    ];
    let said =
        |statements: &[Statement], declared: &[Declaration]| resolve(Said { statements, declared, ..Said::default() }, &now().into());
    let alone = said(&[], &declared);
    assert_eq!(alone.standing, Some(Status::EndOfLife));
    assert_eq!(alone.fields[&Field::EndOfLife].stated.value, end("2026-01-01").1);
    assert_eq!(alone.fields[&Field::EndOfLife].source, SaidBy::Image);
    assert!(alone.stated().is_empty() && alone.kept(None).is_empty());
    let spoken = said(&[own("ours", None, &[status(Status::Active)])], &declared);
    assert_eq!((spoken.standing, spoken.fields.len()), (Some(Status::Active), 1));
    // What was inherited only is no fact of the image.
    assert_eq!(said(&[], &declared[..1]).standing, None);
    // And a statement that says nothing goes before nothing.
    let silent = own("silent", Some("2026-05-01"), &[(Field::Version, Value::Text("1".to_owned()))]);
    let resolution = said(std::slice::from_ref(&silent), &declared);
    assert_eq!((resolution.standing, resolution.roles[&silent.digest].clone()), (Some(Status::EndOfLife), Role::SaysNothing));
}

/// Statements as they may come from anywhere: few names, so that they meet.
fn any_statement() -> impl Strategy<Value = Statement> {
    let convention = prop_oneof![
        3 => Just(Convention::Own),
        3 => Just(Convention::Microsoft),
        1 => Just(Convention::Vendor("example".to_owned())),
        1 => Just(Convention::Other)
    ];
    let time = proptest::option::weighted(
        0.8,
        prop_oneof![Just("2026-01-01"), Just("2026-02-01"), Just("2026-06-01T12:00:00Z"), Just("2031-01-01")],
    );
    let issuer = proptest::option::weighted(0.3, prop_oneof![Just("a".to_owned()), Just("b".to_owned())]);
    let date = prop_oneof![Just("2024-01-01"), Just("2026-06-01"), Just("2027-01-01")];
    let says = (
        proptest::option::weighted(0.5, prop_oneof![Just(Status::Active), Just(Status::Deprecated), Just(Status::Withdrawn)]),
        proptest::option::weighted(0.6, date),
        proptest::option::weighted(0.3, prop_oneof![Just("x"), Just("y")]),
    );
    (0_u8..60, convention, time, issuer, 0_u64..3, proptest::collection::vec(0_u8..60, 0..3), says).prop_map(
        |(name, convention, time, issuer, sequence, replaces, (word, date, text))| {
            let says: Vec<(Field, Value)> = [word.map(status), date.map(end), text.map(reason)].into_iter().flatten().collect();
            let only_date = convention == Convention::Microsoft;
            let says: Vec<(Field, Value)> = says.into_iter().filter(|(field, _)| !only_date || *field == Field::EndOfLife).collect();
            let mut made = statement(&name.to_string(), convention, time, &says);
            made.issuer = issuer;
            made.sequence = sequence;
            // Only ours have a list; a smaller name was there before.
            if made.convention == Convention::Own {
                made.replaces =
                    replaces.into_iter().filter(|old| *old < name).map(|old| Digest::sha256(old.to_string().as_bytes())).collect();
            }
            made
        },
    )
}

/// A set: one statement has one digest.
pub(in super::super) fn any_set(most: usize) -> impl Strategy<Value = Vec<Statement>> {
    proptest::collection::vec(any_statement(), 0..most).prop_map(|statements| {
        let set: BTreeMap<Digest, Statement> = statements.into_iter().map(|statement| (statement.digest.clone(), statement)).collect();
        set.into_values().collect()
    })
}

/// Writes a statement as `airbase lifecycle set` does, and reads it back.
pub(in super::super) fn authored(says: Record, replaces: Vec<Digest>, sequence: u64, profile: &Profile, made: Moment) -> Statement {
    let draft = NewStatement {
        says,
        made,
        sequence,
        replaces,
        cleared: BTreeSet::new(),
        overrides: Vec::new(),
        issuer: None,
        subject_created: None,
    };
    let (referrer, document) = write(&draft, &subject(), profile).unwrap();
    let digest = Digest::sha256(format!("{:?}", referrer.annotations).as_bytes());
    let referrer = Referrer {
        digest: &digest,
        artifact_type: &referrer.artifact_type,
        annotations: &referrer.annotations,
        subject: &subject(),
        document: document.as_ref(),
        has_content: document.is_some(),
    };
    Statement::read(referrer, &[], &Conventions::NONE, &Limits::STANDARD).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..Default::default() })]

    /// 23 statements that repeat and contradict each other say the same in any order, and however often each is listed.
    #[test]
    fn no_order_changes_what_holds(set in any_set(40), shuffled in any::<proptest::sample::Index>(), keys in proptest::collection::vec(any::<u32>(), 80)) {
        let resolution = holds(&set);
        let mut other: Vec<Statement> = set.iter().chain(set.iter().take(shuffled.index(set.len().max(1)))).cloned().collect();
        let mut keyed: Vec<(u32, Statement)> = other.drain(..).zip(keys).map(|(statement, key)| (key, statement)).collect();
        keyed.sort_by_key(|(key, _)| *key);
        let other: Vec<Statement> = keyed.into_iter().map(|(_, statement)| statement).collect();
        prop_assert_eq!(&holds(&other), &resolution);
        // One speaks if anything is said at all, and each value that holds is in the statement that is named for it.
        prop_assert_eq!(resolution.speaker().is_some(), set.iter().any(Statement::is_valid));
        prop_assert_eq!(resolution.roles.values().filter(|role| **role == Role::Speaks).count(), usize::from(resolution.speaker().is_some()));
        for (field, held) in &resolution.fields {
            let SaidBy::Statement { statement, .. } = &held.source else { panic!("nothing was declared") };
            let source = set.iter().find(|one| one.digest == *statement).unwrap();
            prop_assert_eq!(source.says.get(field), Some(&held.stated));
            prop_assert!(matches!(resolution.roles[statement], Role::Speaks | Role::Adds));
        }
    }

    /// What does not count can be taken away.
    #[test]
    fn what_does_not_count_changes_nothing(set in any_set(24)) {
        let resolution = holds(&set);
        let silent: Vec<&Digest> = resolution.roles.iter().filter(|(_, role)| matches!(role, Role::SaysNothing)).map(|(digest, _)| digest).collect();
        let left: Vec<Statement> = set.iter().filter(|statement| !silent.contains(&&statement.digest)).cloned().collect();
        let after = holds(&left);
        prop_assert_eq!((after.fields, after.ambiguous), (resolution.fields, resolution.ambiguous));
    }

    /// After a wish was written, exactly that is what its issuer says, and writing it again has nothing to do.
    #[test]
    fn a_wish_holds_and_is_written_once(set in any_set(24), wish in any_statement(), later in 0_u64..3) {
        prop_assume!(wish.is_valid());
        let change = Change { set: wish.record(), explicit: true, ..Change::default() };
        let Some(next) = change.next(&holds(&set).kept(None), now()) else { return Ok(()) };
        let withdrawn = set.iter().any(|one| one.issuer.is_none() && field::status(&one.record()) == Some(Status::Withdrawn));
        // That is what the verb adds.
        let mut cleared = next.cleared.clone();
        if withdrawn && field::status(&next.says).is_none() {
            cleared.insert(Field::Status);
        }
        let mut made = authored(next.says.clone(), replaced_by_next(&set, None), next_sequence(&set, &subject().digest, None), &Profile::Combined, now());
        made.cleared = cleared;
        let mut after: Vec<Statement> = set.clone();
        after.push(made.clone());
        for days in 0..=later {
            let then = now().plus(Span::parse(&format!("{days}d")).unwrap());
            let resolution = resolve(Said::of(&after), &then.into());
            prop_assert_eq!(resolution.kept(None), next.says.clone());
            prop_assert_eq!(change.next(&resolution.kept(None), then), None);
        }
    }
}

/// As it lies in registries: the same date 23 times, one corrected date, none with a usable time.
#[test]
fn a_real_pile_of_statements_says_one_thing() {
    let read = |name: &str, date: &str, created: Option<&str>| {
        let mut annotations = BTreeMap::from([(MICROSOFT_KEY.to_owned(), date.to_owned())]);
        annotations.extend(created.map(|text| ("org.opencontainers.image.created".to_owned(), text.to_owned())));
        let digest = Digest::sha256(name.as_bytes());
        let subject = subject();
        let (artifact_type, annotations) = (MICROSOFT_TYPE, &annotations);
        let referrer = Referrer { digest: &digest, artifact_type, annotations, subject: &subject, document: None, has_content: false };
        Statement::read(referrer, &["2024-01-01T00:00:00Z".to_owned()], &Conventions::NONE, &Limits::STANDARD).unwrap()
    };
    let mut pile: Vec<Statement> =
        (0..22).map(|number| read(&format!("copy {number}"), "2024-11-12", Some("2024-01-01T00:00:00Z"))).collect();
    let tied = holds(&pile);
    assert_eq!((tied.standing, tied.ambiguous), (Some(Status::EndOfLife), false));
    pile.push(read("corrected", "2024-11-13", Some("2024-01-01T00:00:00Z")));
    // The day later cannot be told to be the later word: the stricter one holds, and that is reported.
    let torn = holds(&pile);
    assert_eq!(torn.record(), Record::from([end("2024-11-12")]));
    assert!(torn.ambiguous);
    // Nor can it of one that has a date, as long as it does not name them.
    pile.push(read("dated", "2024-11-13", Some("2024-11-14T00:00:00Z")));
    assert_eq!(holds(&pile).record(), Record::from([end("2024-11-12")]));
}
