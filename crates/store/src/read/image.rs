//! An image with all its documents read and verified.

use std::sync::Arc;

use super::Source;
use crate::foundation::{Code, Error, Fact, Finding, Limits, Result};
use crate::oci::{Config, Descriptor, Index, Manifest, Platform, Verified, collection};

/// A runnable image of one platform.
#[derive(Debug, Clone)]
pub struct Image {
    /// Where it was read.
    pub source: Arc<Source>,
    /// The descriptor that led to the manifest.
    pub descriptor: Descriptor,
    /// The manifest.
    pub manifest: Manifest,
    /// The bytes of the manifest.
    pub manifest_blob: Verified,
    /// The config.
    pub config: Config,
    /// The bytes of the config.
    pub config_blob: Verified,
}

impl Image {
    /// The platform: the config's, because that is what runs; the descriptor's, if the config has none, or leaves the variant to it.
    pub fn platform(&self) -> Option<&Platform> {
        let (config, entry) = (self.config.platform.as_ref(), self.descriptor.platform.as_deref());
        let more = entry.filter(|entry| config.is_some_and(|config| entry.adds_variant(config)));
        more.or(config).or(entry)
    }

    /// What contradicts itself in the image: the platforms of descriptor and config, and the numbers of layers and diffIDs.
    pub fn contradictions(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let (Some(descriptor), Some(config)) = (&self.descriptor.platform, &self.config.platform)
            && !descriptor.matches(config)
        {
            findings.push(
                Finding::new(Code::ImagePlatformMismatch, "index and config give the image different platforms")
                    .at(&self.descriptor.digest)
                    .expected(Fact::new(descriptor, "the descriptor in the index"))
                    .found(Fact::new(config, "the config")),
            );
        }
        if self.manifest.layers.len() != self.config.diff_ids.len() {
            findings.push(
                Finding::new(Code::ImageDiffIdCount, "manifest and config disagree on the number of layers")
                    .at(&self.descriptor.digest)
                    .expected(Fact::new(format!("{} layers", self.manifest.layers.len()), "the manifest"))
                    .found(Fact::new(format!("{} diffIDs", self.config.diff_ids.len()), "the config")),
            );
        }
        findings
    }

    /// Refuses an image whose config lists another number of diffIDs than the manifest has layers.
    ///
    /// # Errors
    /// `image.diffid_count`.
    pub fn check_layers(&self) -> Result<()> {
        match self.contradictions().into_iter().find(|finding| finding.code == Code::ImageDiffIdCount) {
            None => Ok(()),
            Some(finding) => {
                let mut error = Error::new(finding.code, finding.message).at(self.source.shown());
                if let (Some(expected), Some(found)) = (finding.expected, finding.found) {
                    error = error.expected(expected).found(found);
                }
                Err(error.detail(format!("manifest {}", self.descriptor.digest)))
            }
        }
    }
}

/// An image index with its children.
#[derive(Debug, Clone)]
pub struct ImageIndex {
    /// Where it was read.
    pub source: Arc<Source>,
    /// The descriptor that led to it.
    pub descriptor: Descriptor,
    /// The index.
    pub index: Index,
    /// The bytes of the index.
    pub blob: Verified,
    /// The children, in the order of the index.
    pub children: Vec<Child>,
}

impl ImageIndex {
    /// What it lists, and what the indexes within it list: in their order, an index before what is in it.
    pub fn descendants(&self) -> impl Iterator<Item = &Child> {
        self.levels().map(|(_, child)| child)
    }

    /// As [`Self::descendants`], each with the number of indexes above it: 1 for what this index lists.
    pub fn levels(&self) -> impl Iterator<Item = (usize, &Child)> {
        let mut waiting = vec![self.children.iter()];
        std::iter::from_fn(move || {
            loop {
                let depth = waiting.len();
                let Some(child) = waiting.last_mut()?.next() else {
                    waiting.pop();
                    continue;
                };
                if let Child::Index(inner) = child {
                    waiting.push(inner.children.iter());
                }
                return Some((depth, child));
            }
        })
    }

