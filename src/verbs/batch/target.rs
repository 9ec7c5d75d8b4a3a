//! What an image should stand on.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::survey::Survey;
use crate::core::{Code, Digest, Error, Fact, Result};
use crate::oci::ImageName;
use crate::plan::base::Candidate;
use crate::plan::batch::jump::{Allow, Version, highest};
use crate::read::{Image, ImageIndex, Located, Tree};
use crate::verbs::bases::{Bases, Followed};
use crate::verbs::rebase::decide::{Standing, nowhere, older};

/// Where the new base is.
pub(super) enum Target {
    /// It is there.
    Here(Box<(Located, Tree)>),
    /// It is, or may become, the result of this subject of the batch.
    Subject(usize),
}

/// Finds new bases.
pub(super) struct Targets<'a> {
    pub(super) bases: &'a Bases,
    pub(super) survey: &'a Survey,
    pub(super) allow: Option<Allow>,
    pub(super) allow_downgrade: bool,
    /// The name to which each name jumps.
    pub(super) jumps: Mutex<HashMap<String, Option<String>>>,
}

impl Targets<'_> {
    /// What the name of the base means now, or the farthest that it may jump to.
    ///
    /// # Errors
    /// `base.name_unknown`, `base.ambiguous`, and those of documents that cannot be read.
    pub(super) fn of(&self, image: &Image, index: Option<&ImageIndex>, standing: &Standing) -> Result<Target> {
        let claimed = standing.claimed_name(image, index);
        let old = standing.old();
        let jumped =
            claimed.as_deref().or_else(|| old.and_then(|old| old.names.first()).map(String::as_str)).and_then(|name| self.jump(name));
        let followed = match &jumped {
            Some(name) => match self.bases.with_name(name)? {
                Some((located, tree)) => Followed::Found { name: name.clone(), located: Box::new(located), tree: Box::new(tree) },
                None => Followed::NotHere(name.clone()),
            },
            None => self.bases.follow(claimed.as_deref(), old)?,
        };
        let subject = |digest: &Digest, name: Option<&str>| self.survey.with_digest(digest, name);
        match followed {
            Followed::Found { located, tree, .. } => Ok(match subject(&located.descriptor.digest, located.name.as_deref()) {
                Some(number) => Target::Subject(number),
                None => Target::Here(Box::new((*located, *tree))),
            }),
            // A base without a name that leads anywhere still moves with its own item.
            Followed::NoName | Followed::NotHere(_) => {
                if let Some(number) = old.and_then(|old| subject(&old.top, old.names.first().map(String::as_str))) {
                    return Ok(Target::Subject(number));
                }
                let name = if let Followed::NotHere(name) = &followed { Some(name.as_str()) } else { None };
                Err(nowhere(image, name).hint("Say where the base lies with --map 'NAME=REFERENCE', or put it among --bases."))
            }
        }
    }

    fn jump(&self, name: &str) -> Option<String> {
        let allow = self.allow?;
        if let Some(known) = self.jumps.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return known.clone();
        }
        let found = highest(name, self.bases.names().iter().map(String::as_str), allow).map(str::to_owned);
        self.jumps.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), found.clone());
        found
    }

    /// Refuses a new base that is older than the old one, unless that was asked for.
    ///
    /// # Errors
    /// `base.older`.
    pub(super) fn refuse_downgrade(&self, claimed: Option<&str>, old: Option<&Candidate>, new: &Candidate) -> Result<()> {
        if self.allow_downgrade {
            return Ok(());
        }
        let hint = "If that is what you want, say so with --allow-downgrade.";
        if let Some(finding) = older(old, new) {
            return Err(Error::of(finding).hint(hint));
        }
        let (before, after) = (claimed.map(ImageName::parse), new.names.first().map(|name| ImageName::parse(name)));
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
