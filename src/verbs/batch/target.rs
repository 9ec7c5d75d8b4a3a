//! What an image should be based on.

use super::survey::Survey;
use crate::foundation::{Code, Digest, Error, Fact, Result};
use crate::oci::ImageName;
use crate::plan::base::Candidate;
use crate::plan::batch::jump::Version;
use crate::read::{Image, ImageIndex};
use crate::verbs::bases::{Bases, Found, Lead, nowhere};
use crate::verbs::rebase::decide::{Split, older};

/// Where the new base is.
pub(super) enum Target {
    /// It is there.
    Here(Box<Found>),
    /// It is, or may become, the result of this subject of the batch.
    Subject(usize),
}

/// Finds new bases.
pub(super) struct Targets<'a, 'c> {
    pub(super) bases: &'a Bases<'c>,
    pub(super) survey: &'a Survey,
    pub(super) allow_downgrade: bool,
}

impl Targets<'_, '_> {
    /// What the name of the base means now, or the farthest that it may jump to.
    ///
    /// # Errors
    /// `base.name_unknown`, `base.ambiguous`, and those of documents that cannot be read.
    pub(super) fn of(&self, image: &Image, index: Option<&ImageIndex>, split: &Split) -> Result<Target> {
        let subject = |digest: &Digest, name: Option<&str>| self.survey.with_digest(digest, name);
        let name = match self.bases.follow(image, index, &split.based)? {
            Lead::Found(found) => {
                return Ok(match subject(&found.opened.located.descriptor.digest, found.opened.located.name.as_deref()) {
                    Some(number) => Target::Subject(number),
                    None => Target::Here(found),
                });
            }
            Lead::Undecided(error) => return Err(error.at(&image.descriptor.digest)),
            Lead::NoName => None,
            Lead::NotHere(name) => Some(name),
        };
        // A base without a name that leads anywhere still moves with its own item.
        let own = split.old().and_then(|old| subject(&old.top, old.names.first().map(String::as_str)));
        own.map(Target::Subject).ok_or_else(|| nowhere(image, &split.based, name.as_deref()))
    }

    /// Refuses a new base that is older than the old one, unless that was asked for.
    ///
    /// # Errors
    /// `base.older`.
    pub(super) fn refuse_downgrade(&self, name: Option<&str>, old: Option<&Candidate>, new: &Candidate) -> Result<()> {
        if self.allow_downgrade {
            return Ok(());
        }
        let hint = "If that is what you want, say so with --allow-downgrade.";
        if let Some(finding) = older(old, new) {
            return Err(Error::of(finding).hint(hint));
        }
        let (before, after) = (name.map(ImageName::parse), new.names.first().map(|name| ImageName::parse(name)));
        let (Some(before), Some(after)) = (before, after) else { return Ok(()) };
        let versions = (before.tag.and_then(Version::parse), after.tag.and_then(Version::parse));
        if before.short_repository() == after.short_repository()
            && let (Some(was), Some(is)) = versions
            && was.is_above(&is)
        {
            return Err(Error::new(Code::BaseOlder, "the new base has a lower version than the old one")
                .at(&new.reference)
                .expected(Fact::new(format!("at least {}", before.tag.unwrap_or_default()), "the name of the old base"))
                .found(Fact::new(after.tag.unwrap_or_default(), "the name of the new base"))
                .hint(hint));
        }
        Ok(())
    }
}
