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

use crate::foundation::{Code, Digest, Error, Fact, Result};
use crate::oci::{ImageName, is_path_component, is_tag};
use crate::plan::mapping::Pattern;

/// How the names of images become names in a registry.
#[derive(Debug, Clone, Default)]
pub struct Naming {
    /// The registry; without one each image keeps its name, spelled in full.
    pub registry: Option<Registry>,
    /// Rules for some names; the first that fits holds.
    pub rules: Vec<Rule>,
    /// Whether the registry of a name stays, as the first part of the repository.
    pub scoped: bool,
    /// The repository of images that never had a name with one.
    pub unnamed: Option<String>,
    /// The tag of what would be pushed by its digest alone: `retired-{digest12}`.
    pub keep_tag: Option<String>,
}

/// From some names to their place: `PATTERN=TARGET`. The pattern is held against the repository in full, `quay.io/team/app`; one `*`
/// in it stands for any text. In the target `{match}` is that text, `{registry}` the registry of the name, `{repository}` its
/// repository without that, and `{name}` the last part of it. A target that begins with no registry is behind `--registry`, for
/// which `R/` may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pattern: Pattern,
    target: String,
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// `usage.argument`.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = || {
            Error::new(Code::UsageArgument, "this is no rule for names")
                .expected(Fact::new("PATTERN=TARGET, such as 'quay.io/*=R/quay/{repository}'", "--map"))
                .found(Fact::new(text, "the command line"))
        };
        let (pattern, target) = Pattern::of_rule(text).ok_or_else(refused)?;
        let filled = ["{match}", "{registry}", "{repository}", "{name}"].iter().fold(target.to_owned(), |text, key| text.replace(key, "x"));
        if filled.contains(['{', '}', '*', '@']) {
            return Err(refused());
        }
        Ok(Self { pattern, target: target.to_owned() })
    }

    /// The place of what is called `registry/repository`, if the rule is about that.
    fn apply(&self, registry: &str, repository: &str) -> Option<String> {
        let full = format!("{registry}/{repository}");
        // Docker's registry may be left away, and so may its library.
        let short = repository.strip_prefix("library/").unwrap_or(repository);
        let spellings = if registry == "docker.io" { [full.as_str(), repository, short] } else { [full.as_str(); 3] };
        let matched = spellings.into_iter().find_map(|name| self.pattern.matches(name))?;
        let name = repository.rsplit('/').next().unwrap_or_default();
        let keys = [("{match}", matched), ("{registry}", registry), ("{repository}", repository), ("{name}", name)];
        Some(keys.iter().fold(self.target.clone(), |text, (key, value)| text.replace(key, value)))
    }
}

/// The tag that a pattern gives to an image.
fn tag_of(pattern: &str, digest: &Digest) -> String {
    let hex = digest.hex();
    pattern.replace("{digest12}", hex.get(..12).unwrap_or_default()).replace("{digest}", &hex)
}

impl Naming {
    /// All names go behind one registry.
    pub fn of(registry: Registry) -> Self {
        Self { registry: Some(registry), ..Self::default() }
    }

    /// The name that an image has in its registry, or at its runtime.
    ///
    /// # Errors
    /// `prepare.name` for what the specification lets no registry take.
    pub fn target(&self, name: &str, digest: &Digest) -> Result<Target> {
        let mut target = self.place(name)?;
        if let (None, Some(pattern)) = (&target.tag, &self.keep_tag) {
            target.tag = Some(tag_of(pattern, digest));
        }
        Ok(target)
    }

    /// Where an image goes that never had a name, behind the registry.
    ///
    /// # Errors
    /// `prepare.name`.
    pub fn unnamed(&self, digest: &Digest) -> Result<Option<Target>> {
        let Some(repository) = &self.unnamed else { return Ok(None) };
        let name = format!("{repository}@{digest}");
        let path = match &self.registry {
            Some(registry) => repository.strip_prefix(&format!("{}/", registry.shown())).unwrap_or(repository),
            None => repository,
        };
        let mut target = self.behind(path, None, &name)?;
        if let Some(pattern) = &self.keep_tag {
            target.tag = Some(tag_of(pattern, digest));
        }
        Ok(Some(target))
    }

