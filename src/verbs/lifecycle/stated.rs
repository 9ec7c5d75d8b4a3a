//! What statements say of bases; asked of thousands of images that are based on the same few.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::reader::Reader;
use super::stopped::Stopped;
use super::subject::Subject;
use crate::foundation::{Digest, Finding};
use crate::plan::base::Stated;
use crate::plan::lifecycle::time::Moment;
use crate::read::referrers::{Lookup, Scope, Unread};
use crate::read::{Located, Source, Tree};
use crate::verbs::Context;

/// What is said of every part of a tree, by its digest.
type Known = Arc<Vec<(Digest, Stated)>>;

/// Of how many trees it is kept.
const KEPT: usize = 1024;

/// The statements beside bases.
#[derive(Debug)]
pub(in crate::verbs) struct Statements<'a> {
    known: Mutex<HashMap<(PathBuf, Digest), Known>>,
    readers: Mutex<HashMap<PathBuf, Reader<'a>>>,
    now: Moment,
    context: Context<'a>,
}

impl<'a> Statements<'a> {
    pub(in crate::verbs) fn new(now: Moment, context: Context<'a>) -> Self {
        Self { known: Mutex::default(), readers: Mutex::default(), now, context }
    }

    /// As of when.
    pub(in crate::verbs) fn now(&self) -> Moment {
        self.now
    }

    /// What statements in `source` say of the part of the tree with this digest. An index of which nobody speaks is what its only
    /// platform is.
    pub(in crate::verbs) fn of(&self, source: &Arc<Source>, tree: &Tree, digest: &Digest) -> Stated {
        let known = self.known(source, tree);
        let own = |digest: &Digest| known.iter().find(|(own, _)| own == digest).map(|(_, stated)| stated.clone());
        match (own(digest), known.as_slice()) {
            (Some(stated), [_, (_, only)]) if stated.status.is_none() => {
                Stated { unreadable: stated.unreadable || only.unreadable, ..only.clone() }
            }
            (stated, _) => stated.unwrap_or_default(),
        }
    }

    /// Whether an image is withdrawn or at the end of its life.
    pub(in crate::verbs) fn stopped(&self, located: &Located, tree: &Tree) -> Option<Stopped> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let source = &located.source;
        let reader = readers.entry(source.path.clone()).or_insert_with(|| Reader::everywhere(source, self.now, self.context));
        Stopped::of(reader, tree)
    }

    fn known(&self, source: &Arc<Source>, tree: &Tree) -> Known {
        let key = (source.path.clone(), tree.descriptor().digest.clone());
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(known);
        }
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = readers.entry(source.path.clone()).or_insert_with(|| Reader::everywhere(source, self.now, self.context));
        let known: Known =
            Arc::new(reader.subjects(tree).iter().map(|subject| (subject.descriptor.digest.clone(), stated(subject))).collect());
        drop(readers);
        let mut kept = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Bases that are asked about come back, and everything else was asked about once.
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&known));
        known
    }
}

/// Who speaks of what in several sources.
#[derive(Debug, Default)]
pub(in crate::verbs) struct Speaking {
    by_digest: HashMap<Digest, Vec<usize>>,
    /// What the system could not read, and statements that cannot be read: each may be on any image.
    pub(in crate::verbs) unread: Vec<Finding>,
}

impl Speaking {
    /// Looks who refers to what in these sources.
    pub(in crate::verbs) fn of(sources: &[Arc<Source>], context: Context<'_>) -> Self {
        let mut speaking = Self::default();
        for (number, source) in sources.iter().enumerate() {
            let lookup = Lookup::new(source, Scope::Usual, context.limits);
            let (digests, tags) = lookup.subjects();
            let tags = tags.iter().filter_map(|tag| tag.replacen('-', ":", 1).parse().ok());
            let digests: BTreeSet<Digest> = digests.into_iter().chain(tags).collect();
            for digest in digests {
                speaking.by_digest.entry(digest).or_default().push(number);
            }
            // What calls itself something else says nothing of the life cycle, and what calls itself nothing is told by who asks its source.
            let is_statement = |unread: &&Unread| unread.artifact_type.as_deref().is_some_and(|own| context.conventions.is_statement(own));
            let told = lookup.unplaced().iter().filter(|unread| unread.finding.is_unread() || is_statement(unread));
            speaking.unread.extend(told.map(|unread| unread.finding.clone().detail("it may refer to any image here")));
        }
        speaking
    }

    /// The numbers of the sources in which something refers to it.
    pub(in crate::verbs) fn of_digest(&self, digest: &Digest) -> impl Iterator<Item = usize> {
        self.by_digest.get(digest).into_iter().flatten().copied()
    }
}

fn stated(subject: &Subject<'_>) -> Stated {
    Stated {
        status: subject.resolution.standing,
        successor: subject.successor().map(|(successor, _)| successor),
        unreadable: subject.resolution.unreadable > 0,
    }
}
