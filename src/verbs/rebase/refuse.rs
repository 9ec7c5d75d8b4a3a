//! Refusals of bases: both compared facts, where each came from, and what the operator can do offline.

use crate::core::{Code, Digest, Error, Fact, Finding, Result};
use crate::oci::annotation;
use crate::plan::base::{self, Clue, Evidence, Prefix, Verdict};
use crate::read::Image;
use crate::verbs::bases::Bases;

pub(super) fn describe(prefix: &Prefix) -> (String, Vec<String>) {
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
        Prefix::Proven(proofs) => (format!("matched {} of {} layers", proofs.len(), proofs.len()), Vec::new()),
    }
}

/// The refusal of a base that was named, by the person or by the image, and is not the base.
pub(super) fn conflict(image: &Image, refuted: &Evidence, proven: Option<&Evidence>, bases: &Bases) -> Result<Error> {
    let (Verdict::Refuted(candidate, prefix) | Verdict::NameMoved(candidate, prefix)) = &refuted.verdict else {
        return Ok(Error::new(Code::BaseUnknown, "the base that was named is not there"));
    };
    let (matched, lines) = describe(prefix);
    let proven = match proven {
        Some(evidence) => Some(evidence.clone()),
        None => bases.matches(image)?.into_iter().find(|evidence| matches!(evidence.verdict, Verdict::Proven(..))),
    };
    let (code, message) = match (refuted.clue, prefix) {
        (_, Prefix::Empty) => (Code::BaseEmpty, "the base that is named has no layers"),
        (Clue::From, _) => (Code::BaseMismatch, "the image does not stand on the base given with --from"),
        _ if proven.is_some() => (Code::BaseConflict, "the image names one base and its layers prove another"),
        _ => (Code::BaseMismatch, "the image does not stand on the base that it names"),
    };
    let mut error = Error::new(code, message)
        .at(format!("{}@{}", image.source.shown(), image.descriptor.digest))
        .expected(Fact::new(&candidate.reference, refuted.clue.name()))
        .found(Fact::new(matched, "the layers of both"))
        .details(lines);
    if let Some(other) = proven.as_ref().and_then(base::candidate) {
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

/// The refusal of a base that was found by its layers while the image names another one that is not here.
pub(super) fn not_here(finding: Finding) -> Error {
    let found = finding.found.as_ref().map(|fact| fact.value.clone()).unwrap_or_default();
    Error::of(finding)
        .hint("Put the base that the image names beside the others.")
        .hint(format!("Or, if it is the same under another name, say so: --from {}", quoted(&found)))
}

/// The refusal of an image of which its builder says that its base must not be exchanged.
pub(super) fn not_rebasable(image: &Image) -> Error {
    Error::new(Code::BaseNotRebasable, "the image says that its base must not be exchanged")
        .at(format!("{}@{}", image.source.shown(), image.descriptor.digest))
        .found(Fact::new("false", format!("the label {}", annotation::BUILDPACKS_REBASABLE)))
        .hint("Build the image again.")
        .hint("Or, if you know that the new base fits, name the old one with --from, or the seam with --seam-layers N.")
}

pub(super) fn unknown(image: &Image, evidence: &[Evidence], bases: &Bases) -> Result<Error> {
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
                format!("{} has other layers ({}); the name has moved on", candidate.reference, describe(prefix).0)
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

fn quoted(text: &str) -> String {
    if text.contains([' ', '\'', '"', '$', '\\']) { format!("'{}'", text.replace('\'', r"'\''")) } else { text.to_owned() }
}
