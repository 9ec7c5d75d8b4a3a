//! Strict JSON: every document that is accepted is one to another parser too, and says the same.
#![no_main]

use airbase::format::json::{Document, Kind, Node, Text, Value, quote};
use airbase::foundation::Limits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let ours = Document::parse(data, &Limits::STANDARD);
    let theirs = serde_json::from_slice::<serde_json::Value>(data);
    let Ok(document) = ours else { return };
    let theirs = theirs.expect("we accept it");
    let root = document.root();
    let text = std::str::from_utf8(data).expect("we accept only UTF-8");
    // The pieces lie where they say, and a copy that owns its text says the same.
    assert_eq!(&text[root.offset_in(text)..root.offset_in(text) + root.raw().len()], root.raw());
    assert_eq!(text.trim_matches([' ', '\t', '\n', '\r']), root.raw());
    assert_eq!(Text::parse(data.to_vec(), &Limits::STANDARD).expect("it was accepted").root().raw(), root.raw());
    // What was found on the way is what is found by walking.
    let (whole, outline) = Text::outlined(data.to_vec(), &Limits::STANDARD).expect("it was accepted");
    if let Ok(found) = whole.object(&outline, "the document") {
        let parts = |(key, value): (&str, Node<'_>)| (key.to_owned(), value.raw().to_owned());
        assert!(found.members().map(parts).eq(root.members().map(|(key, value)| parts((&key, value)))));
        for (key, value) in root.members() {
            assert!(found.items(&key).map(Node::raw).eq(value.items().map(Node::raw)), "{key}");
        }
    }
    check(root, &theirs);
    // Opened as far as it goes and written again, it means the same to both.
    let rendered = opened(root).render();
    let again = Document::parse(rendered.as_bytes(), &Limits::STANDARD).expect("what we write is accepted");
    assert!(Value::same(root, again.root()) && Value::same(again.root(), root), "{rendered}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&rendered).expect("what we write is JSON"), theirs);
});

/// Every part of the document is what the other parser says that it is.
fn check(node: Node<'_>, theirs: &serde_json::Value) {
    match (node.kind(), theirs) {
        (Kind::Object, serde_json::Value::Object(members)) => {
            assert_eq!(node.members().count(), members.len(), "a key twice");
            for (key, value) in node.members() {
                check(value, &members[key.as_ref()]);
                let found = node.get_or_null(&key).expect("a member that is there");
                assert_eq!(found.raw(), value.raw());
            }
        }
        (Kind::Array, serde_json::Value::Array(items)) => {
            assert_eq!(node.items().count(), items.len());
            node.items().zip(items).for_each(|(item, theirs)| check(item, theirs));
        }
        (Kind::String, serde_json::Value::String(theirs)) => {
            let text = node.as_str().expect("a string");
            assert_eq!(text, theirs.as_str());
            assert_eq!(serde_json::from_str::<String>(&quote(&text)).expect("what we quote is a string"), text);
        }
        (Kind::Number, serde_json::Value::Number(theirs)) => {
            if let Some(size) = node.as_size() {
                assert_eq!(theirs.as_u64(), Some(size));
            }
        }
        (Kind::Bool, serde_json::Value::Bool(theirs)) => assert_eq!(node.as_bool(), Some(*theirs)),
        (Kind::Null, serde_json::Value::Null) => {}
        (kind, theirs) => panic!("{kind:?} is {theirs}"),
    }
}

fn opened(node: Node<'_>) -> Value {
    match node.kind() {
        Kind::Object => Value::Object(node.members().map(|(key, value)| (key.into_owned(), opened(value))).collect()),
        Kind::Array => Value::Array(node.items().map(opened).collect()),
        Kind::String => Value::string(&node.as_str().unwrap_or_default()),
        _ => Value::of(node),
    }
}
