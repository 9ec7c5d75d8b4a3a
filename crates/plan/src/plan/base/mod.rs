//! What an image is based on, and what the name of that base means now: one decision for all verbs.
//!
//! [`claims`] is what the image says, [`Evidence`] is each claim compared with the local images, [`decide`] says what all of it
//! amounts to, [`meaning`] says which of several local images of one name is meant, and [`standing`] compares the two. Nothing here
//! reads anything.

mod claim;
mod decide;
mod evidence;
mod layers;
mod meaning;
mod name;
mod standing;

pub use claim::{Claim, ClaimOrigin, buildpacks_seam, claims, is_scratch, recorded_layers, same_name, spelled};
pub use decide::{Based, Outcome, Rule, SeamRule, decide};
pub use evidence::{Candidate, Evidence, Mapped, Stated, Verdict, candidate, conflict_words, is_renamed, judge, judge_given};
pub use layers::{LayerIdentity, Prefix, Proof, adds_settings_only, identity, is_same_image, prefix};
pub use meaning::{Edition, EditionPlatform, Meant, NameRule, Question, Undecided, built_on, is_credible, meaning};
pub use name::base_name;
pub use standing::{Confidence, Standing, Target, standing};
