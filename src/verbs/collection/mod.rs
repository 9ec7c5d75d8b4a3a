//! Collections: `collection create`, `show`, `check`.

mod check;
mod create;
mod show;

pub use check::check;
pub use create::{Create, create};
pub use show::show;

use crate::foundation::{Code, Error, Fact, Result};
use crate::oci::collection::Member;
use crate::read::{ImageIndex, Reference, Tree, collections, load, locate, open_reference};
use crate::verbs::{Context, Opened};

/// The members of what is at the top, if it is a collection.
pub(super) fn members(tree: &Tree) -> Option<(&ImageIndex, Vec<Member>)> {
    match tree {
        Tree::Collection(index) => Some((index, crate::oci::collection::members(&index.index))),
        _ => None,
    }
}

/// Opens the collection that a reference means; without a name and a digest, the only one of the source.
fn open(text: &str, context: Context<'_>) -> Result<Opened> {
    let reference = Reference::existing(text)?;
    let located = if reference.names_one() {
        locate(&reference, context.limits)?
    } else {
        let source = open_reference(&reference, context.limits)?;
        let mut found = collections(&source, context.limits);
        match found.len() {
            1 => found.remove(0),
            0 => return Err(Error::new(Code::RefNotFound, "the source holds no collection").at(source.shown())),
            count => {
                return Err(Error::new(Code::RefAmbiguous, format!("the source holds {count} collections and one is needed"))
                    .at(source.shown())
                    .details(found.iter().map(crate::read::Located::shown)));
            }
        }
    };
    let tree = load(&located.source, &located.descriptor, context.limits)?;
    if members(&tree).is_none() {
        return Err(Error::new(Code::RefNotFound, "that is no collection")
            .at(located.shown())
            .expected(Fact::new(crate::oci::collection::ARTIFACT_TYPE, "artifactType of the index"))
            .hint("`airbase collection create` makes one."));
    }
    Ok(Opened { located, tree })
}
