use super::super::convention::{MICROSOFT_TYPE, OWN_TYPE};
use super::super::field::Status;
use super::*;

const IMAGE_CREATED: &str = "2023-07-01T10:00:00Z";
const VENDOR_TYPE: &str = "application/vnd.myorganization.image.lifecycle.metadata";

fn subject() -> Descriptor {
    Descriptor::authored(crate::oci::media_type::OCI_MANIFEST, &Verified::authored(b"the image".to_vec()))
}

fn read_with(artifact_type: &str, annotations: &[(&str, &str)], document: Option<&str>) -> Option<Statement> {
    let annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let digest = Digest::sha256(b"statement");
    let document = document.map(|text| Verified::authored(text.as_bytes().to_vec()));
    let has_content = document.as_ref().is_some_and(|document| document.bytes().len() > 2);
    let subject = subject();
    let referrer =
        Referrer { digest: &digest, artifact_type, annotations: &annotations, subject: &subject, document: document.as_ref(), has_content };
    Statement::read(referrer, &[IMAGE_CREATED.to_owned()], &Conventions::NONE, &Limits::STANDARD)
}

fn read(artifact_type: &str, annotations: &[(&str, &str)]) -> Statement {
    read_with(artifact_type, annotations, None).unwrap()
}

fn codes(statement: &Statement) -> Vec<Code> {
    statement.findings.iter().map(|finding| finding.code).collect()
}

fn said(statement: &Statement, field: Field) -> Option<String> {
    statement.says.get(&field).map(|stated| stated.value.to_string())
}

/// As `oras attach` leaves it.
#[test]
fn a_statement_of_microsofts_tools_is_read() {
    let statement = read(MICROSOFT_TYPE, &[(annotation::CREATED, "2024-11-13T01:02:03Z"), (MICROSOFT_KEY, "2024-11-12")]);
    assert_eq!(statement.convention, Convention::Microsoft);
    assert_eq!(said(&statement, Field::EndOfLife).as_deref(), Some("2024-11-12T00:00:00Z"));
    assert_eq!(statement.says[&Field::EndOfLife].dialect, Some(Dialect::Date));
    assert_eq!(statement.made.time().unwrap().to_string(), "2024-11-13T01:02:03Z");
    assert!(statement.is_valid() && codes(&statement).is_empty());
    // Older ones carry a full time with seven digits of fraction, which is RFC 3339.
    let statement = read(MICROSOFT_TYPE, &[(MICROSOFT_KEY, "2023-05-12T21:15:10.8343521Z")]);
    assert_eq!(said(&statement, Field::EndOfLife).as_deref(), Some("2023-05-12T21:15:10Z"));
    assert_eq!(statement.made, Made::Unknown { why: "it has no time".to_owned() });
    assert!(codes(&statement).is_empty());
}

/// The article copies the creation time of the image into the statement, and its dates are no RFC 3339.
#[test]
fn a_statement_of_the_older_article_is_read_and_its_time_is_not_believed() {
    let statement = read(
        VENDOR_TYPE,
        &[
            (annotation::CREATED, "2023-07-01T12:00:00+02:00"),
            (annotation::VERSION, "1.0"),
            (annotation::REVISION, "1"),
            ("vnd.myorganization.image.end-of-life", "20230707T00:00-08:00"),
        ],
    );
    assert_eq!(statement.convention, Convention::Vendor("myorganization".to_owned()));
    assert_eq!(said(&statement, Field::EndOfLife).as_deref(), Some("2023-07-07T08:00:00Z"));
    assert_eq!(said(&statement, Field::Version).as_deref(), Some("1.0"));
    assert_eq!(statement.made, Made::Unknown { why: "its time is the image's own creation time".to_owned() });
    assert_eq!(codes(&statement), [Code::LifecycleDialect, Code::LifecycleCreatedCopied]);
    // Any other time is the statement's own.
    let statement =
        read(VENDOR_TYPE, &[(annotation::CREATED, "2023-07-08T00:00:00Z"), ("vnd.myorganization.image.end-of-life", "2023-07-07")]);
    assert_eq!(statement.made.time().unwrap().to_string(), "2023-07-08T00:00:00Z");
}

#[test]
fn the_time_of_the_removed_artifact_manifest_counts() {
    for key in OLDER_CREATED {
        let statement = read(MICROSOFT_TYPE, &[(key, "2022-09-01T00:00:00Z"), (MICROSOFT_KEY, "2024-11-12")]);
        assert_eq!(statement.made, Made::At { time: Moment::strict("2022-09-01").unwrap(), key: key.to_owned() });
    }
}

