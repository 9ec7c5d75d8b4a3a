//! Manifests, indexes, configs and artifacts: one document has one meaning, and what was read of a descriptor stands in it.
#![no_main]

use airbase::format::json::Document;
use airbase::foundation::Limits;
use airbase::oci::{Artifact, Config, Descriptor, Index, Manifest, RootIndex, Verified, media_type};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits::STANDARD;

fuzz_target!(|data: &[u8]| {
    let blob = Verified::authored(data.to_vec());
    let manifest = Manifest::parse(&blob, media_type::OCI_MANIFEST, &LIMITS);
    let index = Index::parse(&blob, media_type::OCI_INDEX, &LIMITS);
    let root = RootIndex::parse(data.to_vec(), &LIMITS);
    assert!(manifest.is_err() || (index.is_err() && root.is_err()), "one document is a manifest and an index");
    let artifact = Artifact::parse(&blob, media_type::OCI_MANIFEST, &LIMITS);
    if let Ok(manifest) = &manifest {
        std::iter::once(&manifest.config).chain(&manifest.layers).chain(&manifest.subject).for_each(check);
        let subject = artifact.expect("a manifest is an artifact").subject;
        assert_eq!(subject.map(|subject| subject.digest.clone()), manifest.subject.as_ref().map(|subject| subject.digest.clone()));
    }
    if let Ok(index) = &index {
        index.manifests.iter().chain(&index.subject).for_each(check);
    }
    if let Ok(root) = &root {
        root.manifests.iter().for_each(check);
    }
    if let Ok(config) = Config::parse(&blob, &LIMITS) {
        let makers = config.created_by().len();
        assert!(makers == 0 || makers == config.diff_ids.len(), "a maker for each layer, or for none");
        // Whether its types are right is asked of any config.
        let _ = config.check_types();
    }
});

/// The text of a descriptor says the same when it is read again.
fn check(descriptor: &Descriptor) {
    let document = Document::parse(descriptor.raw.as_bytes(), &LIMITS).expect("a part of a document");
    let again = Descriptor::parse(document.root(), &LIMITS).expect("it was read before");
    assert_eq!((&again.digest, again.size, &again.media_type), (&descriptor.digest, descriptor.size, &descriptor.media_type));
    assert!(again.annotations.iter().eq(descriptor.annotations.iter()));
}
