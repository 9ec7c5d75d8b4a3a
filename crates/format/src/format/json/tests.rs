use super::*;

fn parse(text: &str) -> Result<Document<'_>> {
    Document::parse(text.as_bytes(), &Limits::STANDARD)
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    let deep = "[".repeat(65) + &"]".repeat(65);
    let cases = [
        (r#"{"a":1,"a":1}"#, Code::JsonDuplicateKey),
        (r#"{"a":1,"\u0061":2}"#, Code::JsonDuplicateKey),
        (r#"{"x":{"b":[{"a":1,"a":2}]}}"#, Code::JsonDuplicateKey),
        ("{} {}", Code::JsonTrailing),
        ("{},", Code::JsonTrailing),
        ("\u{feff}{}", Code::JsonEncoding),
        (r#"["\ud800"]"#, Code::JsonEncoding),
        (r#"["\udc00\ud800"]"#, Code::JsonEncoding),
        ("", Code::JsonSyntax),
        ("{\"a\":}", Code::JsonSyntax),
        ("[1,]", Code::JsonSyntax),
        ("[01]", Code::JsonTrailing),
        ("[1.]", Code::JsonSyntax),
        ("{'a':1}", Code::JsonSyntax),
        ("[\"a\nb\"]", Code::JsonSyntax),
        ("nul", Code::JsonSyntax),
        (deep.as_str(), Code::JsonDepth),
    ];
    for (text, code) in cases {
        let error = parse(text).expect_err(text);
        // `[01]` is a number followed by something that is neither comma nor bracket.
        let found = error.code();
        assert!(found == code || (text == "[01]" && found == Code::JsonSyntax), "{text}: {found:?}");
    }
    assert_eq!(Document::parse(b"\xff\xfe{}", &Limits::STANDARD).unwrap_err().code(), Code::JsonEncoding);
}

#[test]
fn many_keys_are_compared_too() {
    let keys: Vec<String> = (0..100).map(|number| format!("\"k{number}\":0")).collect();
    assert!(parse(&format!("{{{}}}", keys.join(","))).is_ok());
    assert_eq!(parse(&format!("{{{},\"k3\":1}}", keys.join(","))).unwrap_err().code(), Code::JsonDuplicateKey);
}

#[test]
fn values_are_found_where_they_stand() {
    let text = " { \"a\" : [ 1 , {\"x\":\"}]\\\"\"} , null ], \"b\":\"\\u00e9\\ud83d\\ude00\\n\", \"c\": 12 } ";
    let root = parse(text).unwrap().root();
    let items: Vec<&str> = root.get("a").unwrap().items().map(Node::raw).collect();
    assert_eq!(items, ["1", "{\"x\":\"}]\\\"\"}", "null"]);
    assert_eq!(root.get("b").unwrap().as_str().unwrap(), "é😀\n");
    assert_eq!(root.get("c").unwrap().as_size(), Some(12));
    assert!(root.get("d").is_none());
}

#[test]
fn only_whole_numbers_in_range_are_sizes() {
    for (text, size) in [
        ("0", Some(0)),
        ("9223372036854775807", Some(i64::MAX as u64)),
        ("9223372036854775808", None),
        ("-1", None),
        ("1.0", None),
        ("1e3", None),
        ("\"1\"", None),
    ] {
        assert_eq!(parse(text).unwrap().root().as_size(), size, "{text}");
    }
}

#[test]
fn a_change_leaves_the_rest_as_it_was() {
    let text = r#"{"n":1e3,"big":9007199254740993,"vendor":{ "x" : [1, 2] },"old":"a\/b"}"#;
    let mut value = Value::open(parse(text).unwrap().root());
    value.set("n", Value::size(7));
    value.set("new", Value::strings(["a\"b"]));
    assert_eq!(value.render(), r#"{"n":7,"big":9007199254740993,"vendor":{ "x" : [1, 2] },"old":"a\/b","new":["a\"b"]}"#);
}

/// What was found while the document was validated is what a walk over it finds.
fn same_when_outlined(text: &str) -> usize {
    let (whole, outline) = Text::outlined(text.as_bytes().to_vec(), &Limits::STANDARD).unwrap();
    let (Ok(found), Ok(walked)) = (whole.object(&outline, "x"), whole.root().object("x")) else { return 0 };
    let members = |object: &Object<'_>| -> Vec<(String, String)> {
        object.members().map(|(key, value)| (key.to_owned(), value.raw().to_owned())).collect()
    };
    assert_eq!(members(&found), members(&walked), "{text}");
    let mut items = 0;
    for (key, value) in walked.members() {
        let one: Vec<&str> = found.items(key).map(Node::raw).collect();
        let other: Vec<&str> = value.items().map(Node::raw).collect();
        assert_eq!(one, other, "{key} of {text}");
        items += one.len();
    }
    assert_eq!(found.items("absent").count(), 0);
    items
}

#[test]
fn what_stands_in_the_root_is_found_while_it_is_validated() {
    assert_eq!(same_when_outlined(" {\"a\": [ 1, [2, 3] ,{\"b\":[4]}], \"\\u0063\":{\"d\":[5]},\"e\":[],\"f\":null,\"g\":[\"]\"]}\n"), 4);
    assert_eq!(same_when_outlined(r#"{"manifests":[1,[2],{"manifests":[3]}],"b":[4],"c":{"manifests":[5]},"d":{"e":[6]}}"#), 4);
    for text in ["[[1],[2]]", "[]", "7", "{}"] {
        assert_eq!(same_when_outlined(text), 0, "{text}");
    }
}

proptest::proptest! {
    /// An independent parser agrees on every document that we accept.
    #[test]
    fn serde_reads_the_same(text in "[\\[\\]{}\",:0-9a-eE+\\-. \\\\utrfalsn]{0,40}") {
        if let Ok(document) = parse(&text) {
            let theirs: serde_json::Value = match serde_json::from_str(&text) {
                Ok(value) => value,
                // Numbers beyond a double are JSON, but not for that parser.
                Err(error) if error.to_string().contains("out of range") => return Ok(()),
                Err(error) => panic!("we accept {text:?}, serde_json says {error}"),
            };
            let again: serde_json::Value = serde_json::from_str(&reopen(document.root()).render()).unwrap();
            proptest::prop_assert_eq!(theirs, again);
            same_when_outlined(&text);
        }
    }
}

fn reopen(node: Node<'_>) -> Value {
    match node.kind() {
        Kind::Object => Value::Object(node.members().map(|(key, value)| (key.into_owned(), reopen(value))).collect()),
        Kind::Array => Value::Array(node.items().map(reopen).collect()),
        _ => Value::of(node),
    }
}
