//! From the name of an image in a layout to its name in a registry.
//!
//! ```text
//! registry.example/team/app:1   R/team/app:1    the registry of the name is left away
//! team/app:1                    R/team/app:1
//! app                           R:app           a name without / and : is a tag (as everywhere in a layout)
//! team/app                      R/team/app:latest
//! ```

use crate::core::{Code, Error, Fact, Result};
use crate::oci::ImageName;

/// Where images go: `registry.site[:5000][/path]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    host: String,
    path: String,
}

/// A name in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The registry and the repository.
    pub repository: String,
    /// The tag.
    pub tag: String,
}

impl Target {
    /// `registry.site/team/app:1`
    pub fn reference(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }
}

impl Registry {
    /// Reads what stands behind `--registry`.
    ///
    /// # Errors
    /// `usage.argument`.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new(Code::UsageArgument, "that is not a registry")
                .expected(Fact::new("HOST[:PORT][/PATH], such as registry.site:5000/team", "airbase"))
                .found(Fact::new(text, "--registry"))
        };
        let (host, path) = text.split_once('/').map_or((text, None), |(host, path)| (host, Some(path)));
        let (name, port) = host.rsplit_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
        let label = |label: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !label.is_empty() && label.bytes().all(fits) && !label.starts_with('-') && !label.ends_with('-')
        };
        let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit()));
        if !name.split('.').all(label) || !port_fits || path.is_some_and(|path| !is_repository(path)) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), path: path.unwrap_or_default().to_owned() })
    }

    /// As it was given.
    pub fn shown(&self) -> String {
        if self.path.is_empty() { self.host.clone() } else { format!("{}/{}", self.host, self.path) }
    }

    /// The name that an image has there.
    ///
    /// # Errors
    /// `prepare.name` for what the specification lets no registry take.
    pub fn target(&self, name: &str) -> Result<Target> {
        let parsed = ImageName::parse(name);
        let own = parsed.repository;
        let own = match own.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => rest,
            _ => own,
        };
        let repository = [self.path.as_str(), own].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        let tag = parsed.tag.unwrap_or("latest");
        let refused = |what: &str, expected: &str, from: &str| {
            Error::new(Code::PrepareName, what).at(name).expected(Fact::new(expected, from)).found(Fact::new(name, "index.json"))
        };
        if repository.is_empty() {
            return Err(refused("the name is a tag and says no repository", "a repository behind the registry", "--registry")
                .hint(format!("Give one for it: --registry {}/REPOSITORY.", self.shown())));
        }
        if !is_repository(&repository) || self.host.len() + 1 + repository.len() > 255 {
            return Err(refused(
                "no registry takes the repository of that name",
                "lower-case letters and digits, with . _ __ - between them, at most 255 characters with the registry",
                "distribution-spec, Pulling manifests",
            ));
        }
        if !is_tag(tag) {
            return Err(refused(
                "no registry takes the tag of that name",
                "letters, digits and . _ -, beginning with none of . and -, at most 128 characters",
                "distribution-spec, Pulling manifests",
            ));
        }
        Ok(Target { repository: format!("{}/{repository}", self.host), tag: tag.to_owned() })
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, with slashes between several of them.
fn is_repository(text: &str) -> bool {
    text.split('/').all(|component| {
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let ends = [component.bytes().next(), component.bytes().next_back()];
        let between =
            component.split(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit()).filter(|part| !part.is_empty());
        let separators = |part: &str| matches!(part, "." | "_" | "__") || part.bytes().all(|byte| byte == b'-');
        ends.iter().all(|end| end.is_some_and(word)) && between.into_iter().all(separators)
    })
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
fn is_tag(text: &str) -> bool {
    let follows = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=128).contains(&text.len()) && !text.starts_with(['.', '-']) && text.bytes().all(follows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_mapped() {
        for (registry, name, expected) in [
            ("registry.site", "registry.example/team/app:1", "registry.site/team/app:1"),
            ("registry.site:5000/prefix", "registry.example:443/team/app:1", "registry.site:5000/prefix/team/app:1"),
            ("registry.site/prefix", "team/app:1", "registry.site/prefix/team/app:1"),
            ("localhost/x", "docker.io/library/debian:12", "localhost/x/library/debian:12"),
            ("registry.site/team/app", "v2", "registry.site/team/app:v2"),
            ("registry.site", "team/app", "registry.site/team/app:latest"),
            ("registry.site", "localhost/a_b/c__d/e--f:X_.-", "registry.site/a_b/c__d/e--f:X_.-"),
        ] {
            assert_eq!(Registry::parse(registry).unwrap().target(name).unwrap().reference(), expected);
        }
    }

    #[test]
    fn what_no_registry_takes_is_refused() {
        let registry = Registry::parse("registry.site").unwrap();
        let long = format!("app:{}", "x".repeat(129));
        let deep = format!("{}:1", ["x"; 122].join("/"));
        for name in ["v2", "Team/app:1", "team/app:1+2", "team//app:1", "a___b:1", "a.-b:1", "_a:1", "a-:1", "app:-1", &long, &deep] {
            assert_eq!(registry.target(name).unwrap_err().code(), Code::PrepareName, "{name}");
        }
    }

    #[test]
    fn registries_are_hosts_with_paths() {
        for text in
            ["", "https://registry.site", "registry.site/", "registry.site/Team", "a b", "registry.site:x", "r:70000", "-r", "r/app:1"]
        {
            assert_eq!(Registry::parse(text).unwrap_err().code(), Code::UsageArgument, "{text}");
        }
    }
}
