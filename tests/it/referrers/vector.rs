//! The bytes, worked out by hand from the specifications: what oras, regctl, zot and olareg each look for.

use serde_json::{Value, json};

use crate::support::image::{INDEX, MANIFEST, digest};
use crate::support::{Contents, Environment, Layout};

/// An image without layers, 247 bytes.
const SUBJECT: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:c5b1d63604f273462ef36fadac3182d43ae6a6138731cf594b314835cf1c034f","size":78},"layers":[]}"#;
const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;

/// What refers to it, 744 bytes.
const REFERRER: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.microsoft.artifact.lifecycle","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:09ade42fe3e69018a3360bb092265af902f9e7d6013146cf152c82ac3a944707","size":247},"annotations":{"org.opencontainers.image.created":"2026-01-02T03:04:05Z","vnd.microsoft.artifact.lifecycle.end-of-life.date":"2026-01-01"}}"#;

/// The list of them, 441 bytes.
const FALLBACK: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:c85ceb33082950196ef35a6440a9e006970eb0222ea7a4fadc4341497d502d7d","size":744,"annotations":{"org.opencontainers.image.created":"2026-01-02T03:04:05Z","vnd.microsoft.artifact.lifecycle.end-of-life.date":"2026-01-01"},"artifactType":"application/vnd.microsoft.artifact.lifecycle"}]}"#;

#[test]
fn the_manifest_the_list_and_the_entries_are_these_bytes() {
    assert_eq!((SUBJECT.len(), REFERRER.len(), FALLBACK.len()), (247, 744, 441));
    let (subject, referrer, fallback) = (digest(SUBJECT.as_bytes()), digest(REFERRER.as_bytes()), digest(FALLBACK.as_bytes()));
    let mut layout = Layout::new();
    layout.blob(SUBJECT.as_bytes());
    layout.blob(CONFIG.as_bytes());
    layout.entry("v1", json!({"mediaType": MANIFEST, "digest": subject, "size": SUBJECT.len()}));
    let environment = Environment::new();
    layout.write(&environment.join("in"));

    environment.ok(&[
        "attach",
        "in:v1",
        "--type",
        "application/vnd.microsoft.artifact.lifecycle",
        "-a",
        "vnd.microsoft.artifact.lifecycle.end-of-life.date=2026-01-01",
        "-a",
        "org.opencontainers.image.created=2026-01-02T03:04:05Z",
    ]);

    let contents = Contents::of(&environment.join("in"));
    contents.whole();
    let blobs = contents.blobs();
    assert_eq!(String::from_utf8(blobs[&referrer].clone()).unwrap(), REFERRER);
    assert_eq!(String::from_utf8(blobs[&fallback].clone()).unwrap(), FALLBACK);
    assert_eq!(blobs[&digest(b"{}")], b"{}");
    assert_eq!(contents.files["index.json"].len(), 1034);
    assert_eq!(
        contents.entries(),
        [
            json!({"mediaType": MANIFEST, "digest": subject, "size": 247, "annotations": {"org.opencontainers.image.ref.name": "v1"}}),
            json!({"mediaType": INDEX, "digest": fallback, "size": 441,
                   "annotations": {"org.opencontainers.image.ref.name": subject.replace(':', "-")}}),
            json!({"mediaType": MANIFEST, "digest": referrer, "size": 744,
                   "artifactType": "application/vnd.microsoft.artifact.lifecycle",
                   "annotations": {"io.containerd.manifest.subject": subject,
                                   "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
                                   "vnd.microsoft.artifact.lifecycle.end-of-life.date": "2026-01-01"}}),
        ]
        .map(|entry: Value| entry)
    );
}
