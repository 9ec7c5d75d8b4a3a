//! Who wins when app and new base both changed a setting: the texts of `--prefer`.

use serde::Serialize;

use crate::foundation::{Code, Error, Fact, Result};

/// One of the two that can win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The application image.
    App,
    /// The new base.
    Base,
}

/// Fields that a preference names as a whole.
const WHOLE: [&str; 8] = ["Entrypoint", "Cmd", "User", "WorkingDir", "StopSignal", "Shell", "Healthcheck", "ArgsEscaped"];
/// Fields that a preference names as a whole or by key.
const KEYED: [&str; 5] = ["Env", "Labels", "ExposedPorts", "Volumes", "annotations"];
/// Where the fields live that the specification does not know. They take a key only: `config=base` would read as if it
/// meant the known fields too.
const UNKNOWN: [&str; 2] = ["config", "document"];

/// What `--prefer` said. The most specific preference wins: `Env.PATH` before `Env` before the overall one. Of two for
/// the same thing the later one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preferences {
    overall: Side,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    field: &'static str,
    key: Option<String>,
    side: Side,
}

impl Preferences {
    /// The app wins everywhere.
    pub const STANDARD: Self = Self { overall: Side::App, rules: Vec::new() };

    /// Reads the texts: `app`, `base`, `FIELD=app`, `FIELD=base`. Upper and lower case matter in the key only.
    ///
    /// # Errors
    /// `usage.argument`, with the fields there are.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self> {
        let mut preferences = Self::STANDARD;
        for text in texts {
            let text = text.as_ref();
            // A label may have an equals sign in its key; a side has none.
            match text.rsplit_once('=') {
                None => preferences.overall = side(text, text)?,
                Some((name, chosen)) => {
                    let side = side(chosen, text)?;
                    let (field, key) = field(name).ok_or_else(|| {
                        refused("--prefer names no field of an image", text)
                            .detail(format!("whole fields: {}", WHOLE.join(", ")))
                            .detail(format!("whole or one key (FIELD.KEY): {}", KEYED.join(", ")))
                            .detail("fields that the specification does not know: config.KEY, document.KEY")
                            .detail("OnBuild is never in question: no image hands its triggers down")
                    })?;
                    preferences.rules.push(Rule { field, key, side });
                }
            }
        }
        Ok(preferences)
    }

    /// Who wins in `field` as a whole.
    pub(crate) fn for_field(&self, field: &str) -> Side {
        self.for_field_alone(field).unwrap_or(self.overall)
    }

    /// Who wins in `field` as a whole, if a preference names it.
    pub(crate) fn for_field_alone(&self, field: &str) -> Option<Side> {
        self.find(|rule| rule.field == field && rule.key.is_none())
    }

    /// Who wins in the part of `field` called `key`.
    pub(crate) fn for_key(&self, field: &str, key: &str) -> Side {
        self.find(|rule| rule.field == field && rule.key.as_deref() == Some(key)).unwrap_or_else(|| self.for_field(field))
    }

    fn find(&self, fits: impl Fn(&Rule) -> bool) -> Option<Side> {
        self.rules.iter().rev().find(|rule| fits(rule)).map(|rule| rule.side)
    }
}

fn side(text: &str, argument: &str) -> Result<Side> {
    match text {
        "app" => Ok(Side::App),
        "base" => Ok(Side::Base),
        _ => Err(refused("--prefer names neither app nor base", argument)),
    }
}

fn field(name: &str) -> Option<(&'static str, Option<String>)> {
    let known = |names: &[&'static str], name: &str| names.iter().copied().find(|known| known.eq_ignore_ascii_case(name));
    if let Some(field) = known(&WHOLE, name).or_else(|| known(&KEYED, name)) {
        return Some((field, None));
    }
    let (field, key) = name.split_once('.').filter(|(_, key)| !key.is_empty())?;
    match known(&UNKNOWN, field) {
        // `config.User` is what the specification calls User.
        Some("config") => self::field(key).or_else(|| Some(("config", Some(key.to_owned())))),
        Some(field) => Some((field, Some(key.to_owned()))),
        None => known(&KEYED, field).map(|field| (field, Some(key.to_owned()))),
    }
}

fn refused(message: &str, argument: &str) -> Error {
    Error::new(Code::UsageArgument, message)
        .expected(Fact::new("app, base, FIELD=app or FIELD=base", "--prefer"))
        .found(Fact::new(argument, "the command line"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_preference_wins() {
        let preferences =
            Preferences::parse(["base", "env=app", "Env.PATH=base", "labels.a=b.c=app", "cmd=app", "Annotations.x.y=app"]).unwrap();
        assert_eq!(preferences.for_field("User"), Side::Base);
        assert_eq!(preferences.for_key("Env", "HOME"), Side::App);
        assert_eq!(preferences.for_key("Env", "PATH"), Side::Base);
        assert_eq!(preferences.for_key("Env", "path"), Side::App);
        assert_eq!(preferences.for_key("Labels", "a=b.c"), Side::App);
        assert_eq!(preferences.for_key("Labels", "a"), Side::Base);
        assert_eq!(preferences.for_field("Entrypoint"), Side::Base);
        assert_eq!(preferences.for_field_alone("Entrypoint"), None);
        assert_eq!(preferences.for_field("Cmd"), Side::App);
        assert_eq!(preferences.for_field_alone("Cmd"), Some(Side::App));
        assert_eq!(preferences.for_key("annotations", "x.y"), Side::App);
        assert_eq!(Preferences::parse(["app", "base"]).unwrap().for_field("User"), Side::Base);
        assert_eq!(Preferences::parse::<&str>([]).unwrap(), Preferences::STANDARD);
    }

    #[test]
    fn a_field_of_the_config_may_be_written_in_full() {
        let preferences = Preferences::parse(["config.user=base", "CONFIG.Env.X=base", "config.Vendor=base", "document.v=base"]).unwrap();
        assert_eq!(preferences.for_field("User"), Side::Base);
        assert_eq!(preferences.for_key("Env", "X"), Side::Base);
        assert_eq!(preferences.for_key("config", "Vendor"), Side::Base);
        assert_eq!(preferences.for_key("config", "vendor"), Side::App);
        assert_eq!(preferences.for_key("document", "v"), Side::Base);
    }

    #[test]
    fn anything_else_is_refused_with_the_fields_there_are() {
        for text in [
            "",
            "App",
            "user",
            "User=new",
            "=app",
            "Usr=app",
            "User.x=app",
            "Env.=app",
            "config=app",
            "document=base",
            "rootfs=base",
            "OnBuild=base",
        ] {
            let error = Preferences::parse([text]).expect_err(text);
            assert_eq!(error.code(), Code::UsageArgument, "{text}");
        }
        let error = Preferences::parse(["Usr=app"]).unwrap_err();
        assert!(error.finding().details.iter().any(|line| line.contains("WorkingDir")));
        assert!(error.finding().details.iter().any(|line| line.contains("annotations")));
    }
}
