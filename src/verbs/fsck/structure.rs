//! Walks through everything that `index.json` leads to: documents are hashed and read, and what they name is looked for.

use std::collections::{BTreeMap, VecDeque};

use super::Checker;
use crate::format::json::{Document, Node};
use crate::foundation::fsys::{ReadAt, Region};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, Severity, text};
use crate::oci::{Config, Descriptor, Index, Manifest, Name, RootIndex, Verified, media_type, size_mismatch};

/// Runtimes stop here; an image may still be stored.
const RUNTIME_LAYERS: usize = 127;

/// As what a digest is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Manifest,
    Index,
    Content,
}

impl Checker<'_> {
    /// Walks from `index.json` through everything that is named.
    pub(super) fn structure(&mut self) {
        let index = self.container.index().and_then(|bytes| RootIndex::parse(bytes, self.context.limits));
        let index = match index {
            Ok(index) => index,
            Err(error) => return self.add(error, "index.json"),
        };
        self.entries = index.manifests.len();
        for finding in index.findings.iter().cloned() {
            // Reading goes on around an entry that cannot be verified; a check that could not be made is not clean. One
            // flipped bit makes an unknown algorithm of a known one.
            let unverifiable = finding.code == Code::DigestAlgorithmUnknown;
            let finding = if unverifiable { finding.severity(Severity::Damage) } else { finding };
            self.findings.push(finding.at("index.json"));
        }
        let mut names: BTreeMap<Name<'_>, &Digest> = BTreeMap::new();
        for entry in &index.manifests {
            if let Some(name) = entry.full_name()
                && let Some(other) = names.insert(name, &entry.digest)
                && *other != entry.digest
            {
                let name = entry.name().unwrap_or_default();
                self.findings.push(
                    Finding::new(Code::RefAmbiguous, format!("two images have the name {name:?}"))
                        .at("index.json")
                        .expected(Fact::new(other, "an earlier entry"))
                        .found(Fact::new(&entry.digest, "a later entry")),
                );
            }
        }
        let mut queue = VecDeque::new();
        let mut entries = index.manifests.iter();
        loop {
            if self.documents > self.context.limits.graph_nodes {
                return self.add(Error::new(Code::GraphTooMany, "there are too many documents"), "index.json");
            }
            if let Some(entry) = entries.next() {
                self.descriptor(entry, 0, &mut queue);
                continue;
            }
            let Some((descriptor, depth)) = queue.pop_front() else { return };
            if depth > self.context.limits.graph_depth {
                self.add(Error::new(Code::GraphDepth, "indexes are nested too deeply"), &descriptor.digest.to_string());
                continue;
            }
            self.descriptor(&descriptor, depth, &mut queue);
        }
    }

    fn descriptor(&mut self, descriptor: &Descriptor, depth: usize, queue: &mut VecDeque<(Descriptor, usize)>) {
        let place = descriptor.digest.to_string();
        let is_document = descriptor.is_index() || descriptor.is_manifest();
        match self.meet(descriptor) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return self.add(error, &place),
        }
        if descriptor.odd_annotations {
            self.findings.push(Finding::new(Code::AnnotationsType, "a descriptor has an annotation that is not text").at(&place));
        }
        let region = match self.container.blob(&descriptor.digest) {
            Err(error) => {
                self.unopened.insert(descriptor.digest.clone());
                return self.add(error, &place);
            }
            Ok(Some(region)) => region,
            Ok(None) => {
                self.unopened.insert(descriptor.digest.clone());
                // An embedded document was checked when its descriptor was read, and leads on like any other.
                if let Some(blob) = descriptor.data.as_ref().filter(|_| is_document) {
                    self.documents += 1;
                    return self.walk(descriptor, blob, depth, queue);
                }
                return self.missing(descriptor);
            }
        };
        if region.length() != descriptor.size {
            return self.add(size_mismatch(&descriptor.digest, descriptor.size, region.length()), &place);
        }
        if is_document {
            match self.document(descriptor, &region) {
                Err(error) => self.add(error, &place),
                Ok(blob) => self.walk(descriptor, &blob, depth, queue),
            }
        } else if depth == 0 {
            self.unknown_entry(descriptor, &region);
        }
    }

    /// Notes that a descriptor was met; whether there is more to look at than before.
    fn meet(&mut self, descriptor: &Descriptor) -> Result<bool> {
        let sort = match (descriptor.is_index(), descriptor.is_manifest()) {
            (true, _) => Sort::Index,
            (false, true) => Sort::Manifest,
            (false, false) => Sort::Content,
        };
        let more = match self.seen.get(&descriptor.digest) {
            Some((size, _)) if *size != descriptor.size => {
                return Err(Error::new(Code::DescriptorConflict, "two descriptors give one digest different sizes")
                    .expected(Fact::new(format!("{size} bytes"), "an earlier descriptor"))
                    .found(Fact::new(format!("{} bytes", descriptor.size), "a later descriptor")));
            }
            Some((_, Sort::Manifest | Sort::Index)) if sort == Sort::Content => return Ok(false),
            Some((_, known)) if *known == sort => return Ok(false),
            // It was met as the content of an image, and is a document as well.
            Some((_, Sort::Content)) => !self.unopened.contains(&descriptor.digest),
            Some(_) => return Err(Error::new(Code::DocTypeConflict, "one digest is named as a manifest and as an index")),
            None => true,
        };
        self.seen.insert(descriptor.digest.clone(), (descriptor.size, sort));
        Ok(more)
    }

    /// An entry of `index.json` with an unknown media type is legal. But if its blob calls itself a manifest or an index, the
    /// entry hides it from everybody who goes by media types.
    fn unknown_entry(&mut self, descriptor: &Descriptor, region: &Region) {
        let place = descriptor.digest.to_string();
        // What is larger than any document is none.
        let blob = if descriptor.size <= self.context.limits.document_bytes {
            match self.document(descriptor, region) {
                Ok(blob) => Some(blob),
                Err(error) => return self.add(error, &place),
            }
        } else {
            None
        };
        if let Some(blob) = blob
            && let Ok(document) = Document::parse(blob.bytes(), self.context.limits)
            && let Some(own) = document.root().get("mediaType").and_then(Node::as_str)
            && (media_type::is_index(&own) || media_type::is_manifest(&own))
        {
            let error = Error::new(Code::DocMediaTypeMismatch, "the document calls itself something else than the descriptor calls it")
                .expected(Fact::new(&descriptor.media_type, "the descriptor"))
                .found(Fact::new(own, "mediaType inside the document"));
            return self.add(error, &place);
        }
        self.findings.push(
            Finding::new(Code::DocMediaTypeUnknown, "an entry of index.json is neither a manifest nor an index")
                .at(&place)
                .found(Fact::new(&descriptor.media_type, "index.json")),
        );
    }

    /// The children of an index that are to be looked at. Where some platforms are here and the manifests of others are not, that is
    /// one finding; where none is, each that is missing is one.
    fn present(&mut self, children: Vec<Descriptor>, place: &str) -> Vec<Descriptor> {
        let is_gone = |child: &Descriptor| {
            child.is_manifest() && child.data.is_none() && child.urls.is_empty() && matches!(self.container.blob(&child.digest), Ok(None))
        };
        let (gone, here): (Vec<Descriptor>, Vec<Descriptor>) = children.into_iter().partition(is_gone);
        let platforms = |list: &[Descriptor]| list.iter().filter(|child| !child.is_attestation()).count();
        let (found, all) = (platforms(&here), platforms(&here) + platforms(&gone));
        if found == 0 || gone.is_empty() {
            return here.into_iter().chain(gone).collect();
        }
        let severity = if self.allow_sparse { Severity::Note } else { Severity::Damage };
        let verb = if found == 1 { "is" } else { "are" };
        let finding = Finding::new(Code::ImageSparse, format!("{found} of {} {verb} here", text::count(all, "platform")));
        let name = |child: &Descriptor| child.platform.as_ref().map_or_else(|| child.media_type.to_string(), ToString::to_string);
        let finding = gone.iter().fold(finding, |finding, child| finding.detail(format!("{} is not here: {}", name(child), child.digest)));
        self.findings.push(finding.at(place).severity(severity));
        here
    }

    fn missing(&mut self, descriptor: &Descriptor) {
        let place = descriptor.digest.to_string();
        if !descriptor.urls.is_empty() {
            self.findings.push(
                Finding::new(Code::BlobExternal, "a layer is kept elsewhere")
                    .at(place)
                    .found(Fact::new(descriptor.urls.join(", "), "urls")),
            );
        } else if descriptor.data.is_none() {
            let severity = if self.allow_sparse { Severity::Note } else { Severity::Damage };
            let finding =
                Finding::new(Code::BlobMissing, format!("a {} is not there", text_of(&descriptor.media_type))).at(place).severity(severity);
            self.findings.push(finding.found(Fact::new("nothing", descriptor.digest.blob_path())));
        }
    }

    fn document(&mut self, descriptor: &Descriptor, region: &Region) -> Result<Verified> {
        let most = self.context.limits.document_bytes;
        if descriptor.size > most {
            return Err(Error::new(Code::DocTooLarge, "a document is too large")
                .expected(Fact::new(format!("at most {most} bytes"), "the limits"))
                .found(Fact::new(format!("{} bytes", descriptor.size), "the descriptor")));
        }
        let mut bytes = vec![0; usize::try_from(region.length()).unwrap_or(usize::MAX)];
        region.read_exact_at(&mut bytes, 0).map_err(|error| Error::io("read a document", error))?;
        self.hashed.insert(descriptor.digest.clone());
        self.hashed_bytes += region.length();
        self.documents += 1;
        Verified::check(&descriptor.digest, descriptor.size, bytes)
    }

    fn walk(&mut self, descriptor: &Descriptor, blob: &Verified, depth: usize, queue: &mut VecDeque<(Descriptor, usize)>) {
        let place = descriptor.digest.to_string();
        if descriptor.is_index() {
            match Index::parse(blob, &descriptor.media_type, self.context.limits) {
                Err(error) => self.unread(error, &place),
                Ok(index) => {
                    self.findings.extend(index.findings.iter().cloned().map(|finding| finding.at(&place)));
                    self.subject(index.subject.as_ref(), &place);
                    let children = self.present(index.manifests, &place);
                    queue.extend(children.into_iter().map(|child| (child, depth + 1)));
                }
            }
            return;
        }
        match Manifest::parse(blob, &descriptor.media_type, self.context.limits) {
            Err(error) => self.unread(error, &place),
            Ok(manifest) => {
                self.findings.extend(manifest.findings.iter().cloned().map(|finding| finding.at(&place)));
                self.subject(manifest.subject.as_ref(), &place);
                if manifest.layers.len() > RUNTIME_LAYERS {
                    self.findings
                        .push(Finding::new(Code::ImageLayerCount, format!("the image has {} layers", manifest.layers.len())).at(&place));
                }
                if self.level >= 1 && media_type::is_image_config(&manifest.config.media_type) {
                    self.config(descriptor, &manifest);
                }
                for part in std::iter::once(manifest.config).chain(manifest.layers) {
                    // What leads no further need not wait: a hundred thousand images have some hundred thousand layers.
                    if part.is_index() || part.is_manifest() || depth >= self.context.limits.graph_depth {
                        queue.push_back((part, depth + 1));
                    } else {
                        self.descriptor(&part, depth + 1, queue);
                    }
                }
            }
        }
    }

    /// Reads a config and compares it with its manifest and its descriptor. What is missing is reported when the walk gets there.
    fn config(&mut self, descriptor: &Descriptor, manifest: &Manifest) {
        let place = manifest.config.digest.to_string();
        // Several manifests may share one config: what is wrong with it is said once, but each is compared with it.
        let first = !self.hashed.contains(&manifest.config.digest);
        let (documents, hashed_bytes) = (self.documents, self.hashed_bytes);
        let blob = match self.container.blob(&manifest.config.digest) {
            Ok(Some(region)) if region.length() == manifest.config.size => self.document(&manifest.config, &region),
            Ok(None) => match &manifest.config.data {
                Some(blob) => Ok(Verified::clone(blob)),
                None => return,
            },
            Err(error) => return self.unread(error, &place),
            // A wrong size is reported when the walk gets there.
            Ok(Some(_)) => return,
        };
        let config = match blob.and_then(|blob| Config::parse(&blob, self.context.limits)) {
            Ok(config) => config,
            Err(_) if !first => return,
            Err(error) => return self.unread(error, &place),
        };
        if first {
            self.findings.extend(config.findings.iter().cloned().map(|finding| finding.at(&place)));
        } else {
            (self.documents, self.hashed_bytes) = (documents, hashed_bytes);
        }
        // A config without rootfs describes no file system: some artifacts borrow the media type of an image config.
        let describes_layers = config.root().get("rootfs").is_some();
        if describes_layers && config.diff_ids.len() != manifest.layers.len() {
            self.findings.push(
                Finding::new(Code::ImageDiffIdCount, "manifest and config disagree on the number of layers")
                    .at(&descriptor.digest)
                    .expected(Fact::new(format!("{} layers", manifest.layers.len()), "the manifest"))
                    .found(Fact::new(format!("{} diffIDs", config.diff_ids.len()), "the config")),
            );
        }
        if let (Some(own), Some(other)) = (&descriptor.platform, &config.platform)
            && !own.is_unknown()
            && !own.matches(other)
        {
            self.findings.push(
                Finding::new(Code::ImagePlatformMismatch, "index and config give the image different platforms")
                    .at(&descriptor.digest)
                    .expected(Fact::new(own, "the descriptor in the index"))
                    .found(Fact::new(other, "the config")),
            );
        }
        if describes_layers && self.level >= 3 {
            self.deepen(manifest, &config);
        }
        let filled = config.history().iter().filter(|entry| entry.get("empty_layer").and_then(Node::as_bool) != Some(true)).count();
        if filled > manifest.layers.len() {
            self.findings.push(
                Finding::new(Code::ImageHistory, "the history has more entries than there are layers")
                    .at(&descriptor.digest)
                    .expected(Fact::new(format!("{} layers", manifest.layers.len()), "the manifest"))
                    .found(Fact::new(format!("{filled} entries"), "the config")),
            );
        }
    }

    fn subject(&mut self, subject: Option<&Descriptor>, place: &str) {
        let Some(subject) = subject else { return };
        match self.container.blob(&subject.digest) {
            Ok(Some(_)) => {}
            Ok(None) => self.findings.push(
                Finding::new(Code::ReferrerOrphan, "a referrer's subject is not there")
                    .at(place)
                    .found(Fact::new(&subject.digest, "subject")),
            ),
            Err(error) => self.add(error, place),
        }
    }
}

fn text_of(media: &str) -> &'static str {
    if media_type::is_index(media) {
        "index"
    } else if media_type::is_manifest(media) {
        "manifest"
    } else if media_type::is_image_config(media) {
        "config"
    } else {
        "blob"
    }
}
