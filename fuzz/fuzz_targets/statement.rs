//! Statements on the life cycle: each part is an artifact type, annotations `key=value`, and perhaps a document that begins with a brace.
//! In whatever order they are found, the same holds.
#![no_main]

use std::collections::BTreeMap;

use airbase::foundation::{Digest, Limits};
use airbase::oci::{Descriptor, Verified, media_type};
use airbase::plan::lifecycle::convention::Conventions;
use airbase::plan::lifecycle::resolve::{Question, Said, resolve};
use airbase::plan::lifecycle::statement::{Referrer, Statement};
use airbase::plan::lifecycle::time::Moment;
use airbase_fuzz::parts;
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits::STANDARD;

fuzz_target!(|data: &[u8]| {
    let subject = Descriptor::plain(media_type::OCI_MANIFEST, &Digest::sha256(b"subject"), 7);
    let mut statements: Vec<Statement> = parts(data).into_iter().take(6).filter_map(|part| statement(part, &subject)).collect();
    // Found twice, it is one.
    statements.dedup_by_key(|statement| statement.digest.clone());
    let questions = ["2026-06-01", "2030-01-01T00:00:00Z"].map(|now| Moment::strict(now).expect("a date"));
    for question in questions.into_iter().flat_map(|now| [Question::at(now), now.into()]) {
        let one = resolve(Said::of(&statements), &question);
        let reversed: Vec<Statement> = statements.iter().rev().cloned().collect();
        let other = resolve(Said::of(&reversed), &question);
        assert_eq!((one.standing, &one.fields, &one.roles), (other.standing, &other.fields, &other.roles), "the order decides");
        assert!(one.speaker().is_none_or(|speaker| statements.iter().any(|statement| statement.digest == *speaker)));
        let unread = resolve(Said { unreadable: 1, ..Said::of(&statements) }, &question);
        assert!(unread.unreadable > one.unreadable, "what cannot be read is not counted");
    }
});

fn statement(part: &[u8], subject: &Descriptor) -> Option<Statement> {
    let text = std::str::from_utf8(part).ok()?;
    let (kind, rest) = text.split_once('\n').unwrap_or((text, ""));
    let (annotations, document) = rest.find("\n{").map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])));
    let annotations: BTreeMap<String, String> =
        annotations.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let document = document.map(|document| Verified::authored(document.as_bytes().to_vec()));
    let digest = Digest::sha256(part);
    let referrer = Referrer {
        digest: &digest,
        artifact_type: kind,
        annotations: &annotations,
        subject,
        document: document.as_ref(),
        has_content: document.is_some(),
    };
    Statement::read(referrer, &[], &Conventions::NONE, &LIMITS)
}
