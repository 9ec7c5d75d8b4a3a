//! What is known of a base whatever lies on it: made when it is first asked for, and once for all images on it.
//!
//! Nothing here is the answer for an image, whose layers may hide, replace and link files of the base. What is found here is
//! looked at in the image, or holds as long as the image leaves alone what it depends on ([`Footprint`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::fixes::Libraries;
use super::index::Index;
use super::loader::{Loading, Question};
use crate::foundation::Result;
use crate::plan::packages::Packages;
use crate::read::rootfs::{Footprint, Ground, Merged, Scan, Unpacker};

/// How many programs are remembered with what a loader does with them.
const MOST_PROGRAMS: usize = 4096;

/// What a loader does with a program, and what that depends on.
type Answered = (Arc<Loading>, Arc<Footprint>);

/// The files of a base, without their content.
#[derive(Debug)]
pub(super) struct Base {
    ground: Ground,
    index: OnceLock<Index>,
    packages: OnceLock<(Arc<Packages>, Footprint)>,
    libraries: OnceLock<Libraries>,
    programs: Mutex<HashMap<Question, Answered>>,
}

impl Base {
    /// Puts the layers of a base together.
    ///
    /// # Errors
    /// `tar.too_many`.
    pub(super) fn of(layers: &[Arc<Scan>], unpacker: Unpacker) -> Result<Self> {
        Ok(Self {
            ground: Scan::ground(layers, unpacker)?,
            index: OnceLock::new(),
            packages: OnceLock::new(),
            libraries: OnceLock::new(),
            programs: Mutex::default(),
        })
    }

    /// About how many bytes of memory it takes once everything was asked for.
    pub(super) fn size(&self) -> usize {
        // Names, their places and what packages list take about as much as the tree does, each.
        self.ground.size() * 4
    }

    /// What the base is the ground of.
    pub(super) fn ground(&self) -> &Ground {
        &self.ground
    }

    /// The base alone, whose layers these are.
    fn files(&self, layers: &[Arc<Scan>]) -> Merged {
        Merged::ground(&self.ground, layers)
    }

    /// Where its files are, by their names and contents.
    pub(super) fn index(&self, layers: &[Arc<Scan>]) -> &Index {
        self.index.get_or_init(|| Index::of(&self.files(layers)))
    }

    /// Its packages, and what they depend on.
    pub(super) fn packages(&self, layers: &[Arc<Scan>]) -> &(Arc<Packages>, Footprint) {
        self.packages.get_or_init(|| {
            let (packages, footprint) = Packages::with_footprint(&self.files(layers));
            (Arc::new(packages), footprint)
        })
    }

    /// Its libraries.
    pub(super) fn libraries(&self, layers: &[Arc<Scan>]) -> &Libraries {
        self.libraries.get_or_init(|| super::fixes::libraries(&self.files(layers)))
    }

    /// What a loader does with a program of the base, if somebody found it out, and what that depends on.
    pub(super) fn program(&self, question: &Question) -> Option<Answered> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner).get(question).cloned()
    }

    /// Remembers what a loader does with a program of the base.
    pub(super) fn remember(&self, question: Question, found: &Arc<Loading>, footprint: Footprint) {
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if programs.len() < MOST_PROGRAMS {
            programs.insert(question, (Arc::clone(found), Arc::new(footprint)));
        }
    }
}
