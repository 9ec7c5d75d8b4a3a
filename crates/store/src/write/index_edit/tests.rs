use proptest::prelude::*;

use std::collections::HashSet;

use super::*;
use crate::format::json::Node;

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn descriptor(digest: &str) -> String {
    format!(r#"{{"mediaType":"m","digest":"{digest}","size":7}}"#)
}

fn put(name: &str, digest: &str) -> IndexEdit {
    IndexEdit::Put { name: Some(name.to_owned()), descriptor: descriptor(digest).into() }
}

fn add(digest: &str) -> IndexEdit {
    IndexEdit::Put { name: None, descriptor: descriptor(digest).into() }
}

fn untag(name: &str, digest: &str) -> IndexEdit {
    IndexEdit::Untag { name: Name::parse(name).into_owned(), digest: digest.parse().unwrap() }
}

fn text_of(before: &str, edits: &[IndexEdit]) -> Option<String> {
    apply(before, edits, &Limits::STANDARD).unwrap().text
}

/// Whoever read the index gets the same: `false` if it cannot be read.
fn same_when_read(before: &str, edits: &[IndexEdit], result: Option<&str>) -> bool {
    let read = RootIndex::parse(before.as_bytes().to_vec(), &Limits::STANDARD);
    if let Ok(index) = &read {
        assert_eq!(apply_to(index, edits, &Limits::STANDARD).unwrap().text.as_deref(), result, "{edits:?} on {before}");
    }
    read.is_ok()
}

/// `A` and `B` stand for the two digests in the texts of the table.
fn check(before: &str, edits: &[IndexEdit], after: Option<&str>) {
    let long = |text: &str| text.replace("\"A\"", &format!("\"{A}\"")).replace("\"B\"", &format!("\"{B}\""));
    let before = long(before);
    let result = text_of(&before, edits);
    assert_eq!(result, after.map(long), "{edits:?} on {before}");
    same_when_read(&before, edits, result.as_deref());
    if let Some(result) = result {
        assert_eq!(text_of(&result, edits), None, "{edits:?} twice on {before}");
    }
}

#[test]
fn an_empty_name_is_none() {
    let before = r#"{"manifests":[]}"#;
    assert_eq!(text_of(before, &[put("", A)]), text_of(before, &[add(A)]));
    let after = text_of(before, &[put("", A)]).unwrap();
    assert_eq!(text_of(&after, &[put("", A)]), None, "what was done once is done");
    let list = IndexEdit::Replace { name: String::new(), descriptor: Some(descriptor(A)) };
    assert_eq!(apply(before, &[list], &Limits::STANDARD).unwrap_err().code(), Code::RefSyntax);
}

#[test]
fn entries_are_put_and_removed_as_text() {
    let named = r#"{"mediaType":"m","digest":"A","size":7,"annotations":{"org.opencontainers.image.ref.name":"x"}}"#;
    let named_b = r#"{"mediaType":"m","digest":"B","size":7,"annotations":{"org.opencontainers.image.ref.name":"x"}}"#;
    let plain = r#"{"mediaType":"m","digest":"A","size":7}"#;
    let of = |entries: &[&str]| format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","));

    check(&of(&[]), &[put("x", A)], Some(&of(&[named])));
    check(&of(&[named]), &[put("x", A)], None);
    // The old image stays, without its name.
    check(&of(&[named]), &[put("x", B)], Some(&of(&[plain, named_b])));
    // It is listed already: with another name, or without one.
    check(&of(&[plain, named]), &[put("x", B)], Some(&of(&[plain, named_b])));
    let other = named.replace(r#""x""#, r#""y""#);
    check(&of(&[named, &other]), &[put("x", B)], Some(&of(&[&other, named_b])));
    check(&of(&[named]), &[add(A)], None);
    check(&of(&[]), &[add(A), add(A)], Some(&of(&[plain])));
    check(&of(&[named]), &[untag("x", A)], Some(&of(&[plain])));
    check(&of(&[plain, named]), &[untag("x", A)], Some(&of(&[plain])));
    check(&of(&[plain]), &[untag("x", A)], None);
    check(&of(&[named]), &[untag("no", A)], None);
    // One name after the other in one go.
    check(
        &of(&[]),
        &[put("x", A), put("x", B), untag("x", B), put("x", B)],
        Some(&of(&[plain, r#"{"mediaType":"m","digest":"B","size":7}"#, named_b])),
    );
    // Both names go; what else the entry says stays.
    check(
        &of(&[
            r#"{"digest":"A","annotations":{"a":"1","io.containerd.image.name":"h/x:x","org.opencontainers.image.ref.name":"x","z":"2"},"n":1e3}"#,
        ]),
        &[untag("h/x:x", A)],
        Some(&of(&[r#"{"digest":"A","annotations":{"a":"1","dev.airbase.former-names":"h/x:x","z":"2"},"n":1e3}"#])),
    );
    // Twice the same name on the same image is not ambiguous.
    check(&of(&[named, named]), &[put("x", A)], None);
    check(&of(&[named, named]), &[put("x", B)], Some(&of(&[plain, named_b])));
}

#[test]
fn tags_that_stand_for_lists_are_replaced_in_their_place() {
    let of = |entries: &[&str]| format!(r#"{{"manifests":[{}]}}"#, entries.join(","));
    let tagged = |digest: &str| {
        format!(r#"{{"mediaType":"m","digest":"{digest}","size":7,"annotations":{{"org.opencontainers.image.ref.name":"t"}}}}"#)
    };
    let plain = |digest: &str| format!(r#"{{"mediaType":"m","digest":"{digest}","size":7}}"#);
    let set = |digest: Option<&str>| IndexEdit::Replace { name: "t".to_owned(), descriptor: digest.map(descriptor) };
    let remove = |digest: &str| IndexEdit::Remove { digest: digest.parse().unwrap() };
    let (old, new, other, more) = (tagged("A"), tagged("B"), plain("B"), plain("A"));
    check(&of(&[]), &[set(Some(A))], Some(&of(&[&old])));
    check(&of(&[&old]), &[set(Some(A))], None);
    // The old list is not kept, and the order is.
    check(&of(&[&old, &other]), &[set(Some(B))], Some(&of(&[&new, &other])));
    check(&of(&[&other, &old]), &[set(None)], Some(&of(&[&other])));
    check(&of(&[&other]), &[set(None)], None);
    // Two entries of one name become one.
    check(&of(&[&old, &new]), &[set(Some(A))], Some(&of(&[&old])));
    // Removing takes every entry of a digest, and what one edit added another can remove.
    check(&of(&[&old, &other, &more]), &[remove(A)], Some(&of(&[&other])));
    check(&of(&[&other]), &[remove(A)], None);
    check(&of(&[&old]), &[set(Some(B)), remove(A)], Some(&of(&[&new])));
    check(&of(&[&other]), &[add(A), remove(A)], None);
    // What went can come back under the same name.
    check(&of(&[&old, &other]), &[remove(A), set(Some(A))], Some(&of(&[&other, &old])));
    check(
        &of(&[&old, &other]),
        &[remove(A), IndexEdit::Put { name: Some("t".to_owned()), descriptor: descriptor(A).into() }],
        Some(&of(&[&other, &old])),
    );
}

#[test]
fn a_list_that_is_null_is_an_empty_one_and_one_that_is_missing_is_lost() {
    let entry = r#"{"mediaType":"m","digest":"A","size":7}"#;
    check(r#"{"manifests":null,"x":1}"#, &[add(A)], Some(&format!(r#"{{"manifests":[{entry}],"x":1}}"#)));
    for text in ["{}", r#"{"x":1}"#] {
        assert_eq!(apply(text, &[add(A)], &Limits::STANDARD).unwrap_err().code(), Code::LayoutIndexNoList);
    }
    check(
        "{\n  \"x\": 1,\n  \"manifests\": null\n}\n",
        &[add(A)],
        Some(
            "{\n  \"x\": 1,\n  \"manifests\": [\n    {\n      \"mediaType\": \"m\",\n      \"digest\": \"A\",\n      \"size\": 7\n    }\n  ]\n}\n",
        ),
    );
    check(r#"{"manifests":null}"#, &[untag("x", A)], None);
}

#[test]
fn the_style_of_the_file_is_kept() {
    // Tabs, as Go's encoder is often told to write.
    check(
        "{\n\t\"schemaVersion\": 2,\n\t\"manifests\": [\n\t\t{\n\t\t\t\"digest\": \"A\"\n\t\t}\n\t]\n}\n",
        &[put("x", B)],
        Some(
            "{\n\t\"schemaVersion\": 2,\n\t\"manifests\": [\n\t\t{\n\t\t\t\"digest\": \"A\"\n\t\t},\n\t\t{\n\t\t\t\"mediaType\": \"m\",\n\t\t\t\"digest\": \"B\",\n\t\t\t\"size\": 7,\n\t\t\t\"annotations\": {\n\t\t\t\t\"org.opencontainers.image.ref.name\": \"x\"\n\t\t\t}\n\t\t}\n\t]\n}\n",
        ),
    );
    // Two spaces, and an empty list.
    check(
        "{\n  \"schemaVersion\": 2,\n  \"manifests\": []\n}",
        &[add(A)],
        Some(
            "{\n  \"schemaVersion\": 2,\n  \"manifests\": [\n    {\n      \"mediaType\": \"m\",\n      \"digest\": \"A\",\n      \"size\": 7\n    }\n  ]\n}",
        ),
    );
    // The last one goes, and the end of the list stays where it was.
    check(
        "{\n \"manifests\": [\n  {\"digest\": \"A\"},\n  {\"digest\": \"A\", \"annotations\": {\"org.opencontainers.image.ref.name\": \"x\"}}\n ]\n}\n",
        &[untag("x", A)],
        Some("{\n \"manifests\": [\n  {\"digest\": \"A\"}\n ]\n}\n"),
    );
    // One entry a line.
    check(
        "{\"manifests\":[\n{\"digest\":\"A\"}\n]}",
        &[add(B)],
        Some("{\"manifests\":[\n{\"digest\":\"A\"},\n{\"mediaType\":\"m\",\"digest\":\"B\",\"size\":7}\n]}"),
    );
    // As Python writes on one line.
    check(
        r#"{"schemaVersion": 2, "manifests": [{"digest": "A"}]}"#,
        &[add(B)],
        Some(r#"{"schemaVersion": 2, "manifests": [{"digest": "A"}, {"mediaType": "m", "digest": "B", "size": 7}]}"#),
    );
}

#[test]
fn the_name_stands_in_its_place_among_other_annotations() {
    let descriptor = format!(
        r#"{{"digest":"{A}","annotations":{{"a":"1","org.opencontainers.image.ref.name":"old","z":"2"}},"platform":{{"os":"linux"}}}}"#
    );
    let text = text_of(EMPTY_INDEX, &[IndexEdit::Put { name: Some("n\"".to_owned()), descriptor: descriptor.into() }]).unwrap();
    assert!(
        text.ends_with(r#""annotations":{"a":"1","org.opencontainers.image.ref.name":"n\"","z":"2"},"platform":{"os":"linux"}}]}"#),
        "{text}"
    );
}

#[test]
fn what_is_ambiguous_or_broken_is_refused() {
    let two = format!(
        r#"{{"manifests":[{{"digest":"{A}","annotations":{{"org.opencontainers.image.ref.name":"x"}}}},{{"digest":"{B}","annotations":{{"org.opencontainers.image.ref.name":"x"}}}}]}}"#
    );
    let code = |text: &str, edit: IndexEdit| apply(text, &[edit], &Limits::STANDARD).unwrap_err().code();
    assert_eq!(code(&two, put("x", A)), Code::RefAmbiguous);
    assert_eq!(code("", add(A)), Code::JsonSyntax);
    assert_eq!(code("[]", add(A)), Code::JsonType);
    assert_eq!(code(r#"{"manifests":{}}"#, add(A)), Code::JsonType);
    assert_eq!(code(r#"{"Manifests":[]}"#, add(A)), Code::JsonCaseVariant);
    assert_eq!(code(EMPTY_INDEX, add("sha256:../../x")), Code::DigestSyntax);
    assert_eq!(code(EMPTY_INDEX, IndexEdit::Put { name: None, descriptor: "{}".to_owned().into() }), Code::DescriptorIncomplete);
}

#[test]
fn many_edits_of_a_large_index_take_no_quadratic_time() {
    let entries: Vec<String> = (0..20_000)
        .map(|number| format!(r#"{{"digest":"sha256:{number:064x}","annotations":{{"org.opencontainers.image.ref.name":"{number}"}}}}"#))
        .collect();
    let text = format!(r#"{{"manifests":[{}]}}"#, entries.join(","));
    let edits: Vec<IndexEdit> =
        (0..20_000).map(|number| put(&number.to_string(), &format!("sha256:{:064x}", number + 1_000_000))).collect();
    let result = text_of(&text, &edits).unwrap();
    assert_eq!(result.matches("\"digest\"").count(), 40_000);
}

proptest! {
    #[test]
    fn untouched_entries_keep_their_bytes(
        entries in prop::collection::vec((0_u8..6, prop::option::of(0_u8..6), "[ \t\n]{0,3}", "[ \t\n]{0,3}"), 0..12),
        edits in prop::collection::vec((0_u8..3, 0_u8..6, 6_u8..9), 0..6),
    ) {
        let mut names = HashSet::new();
        let texts: Vec<(Option<u8>, String)> = entries
            .iter()
            .map(|(digest, name, one, two)| {
                let name = name.filter(|name| names.insert(*name));
                let annotations = name.map_or(String::new(), |name| format!(r#","annotations":{{"org.opencontainers.image.ref.name":{one}"n{name}"}}"#));
                // An entry of an algorithm that is not known here, of which nobody reads more than that it is there.
                let algorithm = if *digest == 5 { "md5" } else { "sha256" };
                (name, format!(r#"{{{one}"mediaType":"m","size":7,"digest":{two}"{algorithm}:{digest:064x}"{one},"x":1.50{annotations}{two}}}"#))
            })
            .collect();
        let inner: Vec<String> = texts.iter().zip(&entries).map(|((_, text), (_, _, one, two))| format!("{one}{text}{two}")).collect();
        let text = format!("{{\"a\" : 1e2, \"manifests\":[{}] , \"z\":[ ]}}\n", inner.join(","));
        let edits: Vec<IndexEdit> = edits
            .iter()
            .map(|(kind, name, digest)| match kind {
                0 => put(&format!("n{name}"), &format!("sha256:{digest:064x}")),
                1 => add(&format!("sha256:{digest:064x}")),
                _ => untag(&format!("n{name}"), &format!("sha256:{:064x}", digest % 6)),
            })
            .collect();
        let result = text_of(&text, &edits);
        prop_assert!(same_when_read(&text, &edits, result.as_deref()));
        let result = result.unwrap_or_else(|| text.clone());
        let touched: HashSet<&str> = edits
            .iter()
            .filter_map(|edit| match edit {
                IndexEdit::Put { name, .. } => name.as_deref(),
                IndexEdit::Untag { name, .. } => Some(name.as_str()),
                _ => None,
            })
            .collect();
        let kept = |name: &Option<u8>| name.is_none_or(|name| !touched.contains(format!("n{name}").as_str()));
        let document = Document::parse(result.as_bytes(), &Limits::STANDARD).unwrap();
        let now: Vec<&str> = document.root().get("manifests").unwrap().items().map(Node::raw).collect();
        let mut rest = now.as_slice();
        for (_, entry) in texts.iter().filter(|(name, _)| kept(name)) {
            let at = rest.iter().position(|other| other == entry);
            prop_assert!(at.is_some(), "{} is lost or out of order in {}", entry, result);
            rest = &rest[at.unwrap() + 1..];
        }
        let whole = result.starts_with("{\"a\" : 1e2, \"manifests\":[") && result.ends_with("] , \"z\":[ ]}\n");
        prop_assert!(whole, "what surrounds the list changed in {}", result);
        // No digest is lost.
        for (digest, ..) in &entries {
            let hex = format!("{digest:064x}");
            prop_assert!(result.contains(&hex), "{} is lost in {}", hex, result);
        }
    }
}

/// An entry as `docker save` writes it.
fn saved(digest: &str, name: &str) -> String {
    let tag = name.rsplit(':').next().unwrap();
    format!(
        r#"{{"mediaType":"m","digest":"{digest}","size":7,"annotations":{{"io.containerd.image.name":"{name}","org.opencontainers.image.ref.name":"{tag}"}}}}"#
    )
}

fn formerly(digest: &str, names: &str) -> String {
    format!(r#"{{"mediaType":"m","digest":"{digest}","size":7,"annotations":{{"dev.airbase.former-names":"{names}"}}}}"#)
}

fn index(entries: &[String]) -> String {
    format!(r#"{{"manifests":[{}]}}"#, entries.join(","))
}

#[test]
fn of_two_entries_with_one_tag_the_one_that_was_meant_is_edited() {
    let (nginx, redis) = ("docker.io/library/nginx:latest", "docker.io/library/redis:latest");
    let before = index(&[saved("A", nginx), saved("B", redis)]);
    let remove = |digest: &str, name: Option<&str>| IndexEdit::RemoveEntry {
        digest: digest.parse().unwrap(),
        name: name.map(|name| Name::parse(name).into_owned()),
    };
    check(&before, &[untag("nginx:latest", A)], Some(&index(&[formerly("A", nginx), saved("B", redis)])));
    check(&before, &[remove(A, Some(nginx))], Some(&index(&[saved("B", redis)])));
    // The name of one with the digest of the other is neither, and neither is the tag that both have.
    check(&before, &[untag(redis, A)], None);
    check(&before, &[remove(A, Some(redis)), remove(A, Some("latest")), remove(A, None)], None);
    // Two images with one tag alone, which is not sound, and still two entries.
    let tagged = |digest: &str| saved(digest, "1").replace(r#""io.containerd.image.name":"1","#, "");
    check(&index(&[tagged("A"), tagged("B")]), &[remove(A, Some("1"))], Some(&index(&[tagged("B")])));
    // A tag alone takes no full name away.
    let result = text_of(&before.replace("\"A\"", &format!("\"{A}\"")), &[put("latest", A)]).unwrap();
    assert!(result.contains(nginx), "{result}");
}

#[test]
fn a_name_in_another_spelling_is_the_same_name() {
    let before = index(&[saved("A", "docker.io/library/nginx:latest")]);
    check(&before, &[put("nginx:latest", A), put("docker.io/nginx", A)], None);
    let after = index(&[
        formerly("A", "docker.io/library/nginx:latest"),
        r#"{"mediaType":"m","digest":"B","size":7,"annotations":{"org.opencontainers.image.ref.name":"library/nginx"}}"#.to_owned(),
    ]);
    check(&before, &[put("library/nginx", B)], Some(&after));
    let edited = apply(&before.replace("\"A\"", &format!("\"{A}\"")), &[put("library/nginx", B)], &Limits::STANDARD).unwrap();
    assert_eq!(edited.taken, [Taken { name: "library/nginx".to_owned(), digest: A.parse().unwrap() }]);
}

#[test]
fn a_name_stands_where_one_stood() {
    let put = |name: &str, from: &str| IndexEdit::Put {
        name: Some(name.to_owned()),
        descriptor: from.replace("\"A\"", &format!("\"{A}\"")).replace("\"B\"", &format!("\"{B}\"")).into(),
    };
    let from = saved("A", "registry.site/os:1");
    check(&index(&[]), &[put("os:2", &from)], Some(&index(&[saved("A", "docker.io/library/os:2").replace("\"os:2\"", "\"2\"")])));
    check(&index(&[]), &[put("registry.site/os:1", &from)], Some(&index(std::slice::from_ref(&from))));
    // Both in full, as it is done for a runtime.
    let both = from.replace(r#"ref.name":"1""#, r#"ref.name":"registry.site/os:1""#);
    check(&index(&[]), &[put("q.io/os:2", &both)], Some(&index(&[both.replace("registry.site/os:1", "q.io/os:2")])));
    // A tag alone says no repository, and containerd takes none.
    let alone = r#"{"mediaType":"m","digest":"A","size":7,"annotations":{"org.opencontainers.image.ref.name":"9"}}"#;
    check(&index(&[]), &[put("9", &from)], Some(&index(&[alone.to_owned()])));
    // A name with a digest is kept as it is.
    let pinned = format!("docker.io/library/x@{A}");
    let entry = format!(r#"{{"mediaType":"m","digest":"A","size":7,"annotations":{{"io.containerd.image.name":"{pinned}"}}}}"#);
    check(&index(&[]), &[put(&pinned, &entry)], Some(&index(std::slice::from_ref(&entry))));
}

#[test]
fn an_image_is_known_by_the_names_that_it_lost() {
    let named = |digest: &str, name: &str| {
        format!(r#"{{"mediaType":"m","digest":"{digest}","size":7,"annotations":{{"org.opencontainers.image.ref.name":"{name}"}}}}"#)
    };
    let (one, two) = ("r.site/os:1", "r.site/os:2");
    // Another entry keeps it, where there is one.
    check(
        &index(&[named("A", one), named("A", two)]),
        &[put(one, B)],
        Some(&index(&[named("A", two).replace(r#""org"#, &format!(r#""dev.airbase.former-names":"{one}","org"#)), named("B", one)])),
    );
    // The newest stands first, each once, and eight at most.
    let before = index(&[named("A", one), formerly("B", "n:1,n:2,n:3,n:4,n:5,n:6,n:7,n:8")]);
    check(&before, &[put("n:9", B), untag("n:9", B)], Some(&index(&[named("A", one), formerly("B", "n:9")])));
    let (first, second) = (named("A", two), formerly("A", "docker.io/library/n:7,n:2,n:3,n:4,n:5,n:6,n:1,n:8"));
    let newer = second.replace("docker", "r.site/os:2,docker").replace(",n:8", "");
    check(&index(&[first.clone(), second.clone()]), &[put(two, B)], Some(&index(&[newer, named("B", two)])));
    let again = second.replace("docker", "n:2,docker").replace("7,n:2", "7");
    check(&index(&[named("A", "n:2"), second.clone()]), &[put("n:2", B)], Some(&index(&[again, named("B", "n:2")])));
    // A name that was only taken away from an image that is listed otherwise is not remembered.
    check(&index(&[first, second.clone()]), &[untag(two, A)], Some(&index(&[second])));
    check(&index(&[named("A", one), named("A", two)]), &[untag(two, A)], Some(&index(&[named("A", one)])));
    // It gets a name again, and what else the entry says stays.
    let kept = formerly("A", one).replace(r#"os:1""#, r#"os:1","keep":"me""#);
    check(&index(&[kept]), &[put(two, A)], Some(&index(&[named("A", two).replace(r#""org"#, r#""keep":"me","org"#)])));
    // A tag alone is no full name.
    check(&index(&[named("A", "1")]), &[untag("1", A)], Some(&index(&[r#"{"mediaType":"m","digest":"A","size":7}"#.to_owned()])));
    // Copied without a name it is still known by what it was called, with one it is not.
    let put_back = |name: Option<&str>| IndexEdit::Put {
        name: name.map(str::to_owned),
        descriptor: formerly("A", one).replace("\"A\"", &format!("\"{A}\"")).into(),
    };
    check(&index(&[]), &[put_back(None)], Some(&index(&[formerly("A", one)])));
    check(&index(&[]), &[put_back(Some(two))], Some(&index(&[named("A", two)])));
}
