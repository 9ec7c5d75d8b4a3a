//! Variables like `PATH`, merged per segment.

use std::collections::{BTreeMap, BTreeSet};

use super::Side;

/// Variables that are lists of paths even where they hold only one.
const LISTS: [&str; 22] = [
    "CDPATH",
    "CLASSPATH",
    "CPATH",
    "CPLUS_INCLUDE_PATH",
    "C_INCLUDE_PATH",
    "ERL_LIBS",
    "GEM_PATH",
    "GI_TYPELIB_PATH",
    "GOPATH",
    "INFOPATH",
    "LD_LIBRARY_PATH",
    "LIBRARY_PATH",
    "MANPATH",
    "NODE_PATH",
    "PATH",
    "PERL5LIB",
    "PKG_CONFIG_PATH",
    "PYTHONPATH",
    "RUBYLIB",
    "R_LIBS",
    "XDG_CONFIG_DIRS",
    "XDG_DATA_DIRS",
];

/// Whether the variable is a list of paths. A name ending in `PATH` is not enough: `CHROME_PATH` is one file, and merging
/// two of those gives a path to nothing. So a name outside the list counts only if one of its values is a list.
pub(super) fn is_list(name: &str, values: [&str; 3], separator: char) -> bool {
    let name = name.to_ascii_uppercase();
    let listed = LISTS.contains(&name.as_str());
    let looks_like = (name.ends_with("PATH") || name.ends_with("DIRS")) && values.iter().any(|value| value.contains(separator));
    (listed || looks_like) && !values.iter().any(|value| value.contains("://"))
}

/// Merges three lists. The result has the new base's segments in its order, without those that the app removed, and
/// every segment that the app added. An addition stays where it was: at either end if it stood there, else beside the
/// neighbour that it had. If the app changed the order of segments that the others share, they have the app's order.
pub(super) fn merge(old: &str, app: &str, new: &str, separator: char, prefer: Side) -> String {
    let (old, app, new) = (segments(old, separator), segments(app, separator), segments(new, separator));
    let in_old: BTreeSet<&str> = old.iter().copied().collect();
    let in_app: BTreeSet<&str> = app.iter().copied().collect();
    let mut kept: Vec<&str> = new.into_iter().filter(|segment| in_app.contains(segment) || !in_old.contains(segment)).collect();
    reorder(&mut kept, &old, &app, prefer);

    let place: BTreeMap<&str, usize> = kept.iter().enumerate().map(|(at, segment)| (*segment, at)).collect();
    // What goes in front of each kept segment, and after the last.
    let mut inserted: Vec<Vec<&str>> = vec![Vec::new(); kept.len() + 1];
    let following = following_places(&app, &place);
    let is_addition = |segment: &str| !in_old.contains(segment) && !place.contains_key(segment);
    let mut preceding = None;
    let mut start = 0;
    while let Some(segment) = app.get(start) {
        if !is_addition(segment) {
            preceding = place.get(segment).copied().or(preceding);
            start += 1;
            continue;
        }
        let end = app.iter().skip(start).position(|segment| !is_addition(segment)).map_or(app.len(), |length| start + length);
        let before = start.checked_sub(1).and_then(|at| app.get(at)).and_then(|segment| place.get(segment));
        let after = app.get(end).and_then(|segment| place.get(segment));
        let slot = if start == 0 {
            0
        } else if end == app.len() {
            kept.len()
        } else if let Some(at) = before {
            at + 1
        } else if let Some(at) = after {
            *at
        } else {
            // Both neighbours were the old base's and are gone.
            preceding.map(|at| at + 1).or(following.get(end).copied().flatten()).unwrap_or(0)
        };
        if let (Some(list), Some(run)) = (inserted.get_mut(slot), app.get(start..end)) {
            list.extend_from_slice(run);
        }
        start = end;
    }

    let mut kept = kept.into_iter();
    let mut out = Vec::new();
    for list in inserted {
        out.extend(list);
        out.extend(kept.next());
    }
    out.join(separator.encode_utf8(&mut [0; 4]))
}

/// The segments, each at its first place: a second one is never reached.
fn segments(text: &str, separator: char) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    if text.is_empty() { Vec::new() } else { text.split(separator).filter(|segment| seen.insert(*segment)).collect() }
}

/// For each position in `app`, the place of the first kept segment from there on.
fn following_places(app: &[&str], place: &BTreeMap<&str, usize>) -> Vec<Option<usize>> {
    let mut next = None;
    let mut places: Vec<Option<usize>> = app
        .iter()
        .rev()
        .map(|segment| {
            next = place.get(segment).copied().or(next);
            next
        })
        .collect();
    places.reverse();
    places
}

