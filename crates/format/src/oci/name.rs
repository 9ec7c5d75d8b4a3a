//! Names of images as users and annotations write them: `[registry/]repository[:tag][@digest]`.

use std::borrow::Cow;

use crate::foundation::Digest;

/// A name taken apart. Nothing is checked against a registry's rules; an unusual name is only less useful.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageName<'a> {
    /// Everything before the tag: `docker.io/library/debian`. Empty for a bare tag such as `v2`.
    pub repository: &'a str,
    /// The tag.
    pub tag: Option<&'a str>,
    /// The digest.
    pub digest: Option<&'a str>,
}

impl<'a> ImageName<'a> {
    /// Takes `text` apart. A text without `/` and `:` is a bare tag in a layout, and a repository everywhere else; layouts
    /// are what this tool reads, so it is a tag. A digest is a digest alone: containerd's CRI calls images by their IDs too.
    pub fn parse(text: &'a str) -> Self {
        if text.parse::<Digest>().is_ok() {
            return Self { repository: "", tag: None, digest: Some(text) };
        }
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        let is_tag = !text.contains(['/', ':']);
        let (path, last) = name.rfind('/').map_or(("", name), |slash| name.split_at(slash + 1));
        match last.split_once(':') {
            Some((repository, tag)) => {
                Self { repository: name.get(..path.len() + repository.len()).unwrap_or_default(), tag: Some(tag), digest }
            }
            None if is_tag => Self { repository: "", tag: Some(name), digest },
            None => Self { repository: name, tag: None, digest },
        }
    }

    /// Whether it says which repository it is from, and not only a tag.
    pub fn is_full(&self) -> bool {
        !self.repository.is_empty()
    }

    /// The last component of the repository: `debian`.
    pub fn short_repository(&self) -> &'a str {
        self.repository.rsplit('/').next().unwrap_or_default()
    }

    /// The same name without the digest.
    #[must_use]
    pub fn without_digest(self) -> Self {
        Self { digest: None, ..self }
    }

    /// Docker's spelling of a name: `debian:12` is `docker.io/library/debian:12`, and no tag and no digest is `latest`. `None` for
    /// a bare tag, and for what is no name by the grammar of distribution.
    pub fn canonical(&self) -> Option<String> {
        if !self.is_full() || !self.is_reference() {
            return None;
        }
        let (domain, path) = self.domain();
        let library = if domain == DOCKER && !path.contains('/') { "library/" } else { "" };
        let mut name = format!("{domain}/{library}{path}");
        match (self.tag, self.digest) {
            (Some(tag), _) => name.extend([":", tag]),
            (None, None) => name.push_str(":latest"),
            (None, Some(_)) => {}
        }
        if let Some(digest) = self.digest {
            name.extend(["@", digest]);
        }
        Some(name)
    }

    /// The registry and the path in it, as Docker's clients divide a name.
    fn domain(&self) -> (&'a str, &'a str) {
        match self.repository.split_once('/') {
            Some(("index.docker.io", path)) => (DOCKER, path),
            Some((first, path)) if is_domain_like(first) => (first, path),
            _ => (DOCKER, self.repository),
        }
    }

    /// Whether it is written as it is compared, which most names are.
    fn is_canonical(&self) -> bool {
        match self.repository.split_once('/') {
            Some((first, path)) if is_domain_like(first) => {
                first != "index.docker.io" && (first != DOCKER || path.contains('/')) && (self.tag.is_some() || self.digest.is_some())
            }
            _ => false,
        }
    }

    /// Whether the grammar of distribution takes it (github.com/distribution/reference, reference.go).
    fn is_reference(&self) -> bool {
        let (domain, path) = self.domain();
        path.split('/').all(is_path_component)
            && (domain == DOCKER || is_domain(domain))
            && self.tag.is_none_or(is_tag)
            && self.digest.is_none_or(is_digest)
    }
}

/// The registry that a name without one means.
const DOCKER: &str = "docker.io";

/// Whether the first component of a name is a registry rather than a part of the path.
fn is_domain_like(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn is_domain(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            let fits = !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
            return fits && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_number));
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(fits) && !label.starts_with('-') && !label.ends_with('-')
    };
    host.split('.').all(label) && port.is_none_or(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
pub fn is_path_component(text: &str) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = bytes.first().is_some_and(is_word) && bytes.last().is_some_and(is_word);
    let separators = |part: &[u8]| matches!(part, b"" | b"." | b"_" | b"__") || part.iter().all(|byte| *byte == b'-');
    ends && bytes.split(is_word).all(separators)
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
pub fn is_tag(text: &str) -> bool {
    let follows = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=128).contains(&text.len()) && !text.starts_with(['.', '-']) && text.bytes().all(follows)
}

