//! Platforms (image-spec, image-index.md, "platform").

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;

use crate::format::json::Node;
use crate::foundation::{Code, Error, Fact, Result};

/// What a manifest runs on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// `linux`, `windows`, …
    pub os: String,
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `v7`, `v8`, …; empty if there is none.
    pub variant: String,
    /// `10.0.17763.1234` on Windows; empty if there is none.
    pub os_version: String,
    /// `win32k`, …
    pub os_features: Vec<String>,
}

/// A platform that many images share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedPlatform(Arc<Platform>);

impl std::ops::Deref for SharedPlatform {
    type Target = Platform;

    fn deref(&self) -> &Platform {
        &self.0
    }
}

impl Serialize for SharedPlatform {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().serialize(serializer)
    }
}

/// Platforms that were met: they are few, however many images there are.
#[derive(Debug, Default)]
pub struct Platforms(Vec<SharedPlatform>);

impl Platforms {
    /// One that equals `platform` and is kept once.
    pub fn shared(&mut self, platform: &Platform) -> SharedPlatform {
        if let Some(known) = self.0.iter().find(|known| ***known == *platform) {
            return known.clone();
        }
        let new = SharedPlatform(Arc::new(platform.clone()));
        self.0.push(new.clone());
        new
    }
}

impl Platform {
    /// Reads the platform of a descriptor, or the platform fields of a config, which have the same names.
    pub fn of(node: Node<'_>) -> Option<Self> {
        let text = |name: &str| node.get(name).and_then(Node::as_str).unwrap_or_default().into_owned();
        let platform = Self {
            os: text("os"),
            architecture: text("architecture"),
            variant: text("variant"),
            os_version: text("os.version"),
            os_features: node
                .get("os.features")
                .map(|list| list.items().filter_map(Node::as_str).map(Into::into).collect())
                .unwrap_or_default(),
        };
        (!platform.os.is_empty() || !platform.architecture.is_empty()).then_some(platform)
    }

    /// BuildKit gives attestations the platform `unknown/unknown`.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }

    /// Whether two platforms are the same.
    ///
    /// Strict: `arm/v7` is not `arm/v6`, and `386` is not `amd64` (another tool took the one for the other). Two
    /// spellings of one platform are the same: an `arm64` without variant is `v8`. Of a Windows version only the
    /// build counts (`10.0.17763`), because every patched base raises the part behind it.
    pub fn matches(&self, other: &Self) -> bool {
        self.os == other.os
            && self.architecture == other.architecture
            && self.normal_variant() == other.normal_variant()
            && (self.os_version.is_empty() || other.os_version.is_empty() || build(&self.os_version) == build(&other.os_version))
    }

    /// Whether `wanted`, as a user wrote it, means this platform: what it leaves out may be anything.
    pub fn is_meant_by(&self, wanted: &Self) -> bool {
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (wanted.variant.is_empty() || self.normal_variant() == wanted.normal_variant())
            && is_version(&self.os_version, &wanted.os_version)
    }

    /// Whether this is `other` with a variant that `other` does not name. Builders of images for arm/v6 left it to the index.
    pub fn adds_variant(&self, other: &Self) -> bool {
        other.variant.is_empty() && !self.matches(other) && Self { variant: String::new(), ..self.clone() }.matches(other)
    }

    fn normal_variant(&self) -> &str {
        match (self.architecture.as_str(), self.variant.as_str()) {
            ("arm64", "v8") => "",
            // containerd and regctl read an arm without variant as v7.
            ("arm", "") => "v7",
            (_, variant) => variant,
        }
    }
}

/// Whether `wanted` is a version, or the first numbers of it, or nothing.
fn is_version(own: &str, wanted: &str) -> bool {
    wanted.is_empty() || own.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The first three numbers of a Windows version.
fn build(version: &str) -> Vec<&str> {
    version.split('.').take(3).collect()
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(formatter, "/{}", self.variant)?;
        }
        if !self.os_version.is_empty() {
            write!(formatter, " {}", self.os_version)?;
        }
        Ok(())
    }
}

impl Serialize for Platform {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Platform {
    type Err = Error;

    /// Reads `OS/ARCHITECTURE[/VARIANT]`, with a version of the OS as it is printed, `windows/amd64 10.0.17763`, or as containerd writes
    /// it, `windows(10.0.17763)/amd64`.
    fn from_str(text: &str) -> Result<Self> {
        let (name, version) = match (text.split_once(' '), text.split_once('(')) {
            (Some((name, version)), _) => (name.to_owned(), version),
            (None, Some((os, rest))) => match rest.split_once(')') {
                Some((version, rest)) => (format!("{os}{rest}"), version),
                None => (text.to_owned(), ""),
            },
            (None, None) => (text.to_owned(), ""),
        };
        let parts: Vec<&str> = name.split('/').collect();
        match parts.as_slice() {
            [os, architecture, rest @ ..] if rest.len() < 2 && parts.iter().all(|part| !part.is_empty()) => Ok(Self {
                os: (*os).to_owned(),
                architecture: (*architecture).to_owned(),
                variant: rest.first().copied().unwrap_or_default().to_owned(),
                os_version: version.to_owned(),
                os_features: Vec::new(),
            }),
            _ => Err(Error::new(Code::UsageArgument, "this is not a platform")
                .expected(Fact::new("OS/ARCHITECTURE[/VARIANT], such as linux/arm64 or 'windows(10.0.17763)/amd64'", "--platform"))
                .found(Fact::new(text, "the command line"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_match_strictly() {
        let platform = |text: &str| text.parse::<Platform>().unwrap();
        assert!(platform("linux/arm64").matches(&platform("linux/arm64/v8")));
        assert!(platform("linux/arm").matches(&platform("linux/arm/v7")));
        assert!(!platform("linux/arm/v6").matches(&platform("linux/arm/v7")));
        assert!(!platform("linux/386").matches(&platform("linux/amd64")));
        let windows = |version: &str| Platform { os_version: version.into(), ..platform("windows/amd64") };
        for text in ["windows/amd64 10.0.17763", "windows(10.0.17763)/amd64"] {
            assert!(windows("10.0.17763.1").is_meant_by(&platform(text)) && !windows("10.0.177631").is_meant_by(&platform(text)), "{text}");
        }
        assert_eq!(windows("10.0.17763.1").to_string().parse::<Platform>().unwrap(), windows("10.0.17763.1"));
        assert!(windows("10.0.17763.1").matches(&windows("10.0.17763.9")));
        assert!(!windows("10.0.17763.1").matches(&windows("10.0.20348.1")));
    }
}
