//! Asks for the forms that are missing.

use super::survey::Survey;
use crate::foundation::clock::Time;
use crate::oci::artifact::is_removed;
use crate::oci::{Verified, annotation};
use crate::plan::referrers::{Content, EMPTY, Item, NewReferrer, ReferrerChange, Standing, diagnose, manifest};
use crate::read::referrers::{FoundBy, Referrer};
use crate::verbs::output::Outgoing;

/// Asks for the lists of a subject that needs it to be derived anew from the manifests.
pub(super) fn ask(survey: &Survey, adopt: bool, outgoing: &mut Outgoing<'_>) {
    let referrers = &survey.found.referrers;
    let listed = referrers.iter().flat_map(|referrer| diagnose(referrer, survey.standing).into_iter().chain(referrer.findings.clone()));
    let mut wrong = listed.chain(survey.found.findings.iter().cloned());
    if !wrong.any(|finding| survey.mends(&finding, adopt)) {
        return;
    }
    let mut change = ReferrerChange {
        subject: survey.subject.clone(),
        child: survey.standing == Standing::Child,
        add: Vec::new(),
        remove: Vec::new(),
        clean: true,
    };
    let is_wanted =
        |referrer: &&Referrer| referrer.ending.is_none() && !referrer.listed.index && (adopt || referrer.found_by() != FoundBy::Blob);
    for referrer in referrers.iter().filter(is_wanted) {
        if is_removed(&referrer.artifact.media_type) {
            change.add.push(migrated(referrer, outgoing));
            change.remove.push(referrer.descriptor.digest.clone());
        } else {
            change.add.push(Item::from(referrer));
        }
    }
    outgoing.refer(change);
}

/// An artifact manifest as the image manifest that says the same.
fn migrated(referrer: &Referrer, outgoing: &mut Outgoing<'_>) -> Item {
    let mut annotations = referrer.artifact.annotations.clone();
    // Its date had a key of its own.
    let created = OLD_CREATED.iter().find_map(|key| annotations.get(*key)).filter(|text| Time::parse(text).is_some()).cloned();
    if let Some(created) = created {
        annotations.entry(annotation::CREATED.to_owned()).or_insert(created);
    }
    let draft = NewReferrer {
        artifact_type: referrer.artifact_type().to_owned(),
        annotations,
        content: referrer
            .artifact
            .content
            .iter()
            .map(|blob| Content {
                media_type: blob.media_type.to_string(),
                digest: blob.digest.clone(),
                size: blob.size,
                annotations: blob.annotations.to_map(),
            })
            .collect(),
    };
    let authored = manifest(&draft, referrer.artifact.subject.as_ref());
    outgoing.document(&authored.blob);
    outgoing.document(&Verified::authored(EMPTY.to_vec()));
    Item { descriptor: authored.descriptor(), artifact_type: Some(draft.artifact_type), annotations: draft.annotations }
}

/// Where artifact manifests kept their date: those of image-spec 1.1.0-rc, and ORAS's.
const OLD_CREATED: &[&str] = &["org.opencontainers.artifact.created", "io.cncf.oras.artifact.created"];