    fn place(&self, name: &str) -> Result<Target> {
        let canonical = ImageName::parse(name).canonical();
        let parsed = ImageName::parse(canonical.as_deref().unwrap_or(name));
        let tag = parsed.tag.or_else(|| parsed.digest.is_none().then_some("latest"));
        let (host, own) = match parsed.repository.split_once('/') {
            Some((first, rest)) if is_host(first) => (Some(first), rest),
            _ => (None, parsed.repository),
        };
        if let Some(host) = host
            && let Some(place) = self.rules.iter().find_map(|rule| rule.apply(host, own))
        {
            return self.mapped(&place, tag, name);
        }
        match (&self.registry, host) {
            (None, Some(host)) if canonical.is_some() => Ok(Target { repository: format!("{host}/{own}"), tag: tag.map(str::to_owned) }),
            (None, _) => Err(Error::new(Code::PrepareName, "the image has no full name, and no registry is given")
                .at(name)
                .expected(Fact::new("REGISTRY/REPOSITORY:TAG", "--profile runtime without --registry"))
                .found(Fact::new(name, "index.json"))
                .hint("Give it one with `airbase tag`, or name the registry: --registry HOST[/PATH].")),
            (Some(_), Some(host)) if self.scoped => self.behind(&format!("{}/{own}", scope(host)), tag, name),
            (Some(_), _) => self.behind(own, tag, name),
        }
    }

    /// What a rule gave: behind the registry, unless it begins with another one.
    fn mapped(&self, place: &str, tag: Option<&str>, name: &str) -> Result<Target> {
        match place.split_once('/') {
            Some((host, path)) if is_host(host) => {
                let registry = Registry::parse(host).map_err(|_| refused_repository(name, place))?;
                registry.behind(path, tag, name)
            }
            _ => self.behind(place.strip_prefix("R/").unwrap_or(place), tag, name),
        }
    }

    fn behind(&self, path: &str, tag: Option<&str>, name: &str) -> Result<Target> {
        match &self.registry {
            Some(registry) => registry.behind(path, tag, name),
            None => Err(Error::new(Code::UsageArgument, "the rule names no registry, and none is given")
                .expected(Fact::new("--registry HOST[/PATH]", "the command line"))
                .found(Fact::new(path, "--map"))),
        }
    }
}

/// Whether the first part of a name is a registry.
fn is_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

/// A registry as a part of a repository, which takes no colon.
fn scope(host: &str) -> String {
    host.replace(':', "-")
}

fn refused(what: &str, name: &str, expected: &str, from: &str) -> Error {
    Error::new(Code::PrepareName, what).at(name).expected(Fact::new(expected, from)).found(Fact::new(name, "index.json"))
}

fn refused_repository(name: &str, repository: &str) -> Error {
    refused(
        "no registry takes the repository of that name",
        name,
        "lower-case letters and digits, with . _ __ - between them, at most 255 characters with the registry",
        "distribution-spec, Pulling manifests",
    )
    .detail(repository)
}

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
    /// Reads what follows `--registry`.
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

    /// What follows the registry.
    fn behind(&self, own: &str, tag: Option<&str>, name: &str) -> Result<Target> {
        let repository = [self.path.as_str(), own].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        if repository.is_empty() {
            return Err(refused("the name is a tag and says no repository", name, "a repository behind the registry", "--registry")
                .hint(format!("Give one for it: --registry {}/REPOSITORY.", self.shown())));
        }
        if !is_repository(&repository) || self.host.len() + 1 + repository.len() > 255 {
            return Err(refused_repository(name, &repository));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(refused(
                "no registry takes the tag of that name",
                name,
                "letters, digits and . _ -, beginning with none of . and -, at most 128 characters",
                "distribution-spec, Pulling manifests",
            ));
        }
        Ok(Target { repository: format!("{}/{repository}", self.host), tag: tag.map(str::to_owned) })
    }
}

