//! Writing: an image into a layout or a new archive.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ocipkg::ImageName;
use ocipkg::image::ImageBuilder;
use ocipkg::oci_spec::image::ImageManifest;

use super::SourceImage;
use crate::format::json::{Document, Kind, Node, Value};
use crate::foundation::event::Silent;
use crate::foundation::fsys::{Directory, Faults, ReadAt as _, Region, WriteDirectory, shown};
use crate::foundation::{Code, Digest, Error, Fact, Limits, Result};
use crate::oci::{Descriptor, Manifest, Verified, media_type, size_mismatch};
use crate::write::{ArchiveContents, ArchiveOptions, Content, IndexEdit, Layout, LayoutOptions, Payload, write_archive};

/// Blobs up to this size wait in memory, larger ones in files without a name: each of those is an open file, and 1024 is a
/// usual limit of them.
const KEPT_BYTES: usize = 1 << 20;

/// An image that is being put together.
///
/// Nothing is to be seen of it before [`ImageBuilder::build`], and then all of it; one that is dropped leaves nothing behind.
/// The same blobs and the same manifest give the same bytes, which `ocipkg` does not promise.
#[derive(Debug)]
pub struct Builder {
    place: Place,
    name: Option<String>,
    /// Where large blobs wait: on the file system on which they will be written.
    directory: WriteDirectory,
    /// In the order in which they came.
    blobs: Vec<(Digest, Region)>,
    positions: HashMap<Digest, usize>,
    limits: Limits,
}

#[derive(Debug)]
enum Place {
    Layout(Box<Layout>),
    Archive(PathBuf),
}

impl Builder {
    /// An image that will be added to the layout at `path`, which is made if it is not there. A name that another
    /// image moves to this one.
    ///
    /// # Errors
    /// `layout.*` if there is something at `path` that is no sound layout, `usage.output`, `path.*`, `io`.
    pub fn layout(path: &Path, name: Option<&ImageName>, limits: &Limits) -> Result<Self> {
        let layout = Layout::open_or_create(path, LayoutOptions { limits: limits.clone(), ..LayoutOptions::default() })?;
        let directory = if Directory::open(path).is_ok() { path } else { parent(path) };
        Self::over(Place::Layout(Box::new(layout)), directory, name, limits)
    }

    /// An image that will be the only one in a new oci-archive at `path`.
    ///
    /// # Errors
    /// `output.exists`, `io`.
    pub fn archive(path: &Path, name: Option<&ImageName>, limits: &Limits) -> Result<Self> {
        let builder = Self::over(Place::Archive(path.to_owned()), parent(path), name, limits)?;
        // An early look, so that nothing is stored in vain; what counts is the one when the archive gets its name.
        match path.file_name().and_then(std::ffi::OsStr::to_str) {
            Some(file) if builder.directory.directory().kind(file)?.is_some() => {
                Err(Error::new(Code::OutputExists, format!("{} exists already", shown(path))))
            }
            _ => Ok(builder),
        }
    }

    fn over(place: Place, directory: &Path, name: Option<&ImageName>, limits: &Limits) -> Result<Self> {
        Ok(Self {
            place,
            name: name.map(ToString::to_string),
            directory: WriteDirectory::open(directory, &Faults::none())?,
            blobs: Vec::new(),
            positions: HashMap::new(),
            limits: limits.clone(),
        })
    }

    /// Keeps a blob, once.
    fn keep(&mut self, data: &[u8]) -> Result<Digest> {
        let digest = Digest::sha256(data);
        if !self.positions.contains_key(&digest) {
            let region = if data.len() <= KEPT_BYTES {
                Region::memory(data.into())
            } else {
                let staged = self.directory.stage()?;
                staged.write_at(data, 0)?;
                Region::whole(Arc::new(staged.into_file()?))
            };
            self.positions.insert(digest.clone(), self.blobs.len());
            self.blobs.push((digest.clone(), region));
        }
        Ok(digest)
    }

    /// Writes everything; the bytes are hashed once more on the way.
    fn finish(self, manifest: &str) -> Result<SourceImage> {
        let document = Document::parse(manifest.as_bytes(), &self.limits)?;
        let media_type = document.root().get("mediaType").and_then(Node::as_str).unwrap_or(media_type::OCI_MANIFEST.into()).into_owned();
        let document = Verified::authored(ordered(document.root(), false).render().into_bytes());
        self.check(&Manifest::parse(&document, &media_type, &self.limits)?)?;
        let entry = Descriptor::authored(&media_type, &document).raw.to_string();
        let mut payloads = vec![Payload::document(document.bytes())];
        payloads.extend(self.blobs.iter().map(|(digest, region)| Payload {
            digest: digest.clone(),
            size: region.length(),
            content: Content::Source(region),
        }));
        let path = match &self.place {
            Place::Layout(layout) => {
                layout.commit(&payloads, &[IndexEdit::Put { name: self.name.clone(), descriptor: entry.into() }], &Silent)?;
                layout.path()
            }
            Place::Archive(path) => {
                let options = ArchiveOptions { limits: self.limits.clone(), ..ArchiveOptions::default() };
                let contents = ArchiveContents { payloads: &payloads, entries: vec![(self.name.clone(), entry.into())] };
                write_archive(path, contents, &options, &Silent)?;
                path
            }
        };
        SourceImage::written(path, document.digest(), self.name.as_deref(), &self.limits)
    }

    /// Refuses a manifest that names what nobody added. What has addresses or is embedded need not be here.
    fn check(&self, manifest: &Manifest) -> Result<()> {
        for descriptor in std::iter::once(&manifest.config).chain(&manifest.layers) {
            match self.positions.get(&descriptor.digest).and_then(|position| self.blobs.get(*position)) {
                Some((digest, region)) if region.length() != descriptor.size => {
                    return Err(size_mismatch(digest, descriptor.size, region.length()));
                }
                None if descriptor.urls.is_empty() && descriptor.data.is_none() => {
                    return Err(Error::new(Code::BlobMissing, "the manifest names a blob that was not added")
                        .expected(Fact::new(&descriptor.digest, "the manifest"))
                        .found(Fact::new(format!("{} other blobs", self.blobs.len()), "the builder")));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl ImageBuilder for Builder {
    type Image = SourceImage;

    fn add_blob(&mut self, data: &[u8]) -> anyhow::Result<(ocipkg::Digest, u64)> {
        let digest = self.keep(data)?;
        Ok((digest.to_string().parse()?, data.len() as u64))
    }

    fn build(self, manifest: ImageManifest) -> anyhow::Result<SourceImage> {
        Ok(self.finish(&manifest.to_string()?)?)
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The document with its annotations in the order of their keys. `oci-spec` keeps them in a map whose order is another one each
/// time; everything else has the order of the specification, in which other programs write it too.
fn ordered(node: Node<'_>, annotations: bool) -> Value {
    match node.kind() {
        Kind::Object => {
            let mut members: Vec<(String, Value)> = node
                .members()
                .map(|(key, value)| {
                    let inner = ordered(value, key == "annotations");
                    (key.into_owned(), inner)
                })
                .collect();
            if annotations {
                members.sort_by(|one, other| one.0.cmp(&other.0));
            }
            Value::Object(members)
        }
        Kind::Array => Value::Array(node.items().map(|item| ordered(item, false)).collect()),
        _ => Value::of(node),
    }
}
