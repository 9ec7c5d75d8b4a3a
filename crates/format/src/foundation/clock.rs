//! The only place that reads time.

use std::time::Duration;

use super::{Code, Error, Fact, Result};

/// An instant as image documents write it: RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(jiff::Timestamp);

impl Time {
    /// Reads an RFC 3339 instant. `None` if it is none: documents hold all sorts of text there, and an unreadable
    /// time never decides anything.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        // `jiff` also takes a space for the `T` and a bracketed zone; RFC 3339 in image documents has neither.
        if bytes.len() < 20 || bytes.len() > 40 || bytes.get(10) != Some(&b'T') || text.contains('[') {
            return None;
        }
        text.parse().ok().map(Self)
    }

    /// The instant `seconds` after 1970-01-01T00:00:00Z, as `SOURCE_DATE_EPOCH` gives it.
    pub fn from_epoch(text: &str) -> Result<Self> {
        let refused = || {
            Error::new(Code::UsageEpoch, "SOURCE_DATE_EPOCH is not a number of seconds since 1970")
                .found(Fact::new(text, "the environment"))
        };
        let seconds: i64 = text.parse().map_err(|_| refused())?;
        if seconds < 0 {
            return Err(refused());
        }
        jiff::Timestamp::from_second(seconds).map(Self).map_err(|_| refused())
    }

    /// The date and the time of day in UTC.
    pub fn to_utc(self) -> jiff::civil::DateTime {
        jiff::tz::Offset::UTC.to_datetime(self.0)
    }

    /// Seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0.as_second()
    }

    /// The present instant, to the second.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now() -> Self {
        let seconds = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |duration| i64::try_from(duration.as_secs()).unwrap_or(0));
        Self(jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Measures how long something took, for progress and waiting; never for output that must be the same twice.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// How long since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Waits.
pub fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}
