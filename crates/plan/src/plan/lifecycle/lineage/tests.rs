use proptest::prelude::*;

use super::member::Revision;
use super::*;

fn digest(name: &str) -> Digest {
    Digest::sha256(name.as_bytes())
}

fn member(name: &str, created: &str) -> Member {
    Member {
        digest: digest(name),
        reference: Some(format!("layout@{}", digest(name))),
        names: Vec::new(),
        former: Vec::new(),
        created: Moment::strict(created).ok(),
        version: None,
        revision: None,
        origin: None,
        rebased_from: None,
        superseded_by: None,
        supersedes: None,
        standing: None,
        unreadable: false,
        platform: None,
        platforms: BTreeMap::new(),
    }
}

fn named(name: &str, created: &str, tag: &str) -> Member {
    Member { names: vec![tag.to_owned()], ..member(name, created) }
}

fn patch(name: &str, created: &str, revision: &str) -> Member {
    Member {
        version: Some("1.0".to_owned()),
        revision: Some(revision.to_owned()),
        origin: Some("flasksample".to_owned()),
        ..member(name, created)
    }
}

fn evidence(trace: &Trace) -> Vec<Evidence> {
    trace.steps.iter().map(|step| step.evidence).collect()
}

fn newest(name: &str) -> End {
    End::Newest { digest: digest(name), standing: None }
}

#[test]
fn a_former_name_leads_to_what_has_it_now_if_that_is_newer() {
    let formerly = |name: &str, created: &str| Member { former: vec!["os:1".to_owned()], ..member(name, created) };
    let now = named("new", "2026-02-01", "docker.io/library/os:1");
    let trace = Lineage::new([formerly("old", "2026-01-01"), now.clone()]).trace(&digest("old"));
    assert_eq!((evidence(&trace), trace.end), (vec![Evidence::NameMoved], newest("new")));
    for others in [vec![formerly("old", "2026-03-01"), now], vec![formerly("old", "2026-01-01"), formerly("new", "2026-02-01")]] {
        assert_eq!(Lineage::new(others).trace(&digest("old")).end, newest("old"));
    }
}

#[test]
fn statements_and_rebase_records_lead_to_the_newest() {
    let lineage = Lineage::new([
        Member { superseded_by: Some((digest("b"), None)), ..member("a", "2026-01-01") },
        member("b", "2026-02-01"),
        Member { rebased_from: Some(digest("b")), ..member("c", "2026-03-01") },
        Member { supersedes: Some(digest("c")), ..member("d", "2026-04-01") },
        member("stranger", "2026-12-01"),
    ]);
    let trace = lineage.trace(&digest("a"));
    assert_eq!(evidence(&trace), [Evidence::SupersededBy, Evidence::Rebase, Evidence::Supersedes]);
    assert_eq!(trace.end, newest("d"));
    // Of that one alone nobody knows to which line it belongs.
    assert_eq!(lineage.trace(&digest("d")), Trace { steps: vec![], end: End::Untold { digest: digest("d") } });
    assert_eq!(lineage.trace(&digest("nobody")), Trace { steps: vec![], end: End::Unknown });
}

/// The old image is gone, and a newer one remembers it.
#[test]
fn a_digest_that_is_not_here_is_found_by_who_names_it() {
    let lineage = Lineage::new([Member { rebased_from: Some(digest("gone")), ..member("new", "2026-03-01") }]);
    assert_eq!(lineage.trace(&digest("gone")).end, newest("new"));
    let lineage = Lineage::new([Member { superseded_by: Some((digest("elsewhere"), None)), ..member("old", "2026-01-01") }]);
    let trace = lineage.trace(&digest("old"));
    assert_eq!((trace.steps.len(), trace.end), (1, End::Gap { digest: digest("elsewhere"), platform: None }));
}

#[test]
fn a_circle_ends() {
    let lineage = Lineage::new([
        Member { superseded_by: Some((digest("b"), None)), ..member("a", "2026-01-01") },
        Member { superseded_by: Some((digest("a"), None)), ..member("b", "2026-01-01") },
        Member { superseded_by: Some((digest("self"), None)), ..member("self", "2026-01-01") },
    ]);
    assert_eq!(lineage.trace(&digest("a")).end, End::Circle { digest: digest("a") });
    assert_eq!(lineage.trace(&digest("self")).end, End::Circle { digest: digest("self") });
}

