//! What a new image says of the one that it stands in for.
//!
//! Signatures and SBOMs speak of bytes, so they stay with the old image, and whoever looks at the new one and misses them should
//! find out why. Its statement says in the reason, for users, what stayed where.

use super::change::Change;
use super::field::{self, Field, Record, Value};
use crate::foundation::Digest;

/// Begins what is said of one old image; a reason may say it of several, and begin with words of somebody's own.
const OPENING: &str = "what speaks of the bytes of ";

/// What is to hold of the new image, of which `holds` holds already: that it stands in for `old`, unless it says so of another
/// image, and that `left` stays behind. Applied to what comes of it, the same change changes nothing.
pub fn of_new(holds: &Record, old: &Digest, left: &[String]) -> Change {
    let mut change = Change::default();
    if !holds.contains_key(&Field::Supersedes) {
        change.set.insert(Field::Supersedes, Value::Digest(old.clone()));
    }
    if !left.is_empty() {
        let opening = format!("{OPENING}{old}");
        let said = format!("{opening} stays with it: {}", left.join(", "));
        let reason = match field::text(holds, Field::Reason) {
            None => said,
            Some(reason) => match reason.find(&opening) {
                None => format!("{reason}; {said}"),
                // What was attached to the old image since is added, and what was taken away is not missed.
                Some(at) => {
                    let (before, own) = reason.split_at(at);
                    let after = own.find(&format!("; {OPENING}")).map_or("", |end| own.split_at(end).1);
                    format!("{before}{said}{after}")
                }
            },
        };
        change.set.insert(Field::Reason, Value::Text(reason));
    }
    change
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::lifecycle::time::Moment;

    fn applied(holds: &Record, old: &Digest, left: &[&str]) -> Option<Record> {
        let left: Vec<String> = left.iter().map(|text| (*text).to_owned()).collect();
        of_new(holds, old, &left).next(holds, Moment::strict("2026-11-21").unwrap()).map(|next| next.says)
    }

    fn reason(record: &Record) -> Option<&str> {
        field::text(record, Field::Reason)
    }

    #[test]
    fn it_is_said_once() {
        let old = Digest::sha256(b"old");
        let nothing_left = applied(&Record::new(), &old, &[]).unwrap();
        assert_eq!(nothing_left, Record::from([(Field::Supersedes, Value::Digest(old.clone()))]));
        assert_eq!(applied(&nothing_left, &old, &[]), None);
        let left = applied(&nothing_left, &old, &["an SBOM", "a signature"]).unwrap();
        assert_eq!(reason(&left).unwrap(), format!("what speaks of the bytes of {old} stays with it: an SBOM, a signature"));
        assert_eq!(applied(&left, &old, &["an SBOM", "a signature"]), None);
    }

    #[test]
    fn what_others_said_and_what_was_said_of_others_stays() {
        let (old, older) = (Digest::sha256(b"old"), Digest::sha256(b"older"));
        let holds = Record::from([(Field::Reason, Value::Text("patched".to_owned()))]);
        let of_old = applied(&holds, &old, &["an SBOM"]).unwrap();
        let of_both = applied(&of_old, &older, &["a signature"]).unwrap();
        let (first, second) = (format!("{OPENING}{old} stays with it: "), format!("{OPENING}{older} stays with it: "));
        assert_eq!(reason(&of_both).unwrap(), format!("patched; {first}an SBOM; {second}a signature"));
        // It stands in for the one that it stood in for first; the other one itself says by whom it was superseded.
        assert_eq!(field::digest(&of_both, Field::Supersedes), Some(&old));
        assert_eq!(applied(&of_both, &old, &["an SBOM"]), None);
        assert_eq!(applied(&of_both, &older, &["a signature"]), None);
        let changed = applied(&of_both, &old, &["an SBOM", "a report"]).unwrap();
        assert_eq!(reason(&changed).unwrap(), format!("patched; {first}an SBOM, a report; {second}a signature"));
    }
}
