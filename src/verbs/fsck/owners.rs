//! To which images belongs what is damaged: nobody knows an image by the digest of a layer.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::foundation::fsys::ReadAt as _;
use crate::foundation::{Code, Digest, Error, Finding, Limits, Result, Severity, text};
use crate::oci::{Descriptor, Index, Manifest, RootIndex, Verified, size_mismatch};
use crate::read::Container;

/// How many images a finding names.
const NAMED: usize = 8;

/// What is damaged below a document, and on which platforms.
type Damaged = BTreeMap<Digest, BTreeSet<String>>;

/// Says of each finding of damage in a blob to which entries of the index it belongs. Documents are read once more for that, and only
/// where something is damaged: to remember who names what would cost every sound layout its memory.
pub(super) fn name(findings: &mut [Finding], container: &dyn Container, limits: &Limits) {
    let digest = |finding: &Finding| -> Option<Digest> {
        let place = finding.place.as_deref().filter(|_| finding.severity >= Severity::Damage && finding.code != Code::ImageSparse)?;
        place.parse().ok()
    };
    let bad: HashSet<Digest> = findings.iter().filter_map(digest).collect();
    if bad.is_empty() {
        return;
    }
    // Without the list nothing belongs to anybody, which is a finding of its own.
    let Ok(index) = container.index().and_then(|bytes| RootIndex::parse(bytes, limits)) else { return };
    let mut owners = Owners { container, bad: &bad, limits, missed: false, known: HashMap::new() };
    let mut belongs: HashMap<Digest, BTreeSet<String>> = HashMap::new();
    for entry in &index.manifests {
        let image = entry.name().map_or_else(|| entry.digest.to_string(), text::escape);
        for (digest, platforms) in owners.below(entry, 0) {
            let platforms: Vec<String> = platforms.into_iter().collect();
            let on = if platforms.is_empty() { String::new() } else { format!(" ({})", platforms.join(", ")) };
            belongs.entry(digest).or_default().insert(format!("{image}{on}"));
        }
    }
    for finding in findings {
        let Some(images) = digest(finding).and_then(|digest| belongs.get(&digest)) else { continue };
        let more = images.len().saturating_sub(NAMED);
        finding.details.extend(images.iter().take(NAMED).map(|image| format!("it belongs to {image}")));
        finding.details.extend((more > 0).then(|| format!("and to {more} more")));
        finding.details.extend(owners.missed.then(|| "and maybe to more: a document could not be read again".to_owned()));
    }
}

struct Owners<'a> {
    container: &'a dyn Container,
    bad: &'a HashSet<Digest>,
    limits: &'a Limits,
    /// Whether a document could not be read that could be read before.
    missed: bool,
    /// Documents that several others name are read once.
    known: HashMap<Digest, Damaged>,
}

impl Owners<'_> {
    fn below(&mut self, descriptor: &Descriptor, depth: usize) -> Damaged {
        if let Some(known) = self.known.get(&descriptor.digest) {
            return known.clone();
        }
        let mut damaged = Damaged::new();
        if self.bad.contains(&descriptor.digest) {
            damaged.insert(descriptor.digest.clone(), BTreeSet::new());
        }
        // What cannot be read is damaged itself, and what is below it is not known.
        if depth <= self.limits.graph_depth
            && let Some(document) = self.document(descriptor)
        {
            if descriptor.is_index() {
                let children = Index::parse(&document, &descriptor.media_type, self.limits).map(|index| index.manifests);
                for child in children.unwrap_or_default() {
                    let platform = child.platform.as_ref().map(ToString::to_string);
                    for (digest, platforms) in self.below(&child, depth + 1) {
                        let own = if platforms.is_empty() { platform.clone().into_iter().collect() } else { platforms };
                        damaged.entry(digest).or_default().extend(own);
                    }
                }
            } else if let Ok(manifest) = Manifest::parse(&document, &descriptor.media_type, self.limits) {
                let parts = manifest.layers.iter().chain([&manifest.config]).map(|part| &part.digest);
                damaged.extend(parts.filter(|digest| self.bad.contains(digest)).map(|digest| (digest.clone(), BTreeSet::new())));
            }
        }
        self.known.insert(descriptor.digest.clone(), damaged.clone());
        damaged
    }

    fn document(&mut self, descriptor: &Descriptor) -> Option<Verified> {
        if !(descriptor.is_index() || descriptor.is_manifest()) {
            return None;
        }
        let document = match self.read(descriptor) {
            // A document that is damaged is a finding itself; one that was sound a moment ago would have named more images.
            Err(_) => {
                self.missed |= !self.bad.contains(&descriptor.digest);
                None
            }
            Ok(document) => document,
        };
        document.or_else(|| descriptor.data.as_deref().cloned())
    }

    fn read(&self, descriptor: &Descriptor) -> Result<Option<Verified>> {
        let Some(region) = self.container.blob(&descriptor.digest)? else { return Ok(None) };
        if region.length() != descriptor.size || region.length() > self.limits.document_bytes {
            return Err(size_mismatch(&descriptor.digest, descriptor.size, region.length()));
        }
        let mut bytes = vec![0; usize::try_from(region.length()).unwrap_or(usize::MAX)];
        region.read_exact_at(&mut bytes, 0).map_err(|error| Error::io("read a document", error))?;
        Verified::check(&descriptor.digest, descriptor.size, bytes).map(Some)
    }
}
