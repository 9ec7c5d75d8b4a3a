//! Many images at once: `batch plan`, `apply`, `merge`, `report`.
//!
//! `survey` says which images there are, `target` what each should be based on, `plan` decides them all in the order of their chains and
//! writes the file. `plan_file` reads such a file, `inputs` makes what an item gives once more, `layout` and `archives` are the two places
//! where results go, and `apply` does it all: `check` looks before anything is written, `run` goes through the items, `supersede` marks
//! the old images, as `mark` says for each. `merge` lists what shards wrote, `report` tells how far everything is. One item is moved by
//! what moves one image (`verbs::rebase`), so both give the same bytes.

mod apply;
mod archives;
mod check;
mod finished;
mod inputs;
mod layout;
mod lines;
mod make;
mod mark;
mod merge;
mod plan;
mod plan_file;
mod report;
mod request;
mod run;
mod supersede;
mod survey;
mod target;
mod whole;

pub use apply::apply;
pub use merge::{Request as MergeRequest, merge};
pub use plan::{Request as PlanRequest, plan};
pub use report::report;
pub use request::{As, Request as ApplyRequest, Stop};
