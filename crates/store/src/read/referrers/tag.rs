//! Names that are made of a digest (distribution-spec, "Referrers Tag Schema").

/// How many digits of the digest the tag keeps: all of sha256's, and the first of sha512's.
const DIGITS: usize = 64;

/// A name that begins with a digest: `sha256-<hex>`, perhaps with an ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    /// The fallback tag of the subject.
    pub tag: &'a str,
    /// What follows after a dot: `sig`, `att`, `sbom` of cosign, `<hex>.meta` of others.
    pub ending: Option<&'a str>,
}

impl<'a> Tag<'a> {
    /// Reads a name of `index.json`, in full or a tag alone.
    pub fn parse(name: &'a str) -> Option<Self> {
        let last = name.as_bytes().iter().rposition(|byte| matches!(byte, b'/' | b':')).map_or(Some(name), |at| name.get(at + 1..))?;
        let prefix = ["sha256-", "sha512-"].into_iter().find(|prefix| last.starts_with(prefix))?;
        let (tag, rest) = last.split_at_checked(prefix.len() + DIGITS)?;
        let digits = tag.strip_prefix(prefix)?;
        // A tag that keeps all 128 digits of sha512 is not the specification's, and is meant so.
        let rest = rest.trim_start_matches(|digit: char| prefix == "sha512-" && digit.is_ascii_hexdigit());
        let ending = rest.strip_prefix('.');
        (digits.bytes().all(|byte| byte.is_ascii_hexdigit()) && (rest.is_empty() || ending.is_some())).then_some(Self { tag, ending })
    }
}

/// Whether a name is one under which clients keep referrers.
pub fn is_referrer_tag(name: &str) -> bool {
    Tag::parse(name).is_some()
}

/// Whether a name is that of a list of referrers.
pub fn is_fallback_tag(name: &str) -> bool {
    Tag::parse(name).is_some_and(|tag| tag.ending.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_referrers_are_told_from_other_names() {
        let hex = "0123456789abcdef".repeat(4);
        let tag = format!("sha256-{hex}");
        assert_eq!(Tag::parse(&tag), Some(Tag { tag: &tag, ending: None }));
        assert_eq!(Tag::parse(&format!("registry.site/app:{tag}")).unwrap().tag, tag);
        assert_eq!(Tag::parse(&format!("{tag}.sig")).unwrap().ending, Some("sig"));
        assert_eq!(Tag::parse(&format!("{tag}.abc.meta")).unwrap().ending, Some("abc.meta"));
        // distribution-spec keeps 64 digits of sha512.
        let long = format!("sha512-{hex}");
        assert_eq!(Tag::parse(&long).unwrap().tag, long);
        assert_eq!(Tag::parse(&format!("{long}{hex}.sig")), Some(Tag { tag: &long, ending: Some("sig") }));
        for name in ["", "v1", "sha256-abc", &format!("{tag}0"), &format!("{tag}-x"), &format!("sha1-{hex}"), &tag.replace('0', "g")] {
            assert_eq!(Tag::parse(name), None, "{name}");
        }
    }
}
