//! What is started: Entrypoint and Cmd as words, and the scripts that they name.

use super::{changed, changed_config};
use crate::foundation::{Code, Finding};
use crate::plan::verdict::compare::Comparison;
use crate::plan::verdict::loader::shown;
use crate::plan::verdict::trace::Trace;
use crate::plan::verdict::view::View;

/// The words as a config has them, so that nobody takes two of them for one.
fn line(words: &[Vec<u8>]) -> String {
    if words.is_empty() {
        return "nothing".to_owned();
    }
    format!("{:?}", words.iter().map(|word| shown(word)).collect::<Vec<_>>())
}

impl Comparison<'_> {
    /// Other words start something else; the same words may start another script of the base.
    pub(super) fn started(&self, findings: &mut Vec<Finding>) {
        let (before, after) = (&self.old.launch.arguments, &self.new.launch.arguments);
        if before != after {
            findings.push(changed_config(Code::VerdictChanged, "the image starts something else", [line(before), line(after)]));
            return;
        }
        for (number, word) in after.iter().enumerate() {
            findings.extend(self.starting_script(number, word));
        }
    }

    /// A script of the base that the image starts, and that the new base has in another form. What the maker of the base changed in it decides
    /// how the app is started. Scripts of packages are taken as they are where they are no entrypoint, as everywhere.
    fn starting_script(&self, number: usize, word: &[u8]) -> Option<Finding> {
        let find = |view: &View| view.command(word);
        let (old, new) = (find(self.old)?, find(self.new)?);
        let (before, after) = (self.old.find(&old)?, self.new.find(&new)?);
        let is_script = |view: &View, path: &[u8]| view.text(path).is_some_and(|bytes| bytes.starts_with(b"#!"));
        let counts = number == 0 || (self.old.is_own(before) || !self.new.is_packaged(after));
        if !counts || self.new.is_own(after) || !(is_script(self.old, &old) || is_script(self.new, &new)) {
            return None;
        }
        let (had, has) = (self.old.digest(before), self.new.digest(after));
        let name = |digest: Option<&crate::foundation::Digest>| digest.map_or_else(|| "not known".to_owned(), ToString::to_string);
        let message = format!("the image starts a script of the base, which is another one: {}", shown(&new));
        (had != has).then(|| changed(Code::VerdictChanged, message, Trace::CONFIG, [name(had), name(has)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_words_are_not_one() {
        let of = |words: &[&str]| line(&words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>());
        assert_eq!(of(&["sh", "-c", "a b"]), r#"["sh", "-c", "a b"]"#);
        assert_eq!(of(&[]), "nothing");
    }
}
