//! Collections: an application as an index of its images.
//!
//! The specification lets an index list anything (image-index.md: "a higher-level manifest which points to specific image
//! manifests"), and clients copy whatever it lists. What makes one a collection is its `artifactType`:
//!
//! ```text
//! {"mediaType":"application/vnd.oci.image.index.v1+json","artifactType":"application/vnd.airbase.collection.v1+json",
//!  "manifests":[{…,"annotations":{"dev.airbase.collection.member":"team/app:1","dev.airbase.collection.depends":"team/db:5"}}]}
//! ```
//!
//! A member has no `platform`, or clients would take the collection for one image on many platforms. Its name is under a key of
//! our own, because `org.opencontainers.image.ref.name` is for `index.json` alone (annotations.md).

use super::{Descriptor, Index, annotation};

/// The `artifactType` of a collection.
pub const ARTIFACT_TYPE: &str = "application/vnd.airbase.collection.v1+json";

/// What stands between the names of a list. No name of an image may hold it.
pub const SEPARATOR: char = ',';

/// One member.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its name; its digest, where whoever made the collection gave it none.
    pub name: String,
    /// How the collection lists it.
    pub descriptor: Descriptor,
    /// The names of members that it needs.
    pub depends: Vec<String>,
}

/// Whether `index` is a collection.
pub fn is_collection(index: &Index) -> bool {
    index.artifact_type.as_deref() == Some(ARTIFACT_TYPE)
}

/// The members, in the order of the index.
pub fn members(index: &Index) -> Vec<Member> {
    let member = |descriptor: &Descriptor| Member {
        name: descriptor.annotations.get(annotation::COLLECTION_MEMBER).map_or_else(|| descriptor.digest.to_string(), str::to_owned),
        descriptor: descriptor.clone(),
        depends: descriptor
            .annotations
            .get(annotation::COLLECTION_DEPENDS)
            .map(|text| text.split(SEPARATOR).filter(|name| !name.is_empty()).map(str::to_owned).collect())
            .unwrap_or_default(),
    };
    index.manifests.iter().map(member).collect()
}