/// Whether `pattern` gives each image a tag of its own.
///
/// # Errors
/// `usage.argument`.
pub fn check_keep_tag(pattern: &str) -> Result<()> {
    let filled = pattern.replace("{digest12}", "0").replace("{digest}", "0");
    let differs = filled != pattern;
    if differs && is_tag(&pattern.replace("{digest12}", &"0".repeat(12)).replace("{digest}", &"0".repeat(128))) {
        return Ok(());
    }
    Err(Error::new(Code::UsageArgument, "that is no pattern for tags")
        .expected(Fact::new("a tag with {digest12} or {digest} in it, such as retired-{digest12}", "--keep-tag"))
        .found(Fact::new(pattern, "the command line")))
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
            assert_eq!(Naming::of(Registry::parse(registry).unwrap()).target(name, &digest).unwrap().reference(&digest), expected);
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
            assert_eq!(Naming::of(Registry::parse("r.site").unwrap()).target(&name, &digest).unwrap().reference(&digest), expected);
        }
    }

    #[test]
    fn what_no_registry_takes_is_refused() {
        let registry = Naming::of(Registry::parse("registry.site").unwrap());
        let long = format!("app:{}", "x".repeat(129));
        let deep = format!("{}:1", ["x"; 122].join("/"));
        for name in ["v2", "Team/app:1", "team/app:1+2", "team//app:1", "a___b:1", "a.-b:1", "_a:1", "a-:1", "app:-1", &long, &deep] {
            assert_eq!(registry.target(name, &Digest::sha256(b"x")).unwrap_err().code(), Code::PrepareName, "{name}");
        }
    }

    #[test]
    fn rules_and_scopes_keep_registries_apart() {
        let digest = Digest::sha256(b"x");
        let rules =
            ["quay.io/*=R/quay/{repository}", "ghcr.io/a/*=other.site:5000/{registry}/{match}", "nginx=web/{name}", "k8s.io/*=K/{name}"];
        let rules: Vec<Rule> = rules.iter().map(|rule| Rule::parse(rule).unwrap()).collect();
        let naming = Naming { rules, ..Naming::of(Registry::parse("r.site/m").unwrap()) };
        for (name, expected) in [
            ("quay.io/team/app:1", "r.site/m/quay/team/app:1"),
            ("ghcr.io/a/b/c", "other.site:5000/ghcr.io/b/c:latest"),
            ("docker.io/nginx:2", "r.site/m/web/nginx:2"),
            ("ghcr.io/b/c:1", "r.site/m/b/c:1"),
        ] {
            assert_eq!(naming.target(name, &digest).unwrap().reference(&digest), expected);
        }
        assert_eq!(naming.target("k8s.io/pause:1", &digest).unwrap_err().code(), Code::PrepareName);
        let scoped = Naming { scoped: true, ..Naming::of(Registry::parse("r.site").unwrap()) };
        for (name, expected) in [
            ("quay.io/team/app:1", "r.site/quay.io/team/app:1"),
            ("nginx:1", "r.site/docker.io/library/nginx:1"),
            ("localhost:5000/a:1", "r.site/localhost-5000/a:1"),
        ] {
            assert_eq!(scoped.target(name, &digest).unwrap().reference(&digest), expected);
        }
        for rule in ["", "a", "=b", "a=", "*/*=x", "a={tag}", "a=b@c", "a=*"] {
            assert_eq!(Rule::parse(rule).unwrap_err().code(), Code::UsageArgument, "{rule}");
        }
    }

    #[test]
    fn without_a_registry_names_stay_and_are_spelled_in_full() {
        let digest = Digest::sha256(b"x");
        let naming = Naming::default();
        for (name, expected) in [("nginx:1", "docker.io/library/nginx:1"), ("registry.k8s.io/pause", "registry.k8s.io/pause:latest")] {
            assert_eq!(naming.target(name, &digest).unwrap().reference(&digest), expected);
        }
        for name in ["v2", "Team/app:1"] {
            assert_eq!(naming.target(name, &digest).unwrap_err().code(), Code::PrepareName, "{name}");
        }
    }

    #[test]
    fn what_has_no_tag_is_given_one_or_none() {
        let digest = Digest::sha256(b"x");
        let short = &digest.hex()[..12];
        let naming = Naming {
            unnamed: Some("attic".to_owned()),
            keep_tag: Some("retired-{digest12}".to_owned()),
            ..Naming::of(Registry::parse("r.site/m").unwrap())
        };
        assert_eq!(naming.unnamed(&digest).unwrap().unwrap().reference(&digest), format!("r.site/m/attic:retired-{short}"));
        assert_eq!(naming.target(&format!("a/b@{digest}"), &digest).unwrap().reference(&digest), format!("r.site/m/a/b:retired-{short}"));
        assert_eq!(naming.target("a/b:1", &digest).unwrap().reference(&digest), "r.site/m/a/b:1");
        for pattern in ["", "retired", "{digest12} x", "-{digest}", "{digest}{digest12}x"] {
            assert!(check_keep_tag(pattern).is_err(), "{pattern}");
        }
        check_keep_tag("{digest}").unwrap();
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
