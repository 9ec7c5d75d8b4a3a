//! What an image says of its base, compared with the local images; and the local images whose layers it has.

use std::collections::HashMap;
use std::iter;
use std::sync::Arc;

use super::{Bases, Candidate, keep, locked, shown_platform, tree_index};
use crate::foundation::{Digest, Result, text};
use crate::oci::ImageName;
use crate::plan::base::{
    Based, Claim, ClaimOrigin, Evidence, Mapped, Verdict, adds_settings_only, claims, decide, is_same_image, is_scratch, judge, judge_given,
};
use crate::read::CatalogueEntry;
use crate::read::provenance::Provenance;
use crate::read::referrers::Trouble;
use crate::read::{ChainId, Image, ImageIndex, load};
use crate::verbs::Opened;
use crate::verbs::bases::lacks_platform;

impl Bases<'_> {
    /// What an image is based on.
    ///
    /// # Errors
    /// Those of documents that are there and cannot be read.
    pub(in crate::verbs) fn based(&self, image: &Image, index: Option<&ImageIndex>) -> Result<Based> {
        let mut evidence = self.judge_claims(image, index)?;
        evidence.extend(self.matches(image, index)?);
        Ok(decide(image, evidence))
    }

    /// What an image is based on, where the user named its old base.
    ///
    /// # Errors
    /// `platform.missing` if that has no such platform; as [`Bases::based`].
    pub(in crate::verbs) fn based_on(&self, image: &Image, index: Option<&ImageIndex>, from: &Opened) -> Result<Based> {
        let candidate = self.candidate(image, from).ok_or_else(|| lacks_platform(image, from))?;
        let name = candidate.names.first().cloned();
        let digest = Some(from.located.descriptor.digest.clone());
        let claim = Claim { name, digest, ..Claim::empty(ClaimOrigin::From) };
        let mut evidence = vec![Evidence::of(claim, judge_given(image, Arc::new(candidate)))];
        evidence.extend(self.judge_claims(image, index)?);
        evidence.extend(self.matches(image, index)?);
        Ok(decide(image, evidence))
    }

    /// What the claims of an image amount to, compared with the local images.
    fn judge_claims(&self, image: &Image, index: Option<&ImageIndex>) -> Result<Vec<Evidence>> {
        let mut evidence = claims(image, index).into_iter().map(|claim| self.judge_claim(image, claim)).collect::<Result<Vec<_>>>()?;
        if let Some(index) = index {
            evidence.extend(self.judge_provenance(image, index)?);
        }
        Ok(evidence)
    }

    /// What the provenance beside an image amounts to. A build of several stages names many images, and most are no base: one
    /// with other layers, or whose content is wrong, says nothing against anything.
    ///
    /// # Errors
    /// `io` and the like: what the system cannot read now may be the proof.
    fn judge_provenance(&self, image: &Image, index: &ImageIndex) -> Result<Vec<Evidence>> {
        let provenance = Provenance::read(image, index, self.limits());
        let empty = Claim::empty(ClaimOrigin::Provenance);
        let mut judged = Vec::with_capacity(provenance.materials.len());
        for material in provenance.materials {
            let (name, digest) = (Some(material.name), Some(material.digest));
            let claim = Claim { name, digest, ..empty.clone() };
            let verdict = match self.verdict(image, &claim) {
                Ok(Verdict::Refuted(candidate, _) | Verdict::NameMoved(candidate, _)) => Verdict::Unresolved(format!(
                    "{} has other layers; it may have been for another stage of the build",
                    candidate.reference
                )),
                Ok(verdict) => verdict,
                Err(error) if Trouble::of(&error) == Trouble::Io => return Err(error),
                Err(error) => Verdict::Unresolved(error.finding().message.clone()),
            };
            judged.push(Evidence::of(claim, verdict));
        }
        for (digest, error) in provenance.unread {
            if Trouble::of(&error) == Trouble::Io {
                return Err(error);
            }
            let verdict = Verdict::Unresolved(format!("{digest} was not read: {}", error.finding().message));
            judged.push(Evidence::of(empty.clone(), verdict));
        }
        Ok(judged)
    }

    fn judge_claim(&self, image: &Image, claim: Claim) -> Result<Evidence> {
        let verdict = self.verdict(image, &claim)?;
        let mapped = self.mapped_claim(image, &claim, &verdict)?;
        Ok(Evidence { mapped, ..Evidence::of(claim, verdict) })
    }

    /// What `--map` says of a claim, where its digest and its name do not lead to one image already.
    fn mapped_claim(&self, image: &Image, claim: &Claim, verdict: &Verdict) -> Result<Mapped> {
        let Some(name) = claim.name.as_deref().filter(|_| self.has_rules()) else { return Ok(Mapped::default()) };
        let led = match verdict {
            Verdict::Proven(candidate, _) if candidate.may_be(name) => return Ok(Mapped::default()),
            Verdict::Proven(candidate, _) => Some(&**candidate),
            _ => None,
        };
        let target = self.by_rule(name)?.and_then(|holder| self.candidate(image, &holder.opened));
        let digests = claim.digest.iter().chain(led.into_iter().flat_map(|led| [&led.top, &led.image.descriptor.digest]));
        let names = iter::once(name).chain(led.iter().flat_map(|led| &led.names).map(String::as_str));
        let exact = self.has_rule_for(names, digests);
        let (names, top) = target.map(|target| (target.names, target.top)).unzip();
        let full = |name: &String| ImageName::parse(name).is_full();
        Ok(Mapped { names: names.unwrap_or_default().into_iter().filter(full).collect(), top, exact })
    }

    fn verdict(&self, image: &Image, claim: &Claim) -> Result<Verdict> {
        if let Some(Err(why)) = &claim.seam {
            return Ok(Verdict::Unresolved(why.clone()));
        }
        if let Some(found) = claim.digest.as_ref().map(|digest| self.with_digest(digest)).transpose()?.flatten() {
            return Ok(self.compared(image, claim, &found, true));
        }
        // A base may have another digest here: copied with another compression, or one platform without its index. Then its name
        // leads to it, and the layers say whether it is the one.
        let Some(name) = claim.name.as_deref().filter(|name| !is_scratch(name)) else { return Ok(nothing_named(claim)) };
        let mut first = None;
        for holder in self.by_rule(name)?.iter().chain(&*self.with_name(name)?) {
            match self.compared(image, claim, &holder.opened, false) {
                proven @ Verdict::Proven(..) => return Ok(proven),
                other => first = first.or(Some(other)),
            }
        }
        Ok(first.unwrap_or_else(|| nothing_named(claim)))
    }

    fn compared(&self, image: &Image, claim: &Claim, opened: &Opened, by_digest: bool) -> Verdict {
        let Some(candidate) = self.candidate(image, opened) else {
            return Verdict::Unresolved(format!("{} is here, but not for {}", opened.located.shown(), shown_platform(image)));
        };
        match (&claim.seam, judge(image, Arc::new(candidate), by_digest)) {
            // The name may lead to a base of the base, or to one that is based on it.
            (Some(Ok(seam)), Verdict::Proven(candidate, proofs)) if proofs.len() != *seam => Verdict::Unresolved(format!(
                "{} has {}, and the top layer of the run image is number {seam}",
                candidate.reference,
                text::count(proofs.len(), "layer")
            )),
            (_, verdict) => verdict,
        }
    }

    /// Local images whose layers are the lowest layers of `image`, the longest first. The image itself is none of them, nor is an
    /// earlier edition of it: whoever patches an image adds a layer and keeps the name.
    fn matches(&self, image: &Image, index: Option<&ImageIndex>) -> Result<Vec<Evidence>> {
        let mut evidence = Vec::new();
        let own = self.full_names(image, index);
        let entries = self.catalogue()?.prefixes(image);
        let matched = entries.into_iter().map(|(_, entry)| self.matched(image, entry)).collect::<Result<Vec<_>>>()?;
        for candidate in under_all_names(matched.into_iter().flatten().collect()) {
            let settings_only = candidate.image.manifest.layers.len() == image.manifest.layers.len();
            if settings_only && !adds_settings_only(image, &candidate.image) {
                continue;
            }
            let (name, digest) = (candidate.names.first().cloned(), Some(candidate.image.descriptor.digest.clone()));
            let claim = Claim { name, digest, ..Claim::empty(ClaimOrigin::Catalogue) };
            let verdict = match own.iter().find(|name| candidate.has_name(name) || candidate.had_name(name)) {
                Some(name) => Verdict::Unresolved(format!(
                    "{} is or was called {name}, as the image is: it may be an earlier edition",
                    candidate.reference
                )),
                None => judge(image, candidate, false),
            };
            evidence.push(Evidence::of(claim, verdict));
        }
        Ok(evidence)
    }

    /// Whether a base has all layers of the image and other settings, and no history tells which of the two was made first: the image may be
    /// built on it.
    ///
    /// # Errors
    /// Those of documents that are there and cannot be read.
    pub(in crate::verbs) fn may_add_settings_only(&self, image: &Image) -> Result<bool> {
        let is_base = |entry: &&CatalogueEntry| self.is_among_bases(&entry.source);
        for entry in self.catalogue()?.untold(image).into_iter().filter(is_base) {
            if self.matched(image, entry)?.is_some_and(|other| !is_same_image(image, &other.image)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The full names of an image and of its index here. A bare tag means another image in each layout.
    fn full_names(&self, image: &Image, index: Option<&ImageIndex>) -> Vec<&str> {
        let digests = [Some(&image.descriptor.digest), index.map(|index| &index.descriptor.digest)];
        let entries = digests.into_iter().flatten().flat_map(|digest| {
            let entries = self.listed().with_digest(digest).filter_map(|place| self.entry(place));
            entries.filter(move |(_, entry)| entry.digest == *digest)
        });
        entries.filter_map(|(_, entry)| entry.name()).filter(|name| ImageName::parse(name).is_full()).collect()
    }

    /// The image of the catalogue, unless it is the image itself or for another platform.
    pub(super) fn matched(&self, image: &Image, entry: &CatalogueEntry) -> Result<Option<Arc<Candidate>>> {
        let (Some(top), Some(manifest)) = (entry.top(), entry.manifest()) else { return Ok(None) };
        let same_platform = match (entry.platform.as_deref(), image.platform()) {
            (Some(own), Some(other)) => own.matches(other),
            _ => true,
        };
        if manifest.digest == image.descriptor.digest || !same_platform {
            return Ok(None);
        }
        let key = (top.digest.clone(), manifest.digest.clone());
        if let Some(known) = locked(&self.matched).get(&key) {
            return Ok(known.clone());
        }
        let found = self.read_match(entry)?.map(Arc::new);
        keep(&self.matched, key, &found);
        Ok(found)
    }

    fn read_match(&self, entry: &CatalogueEntry) -> Result<Option<Candidate>> {
        let (Some(top), Some(manifest)) = (entry.top(), entry.manifest()) else { return Ok(None) };
        let tree = load(&entry.source, top, self.limits())?;
        let Some(base) = tree.images().into_iter().find(|image| image.descriptor.digest == manifest.digest) else { return Ok(None) };
        let mut candidate = Candidate {
            image: base.clone(),
            reference: entry.shown(),
            names: entry.names(),
            former: Vec::new(),
            top: top.digest.clone(),
            claims: claims(base, tree_index(&tree)),
        };
        self.add_all_names(&mut candidate);
        Ok(Some(candidate))
    }

    /// The local image that shares the most of the lowest layers, for a refusal: its reference, and how many of how many.
    ///
    /// # Errors
    /// Those of documents that are there and cannot be read.
    pub(in crate::verbs) fn nearest(&self, image: &Image) -> Result<Option<(String, usize, usize)>> {
        let found = self.catalogue()?.nearest(&ChainId::of(&image.config.diff_ids), &image.descriptor.digest);
        Ok(found.map(|(matched, entry)| (entry.shown(), matched, usize::try_from(entry.layers).unwrap_or(usize::MAX))))
    }
}

/// One image may have an entry of its own, lie in several indexes and have several manifests: whichever of them is met first, it has the
/// names of all.
fn under_all_names(candidates: Vec<Arc<Candidate>>) -> Vec<Arc<Candidate>> {
    let mut by_config: HashMap<&Digest, Vec<&Arc<Candidate>>> = HashMap::new();
    for candidate in &candidates {
        by_config.entry(&candidate.image.manifest.config.digest).or_default().push(candidate);
    }
    let all = |own: &Arc<Candidate>| {
        let same = by_config.get(&own.image.manifest.config.digest).map_or(&[][..], Vec::as_slice);
        if same.iter().all(|other| other.top == own.top) {
            return Arc::clone(own);
        }
        let mut all = Candidate::clone(own);
        for other in same {
            extend(&mut all.names, &other.names);
            extend(&mut all.former, &other.former);
        }
        Arc::new(all)
    };
    candidates.iter().map(all).collect()
}

fn extend(names: &mut Vec<String>, others: &[String]) {
    for name in others {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
}

fn nothing_named(claim: &Claim) -> Verdict {
    Verdict::Unresolved(
        match (&claim.digest, &claim.unreadable_digest, &claim.name) {
            (Some(_), ..) => "no local image has this digest",
            (None, Some(_), _) => "the recorded digest is not a digest",
            (None, None, None) => "it gives no name and no digest",
            (None, None, Some(name)) if is_scratch(name) => "it says that there is no base",
            (None, None, Some(_)) => "no local image has this name",
        }
        .to_owned(),
    )
}