#[test]
fn what_is_not_understood_is_told_and_does_not_count() {
    for (annotations, code) in [
        (&[(MICROSOFT_KEY, "next summer")][..], Code::LifecycleUnreadable),
        (&[(MICROSOFT_KEY, "1700000000")], Code::LifecycleUnreadable),
        (&[("note", "x")], Code::LifecycleUnreadable),
        (&[], Code::LifecycleUnreadable),
    ] {
        let statement = read(MICROSOFT_TYPE, annotations);
        assert_eq!(codes(&statement), [code], "{annotations:?}");
        assert!(!statement.is_valid());
        assert!(statement.findings[0].place.as_deref().unwrap().contains("sha256:"));
    }
    // What is there may be what it says; what says when, by whom and of which version it was made is not.
    assert!(
        read(MICROSOFT_TYPE, &[("note", "x")]).unreadable && read(MICROSOFT_TYPE, &[("note", "x"), (annotation::CREATED, "y")]).unreadable
    );
    assert!(!read(MICROSOFT_TYPE, &[(annotation::TITLE, "x"), (annotation::CREATED, "2024-01-01T00:00:00Z"), ("note", "")]).unreadable);
    assert!(!read(MICROSOFT_TYPE, &[]).unreadable && !read(VENDOR_TYPE, &[(annotation::VERSION, "1"), (ISSUER, "x")]).unreadable);
    // `tba` and an empty date say nothing, and nothing is wrong with them.
    for text in ["tba", ""] {
        assert!(!read(MICROSOFT_TYPE, &[(MICROSOFT_KEY, text)]).is_valid());
    }
    assert_eq!(read_with("application/spdx+json", &[(MICROSOFT_KEY, "2024-11-12")], None), None);
    let statement =
        read(OWN_TYPE, &[("dev.airbase.lifecycle.status", "retired"), (SEQUENCE, "two"), (REPLACES, "sha256:1,"), (RECORDED, "now")]);
    assert_eq!(codes(&statement), [Code::LifecycleUnreadable; 4]);
    assert_eq!((statement.sequence, statement.replaces.len()), (0, 0));
}

#[test]
fn the_annotation_goes_before_the_document_and_a_difference_is_told() {
    let document = r#"{"schema":"airbase.lifecycle/v1","status":"active","reason":"from the document","endOfLife":"2027-01-01T00:00:00Z",
        "supersededBy":{"platforms":{"linux/amd64":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","linux/arm64":"x"}},
        "recorded":"2026-01-01T00:00:00Z","sequence":2,"replaces":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
        "subject":{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}"#;
    let statement =
        read_with(MICROSOFT_TYPE, &[("dev.airbase.lifecycle.status", "deprecated"), (MICROSOFT_KEY, "2027-01-01")], Some(document))
            .unwrap();
    assert_eq!(statement.convention, Convention::Own);
    assert_eq!(statement.says[&Field::Status].value, Value::Status(Status::Deprecated));
    assert_eq!(statement.says[&Field::Reason].place, Place::Document);
    assert_eq!((statement.sequence, statement.replaces.len()), (2, 1));
    assert_eq!(statement.made.time().unwrap().to_string(), "2026-01-01T00:00:00Z");
    assert!(said(&statement, Field::SupersededByPlatforms).unwrap().starts_with("linux/amd64 sha256:e3b0"));
    // The status; arm64; the subject.
    assert_eq!(codes(&statement), [Code::LifecycleContradiction, Code::LifecycleUnreadable, Code::LifecycleContradiction]);
    // Microsoft's day and our second are the same thing.
    let agree = read(
        MICROSOFT_TYPE,
        &[("dev.airbase.lifecycle.end-of-life", "2026-12-01T12:30:00Z"), (MICROSOFT_KEY, "2026-12-01"), (RECORDED, "2026-01-01T00:00:00Z")],
    );
    assert_eq!((said(&agree, Field::EndOfLife).as_deref(), codes(&agree)), (Some("2026-12-01T12:30:00Z"), vec![]));
    let differ = read(MICROSOFT_TYPE, &[("dev.airbase.lifecycle.end-of-life", "2026-12-01T12:30:00Z"), (MICROSOFT_KEY, "2026-12-02")]);
    assert_eq!(codes(&differ), [Code::LifecycleContradiction]);
}

#[test]
fn a_layer_that_is_no_document_of_ours_is_left_alone() {
    for text in ["{}", "[]", "not json", r#"{"schema":"something/v1","status":"active"}"#] {
        let statement = read_with(MICROSOFT_TYPE, &[(MICROSOFT_KEY, "2024-11-12")], Some(text)).unwrap();
        assert_eq!((statement.convention, statement.says.len()), (Convention::Microsoft, 1), "{text}");
        assert!(!statement.unreadable, "{text}");
    }
    // Unless nobody knows whether such statements say all in annotations.
    for (text, unreadable) in [("{}", false), ("not json", true), (r#"{"status":"withdrawn"}"#, true)] {
        let statement = read_with("application/vnd.vendor.lifecycle", &[("vendor.eol", "2030-01-01")], Some(text)).unwrap();
        assert_eq!(statement.unreadable, unreadable, "{text}");
    }
}
