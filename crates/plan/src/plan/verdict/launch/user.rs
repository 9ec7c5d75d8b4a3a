//! Who runs the image.

use super::changed_config;
use crate::foundation::{Code, Finding};
use crate::plan::verdict::compare::Comparison;
use crate::plan::verdict::users::{Account, is_number};
use crate::plan::verdict::view::View;

/// The user of a config in words.
fn named(view: &View, account: Option<&Account>) -> String {
    let text = match view.launch.user.as_str() {
        "" => "none, so root",
        text => text,
    };
    match account {
        Some(account) => format!("{text} (user {}, group {})", account.user, account.group),
        None => text.to_owned(),
    }
}

impl Comparison<'_> {
    /// Another user may do other things, and programs ask who they are. A name that stays and is another number is told elsewhere, with the
    /// files that belong to the old one.
    pub(super) fn run_by(&self, findings: &mut Vec<Finding>) {
        let (old, new) = (&self.old.launch.user, &self.new.launch.user);
        let is_plain = is_number(new.split(':').next().unwrap_or_default());
        if old == new && !is_plain {
            return;
        }
        let (before, after) = (Account::of(self.old), Account::of(self.new));
        // Of two users that are not there, it is only known that they have the same name.
        if before == after && (before.is_some() || old == new) {
            return;
        }
        let message = if old == new { "the user of the image has other groups" } else { "the image is run as another user" };
        let values = [named(self.old, before.as_ref()), named(self.new, after.as_ref())];
        findings.push(changed_config(Code::VerdictUser, message, values));
    }
}
