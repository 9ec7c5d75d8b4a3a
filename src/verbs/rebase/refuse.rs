//! Refusals of bases: both compared facts, where each came from, and what the operator can do offline.

use crate::foundation::{Code, Digest, Error, Fact, Result};
use crate::oci::annotation;
use crate::plan::base::{self, Based, Candidate, ClaimOrigin, Evidence, Outcome, Prefix, SeamRule, Verdict};
use crate::read::Image;
use crate::verbs::bases::Bases;

fn describe(prefix: &Prefix) -> (String, Vec<String>) {
    match prefix {
        Prefix::Differs { matched, of, first } => {
            let (own, below) = &**first;
            let mut lines = Vec::new();
            match own {
                Some(own) => lines.push(format!("layer {matched} of the image: {}, diffID {}", own.digest, own.diff_id)),
                None => lines.push(format!("layer {matched} of the image: there is none")),
            }
            lines.push(format!("layer {matched} of the base:  {}, diffID {}", below.digest, below.diff_id));
            (format!("matched {matched} of {of} layers"), lines)
        }
        Prefix::Empty => ("the base has no layers".to_owned(), Vec::new()),
        Prefix::Itself => ("the image itself".to_owned(), Vec::new()),
        Prefix::Proven(proofs) => (format!("matched {} of {} layers", proofs.len(), proofs.len()), Vec::new()),
    }
}

/// Why nothing can be moved.
pub(in crate::verbs) fn refusal(image: &Image, based: &Based, bases: &Bases<'_>) -> Result<Error> {
    match &based.outcome {
        Outcome::Conflict { claim, proven } => {
            let at = |at: usize| based.evidence.get(at);
            let Some(claim) = at(*claim) else { return Ok(Error::new(Code::Bug, "a claim was refuted that is not there")) };
            match claim.verdict {
                Verdict::Refuted(..) | Verdict::NameMoved(..) if claim.clue == ClaimOrigin::From || is_refuted(claim) => {
                    refuted(image, claim, proven.and_then(at), bases)
                }
                _ => not_here(image, claim, proven.and_then(at), bases),
            }
        }
        Outcome::Ambiguous(several) => Ok(ambiguous(image, several.iter().filter_map(|at| based.evidence.get(*at)))),
        _ => unknown(image, &based.evidence, bases),
    }
}

fn is_refuted(claim: &Evidence) -> bool {
    matches!(claim.verdict, Verdict::Refuted(..))
}

/// The refusal of a base that was named, by the user or by the image, and is not the base.
fn refuted(image: &Image, claim: &Evidence, proven: Option<&Evidence>, bases: &Bases<'_>) -> Result<Error> {
    let (Verdict::Refuted(candidate, prefix) | Verdict::NameMoved(candidate, prefix)) = &claim.verdict else {
        return Ok(Error::new(Code::BaseUnknown, "the base that was named is not there"));
    };
    let (matched, lines) = describe(prefix);
    let (code, message) = match (claim.clue, prefix) {
        (_, Prefix::Empty) => (Code::BaseEmpty, "the base that is named has no layers"),
        (ClaimOrigin::From, Prefix::Itself) => (Code::BaseMismatch, "an image is not based on itself"),
        (ClaimOrigin::From, _) => (Code::BaseMismatch, "the image is not based on the image given with --from"),
        _ if proven.is_some() => (Code::BaseConflict, "the image names one base and its layers prove another"),
        _ => (Code::BaseMismatch, "the image is not based on the image that it names"),
    };
    let mut error = Error::new(code, message)
        .at(format!("{}@{}", image.source.shown(), image.descriptor.digest))
        .expected(Fact::new(&candidate.reference, claim.clue.name()))
        .found(Fact::new(matched, "the layers of both"))
        .details(lines);
    if let Some(other) = proven.and_then(base::candidate) {
        error = error
            .detail(format!("the layers prove {}", other.reference))
            .hint(format!("If that is right, name it: --from {}", quoted(&other.reference)));
    } else {
        if let Some((reference, matched, of)) = bases.nearest(image)? {
            error = error.detail(format!("nearest local image: {reference}, matched {matched} of {of} layers"));
        }
        error = error.hint("Put the base that the image was built on beside the others and name it with --bases or --from.");
    }
    Ok(error)
}

/// The refusal of a base that was found by its layers while the image names another one.
fn not_here(image: &Image, claim: &Evidence, proven: Option<&Evidence>, bases: &Bases<'_>) -> Result<Error> {
    let named = [claim.name.clone(), claim.digest.as_ref().map(Digest::to_string)].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let candidate = proven.and_then(base::candidate).map(|candidate| &**candidate);
    let mut error = Error::new(Code::BaseConflict, base::conflict_words(Some(claim), candidate))
        .at(format!("{}@{}", image.source.shown(), image.descriptor.digest))
        .expected(Fact::new(named, claim.clue.name()));
    if !base::is_renamed(Some(claim), candidate) {
        error = error.hint("Put the base that the image names beside the others and name it with --bases.");
    }
    if let Some((other, layers)) = proven.and_then(Evidence::proven) {
        error = bases.settling(image, claim, other)?.into_iter().fold(error, Error::hint);
        error = error
            .found(Fact::new(&other.reference, "the layers"))
            .detail(format!("the lowest {} of {} layers are those of {}", layers, image.manifest.layers.len(), other.reference))
            .hint(format!("If that is the same base under another name, say so: --from {}", quoted(&other.reference)));
    }
    Ok(error.hint("Or split by position: --seam-layers N, where N is the number of layers that belong to the old base."))
}