fn is_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else { return false };
    let part = |part: &str| {
        part.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    algorithm.split(['-', '_', '+', '.']).all(part) && hex.len() >= 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The name of an entry of `index.json`, to be compared: of what equals, there is one.
///
/// A full name says which repository it is from; two spellings of it are the same name. A tag alone is another thing: `latest` is
/// the tag of many images, and never equals any full name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name<'a> {
    /// The full name, in Docker's spelling if the grammar takes it, else byte for byte.
    Full(Cow<'a, str>),
    /// A tag whose repository nobody knows, or a digest.
    Tag(Cow<'a, str>),
}

impl<'a> Name<'a> {
    /// A name as users type it, and as `org.opencontainers.image.ref.name` gives it: full if it has `/` or `:`.
    pub fn parse(text: &'a str) -> Self {
        if ImageName::parse(text).is_full() { Self::full(text) } else { Self::Tag(text.into()) }
    }

    /// A text that is a full name because of the place where it stands.
    pub fn full(text: &'a str) -> Self {
        let parsed = ImageName::parse(text);
        if parsed.digest == Some(text) {
            return Self::Tag(text.into());
        }
        let parsed = if parsed.is_full() { parsed } else { ImageName { repository: parsed.tag.unwrap_or_default(), tag: None, ..parsed } };
        if parsed.is_canonical() {
            return Self::Full(text.into());
        }
        Self::Full(parsed.canonical().map_or(Cow::Borrowed(text), Cow::Owned))
    }

    /// Its own copy of the text.
    pub fn into_owned(self) -> Name<'static> {
        match self {
            Self::Full(text) => Name::Full(text.into_owned().into()),
            Self::Tag(text) => Name::Tag(text.into_owned().into()),
        }
    }

    /// Whether it says which repository it is from.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// The text that is compared.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Full(text) | Self::Tag(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn names_come_apart() {
        for (text, repository, tag, canonical) in [
            ("v2", "", Some("v2"), None),
            ("debian:12", "debian", Some("12"), Some("docker.io/library/debian:12")),
            ("localhost:5000/a/b", "localhost:5000/a/b", None, Some("localhost:5000/a/b:latest")),
            ("registry.example.org/testrepo:b2", "registry.example.org/testrepo", Some("b2"), Some("registry.example.org/testrepo:b2")),
            ("team/app:1", "team/app", Some("1"), Some("docker.io/team/app:1")),
            ("index.docker.io/library/x:1", "index.docker.io/library/x", Some("1"), Some("docker.io/library/x:1")),
            ("index.docker.io/x:1", "index.docker.io/x", Some("1"), Some("docker.io/library/x:1")),
            ("docker.io/nginx", "docker.io/nginx", None, Some("docker.io/library/nginx:latest")),
            ("[::1]:5000/x:1", "[::1]:5000/x", Some("1"), Some("[::1]:5000/x:1")),
            // What the grammar does not take has no other spelling.
            ("quay.io/Team/app", "quay.io/Team/app", None, None),
            ("a//b:1", "a//b", Some("1"), None),
            ("team/app:", "team/app", Some(""), None),
            ("x:1@sha256:00", "x", Some("1"), None),
        ] {
            let name = ImageName::parse(text);
            assert_eq!((name.repository, name.tag, name.canonical().as_deref()), (repository, tag, canonical), "{text}");
        }
    }

    #[test]
    fn a_digest_is_kept_and_brings_no_tag() {
        for (text, repository, tag, canonical) in [
            ("docker.io/library/x@", "docker.io/library/x", None, "docker.io/library/x@"),
            ("x@", "x", None, "docker.io/library/x@"),
            ("team/x:1@", "team/x", Some("1"), "docker.io/team/x:1@"),
        ] {
            let (text, canonical) = (format!("{text}{DIGEST}"), format!("{canonical}{DIGEST}"));
            let name = ImageName::parse(&text);
            assert_eq!((name.repository, name.tag, name.digest), (repository, tag, Some(DIGEST)), "{text}");
            assert_eq!(name.canonical().as_deref(), Some(canonical.as_str()), "{text}");
        }
    }

    #[test]
    fn full_names_are_equal_in_every_spelling_and_never_to_a_tag() {
        for spelling in ["nginx:latest", "docker.io/nginx", "library/nginx", "index.docker.io/library/nginx:latest"] {
            assert_eq!(Name::parse(spelling), Name::parse("docker.io/library/nginx:latest"), "{spelling}");
        }
        // In the annotation of containerd a repository alone is one too.
        assert_eq!(Name::full("nginx"), Name::parse("docker.io/library/nginx:latest"));
        for (one, other) in [
            ("latest", "docker.io/library/latest:latest"),
            ("nginx", "docker.io/library/nginx:latest"),
            ("quay.io/Team/app", "quay.io/Team/app:latest"),
            ("quay.io/team/app", "team/app"),
            ("a:1", "a:2"),
        ] {
            assert_ne!(Name::parse(one), Name::parse(other), "{one} {other}");
        }
        assert_ne!(Name::full("FOO"), Name::parse("FOO"));
        // A tag may be as long as a digest; a digest says nothing of a repository.
        let sha1 = format!("app:{}", "a".repeat(40));
        assert!(Name::parse(&sha1).is_full() && !Name::parse(DIGEST).is_full() && !Name::full(DIGEST).is_full());
    }
}