    /// All images of it and of the indexes within it, in their order.
    pub fn images(&self) -> Vec<&Image> {
        self.descendants().filter_map(Child::image).collect()
    }

    /// What it and the indexes within it list and what is not here.
    pub fn missing(&self) -> impl Iterator<Item = &Descriptor> {
        self.descendants().filter_map(|child| if let Child::Missing(descriptor) = child { Some(descriptor) } else { None })
    }
}

/// One entry of an index.
#[derive(Debug, Clone)]
pub enum Child {
    /// A runnable image.
    Image(Box<Image>),
    /// An index within the index.
    Index(Box<ImageIndex>),
    /// BuildKit's statement on a sibling; never a platform.
    Attestation(Descriptor),
    /// An artifact, or something that is not known.
    Other(Descriptor),
    /// Its manifest is not in the source.
    Missing(Descriptor),
}

impl Child {
    /// The entry of the index.
    pub fn descriptor(&self) -> &Descriptor {
        match self {
            Self::Image(image) => &image.descriptor,
            Self::Index(index) => &index.descriptor,
            Self::Attestation(descriptor) | Self::Other(descriptor) | Self::Missing(descriptor) => descriptor,
        }
    }

    /// The image, if it is one.
    pub fn image(&self) -> Option<&Image> {
        if let Self::Image(image) = self { Some(image) } else { None }
    }
}

/// What a reference can name.
#[derive(Debug, Clone)]
pub enum Tree {
    /// One platform.
    Image(Box<Image>),
    /// Several platforms.
    Index(Box<ImageIndex>),
    /// Several images that belong together, and are no image.
    Collection(Box<ImageIndex>),
    /// A manifest that is no runnable image.
    Artifact {
        /// The descriptor that led to it.
        descriptor: Box<Descriptor>,
        /// The manifest.
        manifest: Box<Manifest>,
        /// The bytes of the manifest.
        blob: Verified,
    },
}

impl Tree {
    /// All images of the tree, in the order of the indexes. A collection is none, and its members are reached by their names.
    pub fn images(&self) -> Vec<&Image> {
        match self {
            Self::Image(image) => vec![image],
            Self::Index(index) => index.images(),
            Self::Collection(_) | Self::Artifact { .. } => Vec::new(),
        }
    }

    /// As [`Self::images`], to be changed.
    pub fn images_mut(&mut self) -> Vec<&mut Image> {
        let mut waiting = match self {
            Self::Image(image) => return vec![image],
            Self::Index(index) => vec![index.children.iter_mut()],
            Self::Collection(_) | Self::Artifact { .. } => Vec::new(),
        };
        let mut images = Vec::new();
        while let Some(children) = waiting.last_mut() {
            match children.next() {
                Some(Child::Image(image)) => images.push(&mut **image),
                Some(Child::Index(inner)) => waiting.push(inner.children.iter_mut()),
                Some(_) => {}
                None => {
                    waiting.pop();
                }
            }
        }
        images
    }

    /// The index at the top, if it is an index of any kind.
    pub fn index(&self) -> Option<&ImageIndex> {
        match self {
            Self::Index(index) | Self::Collection(index) => Some(index),
            Self::Image(_) | Self::Artifact { .. } => None,
        }
    }

    /// The descriptor at the top.
    pub fn descriptor(&self) -> &Descriptor {
        match self {
            Self::Image(image) => &image.descriptor,
            Self::Index(index) | Self::Collection(index) => &index.descriptor,
            Self::Artifact { descriptor, .. } => descriptor,
        }
    }

    /// Why nothing of it runs.
    pub fn not_an_image(&self) -> Error {
        match self {
            Self::Collection(index) => Error::new(Code::NotAnImage, "this is a collection of images and no image")
                .at(&index.descriptor.digest)
                .hint("Name one of its members: `airbase collection show` lists them."),
            _ => Error::new(Code::NotAnImage, "this is no runnable image").at(&self.descriptor().digest),
        }
    }

