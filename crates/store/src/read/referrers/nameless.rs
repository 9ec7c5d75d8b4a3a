//! Lists of referrers that lost their name: what a client leaves that makes a new list, moves the fallback tag to it, and keeps
//! the entry of the old one.

use crate::foundation::{Digest, Limits};
use crate::oci::{Artifact, Descriptor, Index, artifact};
use crate::read::Source;

/// Of whom an entry without a name lists the referrers. It is taken for an image unless every document that it lists says that it
/// refers to one and the same thing: an image on several platforms has no subject, a collection says what it is, and attestations
/// of BuildKit are beside their image.
pub fn lists_referrers_of(source: &Source, entry: &Descriptor, limits: &Limits) -> Option<Digest> {
    if entry.name().is_some() || !entry.is_index() || entry.is_artifact() {
        return None;
    }
    // What cannot be read is taken for an image, and whoever opens that gets the error.
    let blob = source.document(entry, limits).ok()?;
    let index = Index::parse(&blob, &entry.media_type, limits).ok()?;
    // One that says of whom, or what it is, is not of this kind.
    if index.artifact_type.is_some() || index.subject.is_some() {
        return None;
    }
    let mut subject: Option<Digest> = None;
    for child in &index.manifests {
        let own = refers_to(source, child, limits)?;
        if subject.replace(own.clone()).is_some_and(|other| other != own) {
            return None;
        }
    }
    subject
}

fn refers_to(source: &Source, child: &Descriptor, limits: &Limits) -> Option<Digest> {
    // No client gives a referrer a platform, so images need not be read.
    if child.platform.is_some() || child.is_attestation() || !artifact::may_refer(&child.media_type) {
        return None;
    }
    // As above.
    let blob = source.document(child, limits).ok()?;
    let artifact = Artifact::parse(&blob, &child.media_type, limits).ok()?;
    artifact.subject.map(|subject| subject.digest.clone())
}
