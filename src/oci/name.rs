//! Names of images as people and annotations write them: `[registry/]repository[:tag][@digest]`.

/// A name taken apart. Nothing is checked against a registry's rules; an unusual name is only less useful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName<'a> {
    /// Everything before the tag: `docker.io/library/debian`. Empty for a bare tag such as `v2`.
    pub repository: &'a str,
    /// The tag.
    pub tag: Option<&'a str>,
}

impl<'a> ImageName<'a> {
    /// Takes `text` apart. A text without `/` and `:` is a bare tag in a layout, and a repository everywhere else; layouts
    /// are what this tool reads, so it is a tag.
    pub fn parse(text: &'a str) -> Self {
        let name = text.split_once('@').map_or(text, |(name, _)| name);
        let (path, last) = name.rfind('/').map_or(("", name), |slash| name.split_at(slash + 1));
        match last.split_once(':') {
            Some((repository, tag)) => Self { repository: name.get(..path.len() + repository.len()).unwrap_or_default(), tag: Some(tag) },
            None if path.is_empty() => Self { repository: "", tag: Some(name) },
            None => Self { repository: name, tag: None },
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

    /// Docker's spelling of a name: `debian` is `docker.io/library/debian`, and no tag is `latest`.
    pub fn canonical(&self) -> Option<String> {
        if !self.is_full() {
            return None;
        }
        let first = self.repository.split('/').next().unwrap_or_default();
        let has_registry = self.repository.contains('/') && (first.contains('.') || first.contains(':') || first == "localhost");
        let repository = match (has_registry, self.repository.contains('/')) {
            (true, _) => self
                .repository
                .strip_prefix("index.docker.io/")
                .map_or_else(|| self.repository.to_owned(), |rest| format!("docker.io/{rest}")),
            (false, true) => format!("docker.io/{}", self.repository),
            (false, false) => format!("docker.io/library/{}", self.repository),
        };
        Some(format!("{repository}:{}", self.tag.unwrap_or("latest")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_apart() {
        for (text, repository, tag, canonical) in [
            ("v2", "", Some("v2"), None),
            ("debian:12", "debian", Some("12"), Some("docker.io/library/debian:12")),
            ("localhost:5000/a/b", "localhost:5000/a/b", None, Some("localhost:5000/a/b:latest")),
            ("registry.example.org/testrepo:b2", "registry.example.org/testrepo", Some("b2"), Some("registry.example.org/testrepo:b2")),
            ("team/app:1", "team/app", Some("1"), Some("docker.io/team/app:1")),
            ("index.docker.io/library/x:1@sha256:00", "index.docker.io/library/x", Some("1"), Some("docker.io/library/x:1")),
        ] {
            let name = ImageName::parse(text);
            assert_eq!((name.repository, name.tag, name.canonical().as_deref()), (repository, tag, canonical), "{text}");
        }
    }
}