fn ambiguous<'a>(image: &Image, several: impl Iterator<Item = &'a Evidence>) -> Error {
    let candidates = several.filter_map(base::candidate);
    Error::new(Code::BaseAmbiguous, "several local images with different settings have the same layers")
        .at(&image.descriptor.digest)
        .details(candidates.map(|candidate| format!("{}  {}", candidate.reference, candidate.image.descriptor.digest)))
        .hint("Name the old base with --from.")
}

/// The refusal of an image of which its builder says that its base must not be exchanged.
pub(super) fn not_rebasable(image: &Image) -> Error {
    Error::new(Code::BaseNotRebasable, "the image says that its base must not be exchanged")
        .at(format!("{}@{}", image.source.shown(), image.descriptor.digest))
        .found(Fact::new("false", format!("the label {}", annotation::BUILDPACKS_REBASABLE)))
        .hint("Build the image again.")
        .hint("Or, if you know that the new base fits, name the old one with --from, or the seam with --seam-layers N.")
}

fn unknown(image: &Image, evidence: &[Evidence], bases: &Bases<'_>) -> Result<Error> {
    let mut error = Error::new(Code::BaseUnknown, "no local image is a base of this image").at(format!(
        "{}@{}",
        image.source.shown(),
        image.descriptor.digest
    ));
    for evidence in evidence {
        let named =
            [evidence.name.clone(), evidence.digest.as_ref().map(Digest::to_string)].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let outcome = match &evidence.verdict {
            Verdict::Unresolved(why) => why.clone(),
            Verdict::NameMoved(candidate, prefix) => {
                format!("{} has other layers ({}); the name means another image now", candidate.reference, describe(prefix).0)
            }
            Verdict::Refuted(candidate, prefix) => format!("{}: {}", candidate.reference, describe(prefix).0),
            Verdict::Proven(candidate, _) => candidate.reference.clone(),
        };
        error = error.detail(format!("{}: {named}: {outcome}", evidence.clue.name()));
    }
    if let Some((reference, matched, of)) = bases.nearest(image)? {
        error = error.detail(format!("nearest local image: {reference}, matched {matched} of {of} layers"));
    }
    Ok(error
        .hint("Put the old base beside the others and name it with --bases or --from.")
        .hint("Or split by position: --seam-layers N, where N is the number of layers that belong to the old base."))
}

/// The refusal of a seam above which nothing is left: the result would be the new base under the name of the app.
pub(super) fn without_app_layers(image: &Image, layers: usize, rule: SeamRule) -> Error {
    let from = match rule {
        SeamRule::Given => "--seam-layers",
        SeamRule::Recorded => "the recorded number of base layers",
        SeamRule::Buildpacks => "buildpacks metadata",
    };
    Error::new(Code::RebaseNoAppLayers, format!("{from} leaves no layer of the app, so the result would be the new base alone"))
        .at(&image.descriptor.digest)
        .expected(Fact::new(format!("fewer than {layers}"), "the manifest"))
        .found(Fact::new(layers, from))
        .hint("If all layers belong to one squashed layer, the image cannot be split: build it again on the new base.")
        .hint("If the app has only settings and no layer of its own, say so with --force.")
}

/// The labels by which buildpacks tell one stack from another; an image and its run image have the same.
const STACK_LABELS: [&str; 5] = [
    "io.buildpacks.stack.id",
    "io.buildpacks.stack.distro.name",
    "io.buildpacks.stack.distro.version",
    "io.buildpacks.base.distro.name",
    "io.buildpacks.base.distro.version",
];

/// The refusal of a new base of another stack for an image that buildpacks built, as their own rebase refuses it.
pub(super) fn other_stack(image: &Image, new: &Candidate) -> Option<Error> {
    image.config.run_image.as_ref()?;
    let text = |image: &Image, key: &str| image.config.labels.get(key).filter(|text| !text.is_empty()).cloned();
    STACK_LABELS.iter().find_map(|key| {
        let own = text(image, key)?;
        let other = text(&new.image, key);
        (other.as_ref() != Some(&own)).then(|| {
            Error::new(Code::BaseOtherStack, "the new base is of another stack of buildpacks than the image")
                .at(&image.descriptor.digest)
                .expected(Fact::new(own, format!("the label {key} of the image")))
                .found(Fact::new(other.unwrap_or_else(|| "no such label".to_owned()), &new.reference))
                .hint("Build the image again on the new stack.")
                .hint("If you know that it runs there, say so with --force.")
        })
    })
}

fn quoted(text: &str) -> String {
    if text.contains([' ', '\'', '"', '$', '\\']) { format!("'{}'", text.replace('\'', r"'\''")) } else { text.to_owned() }
}
