//! What statements are made of, as users ask for it.

use crate::foundation::{Error, Result};
use crate::plan::lifecycle::field::{Field, Record, Value};
use crate::plan::lifecycle::profile::Profile;
use crate::plan::lifecycle::time::{Moment, When};

/// When the life of an image ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// When it is said.
    Now,
    /// Then.
    At(Moment),
}

impl End {
    /// Reads `now` or a time.
    ///
    /// # Errors
    /// `lifecycle.date`.
    pub fn parse(text: &str) -> Result<Self> {
        if text == "now" { Ok(Self::Now) } else { at(text, "--eol").map(Self::At) }
    }
}

/// What can be said with any status.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Words {
    /// When its life ends: YYYY-MM-DD, YYYY-MM-DDThh:mm:ssZ, or now.
    #[cfg_attr(feature = "cli", arg(long, visible_alias = "end-of-life", value_name = "TIME", value_parser = End::parse))]
    pub eol: Option<End>,
    /// Why.
    #[cfg_attr(feature = "cli", arg(long, value_name = "TEXT", value_parser = |text: &str| said(text, "--reason")))]
    pub reason: Option<String>,
    /// Where to read more.
    #[cfg_attr(feature = "cli", arg(long, value_name = "URL", value_parser = |text: &str| said(text, "--url")))]
    pub url: Option<String>,
}

impl Words {
    /// As a statement holds it that is made at `now`.
    pub(in crate::verbs) fn record(&self, now: Moment) -> Record {
        let eol = self.eol.map(|end| match end {
            End::Now => now,
            End::At(moment) => moment,
        });
        let fields = [
            (Field::EndOfLife, eol.map(time)),
            (Field::Reason, self.reason.clone().map(Value::Text)),
            (Field::Url, self.url.clone().map(Value::Text)),
        ];
        fields.into_iter().filter_map(|(field, value)| Some((field, value?))).collect()
    }
}

/// For whom statements are made, and who makes them.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Authorship {
    /// For which readers: combined (default), microsoft, native, or vnd.ORG.
    // Without one, what is so already is not said again in another form.
    #[cfg_attr(feature = "cli", arg(long, value_name = "PROFILE", value_parser = Profile::parse))]
    pub profile: Option<Profile>,
    /// Who says so.
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME"))]
    pub issuer: Option<String>,
}

/// A date as statements hold it.
pub(super) fn time(moment: Moment) -> Value {
    Value::Time(When::At(moment))
}

/// A time, by the option that gives it.
pub(super) fn at(text: &str, option: &str) -> Result<Moment> {
    Moment::strict(text).map_err(|error: Error| error.at(option))
}

/// A text that says something, by the option that gives it.
#[cfg(feature = "cli")]
pub(crate) fn said(text: &str, option: &str) -> Result<String> {
    if text.trim().is_empty() {
        let empty = Error::new(crate::foundation::Code::UsageArgument, "an empty text says nothing");
        return Err(empty.at(option).hint("Take it back with --clear."));
    }
    Ok(text.to_owned())
}

/// The present, until the command line says what to take for it.
#[cfg(feature = "cli")]
pub(in crate::verbs) fn present() -> Moment {
    crate::foundation::clock::Time::now().into()
}
