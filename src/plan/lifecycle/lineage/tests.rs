use proptest::prelude::*;

use super::*;

fn digest(name: &str) -> Digest {
    Digest::sha256(name.as_bytes())
}

fn member(name: &str, created: &str) -> Member {
    Member {
        digest: digest(name),
        reference: format!("layout@{}", digest(name)),
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
    End::Newest { digest: digest(name) }
}

#[test]
fn a_former_name_leads_to_what_has_it_now_if_that_is_newer() {
    let formerly = |name: &str, created: &str| Member { former: vec!["os:1".to_owned()], ..member(name, created) };
    let now = named("new", "2026-02-01", "docker.io/library/os:1");
    let trace = Lineage::new([formerly("old", "2026-01-01"), now.clone()]).trace(&digest("old"));
    assert_eq!((evidence(&trace), trace.end), (vec![Evidence::SameName], newest("new")));
    for others in [vec![formerly("old", "2026-03-01"), now], vec![formerly("old", "2026-01-01"), formerly("new", "2026-02-01")]] {
        assert_eq!(Lineage::new(others).trace(&digest("old")).end, newest("old"));
    }
}

#[test]
fn statements_and_rebase_records_lead_to_the_newest() {
    let lineage = Lineage::new([
        Member { superseded_by: Some(digest("b")), ..member("a", "2026-01-01") },
        member("b", "2026-02-01"),
        Member { rebased_from: Some(digest("b")), ..member("c", "2026-03-01") },
        Member { supersedes: Some(digest("c")), ..member("d", "2026-04-01") },
        member("stranger", "2026-12-01"),
    ]);
    let trace = lineage.trace(&digest("a"));
    assert_eq!(evidence(&trace), [Evidence::SupersededBy, Evidence::Rebase, Evidence::Supersedes]);
    assert_eq!(trace.end, newest("d"));
    assert_eq!(lineage.trace(&digest("d")), Trace { steps: vec![], end: newest("d") });
    assert_eq!(lineage.trace(&digest("nobody")), Trace { steps: vec![], end: End::Unknown });
}

/// The old image is gone, and a newer one remembers it.
#[test]
fn a_digest_that_is_not_here_is_found_by_who_names_it() {
    let lineage = Lineage::new([Member { rebased_from: Some(digest("gone")), ..member("new", "2026-03-01") }]);
    assert_eq!(lineage.trace(&digest("gone")).end, newest("new"));
    let lineage = Lineage::new([Member { superseded_by: Some(digest("elsewhere")), ..member("old", "2026-01-01") }]);
    let trace = lineage.trace(&digest("old"));
    assert_eq!((trace.steps.len(), trace.end), (1, End::Gap { digest: digest("elsewhere"), platform: None }));
}

#[test]
fn a_circle_ends() {
    let lineage = Lineage::new([
        Member { superseded_by: Some(digest("b")), ..member("a", "2026-01-01") },
        Member { superseded_by: Some(digest("a")), ..member("b", "2026-01-01") },
        Member { superseded_by: Some(digest("self")), ..member("self", "2026-01-01") },
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
    assert_eq!(lineage.trace(&digest("first")).end, newest("first"));
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
    let old = Member { superseded_by: Some(digest("new")), ..index("old", &[("linux/amd64", "old amd64"), ("linux/arm64", "old arm64")]) };
    let new = index("new", &[("linux/amd64", "new amd64")]);
    let lineage = Lineage::new([old, new, member("new amd64", "2026-02-01"), member("old amd64", "2026-01-01")]);
    let trace = lineage.trace(&digest("old amd64"));
    assert_eq!((evidence(&trace), trace.end), (vec![Evidence::SupersededBy], newest("new amd64")));
    let gap = lineage.trace(&digest("old arm64"));
    assert_eq!(gap.end, End::Gap { digest: digest("new"), platform: Some("linux/arm64".to_owned()) });
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
                superseded_by: of(by),
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
            End::Newest { digest } => prop_assert_eq!(digest, at),
            End::Circle { digest } => prop_assert!(digest == at && seen.contains(&at)),
            End::Unknown => prop_assert!(trace.steps.is_empty()),
            End::Gap { .. } | End::Ambiguous { .. } => {}
        }
    }
}
