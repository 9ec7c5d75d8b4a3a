//! How the result of a rebase calls its base.

use crate::oci::ImageName;

/// The name that the result of a rebase should give its base, if one is known.
///
/// The specification wants a full reference. A bare tag of a layout is not one, so it is only used where the repository is
/// known: because the tag is the old name's own, or because the old base was in the same layout under the old name's tag.
pub fn base_name(new_names: &[String], old_claimed: Option<&str>, same_repository: bool) -> Option<String> {
    if let Some(full) = new_names.iter().find(|name| ImageName::parse(name).is_full()) {
        return Some(full.clone());
    }
    let old = old_claimed?;
    let old_name = ImageName::parse(old);
    let tag = new_names.first().map(String::as_str);
    match tag {
        Some(tag) if old_name.tag == Some(tag) => Some(old.split('@').next().unwrap_or(old).to_owned()),
        Some(tag) if same_repository && old_name.is_full() => Some(format!("{}:{tag}", old_name.repository)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_name_is_never_guessed() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(base_name(&names(&["debian:12.7"]), Some("debian:12"), false), Some("debian:12.7".into()));
        assert_eq!(
            base_name(&names(&["b2"]), Some("registry.example.org/testrepo:b2"), false),
            Some("registry.example.org/testrepo:b2".into())
        );
        assert_eq!(
            base_name(&names(&["b3"]), Some("registry.example.org/testrepo:b2"), true),
            Some("registry.example.org/testrepo:b3".into())
        );
        assert_eq!(base_name(&names(&["b3"]), Some("registry.example.org/testrepo:b2"), false), None);
        assert_eq!(base_name(&names(&["b3"]), None, true), None);
    }
}
