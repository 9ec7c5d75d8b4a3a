//! From the name of an image in a layout to its name in a registry.
//!
//! ```text
//! registry.example/team/app:1   R/team/app:1         the registry of the name is left away
//! team/app:1                    R/team/app:1
//! nginx:1, docker.io/nginx:1    R/library/nginx:1    as docker.io/library/nginx:1: what a mirror of Docker's registry is asked for
//! app                           R:app                a name without / and : is a tag (as everywhere in a layout)
//! team/app                      R/team/app:latest
//! team/app@sha256:…             R/team/app@sha256:…  a name with a digest gets no tag
//! team/app:1@sha256:…           R/team/app:1         if the digest is that of the image
//! ```

use crate::core::{Code, Digest, Error, Fact, Result};
use crate::oci::{ImageName, is_path_component, is_tag};

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
    /// The tag; none if it is pushed by its digest.
    pub tag: Option<String>,
}

impl Target {
    /// `registry.site/team/app:1`, or `registry.site/team/app@sha256:…`
    pub fn reference(&self, digest: &Digest) -> String {
        match &self.tag {
            Some(tag) => format!("{}:{tag}", self.repository),
            None => format!("{}@{digest}", self.repository),
        }
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
        let canonical = ImageName::parse(name).canonical();
        let parsed = ImageName::parse(canonical.as_deref().unwrap_or(name));
        let own = parsed.repository;
        let own = match own.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => rest,
            _ => own,
        };
        let repository = [self.path.as_str(), own].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        let tag = parsed.tag.or_else(|| parsed.digest.is_none().then_some("latest"));
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
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(refused(
                "no registry takes the tag of that name",
                "letters, digits and . _ -, beginning with none of . and -, at most 128 characters",
                "distribution-spec, Pulling manifests",
            ));
        }
        Ok(Target { repository: format!("{}/{repository}", self.host), tag: tag.map(str::to_owned) })
    }
}

/// Path components with slashes between them.
fn is_repository(text: &str) -> bool {
    text.split('/').all(is_path_component)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_mapped() {
        let digest = Digest::sha256(b"x");
        for (registry, name, expected) in [
            ("registry.site", "registry.example/team/app:1", "registry.site/team/app:1"),
            ("registry.site:5000/prefix", "registry.example:443/team/app:1", "registry.site:5000/prefix/team/app:1"),
            ("registry.site/prefix", "team/app:1", "registry.site/prefix/team/app:1"),
            ("localhost/x", "docker.io/library/debian:12", "localhost/x/library/debian:12"),
            ("registry.site/team/app", "v2", "registry.site/team/app:v2"),
            ("registry.site", "team/app", "registry.site/team/app:latest"),
            ("registry.site", "localhost/a_b/c__d/e--f:X_.-", "registry.site/a_b/c__d/e--f:X_.-"),
            // One image has one place, however it is spelled.
            ("r.site/m", "nginx:latest", "r.site/m/library/nginx:latest"),
            ("r.site/m", "docker.io/nginx", "r.site/m/library/nginx:latest"),
            ("r.site/m", "docker.io/library/nginx", "r.site/m/library/nginx:latest"),
            ("r.site/m", "index.docker.io/nginx:1", "r.site/m/library/nginx:1"),
            ("r.site/m", "quay.io/nginx:1", "r.site/m/nginx:1"),
        ] {
            assert_eq!(Registry::parse(registry).unwrap().target(name).unwrap().reference(&digest), expected);
        }
    }

    #[test]
    fn a_name_with_a_digest_gets_no_tag() {
        let digest = Digest::sha256(b"x");
        for (name, expected) in [
            (format!("docker.io/library/x@{digest}"), format!("r.site/library/x@{digest}")),
            (format!("x@{digest}"), format!("r.site/library/x@{digest}")),
            (format!("quay.io/team/x@{digest}"), format!("r.site/team/x@{digest}")),
            (format!("team/x:1@{digest}"), "r.site/team/x:1".to_owned()),
        ] {
            assert_eq!(Registry::parse("r.site").unwrap().target(&name).unwrap().reference(&digest), expected);
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