/// Two revisions of one version: the tag went to the second, the first has no name any more.
#[test]
fn a_patch_under_the_same_tag_is_a_newer_revision() {
    let second = Member { names: vec!["flasksample:1.0".to_owned()], ..patch("second", "2026-02-01", "2") };
    let lineage = Lineage::new([patch("first", "2026-01-01", "1"), second.clone()]);
    let trace = lineage.trace(&digest("first"));
    assert_eq!((evidence(&trace), trace.end), (vec![Evidence::Revision], newest("second")));
    // Another version is another line.
    let lineage = Lineage::new([patch("first", "2026-01-01", "1"), Member { version: Some("2.0".to_owned()), ..second.clone() }]);
    assert_eq!(lineage.trace(&digest("first")).end, newest("first"));
    // The second came later and calls itself older: nobody knows.
    let lineage = Lineage::new([patch("first", "2026-01-01", "3"), second]);
    assert_eq!(lineage.trace(&digest("first")).end, End::Ambiguous { candidates: vec![digest("second")] });
}

#[test]
fn the_same_name_in_two_deliveries_is_one_line() {
    let lineage =
        Lineage::new([named("january", "2026-01-01", "debian:12"), named("february", "2026-02-01", "docker.io/library/debian:12")]);
    assert_eq!(lineage.trace(&digest("january")).end, newest("february"));
    assert_eq!(lineage.trace(&digest("february")).end, newest("february"));
    assert_eq!(lineage.names(&digest("january"))[0].rolling, Rolling::Moved);
    // Bare tags are of one layout: `v1` here is not `v1` there, but for the caller, who gives the whole name.
    let lineage = Lineage::new([named("january", "2026-01-01", "shop:1"), named("february", "2026-02-01", "stall:1")]);
    assert_eq!(lineage.trace(&digest("january")).end, newest("january"));
}

#[test]
fn several_followers_are_not_chosen_from() {
    let follower = |name: &str, created: &str| Member { rebased_from: Some(digest("old")), ..member(name, created) };
    let lineage = Lineage::new([follower("one", "2026-01-01"), follower("two", "2026-02-01")]);
    assert_eq!(lineage.trace(&digest("old")).end, newest("two"));
    let lineage = Lineage::new([follower("one", "2026-01-01"), follower("two", "2026-01-01")]);
    let mut candidates = vec![digest("one"), digest("two")];
    candidates.sort();
    assert_eq!(lineage.trace(&digest("old")).end, End::Ambiguous { candidates });
}

#[test]
fn a_pinned_platform_follows_its_index() {
    let index = |name: &str, platforms: &[(&str, &str)]| Member {
        platforms: platforms.iter().map(|(platform, child)| ((*platform).to_owned(), digest(child))).collect(),
        ..member(name, "2026-01-01")
    };
    let old = Member {
        superseded_by: Some((digest("new"), None)),
        ..index("old", &[("linux/amd64", "old amd64"), ("linux/arm64", "old arm64")])
    };
    let new = index("new", &[("linux/amd64", "new amd64")]);
    let lineage = Lineage::new([old, new, member("new amd64", "2026-02-01"), member("old amd64", "2026-01-01")]);
    let trace = lineage.trace(&digest("old amd64"));
    assert_eq!((evidence(&trace), trace.end), (vec![Evidence::SupersededBy], newest("new amd64")));
    let gap = lineage.trace(&digest("old arm64"));
    assert_eq!(gap.end, End::Gap { digest: digest("new"), platform: Some("linux/arm64".to_owned()) });
    assert_eq!(lineage.trace(&digest("old")).end, newest("new"));
}

