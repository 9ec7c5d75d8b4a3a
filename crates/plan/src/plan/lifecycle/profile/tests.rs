use super::super::convention::{Convention, Conventions};
use super::super::statement::{Made, Referrer, Statement};
use super::super::time::When;
use super::*;
use crate::format::json::{Document, Kind, Node};
use crate::foundation::Limits;

const NOW: &str = "2026-01-02T03:04:05Z";

fn moment(text: &str) -> Moment {
    Moment::strict(text).unwrap()
}

/// The subject of the golden vectors: 247 bytes.
fn subject() -> Descriptor {
    let text = concat!(
        r#"{"mediaType":"application/vnd.oci.image.manifest.v1+json","#,
        r#""digest":"sha256:09ade42fe3e69018a3360bb092265af902f9e7d6013146cf152c82ac3a944707","size":247}"#
    );
    Descriptor::parse(Document::parse(text.as_bytes(), &Limits::STANDARD).unwrap().root(), &Limits::STANDARD).unwrap()
}

fn draft(says: &[(Field, Value)]) -> NewStatement {
    NewStatement {
        says: says.iter().cloned().collect(),
        made: moment(NOW),
        sequence: 0,
        replaces: Vec::new(),
        cleared: std::collections::BTreeSet::new(),
        overrides: vec![],
        issuer: None,
        subject_created: None,
    }
}

fn full() -> NewStatement {
    let digest = |text: &str| Digest::sha256(text.as_bytes());
    let text = |text: &str| Value::Text(text.to_owned());
    NewStatement {
        sequence: 3,
        replaces: vec![digest("first"), digest("second")],
        cleared: std::collections::BTreeSet::from([Field::Channel]),
        overrides: vec![digest("theirs")],
        issuer: Some("platform team".to_owned()),
        subject_created: Some("2025-01-01T00:00:00Z".to_owned()),
        ..draft(&[
            (Field::Status, Value::Status(Status::Superseded)),
            (Field::EndOfLife, Value::Time(When::At(moment("2026-12-01T12:30:00Z")))),
            (Field::EndOfSupport, Value::Time(When::At(moment("2026-06-01")))),
            (Field::GeneralAvailability, Value::Time(When::At(moment("2024-06-01")))),
            (Field::SupersededBy, Value::Digest(digest("new"))),
            (Field::SupersededByName, text("registry.example/app:2")),
            (Field::SupersededByPlatforms, Value::Platforms(BTreeMap::from([("linux/amd64".to_owned(), digest("amd64"))]))),
            (Field::Supersedes, Value::Digest(digest("old"))),
            (Field::Reason, text("CVE-2026-1 \"in\" \u{1f4a5} the base\n")),
            (Field::Url, text("https://example.org/notice")),
            (Field::Channel, text("app:stable")),
            (Field::Version, text("1.2")),
            (Field::Revision, text("7")),
        ])
    }
}

/// Reads back what was written.
fn read((authored, document): &(NewReferrer, Option<Verified>)) -> Statement {
    let digest = Digest::sha256(b"the manifest");
    let subject = subject();
    let referrer = Referrer {
        digest: &digest,
        artifact_type: &authored.artifact_type,
        annotations: &authored.annotations,
        subject: &subject,
        document: document.as_ref(),
        has_content: document.is_some(),
    };
    Statement::read(referrer, &["2025-01-01T00:00:00Z".to_owned()], &Conventions::NONE, &Limits::STANDARD).unwrap()
}

/// The manifest of 744 bytes whose digest was computed by hand from the conventions of Microsoft's tools.
#[test]
fn the_microsoft_profile_is_the_golden_one() {
    let end = Value::Time(When::At(moment("2026-01-01")));
    let (authored, document) = write(&draft(&[(Field::EndOfLife, end)]), &subject(), &Profile::Microsoft).unwrap();
    assert_eq!(authored.artifact_type, "application/vnd.microsoft.artifact.lifecycle");
    let annotations: Vec<(&str, &str)> = authored.annotations.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        annotations,
        [("org.opencontainers.image.created", NOW), ("vnd.microsoft.artifact.lifecycle.end-of-life.date", "2026-01-01")]
    );
    assert!(document.is_none() && authored.content.is_empty());
    let empty = r#"{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}"#;
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"{}","config":{empty},"layers":[{empty}],"subject":{},"annotations":{}}}"#,
        authored.artifact_type,
        subject().raw,
        Json::string_map(&authored.annotations).render()
    );
    assert_eq!(manifest.len(), 744);
    let made = crate::plan::referrers::manifest(&authored, Some(&subject())).blob;
    assert_eq!(made.bytes(), manifest.as_bytes());
    assert_eq!(made.digest().to_string(), "sha256:c85ceb33082950196ef35a6440a9e006970eb0222ea7a4fadc4341497d502d7d");
}

