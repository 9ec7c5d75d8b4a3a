//! What the config says of the start, before and after the move: words, user, working directory, environment. What the app did not say
//! itself comes from the base, and may be another one in the new base.

mod directory;
mod start;
mod user;
mod variables;

use super::compare::{Comparison, finding};
use super::trace::Trace;
use crate::foundation::{Code, Fact, Finding};

impl Comparison<'_> {
    /// Everything of the config that the move changes, as far as something may depend on it.
    pub(super) fn launched(&self, findings: &mut Vec<Finding>) {
        self.started(findings);
        self.run_by(findings);
        self.stands_in(findings);
        self.variables(findings);
    }
}

/// Something of the config that is another one.
fn changed(code: Code, message: String, by: &str, [before, after]: [String; 2]) -> Finding {
    finding(code, false, message, by).expected(Fact::new(before, "the image")).found(Fact::new(after, "the moved image"))
}

/// The same, told of the config.
fn changed_config(code: Code, message: &str, values: [String; 2]) -> Finding {
    changed(code, message.to_owned(), Trace::CONFIG, values)
}
