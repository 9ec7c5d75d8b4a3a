//! What may refer to something and cannot be read. Who refers to an image is then not known, which is no "nobody".

use crate::foundation::{Digest, Error, ExitClass, Finding, Severity};
use crate::oci::Descriptor;

/// Why something could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// It is not there, or it is not what its digest or its media type says: reading it again gives the same.
    Content,
    /// The system could not read it now (EIO, EACCES, EMFILE): nothing is known of its content.
    Io,
}

impl Trouble {
    /// Which of the two an error is.
    pub fn of(error: &Error) -> Self {
        if error.raw_os_error().is_some() || error.exit_class() == ExitClass::Io { Self::Io } else { Self::Content }
    }
}

/// A referrer, or a list of them, that could not be read.
#[derive(Debug, Clone)]
pub struct Unread {
    /// The digest in the entry that leads to it.
    pub digest: Digest,
    /// What the entry calls it; `None` if it does not say, or if it is a list: then it may be anything.
    pub artifact_type: Option<String>,
    /// Whether its entry says, by a name or a platform and as far as it says anything, that it is an image. Referrers that skopeo copied
    /// have such entries too, so it may still refer to something; but it is not taken for a statement on every image here.
    pub seems_image: bool,
    /// Whether reading it again may help.
    pub trouble: Trouble,
    /// Why. Content that is wrong is damage, however unsafe it would be as an input: it was passed over.
    pub finding: Finding,
}

impl Unread {
    /// What `entry` leads to, which `error` kept from being read.
    pub fn of(entry: &Descriptor, error: Error) -> Self {
        let trouble = Trouble::of(&error);
        let mut finding = error.into_finding();
        // Errors of reading say which source, and not always what in it.
        let digest = entry.digest.to_string();
        finding.place = Some(match finding.place.take() {
            Some(place) if !place.contains(&digest) => format!("{place}@{digest}"),
            place => place.unwrap_or(digest),
        });
        let finding = finding.detail("who refers to the image is not known without it");
        let severity = if trouble == Trouble::Content { Severity::Damage } else { finding.severity };
        Self {
            digest: entry.digest.clone(),
            artifact_type: entry.artifact_type.clone().filter(|_| !entry.is_index()),
            seems_image: !entry.is_artifact() && (entry.name().is_some() || entry.platform.is_some()),
            trouble,
            finding: finding.severity(severity),
        }
    }
}