#[test]
fn one_manifest_serves_both_readers() {
    let (authored, document) = write(&full(), &subject(), &Profile::Combined).unwrap();
    assert_eq!(authored.artifact_type, MICROSOFT_TYPE);
    for (key, value) in [
        ("vnd.microsoft.artifact.lifecycle.end-of-life.date", "2026-12-01"),
        ("dev.airbase.lifecycle.end-of-life", "2026-12-01T12:30:00Z"),
        ("dev.airbase.lifecycle.status", "superseded"),
        ("dev.airbase.lifecycle.recorded", NOW),
        ("dev.airbase.lifecycle.sequence", "3"),
        ("dev.airbase.lifecycle.subject.created", "2025-01-01T00:00:00Z"),
        // The time of the statement, never that of the image.
        ("org.opencontainers.image.created", NOW),
        ("org.opencontainers.image.version", "1.2"),
    ] {
        assert_eq!(authored.annotations.get(key).map(String::as_str), Some(value), "{key}");
    }
    let content: Vec<_> = authored.content.iter().map(|content| (content.media_type.as_str(), &content.digest)).collect();
    assert_eq!(content, [(OWN_TYPE, document.unwrap().digest())]);
}

#[test]
fn what_is_written_is_read_back_whole() {
    for profile in [Profile::Combined, Profile::Native] {
        let draft = full();
        let statement = read(&write(&draft, &subject(), &profile).unwrap());
        assert_eq!(statement.record(), draft.says, "{profile}");
        assert_eq!(statement.convention, Convention::Own);
        assert_eq!(statement.made, Made::At { time: draft.made, key: RECORDED.to_owned() });
        assert_eq!((statement.sequence, statement.issuer.as_deref()), (3, Some("platform team")));
        let mut replaces = draft.replaces.clone();
        replaces.sort();
        assert_eq!(statement.replaces, replaces);
        assert_eq!(statement.findings, [], "{profile}");
    }
}

#[test]
fn what_the_microsoft_type_cannot_say_is_native() {
    let successor = Value::Digest(Digest::sha256(b"new"));
    for (says, expected) in [
        (vec![(Field::Status, Value::Status(Status::Deprecated))], OWN_TYPE),
        (vec![(Field::SupersededBy, successor)], OWN_TYPE),
        (vec![(Field::Status, Value::Status(Status::Active))], OWN_TYPE),
        (
            vec![(Field::Status, Value::Status(Status::Deprecated)), (Field::EndOfLife, Value::Time(When::At(moment("2027-01-01"))))],
            MICROSOFT_TYPE,
        ),
    ] {
        let (authored, _) = write(&draft(&says), &subject(), &Profile::Combined).unwrap();
        assert_eq!(authored.artifact_type, expected, "{says:?}");
        assert_eq!(authored.annotations.contains_key(MICROSOFT_KEY), expected == MICROSOFT_TYPE);
        assert_eq!(write(&draft(&says), &subject(), &Profile::Native).unwrap().0.artifact_type, OWN_TYPE);
    }
}

#[test]
fn the_older_articles_keys_have_the_name_of_the_vendor() {
    let says = [(Field::EndOfLife, Value::Time(When::At(moment("2023-07-07T08:00:00Z")))), (Field::Revision, Value::Text("2".to_owned()))];
    let written = write(&draft(&says), &subject(), &Profile::parse("vnd.myorganization").unwrap()).unwrap();
    let authored = &written.0;
    assert_eq!(authored.artifact_type, "application/vnd.myorganization.image.lifecycle.metadata");
    let annotations: Vec<(&str, &str)> = authored.annotations.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        annotations,
        [
            ("org.opencontainers.image.created", NOW),
            ("org.opencontainers.image.revision", "2"),
            ("vnd.myorganization.image.end-of-life", "2023-07-07T08:00:00Z")
        ]
    );
    assert_eq!(read(&written).convention, Convention::Vendor("myorganization".to_owned()));
}

#[test]
fn a_profile_of_one_date_refuses_the_rest() {
    let past = (Field::EndOfLife, Value::Time(When::At(moment("2026-01-01"))));
    let later = (Field::EndOfLife, Value::Time(When::At(moment("2027-01-01"))));
    let status = |status| (Field::Status, Value::Status(status));
    for (says, fits) in [
        (vec![past.clone()], true),
        (vec![past.clone(), status(Status::EndOfLife)], true),
        (vec![later.clone(), status(Status::Active)], true),
        (vec![later.clone(), status(Status::EndOfLife)], false),
        (vec![past.clone(), status(Status::Active)], false),
        (vec![past.clone(), status(Status::Withdrawn)], false),
        (vec![past.clone(), (Field::Reason, Value::Text("x".to_owned()))], false),
        (vec![past, (Field::Version, Value::Text("1".to_owned()))], true),
        (vec![status(Status::Active)], false),
        (vec![], false),
    ] {
        for profile in [Profile::Microsoft, Profile::Vendor("example".to_owned())] {
            let result = write(&draft(&says), &subject(), &profile).map_err(|error| error.code());
            assert_eq!(result.map(|_| ()), if fits { Ok(()) } else { Err(Code::LifecycleProfile) }, "{profile} {says:?}");
        }
    }
}

