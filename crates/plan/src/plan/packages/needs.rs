//! What packages need, and which of others does for it: "Depends" of deb-control(5), and apk-package(5).

use std::collections::BTreeMap;

use super::{Installed, Packages, System};
use crate::format::packages::relation::{Alternative, Relation, Relations};

/// A package, and the version that it has under a name.
#[derive(Debug, Clone, Copy)]
struct Provider<'a> {
    package: &'a Installed,
    version: Option<&'a str>,
    for_all: bool,
}

/// Packages by the names under which others need them.
#[derive(Debug, Default)]
pub struct Providers<'a>(BTreeMap<(System, &'a str), Vec<Provider<'a>>>);

impl<'a> Providers<'a> {
    /// Adds a package.
    pub fn add(&mut self, package: &'a Installed, relations: &'a Relations) {
        let names = relations.provides.iter().map(|provided| (provided.name.as_str(), provided.version.as_deref()));
        for (name, version) in [(package.name.as_str(), Some(package.version.as_str()))].into_iter().chain(names) {
            let provider = Provider { package, version, for_all: relations.for_all };
            self.0.entry((package.system, name)).or_default().push(provider);
        }
    }

    /// One that does for what a package needs.
    pub(crate) fn satisfying(&self, package: &Installed, need: &Relation) -> Option<&'a Installed> {
        need.alternatives.iter().find_map(|alternative| self.fitting(package, alternative))
    }

    /// Those that have a name of what is needed, whatever their versions.
    pub fn named(&self, package: &Installed, need: &Relation) -> Vec<&'a Installed> {
        let names = need.alternatives.iter().filter_map(|alternative| self.0.get(&(package.system, alternative.name.as_str())));
        names.flatten().map(|provider| provider.package).collect()
    }

    fn fitting(&self, package: &Installed, alternative: &Alternative) -> Option<&'a Installed> {
        let built_for = |provider: &Provider<'_>| {
            let all = |architecture: &Option<String>| architecture.as_deref().is_none_or(|name| name == "all" || name == "noarch");
            let (one, other) = (&package.architecture, &provider.package.architecture);
            provider.for_all || all(one) || all(other) || one == other
        };
        let fits = |provider: &Provider<'_>| match package.system {
            System::Dpkg => alternative.fits_dpkg(provider.version),
            System::Apk => alternative.fits_apk(provider.version),
        };
        let providers = self.0.get(&(package.system, alternative.name.as_str()))?;
        providers.iter().find(|provider| built_for(provider) && fits(provider)).map(|provider| provider.package)
    }
}

impl Packages {
    /// All packages, with what they need and provide.
    pub(crate) fn related(&self) -> impl Iterator<Item = (&Installed, &Relations)> {
        self.installed.iter().zip(&self.relations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::packages::dpkg;

    fn packages(status: &str) -> Vec<(Installed, Relations)> {
        let stanzas = dpkg::stanzas(status.as_bytes()).unwrap().into_iter();
        let package = |stanza: dpkg::Stanza| {
            let dpkg::Stanza { name, version, architecture, relations, .. } = stanza;
            (Installed { name, system: System::Dpkg, architecture, version }, relations)
        };
        stanzas.map(package).collect()
    }

    /// deb-control(5) and "multiarch-spec": who does for what an app's package needs.
    #[test]
    fn what_does_for_a_package() {
        let base = packages(
            "Package: libc6\nArchitecture: amd64\nMulti-Arch: same\nVersion: 2.36-9\n\n\
             Package: libssl3t64\nArchitecture: amd64\nVersion: 3.5.0-1\nProvides: libssl3 (= 3.5.0-1), ssl-any\n\n\
             Package: perl\nArchitecture: i386\nMulti-Arch: allowed\nVersion: 5.36.0-7\n\n\
             Package: zlib1g\nArchitecture: i386\nMulti-Arch: same\nVersion: 1:1.2.13\n\n\
             Package: tzdata\nArchitecture: all\nVersion: 2024a-0\n",
        );
        let mut providers = Providers::default();
        for (package, relations) in &base {
            providers.add(package, relations);
        }
        let met = |architecture: &str, need: &str| {
            let app = packages(&format!("Package: app\nArchitecture: {architecture}\nVersion: 1\nDepends: {need}\n"));
            let (package, relations) = &app[0];
            providers.satisfying(package, &relations.needs[0]).map(|package| package.name.clone())
        };
        for (need, by) in [
            ("libc6 (>= 2.36)", Some("libc6")),
            ("libc6 (>= 2.38)", None),
            ("libssl3 (>= 3.0.0)", Some("libssl3t64")),
            ("libssl3 (<< 3.1)", None),
            ("ssl-any", Some("libssl3t64")),
            ("ssl-any (>= 1)", None),
            ("perl:any", Some("perl")),
            ("zlib1g", None),
            ("tzdata", Some("tzdata")),
            ("none | tzdata", Some("tzdata")),
            ("none", None),
        ] {
            assert_eq!(met("amd64", need).as_deref(), by, "{need}");
        }
        assert_eq!((met("i386", "libc6"), met("i386", "zlib1g").as_deref()), (None, Some("zlib1g")));
        assert_eq!(met("all", "zlib1g").as_deref(), Some("zlib1g"));
    }
}
