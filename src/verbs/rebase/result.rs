//! What a rebase gives, before it is written.

use super::Plan;
use crate::foundation::{Code, Error, Result};
use crate::oci::Descriptor;
use crate::read::{Located, Overlay, load};
use crate::verbs::{Context, Opened};

/// The image that a rebase gives, as if it had been written and read again: what others of a batch are put onto, and what statements
/// are made on.
///
/// # Errors
/// Those of documents that cannot be read again, which is a bug.
pub(in crate::verbs) fn virtual_image(plan: &Plan, from: &Located, context: Context<'_>) -> Result<Opened> {
    let result = plan.report.result.as_ref().ok_or_else(|| Error::new(Code::Bug, "a rebase gives nothing"))?;
    let mut overlay = Overlay::default();
    for document in plan.kept.iter().chain(plan.documents.iter().map(|document| &document.blob)) {
        overlay.document(document);
    }
    for (source, layer) in &plan.blobs {
        overlay.blob(source, &layer.digest);
    }
    let source = overlay.into_source(&from.source.path, context.limits)?;
    let top = plan.documents.iter().find(|document| *document.blob.digest() == result.digest);
    let top = top.ok_or_else(|| Error::new(Code::Bug, "the result of a rebase is not among its documents"))?;
    let descriptor = Descriptor::authored(&top.media_type, &top.blob);
    let tree = load(&source, &descriptor, context.limits)?;
    Ok(Opened { located: Located { source, descriptor, name: result.names.first().cloned() }, tree })
}