#[test]
fn profiles_have_names() {
    for text in ["combined", "microsoft", "native", "vnd.myorganization", "vnd.my.org-1"] {
        assert_eq!(Profile::parse(text).unwrap().to_string(), text);
    }
    for text in ["", "vnd.", "vnd.a/b", "vnd.a b", "vnd..a", "seed", "Combined"] {
        assert_eq!(Profile::parse(text).unwrap_err().code(), Code::UsageArgument, "{text}");
    }
}

/// The part of JSON Schema that the published schema uses.
fn check(schema: Node<'_>, root: Node<'_>, value: Node<'_>, path: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(reference) = schema.get("$ref").and_then(Node::as_str) {
        let name = reference.strip_prefix("#/$defs/").unwrap();
        wrong.extend(check(root.get("$defs").unwrap().get(name).unwrap(), root, value, path));
    }
    let kind = match schema.get("type").and_then(Node::as_str).as_deref() {
        Some("object") => Some(Kind::Object),
        Some("array") => Some(Kind::Array),
        Some("string") => Some(Kind::String),
        Some("integer") => Some(Kind::Number),
        Some(other) => panic!("{other} is not checked"),
        None => None,
    };
    if kind.is_some_and(|kind| kind != value.kind()) {
        wrong.push(format!("{path} is of another type"));
    }
    let required = schema.get("required").into_iter().flat_map(Node::items).filter_map(Node::as_str);
    wrong.extend(required.filter(|name| value.get(name).is_none()).map(|name| format!("{path}.{name} is missing")));
    if schema.get("const").is_some_and(|expected| expected.as_str() != value.as_str()) {
        wrong.push(format!("{path} is another constant"));
    }
    if let Some(choices) = schema.get("enum")
        && !choices.items().any(|choice| choice.as_str() == value.as_str())
    {
        wrong.push(format!("{path} is none of the values"));
    }
    if let Some(pattern) = schema.get("pattern").and_then(Node::as_str) {
        let text = value.as_str().unwrap_or_default();
        let matches = if pattern.contains("sha256") {
            text.parse::<Digest>().is_ok()
        } else {
            Moment::strict(&text).is_ok_and(|moment| moment.to_string() == *text)
        };
        if !matches {
            wrong.push(format!("{path} does not match {pattern}"));
        }
    }
    for (name, member) in value.members() {
        let inner = format!("{path}.{name}");
        match schema.get("properties").and_then(|properties| properties.get(&name)).or_else(|| schema.get("additionalProperties")) {
            Some(schema) => wrong.extend(check(schema, root, member, &inner)),
            // The schema allows it, and we describe all that we write.
            None => wrong.push(format!("{inner} is not described")),
        }
    }
    for item in value.items() {
        wrong.extend(check(schema.get("items").unwrap(), root, item, &format!("{path}[]")));
    }
    wrong
}

#[test]
fn what_is_written_keeps_to_the_published_schema() {
    let text = include_str!("../../../../../../docs/schemas/lifecycle-v1.schema.json");
    let schema = Document::parse(text.as_bytes(), &Limits::STANDARD).unwrap().root();
    let drafts = [full(), draft(&[(Field::Status, Value::Status(Status::Active))])];
    for draft in &drafts {
        let written = write(draft, &subject(), &Profile::Native).unwrap().1.unwrap();
        let document = Document::parse(written.bytes(), &Limits::STANDARD).unwrap().root();
        assert_eq!(check(schema, schema, document, ""), Vec::<String>::new());
    }
    // Everything that the schema describes occurs, and the checker sees what is wrong.
    let written = write(&drafts[0], &subject(), &Profile::Native).unwrap().1.unwrap();
    let document = Document::parse(written.bytes(), &Limits::STANDARD).unwrap().root();
    let described: Vec<String> = schema.get("properties").unwrap().members().map(|(name, _)| name.into_owned()).collect();
    let named: Vec<String> = document.members().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(described, named);
    for (wrong, message) in [
        (r#"{"schema":"airbase.lifecycle/v2"}"#, ".schema is another constant"),
        (r#"{"endOfLife":"2026-12-01"}"#, ".endOfLife does not match"),
        (r#"{"status":"retired"}"#, ".status is none of the values"),
        (r#"{"replaces":["x"]}"#, ".replaces[] does not match"),
        (r#"{"subject":1}"#, ".subject is of another type"),
    ] {
        let document = Document::parse(wrong.as_bytes(), &Limits::STANDARD).unwrap().root();
        assert!(check(schema, schema, document, "").iter().any(|found| found.starts_with(message)), "{wrong}");
    }
}
