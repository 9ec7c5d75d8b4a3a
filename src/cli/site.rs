//! What a site sets once instead of typing it each time: in the environment, or in a file of its own or of the user's.
//!
//! Options go before the environment, and that before files. Nothing here loosens a gate: there is no setting for what `--deny`,
//! `--allow-empty` and the like decide. A file in the current directory is never read, since a stick is not trusted.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::environment::{variable, written_file};
use crate::foundation::fsys::shown;
use crate::foundation::{Code, Error, Fact, Result};
use crate::plan::mapping::Rule;
use crate::report::Setting;
use crate::verbs::Places;

/// The file for all users of a machine.
const SYSTEM: &str = "/etc/airbase/config.toml";
/// The file of a user, in the folder for configuration.
const USER: &str = "airbase/config.toml";
/// What can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// `--bases`
    Bases,
    /// `--map`, where it says where bases lie
    Map,
    /// `--registry` of `prepare`
    Registry,
}

impl Key {
    const ALL: [Self; 3] = [Self::Bases, Self::Map, Self::Registry];

    fn name(self) -> &'static str {
        match self {
            Self::Bases => "bases",
            Self::Map => "map",
            Self::Registry => "registry",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Self::Bases => "AIRBASE_BASES",
            Self::Map => "AIRBASE_MAP",
            Self::Registry => "AIRBASE_REGISTRY",
        }
    }

    /// What stands between several values in the environment: paths as in PATH; a rule may hold colons.
    fn divider(self) -> Option<char> {
        match self {
            Self::Bases => Some(':'),
            Self::Map => Some('\n'),
            Self::Registry => None,
        }
    }
}

/// A file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    bases: Option<Vec<String>>,
    map: Option<Vec<String>>,
    registry: Option<String>,
}

impl Written {
    fn parse(text: &[u8], from: &str) -> Result<Self> {
        let refused = |found: String| {
            Error::new(Code::UsageArgument, "the file of settings is not understood")
                .at(from)
                .expected(Fact::new("TOML with bases = [\"/PATH\"], map = [\"PATTERN=/PATH\"], registry = \"HOST/PATH\"", "airbase config"))
                .found(Fact::new(found, from))
        };
        let text = std::str::from_utf8(text).map_err(|error| refused(error.to_string()))?;
        let line = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        let place = |error: &toml::de::Error| error.span().map(|span| format!("line {}: ", line(span.start))).unwrap_or_default();
        let written: Self = toml::from_str(text).map_err(|error| refused(format!("{}{}", place(&error), error.message())))?;
        // Who reads it stands anywhere.
        let paths = written.bases.iter().flatten().map(String::as_str);
        let targets = written.map.iter().flatten().map(|rule| rule.split_once('=').map_or(rule.as_str(), |(_, target)| target));
        match paths.chain(targets).find(|path| !is_absolute(path)) {
            Some(relative) => Err(refused(format!("{relative:?}, which does not begin with /"))),
            None => Ok(written),
        }
    }

    fn of(&self, key: Key) -> Option<Vec<String>> {
        match key {
            Key::Bases => self.bases.clone(),
            Key::Map => self.map.clone(),
            Key::Registry => self.registry.clone().map(|registry| vec![registry]),
        }
    }
}

/// Whether a path, with a transport before it or not, means the same from everywhere.
fn is_absolute(reference: &str) -> bool {
    let path = reference.split_once(':').filter(|(transport, _)| !transport.contains('/')).map_or(reference, |(_, path)| path);
    path.starts_with('/')
}

/// The settings of a site.
#[derive(Debug, Default)]
pub(super) struct Site {
    /// What holds, of each key that is set.
    settings: Vec<(Key, Setting)>,
    /// The files that were looked for, and whether they are there.
    files: Vec<(String, bool)>,
    used: RefCell<Vec<Key>>,
}

impl Site {
    /// Reads the environment, and one file that was named, or that of the user and that of the machine.
    ///
    /// # Errors
    /// `usage.argument` for a file that is not understood, and those of reading one. One that nobody named need not be there.
    pub(super) fn read(named: Option<&Path>) -> Result<Self> {
        let named = named.map(Path::to_owned).or_else(|| variable("AIRBASE_CONFIG").map(PathBuf::from));
        let mut site = Self::default();
        let mut files = Vec::new();
        let places = named.as_ref().map_or_else(usual, |path| vec![path.clone()]);
        for path in places {
            let from = shown(&path);
            let text = match written_file(&path, "the file of settings") {
                Err(error) if error.is_not_found() && named.is_none() => None,
                other => Some(other?),
            };
            site.files.push((from.clone(), text.is_some()));
            if let Some(text) = text {
                files.push((Written::parse(&text, &from)?, from));
            }
        }
        for key in Key::ALL {
            let in_environment = variable(key.variable()).map(|text| (divided(&text, key), key.variable().to_owned()));
            let in_file = || files.iter().find_map(|(written, from)| Some((written.of(key)?, from.clone())));
            if let Some((value, from)) = in_environment.or_else(in_file) {
                site.settings.push((key, Setting { name: key.name(), value, from }));
            }
        }
        Ok(site)
    }

    /// What was typed, or else what is set; what is set and was used is listed in the answer.
    pub(super) fn or_set(&self, key: Key, typed: &[String]) -> Vec<String> {
        match self.settings.iter().find(|(own, _)| *own == key) {
            Some((_, setting)) if typed.is_empty() => {
                self.used.borrow_mut().push(key);
                setting.value.clone()
            }
            _ => typed.to_vec(),
        }
    }

    /// Where bases lie: what was typed, or else what is set.
    ///
    /// # Errors
    /// `usage.argument` for a rule that is none.
    pub(super) fn places(&self, typed: &Places) -> Result<Places> {
        let map = if typed.map.is_empty() { Rule::all(self.or_set(Key::Map, &[]))? } else { typed.map.clone() };
        Ok(Places { bases: self.or_set(Key::Bases, &typed.bases), map })
    }

    /// The settings that were taken.
    pub(super) fn used(&self) -> Vec<Setting> {
        let used = self.used.borrow();
        self.settings.iter().filter(|(key, _)| used.contains(key)).map(|(_, setting)| setting.clone()).collect()
    }

    /// All that is set.
    pub(super) fn all(&self) -> Vec<Setting> {
        self.settings.iter().map(|(_, setting)| setting.clone()).collect()
    }

    /// The files that were looked for, and whether they are there.
    pub(super) fn files(&self) -> &[(String, bool)] {
        &self.files
    }
}

fn divided(text: &str, key: Key) -> Vec<String> {
    let Some(divider) = key.divider() else { return vec![text.to_owned()] };
    text.split(divider).map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
}

/// The user's file and the machine's. Variables with relative paths are passed over, as the XDG specification asks.
fn usual() -> Vec<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    folder.map(|folder| folder.join(USER)).into_iter().chain([PathBuf::from(SYSTEM)]).collect()
}