/// The tags of the oldest example there is: no title, no source, two builds of one version.
#[test]
fn repository_and_version_are_a_line() {
    let build = |name: &str, tags: &[&str], created: &str, revision: &str| Member {
        names: tags.iter().map(|tag| format!("registry.example/flasksample:{tag}")).collect(),
        origin: None,
        ..patch(name, created, revision)
    };
    let (old, new) =
        (build("old", &["1.0-20230707"], "2023-07-07", "20230707"), build("new", &["1.0", "1.0-20230710"], "2023-07-10", "20230710"));
    let lineage = Lineage::new([old, new.clone()]);
    assert_eq!(
        lineage.trace(&digest("old")),
        Trace { steps: vec![Step { from: digest("old"), to: digest("new"), evidence: Evidence::Revision }], end: newest("new") }
    );
    let rolling: Vec<Rolling> = lineage.names(&digest("new")).into_iter().map(|tagging| tagging.rolling).collect();
    assert_eq!(rolling, [Rolling::Rolls, Rolling::Fixed]);
    // A build that can be repeated has the date of the other one; the revision tells.
    let lineage = Lineage::new([build("old", &["1.0-1.9"], "2023-07-07", "1.9"), build("new", &["1.0-1.10"], "2023-07-07", "1.10")]);
    assert_eq!(lineage.trace(&digest("old")).end, newest("new"));
    // Without either nobody knows, and another variant is another line.
    let lineage = Lineage::new([build("old", &["1.0-1"], "2023-07-07", ""), build("new", &["1.0-2"], "2023-07-07", "")]);
    assert_eq!(lineage.trace(&digest("old")).end, End::Ambiguous { candidates: vec![digest("new")] });
    let lineage = Lineage::new([build("old", &["1.0-alpine"], "2023-07-07", "1"), build("new", &["1.0-debian"], "2023-07-10", "2")]);
    assert_eq!(lineage.trace(&digest("old")).end, newest("old"));
}

#[test]
fn revisions_go_by_date_dotted_number_and_semver() {
    for (older, newer) in [
        ("1", "2"),
        ("9", "10"),
        ("20230707", "20230710"),
        ("2023-07-07", "2023-07-10"),
        ("20230707.1", "20230707.2"),
        ("1.9", "1.10"),
        ("1.9.9", "1.10"),
        ("1.0.0-rc.1", "1.0.0-rc.2"),
        ("1.0.0-rc.2", "1.0.0"),
        ("1.0.0-alpha", "1.0.0-alpha.1"),
        ("v1.2", "v1.3"),
        ("r2", "r11"),
    ] {
        let (one, other) = (Revision::parse(older).unwrap(), Revision::parse(newer).unwrap());
        assert_eq!((one.compare(&other), other.compare(&one)), (Ordering::Less, Ordering::Greater), "{older} {newer}");
    }
    for text in ["", "abc", "4096e12", "1.x", "6f1ed002ab5595859014ebf0951522d9"] {
        assert_eq!(Revision::parse(text), None, "{text}");
    }
    assert_eq!(Revision::parse("1.2+build").unwrap().compare(&Revision::parse("1.2.0").unwrap()), Ordering::Equal);
}

#[test]
fn to_go_back_is_a_later_fact_and_no_circle() {
    let at = |day: &str| Moment::strict(day).ok();
    let superseded = |name: &str, by: &str, day: &str| Member { superseded_by: Some((digest(by), at(day))), ..member(name, "2026-01-01") };
    // b followed a, and then somebody went back to a.
    let lineage = Lineage::new([superseded("a", "b", "2026-02-01"), superseded("b", "a", "2026-03-01")]);
    assert_eq!(lineage.trace(&digest("a")), Trace { steps: vec![], end: newest("a") });
    let from_b = lineage.trace(&digest("b"));
    assert_eq!((from_b.steps.len(), from_b.end), (1, newest("a")));
    // Over three images, from outside of the circle.
    let lineage = Lineage::new([
        superseded("0", "a", "2026-01-15"),
        superseded("a", "b", "2026-02-01"),
        superseded("b", "c", "2026-03-01"),
        superseded("c", "b", "2026-04-01"),
    ]);
    assert_eq!((lineage.trace(&digest("0")).steps.len(), lineage.trace(&digest("0")).end), (2, newest("b")));
    // The name went back.
    let old = Member { names: vec!["app:1".to_owned()], ..member("old", "2026-01-01") };
    let new = Member { rebased_from: Some(digest("old")), former: vec!["app:1".to_owned()], ..member("new", "2026-02-01") };
    let lineage = Lineage::new([old, new]);
    assert_eq!(lineage.trace(&digest("old")), Trace { steps: vec![], end: newest("old") });
}

