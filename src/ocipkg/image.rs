//! Reading: one image of a source.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use ocipkg::ImageName;
use ocipkg::image::Image;
use ocipkg::oci_spec::image::ImageManifest;

use super::digest;
use crate::foundation::fsys::ReadAt as _;
use crate::foundation::{Code, Digest, Error, Fact, Hasher, Limits, Result};
use crate::oci::{Descriptor, Manifest, Platform, Verified, digest_mismatch, size_mismatch};
use crate::read::{Located, Reference, Source, Tree, load, locate};

/// One image or artifact of a layout or an archive, whose bytes are verified before they are handed out.
pub struct SourceImage {
    source: Arc<Source>,
    name: Option<String>,
    manifest: Manifest,
    bytes: Verified,
}

impl SourceImage {
    /// Opens what `reference` names, `PATH[:NAME][@DIGEST]`. Where that is an index, `platform` says which image of it; an index
    /// of one platform needs none.
    ///
    /// # Errors
    /// What opening a reference gives (`ref.*`, `source.*`, `layout.*`, `archive.*`, `blob.*`), and `ref.platform`.
    pub fn open(reference: &str, platform: Option<&Platform>, limits: &Limits) -> Result<Self> {
        Self::of(locate(&Reference::existing(reference)?, limits)?, platform, limits)
    }

    /// The same for something that is found already.
    ///
    /// # Errors
    /// `blob.*`, `ref.platform`, and whatever a document is refused for.
    pub fn of(located: Located, platform: Option<&Platform>, limits: &Limits) -> Result<Self> {
        let Located { source, descriptor, name } = located;
        let (manifest, bytes) = match load(&source, &descriptor, limits)? {
            Tree::Artifact { manifest, blob, .. } => (*manifest, blob),
            tree => {
                let image = tree.only_image(platform).map_err(|error| error.at(source.shown()))?;
                (image.manifest.clone(), image.manifest_blob.clone())
            }
        };
        Ok(Self { source, name, manifest, bytes })
    }

    /// What was just written at `path`.
    pub(super) fn written(path: &Path, digest: &Digest, name: Option<&str>, limits: &Limits) -> Result<Self> {
        let source = Source::open(path, limits)?;
        let entry = source.index.manifests.iter().find(|entry| entry.digest == *digest).cloned();
        let descriptor = entry.ok_or_else(|| {
            Error::new(Code::InputChanged, "what was written is no longer there")
                .at(source.shown())
                .expected(Fact::new(digest, "the writer"))
        })?;
        Self::of(Located { source, descriptor, name: name.map(str::to_owned) }, None, limits)
    }

    /// The bytes of the manifest. [`Image::get_manifest`] gives what `oci-spec` knows of them.
    pub fn manifest_bytes(&self) -> &Verified {
        &self.bytes
    }

    /// The whole of a blob, because the trait wants it in memory.
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>> {
        let place = |error: Error| error.at(format!("{}@{digest}", self.source.shown()));
        let named = self.named(digest);
        let Some(region) = self.source.container().blob(digest)? else {
            let embedded = named.and_then(|descriptor| descriptor.data.as_ref()).map(|data| data.bytes().to_vec());
            return embedded
                .ok_or_else(|| place(Error::new(Code::BlobMissing, "a blob is not there").found(Fact::new(digest, "the caller"))));
        };
        if let Some(descriptor) = named.filter(|descriptor| descriptor.size != region.length()) {
            return Err(place(size_mismatch(digest, descriptor.size, region.length())));
        }
        let mut bytes = Vec::new();
        let length = usize::try_from(region.length()).unwrap_or(usize::MAX);
        bytes.try_reserve_exact(length).map_err(|error| place(Error::io("hold a blob in memory", std::io::Error::other(error))))?;
        bytes.resize(length, 0);
        region.read_exact_at(&mut bytes, 0).map_err(|error| place(Error::io("read a blob", error)))?;
        let mut hasher = Hasher::new(digest.algorithm());
        hasher.update(&bytes);
        let found = hasher.finish();
        if found == *digest { Ok(bytes) } else { Err(place(digest_mismatch(digest, &found))) }
    }

    /// What the manifest says of a blob.
    fn named(&self, digest: &Digest) -> Option<&Descriptor> {
        std::iter::once(&self.manifest.config).chain(&self.manifest.layers).find(|descriptor| descriptor.digest == *digest)
    }
}

impl Image for SourceImage {
    /// The name in `index.json`, as `ocipkg` reads names: what has no registry is `registry-1.docker.io`'s.
    fn get_name(&mut self) -> anyhow::Result<ImageName> {
        let nameless = || Error::new(Code::RefNotFound, "the image has no name").at(self.source.shown());
        ImageName::parse(self.name.as_deref().ok_or_else(nameless)?)
    }

    /// A blob of the source; one that has not the digest that was asked for is refused.
    fn get_blob(&mut self, wanted: &ocipkg::Digest) -> anyhow::Result<Vec<u8>> {
        Ok(self.blob(&digest(wanted)?)?)
    }

    /// The manifest, as far as `oci-spec` knows its fields.
    fn get_manifest(&mut self) -> anyhow::Result<ImageManifest> {
        Ok(ImageManifest::from_reader(self.bytes.bytes())?)
    }
}

impl fmt::Debug for SourceImage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SourceImage({}@{})", self.source.shown(), self.bytes.digest())
    }
}