    /// That the platform is listed and not here, or that it may be in a part that is not here.
    fn absent(&self, platform: Option<&Platform>) -> Option<Error> {
        let wanted = platform?;
        let may_be = |child: &&Descriptor| child.platform.as_deref().is_none_or(|own| own.is_meant_by(wanted));
        let meant = self.index()?.missing().find(may_be)?;
        let listed = if meant.platform.is_some() { "the image lists it" } else { "a part that is not here may hold it" };
        Some(
            Error::new(Code::RefPlatform, format!("{wanted} is not here: {listed}"))
                .at(&self.descriptor().digest)
                .expected(Fact::new(&meant.digest, "the index"))
                .found(Fact::new("no manifest", "the source"))
                .hint("Get the image again, with the blobs of the platform that is wanted."),
        )
    }

    /// The one image that `platform` means; without a platform the only one there is.
    ///
    /// # Errors
    /// `ref.platform`, `image.not_an_image`.
    pub fn only_image(&self, platform: Option<&Platform>) -> Result<&Image> {
        let images = self.images();
        let matching: Vec<&Image> = images
            .iter()
            .copied()
            .filter(|image| platform.is_none_or(|wanted| image.platform().is_some_and(|own| own.is_meant_by(wanted))))
            .collect();
        match matching.as_slice() {
            [image] => Ok(image),
            [] if images.is_empty() => Err(self.absent(platform).unwrap_or_else(|| self.not_an_image())),
            _ => {
                let several = if matching.is_empty() { &images } else { &matching };
                let listed = several.iter().map(|image| image.platform().map_or_else(|| "no platform".to_owned(), Platform::to_string));
                let message = match platform {
                    Some(wanted) if matching.is_empty() => format!("the image has no platform {wanted}"),
                    Some(wanted) => format!("{wanted} fits several platforms of the image"),
                    _ => "the image has several platforms and one is needed".to_owned(),
                };
                if let Some(error) = self.absent(platform).filter(|_| matching.is_empty()) {
                    return Err(error);
                }
                Err(Error::new(Code::RefPlatform, message)
                    .at(&self.descriptor().digest)
                    .details(listed)
                    .hint("Name one with --platform OS/ARCHITECTURE[/VARIANT]."))
            }
        }
    }
}

/// Reads what `descriptor` leads to, with all manifests and configs below it.
///
/// # Errors
/// Whatever a document is refused for; `graph.depth` and `graph.too_many` for indexes without end.
pub fn load(source: &Arc<Source>, descriptor: &Descriptor, limits: &Limits) -> Result<Tree> {
    load_within(source, descriptor, limits, limits.graph_depth, &mut Budget::of(limits))
}

/// What one tree may cost. Documents are held in memory once for each path that leads to them, and indexes that name each
/// other twice lead to a thousand million paths with thirty documents.
struct Budget {
    documents: usize,
    bytes: u64,
}

impl Budget {
    fn of(limits: &Limits) -> Self {
        Self { documents: limits.tree_documents, bytes: limits.document_bytes.saturating_mul(TREE_DOCUMENTS_BYTES) }
    }

    fn spend(&mut self, descriptor: &Descriptor, limits: &Limits) -> Result<()> {
        self.documents = self.documents.checked_sub(1).ok_or_else(|| {
            Error::new(Code::GraphTooMany, "the image has too many documents")
                .expected(Fact::new(format!("at most {}", limits.tree_documents), "the limits"))
        })?;
        self.bytes = self.bytes.checked_sub(descriptor.size).ok_or_else(|| {
            Error::new(Code::DocTooLarge, "the documents of the image are too large together").expected(Fact::new(
                format!("at most {} bytes", limits.document_bytes.saturating_mul(TREE_DOCUMENTS_BYTES)),
                "the limits: sixteen times the largest document",
            ))
        })?;
        Ok(())
    }
}

/// How many documents of the largest size one image may have. Real ones have none.
const TREE_DOCUMENTS_BYTES: u64 = 16;

fn load_within(source: &Arc<Source>, descriptor: &Descriptor, limits: &Limits, depth: usize, budget: &mut Budget) -> Result<Tree> {
    below(source, (descriptor, source.document(descriptor, limits)?), limits, depth, budget)
}