#[test]
fn a_way_never_ends_well_where_the_image_is_not() {
    let withdrawn = Member { standing: Some(Status::Withdrawn), ..member("new", "2026-02-01") };
    let old = |standing| Member { superseded_by: Some((digest("new"), None)), standing, ..member("old", "2026-01-01") };
    let lineage = Lineage::new([old(Some(Status::Superseded)), withdrawn.clone()]);
    assert_eq!(lineage.trace(&digest("old")).end, End::Newest { digest: digest("new"), standing: Some(Status::Withdrawn) });
    // It was made of the old one, of which somebody says that it is in use again.
    let rebased = Member { rebased_from: Some(digest("old")), ..withdrawn };
    let active = Member { superseded_by: None, names: vec!["app:1".to_owned()], ..old(Some(Status::Active)) };
    assert_eq!(
        Lineage::new([active, rebased]).trace(&digest("old")).end,
        End::Newest { digest: digest("old"), standing: Some(Status::Active) }
    );
    // What cannot be read may say anything.
    let garbled = Member { unreadable: true, names: vec!["app:1".to_owned()], ..member("x", "2026-01-01") };
    assert_eq!(Lineage::new([garbled]).trace(&digest("x")).end, End::Untold { digest: digest("x") });
    // It is gone, and what was said of it is here.
    let gone = Member { reference: None, ..old(None) };
    let lineage = Lineage::new([gone, Member { names: vec!["app:2".to_owned()], ..member("new", "2026-02-01") }]);
    assert_eq!(lineage.trace(&digest("old")).end, newest("new"));
}

#[test]
fn names_roll_or_do_not() {
    let image = Member {
        names: ["app:1", "app:1.2", "app:1.2.3", "app:latest", "app:bookworm", "app"].map(str::to_owned).to_vec(),
        ..member("image", "2026-01-01")
    };
    let lineage = Lineage::new([image]);
    let rolling: Vec<Rolling> = lineage.names(&digest("image")).into_iter().map(|tagging| tagging.rolling).collect();
    // The last is a bare tag, which is no version.
    assert_eq!(rolling, [Rolling::Rolls, Rolling::Rolls, Rolling::Fixed, Rolling::Rolls, Rolling::Rolls, Rolling::Rolls]);
}

#[test]
fn newer_is_told_by_revision_and_date() {
    let one = patch("one", "2026-01-01", "1");
    for (other, expected) in [
        (patch("x", "2026-02-01", "2"), Some(Ordering::Less)),
        (patch("x", "2026-01-01", "2"), Some(Ordering::Less)),
        (patch("x", "2026-02-01", "1"), Some(Ordering::Less)),
        (patch("x", "2026-02-01", "abc"), Some(Ordering::Less)),
        (patch("x", "2025-02-01", "2"), None),
        (patch("x", "2026-01-01", "1"), None),
        (patch("x", "", "2"), Some(Ordering::Less)),
        (Member { version: Some("2.0".to_owned()), ..patch("x", "2025-02-01", "2") }, Some(Ordering::Greater)),
    ] {
        assert_eq!(compare(&one, &other), expected, "{other:?}");
        assert_eq!(compare(&other, &one), expected.map(Ordering::reverse));
    }
}

fn any_member() -> impl Strategy<Value = Member> {
    let link = || proptest::option::weighted(0.3, 0_u8..8);
    let name = proptest::option::weighted(0.4, prop_oneof![Just("app:1"), Just("app:2")]);
    (0_u8..8, 0_u8..4, link(), link(), link(), name, proptest::option::weighted(0.3, 0_u8..8)).prop_map(
        |(own, day, from, by, old, name, child)| {
            let of = |number: Option<u8>| number.map(|number| digest(&number.to_string()));
            Member {
                rebased_from: of(from),
                superseded_by: of(by).map(|by| (by, Moment::strict(&format!("2026-02-0{}", day + 1)).ok())),
                supersedes: of(old),
                names: name.into_iter().map(str::to_owned).collect(),
                platforms: of(child).into_iter().map(|child| ("linux/amd64".to_owned(), child)).collect(),
                ..member(&own.to_string(), &format!("2026-01-0{}", day + 1))
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    /// Every trace ends, is one way without a gap, and never passes an image twice.
    #[test]
    fn every_trace_ends(members in proptest::collection::vec(any_member(), 0..10), start in 0_u8..8) {
        let lineage = Lineage::new(members);
        let start = digest(&start.to_string());
        let trace = lineage.trace(&start);
        let mut at = start;
        let mut seen = BTreeSet::new();
        for step in &trace.steps {
            prop_assert_eq!(&step.from, &at);
            prop_assert!(seen.insert(at.clone()));
            at = step.to.clone();
        }
        match trace.end {
            End::Newest { digest, .. } | End::Untold { digest } => prop_assert_eq!(digest, at),
            End::Circle { digest } => prop_assert!(digest == at && seen.contains(&at)),
            End::Unknown => prop_assert!(trace.steps.is_empty()),
            End::Gap { .. } | End::Ambiguous { .. } => {}
        }
    }
}
