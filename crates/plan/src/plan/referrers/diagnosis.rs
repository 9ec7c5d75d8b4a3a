//! Who sees a referrer, and why not.

use serde::Serialize;

use crate::foundation::{Code, Fact, Finding};
use crate::oci::artifact::is_removed;
use crate::read::referrers::{FoundBy, Listed, Referrer};

/// What is known of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// `index.json` lists it.
    Entry,
    /// Only an index lists it.
    Child,
    /// It is in the layout, and nothing lists it.
    Unlisted,
    /// It is not in the layout.
    Absent,
}

/// Which clients see a referrer in this layout. Each was run; what it stands for behaves alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// oras, notation and what else is built on oras-go: anything that `index.json` leads to, if the subject is described as it is.
    pub oras: bool,
    /// regctl, and the registries that it copies to: the list under the fallback tag.
    pub regctl: bool,
    /// zot, when this folder is put below its root: entries of `index.json`.
    pub zot: bool,
}

/// Who sees `referrer`.
pub fn seen(referrer: &Referrer, standing: Standing) -> Seen {
    let Listed { entry, fallback, response, index, .. } = referrer.listed;
    if referrer.ending.is_some() {
        return Seen { oras: false, regctl: false, zot: false };
    }
    let described = !has(referrer, Code::ReferrerSubject) && !has(referrer, Code::ReferrerSize);
    Seen {
        oras: described && (entry || fallback || response || index) && standing != Standing::Absent,
        regctl: fallback,
        zot: (entry || index) && !is_removed(&referrer.artifact.media_type),
    }
}

/// What is wrong with how `referrer` is listed; what is wrong with the document is in its own findings.
pub fn diagnose(referrer: &Referrer, standing: Standing) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |code: Code, message: &str, found: &str| {
        findings.push(Finding::new(code, message).at(&referrer.descriptor.digest).found(Fact::new(found, "the layout")));
    };
    // A tag with an ending is all that cosign's older form has.
    if referrer.ending.is_some() {
        return findings;
    }
    let Listed { entry, fallback, mirrored, response, index, .. } = referrer.listed;
    match (entry, fallback) {
        (false, false) if index => {}
        (false, false) if response => {
            add(Code::ReferrerNoFallback, "a referrer is not on the list of its subject", "an index that says of whom it lists them");
            add(Code::ReferrerNoEntry, "a referrer has no entry of its own", "an index that says of whom it lists them");
        }
        (false, false) => add(Code::ReferrerBlobOnly, "a manifest refers to an image and nothing lists it", "a blob"),
        (true, false) => add(Code::ReferrerNoFallback, "a referrer is not on the list of its subject", "an entry in index.json"),
        (false, true) => add(Code::ReferrerNoEntry, "a referrer has no entry of its own", "the list under the fallback tag"),
        (true, true) => {}
    }
    if fallback && !mirrored {
        add(Code::ReferrerNotMirrored, "the list of referrers does not say of one what its manifest says", "other words in the list");
    }
    if is_removed(&referrer.artifact.media_type) && referrer.found_by() != FoundBy::Blob {
        add(
            Code::ReferrerRemovedType,
            "a referrer is an artifact manifest, which no specification has any more",
            &referrer.artifact.media_type,
        );
    }
    match standing {
        Standing::Absent => add(Code::ReferrerDangling, "the subject of a referrer is not in the layout", "no such blob"),
        // What `rm` leaves behind: `gc` takes the image, and then what refers to it.
        Standing::Unlisted if entry || fallback || response => {
            add(Code::ReferrerDangling, "the subject of a referrer is in the layout, and nothing leads to it", "a blob that nothing lists");
        }
        // Nobody is promised to find what nothing lists, so its subject needs no entry: a killed writer leaves such blobs.
        Standing::Child if entry || fallback || response => {
            add(Code::ReferrerChildEntry, "a platform has referrers and no entry of its own", "an index alone");
        }
        _ => {}
    }
    findings
}

fn has(referrer: &Referrer, code: Code) -> bool {
    referrer.findings.iter().any(|finding| finding.code == code)
}

/// Whether a finding is about who finds a referrer, and not about whether it is whole: a client that finds it brings it.
pub fn is_of_lists(code: Code) -> bool {
    matches!(code, Code::ReferrerNoFallback | Code::ReferrerNoEntry | Code::ReferrerNotMirrored | Code::ReferrerChildEntry)
}

/// Whether making the lists anew from the manifests resolves it; with `adopt`, from those that nothing lists too.
pub fn is_mended(code: Code, adopt: bool) -> bool {
    match code {
        Code::ReferrerBlobOnly => adopt,
        Code::ReferrerNoFallback
        | Code::ReferrerNoEntry
        | Code::ReferrerNotMirrored
        | Code::ReferrerRemovedType
        | Code::ReferrerChildEntry
        | Code::ReferrerStranger
        | Code::ReferrerSize => true,
        _ => false,
    }
}
