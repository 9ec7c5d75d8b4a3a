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
    IndexEdit::Put { name: Some(name.to_owned()), descriptor: descriptor(digest) }
}

fn add(digest: &str) -> IndexEdit {
    IndexEdit::Put { name: None, descriptor: descriptor(digest) }
}

fn untag(name: &str) -> IndexEdit {
    IndexEdit::Untag { name: name.to_owned() }
}

/// Whoever read the index gets the same: `false` if it cannot be read.
fn same_when_read(before: &str, edits: &[IndexEdit], result: Option<&str>) -> bool {
    let read = RootIndex::parse(before.as_bytes().to_vec(), &Limits::STANDARD);
    if let Ok(index) = &read {
        assert_eq!(apply_to(index, edits, &Limits::STANDARD).unwrap().as_deref(), result, "{edits:?} on {before}");
    }
    read.is_ok()
}

/// `A` and `B` stand for the two digests in the texts of the table.
fn check(before: &str, edits: &[IndexEdit], after: Option<&str>) {
    let long = |text: &str| text.replace("\"A\"", &format!("\"{A}\"")).replace("\"B\"", &format!("\"{B}\""));
    let before = long(before);
    let result = apply(&before, edits, &Limits::STANDARD).unwrap();
    assert_eq!(result, after.map(long), "{edits:?} on {before}");
    same_when_read(&before, edits, result.as_deref());
    if let Some(result) = result {
        assert_eq!(apply(&result, edits, &Limits::STANDARD).unwrap(), None, "{edits:?} twice on {before}");
    }
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
    check(&of(&[named]), &[untag("x")], Some(&of(&[plain])));
    check(&of(&[plain, named]), &[untag("x")], Some(&of(&[plain])));
    check(&of(&[plain]), &[untag("x")], None);
    check(&of(&[named]), &[untag("no")], None);
    // One name after the other in one go.
    check(
        &of(&[]),
        &[put("x", A), put("x", B), untag("x"), put("x", B)],
        Some(&of(&[plain, r#"{"mediaType":"m","digest":"B","size":7}"#, named_b])),
    );
    // Both names go; what else the entry says stays.
    check(
        &of(&[
            r#"{"digest":"A","annotations":{"a":"1","io.containerd.image.name":"h/x:x","org.opencontainers.image.ref.name":"x","z":"2"},"n":1e3}"#,
        ]),
        &[untag("x")],
        Some(&of(&[r#"{"digest":"A","annotations":{"a":"1","z":"2"},"n":1e3}"#])),
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
        &[remove(A), IndexEdit::Put { name: Some("t".to_owned()), descriptor: descriptor(A) }],
        Some(&of(&[&other, &old])),
    );
}

#[test]
fn lists_that_are_null_or_missing_are_empty_ones() {
    let entry = r#"{"mediaType":"m","digest":"A","size":7}"#;
    check(r#"{"manifests":null,"x":1}"#, &[add(A)], Some(&format!(r#"{{"manifests":[{entry}],"x":1}}"#)));
    check(r#"{"x":1}"#, &[add(A)], Some(&format!(r#"{{"x":1,"manifests":[{entry}]}}"#)));
    check("{}\n", &[add(A)], Some(&format!("{{\"manifests\":[{entry}]}}\n")));
    check(
        "{\n  \"x\": 1\n}\n",
        &[add(A)],
        Some(
            "{\n  \"x\": 1,\n  \"manifests\": [\n    {\n      \"mediaType\": \"m\",\n      \"digest\": \"A\",\n      \"size\": 7\n    }\n  ]\n}\n",
        ),
    );
    check(r#"{"manifests":null}"#, &[untag("x")], None);
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
        &[untag("x")],
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
    let text = apply(EMPTY_INDEX, &[IndexEdit::Put { name: Some("n\"".to_owned()), descriptor }], &Limits::STANDARD).unwrap().unwrap();
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
    assert_eq!(code(EMPTY_INDEX, IndexEdit::Put { name: None, descriptor: "{}".to_owned() }), Code::DescriptorIncomplete);
}

#[test]
fn many_edits_of_a_large_index_take_no_quadratic_time() {
    let entries: Vec<String> = (0..20_000)
        .map(|number| format!(r#"{{"digest":"sha256:{number:064x}","annotations":{{"org.opencontainers.image.ref.name":"{number}"}}}}"#))
        .collect();
    let text = format!(r#"{{"manifests":[{}]}}"#, entries.join(","));
    let edits: Vec<IndexEdit> =
        (0..20_000).map(|number| put(&number.to_string(), &format!("sha256:{:064x}", number + 1_000_000))).collect();
    let result = apply(&text, &edits, &Limits::STANDARD).unwrap().unwrap();
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
                _ => untag(&format!("n{name}")),
            })
            .collect();
        let result = apply(&text, &edits, &Limits::STANDARD).unwrap();
        prop_assert!(same_when_read(&text, &edits, result.as_deref()));
        let result = result.unwrap_or_else(|| text.clone());
        let touched: HashSet<&str> = edits
            .iter()
            .filter_map(|edit| match edit {
                IndexEdit::Put { name, .. } => name.as_deref(),
                IndexEdit::Untag { name } => Some(name),
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