/// What a document that was read leads to.
fn below(
    source: &Arc<Source>,
    (descriptor, blob): (&Descriptor, Verified),
    limits: &Limits,
    depth: usize,
    budget: &mut Budget,
) -> Result<Tree> {
    let place = |error: Error| error.at(format!("{}@{}", source.shown(), descriptor.digest));
    budget.spend(descriptor, limits).map_err(place)?;
    if descriptor.is_index() {
        let depth = depth.checked_sub(1).ok_or_else(|| {
            Error::new(Code::GraphDepth, "indexes are nested too deeply")
                .expected(Fact::new(format!("at most {} levels", limits.graph_depth), "the limits"))
        })?;
        let index = Index::parse(&blob, &descriptor.media_type, limits).map_err(place)?;
        let mut children = Vec::with_capacity(index.manifests.len());
        for entry in &index.manifests {
            children.push(child(source, entry, limits, depth, budget)?);
        }
        let is_collection = collection::is_collection(&index);
        let index = Box::new(ImageIndex { source: Arc::clone(source), descriptor: descriptor.clone(), index, blob, children });
        return Ok(if is_collection { Tree::Collection(index) } else { Tree::Index(index) });
    }
    if !descriptor.is_manifest() {
        return Err(Error::new(Code::NotAnImage, "the reference leads to something that is neither a manifest nor an index")
            .at(format!("{}@{}", source.shown(), descriptor.digest))
            .expected(Fact::new("an image manifest or an index", "image-spec, media-types.md"))
            .found(Fact::new(&descriptor.media_type, "the descriptor")));
    }
    let manifest = Manifest::parse(&blob, &descriptor.media_type, limits).map_err(place)?;
    if !manifest.is_image() {
        return Ok(Tree::Artifact { descriptor: Box::new(descriptor.clone()), manifest: Box::new(manifest), blob });
    }
    let config_blob = source.document(&manifest.config, limits)?;
    budget.spend(&manifest.config, limits).map_err(place)?;
    let config = Config::parse(&config_blob, limits).map_err(|error| error.at(format!("{}@{}", source.shown(), manifest.config.digest)))?;
    if config.root().get("rootfs").is_none() && !manifest.layers.is_empty() {
        // Some artifacts borrow the media type of an image config; without rootfs it describes no file system.
        return Ok(Tree::Artifact { descriptor: Box::new(descriptor.clone()), manifest: Box::new(manifest), blob });
    }
    Ok(Tree::Image(Box::new(Image {
        source: Arc::clone(source),
        descriptor: descriptor.clone(),
        manifest,
        manifest_blob: blob,
        config,
        config_blob,
    })))
}

fn child(source: &Arc<Source>, entry: &Descriptor, limits: &Limits, depth: usize, budget: &mut Budget) -> Result<Child> {
    // Attestations are recognised before anything else: in their old form they look like an image for unknown/unknown. A platform that
    // is unknown to the index alone is that of an image.
    if entry.is_marked_attestation() {
        return Ok(Child::Attestation(entry.clone()));
    }
    let is_nowhere = entry.is_attestation();
    if !entry.is_index() && !entry.is_manifest() {
        return Ok(Child::Other(entry.clone()));
    }
    // Only the manifest itself may be away, and nothing below it: an index for ten platforms of which two were copied is normal.
    let blob = match source.document(entry, limits) {
        Err(error) if error.code() == Code::BlobMissing && is_nowhere => return Ok(Child::Attestation(entry.clone())),
        Err(error) if error.code() == Code::BlobMissing => return Ok(Child::Missing(entry.clone())),
        read => read?,
    };
    Ok(match below(source, (entry, blob), limits, depth, budget)? {
        Tree::Image(image) if is_nowhere && image.config.platform.as_ref().is_none_or(Platform::is_unknown) => {
            Child::Attestation(entry.clone())
        }
        Tree::Collection(_) | Tree::Artifact { .. } if is_nowhere => Child::Attestation(entry.clone()),
        Tree::Image(image) => Child::Image(image),
        Tree::Index(index) => Child::Index(index),
        Tree::Collection(_) | Tree::Artifact { .. } => Child::Other(entry.clone()),
    })
}