/// Puts the segments that all three share into the app's order, if the app changed it and the new base did not or loses.
fn reorder<'a>(kept: &mut [&'a str], old: &[&str], app: &[&'a str], prefer: Side) {
    let in_old: BTreeSet<&str> = old.iter().copied().collect();
    let in_app: BTreeSet<&str> = app.iter().copied().collect();
    let shared: BTreeSet<&str> = kept.iter().copied().filter(|segment| in_old.contains(segment) && in_app.contains(segment)).collect();
    let by_old = old.iter().filter(|segment| shared.contains(*segment));
    let by_app = app.iter().filter(|segment| shared.contains(*segment));
    let by_new = kept.iter().filter(|segment| shared.contains(*segment));
    let base_changed = !by_new.clone().eq(by_old.clone());
    if by_app.clone().eq(by_old) || by_app.clone().eq(by_new) || (base_changed && prefer == Side::Base) {
        return;
    }
    let mut wanted = by_app.copied();
    for segment in kept.iter_mut().filter(|segment| shared.contains(**segment)) {
        if let Some(next) = wanted.next() {
            *segment = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base_segments_are_replaced_and_the_apps_stay_where_they_were() {
        let cases = [
            // (old, app, new, result)
            ("/usr/bin:/bin", "/app/bin:/usr/bin:/bin", "/usr/local/bin:/usr/bin:/bin", "/app/bin:/usr/local/bin:/usr/bin:/bin"),
            ("/usr/bin:/bin", "/usr/bin:/bin:/app", "/usr/bin:/bin:/snap", "/usr/bin:/bin:/snap:/app"),
            ("/jdk8:/usr", "/jdk8:/app:/usr", "/jdk11:/usr", "/jdk11:/app:/usr"),
            ("/a:/jdk8:/usr", "/a:/jdk8:/app:/usr", "/a:/jdk11:/usr", "/a:/jdk11:/app:/usr"),
            ("/a:/b", "/a:/app:/b", "/a:/new:/b", "/a:/app:/new:/b"),
            ("/jdk8:/jre8:/usr", "/jdk8:/app:/jre8:/usr", "/jdk11:/usr", "/jdk11:/app:/usr"),
            ("/jdk8:/usr", "/app:/jdk8:/usr", "/jdk11", "/app:/jdk11"),
            ("/jdk8:/jre8", "/jdk8:/app:/jre8", "/jdk11", "/app:/jdk11"),
            // What the app removed stays removed, what both added stands once.
            ("/a:/games:/b", "/a:/b:/app", "/a:/games:/b:/new", "/a:/b:/new:/app"),
            ("/a", "/a:/both:/app", "/new:/both:/a", "/new:/both:/a:/app"),
            // The old base had none.
            ("", "/app:/usr", "/new:/usr", "/app:/new:/usr"),
            // The app's order.
            ("/a:/b", "/b:/a", "/a:/b:/new", "/b:/a:/new"),
            ("/a:/b:/a", "/x:/a:/b", "/a:/b:/c", "/x:/a:/b:/c"),
            // An empty segment is the working directory.
            ("/a", "/a:", "/b:/a", "/b:/a:"),
        ];
        for (old, app, new, result) in cases {
            assert_eq!(merge(old, app, new, ':', Side::App), result, "{old} | {app} | {new}");
        }
        assert_eq!(merge("/a:/b:/c", "/b:/a:/c", "/c:/b:/a", ':', Side::Base), "/c:/b:/a");
    }

    #[test]
    fn only_lists_are_merged_as_lists() {
        assert!(is_list("PATH", ["/a", "/b", "/c"], ':'));
        assert!(is_list("Path", ["C:\\a", "C:\\b", "C:\\c"], ';'));
        assert!(is_list("MY_PLUGIN_PATH", ["/a", "/a:/b", "/c"], ':'));
        assert!(is_list("EXTRA_DIRS", ["/a:/x", "/b", "/c"], ':'));
        assert!(!is_list("CHROME_PATH", ["/a", "/b", "/c"], ':'));
        assert!(!is_list("PROXY_PATH", ["", "http://a/b", "http://c/d"], ':'));
        assert!(!is_list("JAVA_OPTS", ["/a:/b", "/b", "/c"], ':'));
    }

    fn list() -> impl Strategy<Value = String> {
        proptest::collection::vec(prop::sample::select(vec!["a", "b", "c", "d", "e", "f", ""]), 0..7).prop_map(|list| list.join(":"))
    }

    proptest! {
        #[test]
        fn no_addition_of_the_app_is_lost(old in list(), app in list(), new in list(), app_wins: bool) {
            let prefer = if app_wins { Side::App } else { Side::Base };
            let merged = merge(&old, &app, &new, ':', prefer);
            let has = |text: &str, segment: &str| segments(text, ':').contains(&segment);
            for segment in ["a", "b", "c", "d", "e", "f"] {
                let (old, app, new) = (has(&old, segment), has(&app, segment), has(&new, segment));
                let expected = if old { app && new } else { app || new };
                prop_assert_eq!(has(&merged, segment), expected, "{} in {}", segment, merged);
            }
            prop_assert_eq!(segments(&merged, ':').join(":"), merged, "no segment stands twice");
        }

        #[test]
        fn a_side_without_changes_gives_way(old in list(), other in list()) {
            let once = segments(&other, ':').join(":");
            prop_assert_eq!(merge(&old, &other, &old, ':', Side::Base), once.clone());
            prop_assert_eq!(merge(&old, &old, &other, ':', Side::App), once);
        }
    }
}
