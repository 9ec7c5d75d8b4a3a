//! Times of the life cycle: written strictly, read as they were written.
//!
//! Written is `YYYY-MM-DDThh:mm:ssZ`, always twenty characters and always UTC, so that the order of the texts is the order of the
//! times: regctl sorts `org.opencontainers.image.created` as text. Microsoft's key takes `YYYY-MM-DD`.
//!
//! Read is what is in real annotations: RFC 3339 with any number of fraction digits (`2023-05-12T21:15:10.8343521Z` comes
//! from .NET), dates alone, ISO 8601 in its basic form and mixtures of both (`20230707T00:00-08:00`), OpenEoX's `tba`, and the
//! booleans of endoflife.date. The [`Dialect`] is kept and everything that departs from RFC 3339 is reported. What could be meant in
//! two ways is no time: two-digit years, bare numbers of seconds.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};
use serde::Serialize;

use crate::foundation::clock::Time;
use crate::foundation::{Code, Error, Fact, Finding, Result};

/// An instant, in UTC, from 1970 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(DateTime);

impl Moment {
    /// The last instant there is.
    pub const LAST: Self = Self(DateTime::MAX);

    /// Reads what a user gave, to the second: RFC 3339, or a date, which means its first instant in UTC.
    ///
    /// # Errors
    /// `lifecycle.date`.
    pub fn strict(text: &str) -> Result<Self> {
        match read(text) {
            Ok(Reading { value: When::At(moment), dialect: Dialect::Strict | Dialect::Rfc3339 | Dialect::Date, .. }) => {
                Ok(moment.to_the_second())
            }
            _ => Err(not_a_time(text).expected(Fact::new("YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ", "RFC 3339"))),
        }
    }

    /// The day, as Microsoft's key takes it.
    pub fn date(self) -> String {
        self.0.date().to_string()
    }

    /// The same instant without its fraction: what is written has none.
    pub fn to_the_second(self) -> Self {
        self.0.with().subsec_nanosecond(0).build().map_or(self, Self)
    }

    /// So much later; the last instant there is, if that is beyond it.
    pub fn plus(self, span: Span) -> Self {
        i64::try_from(span.seconds)
            .ok()
            .and_then(|seconds| self.0.checked_add(SignedDuration::from_secs(seconds)).ok())
            .map_or(Self::LAST, Self)
    }

    /// How many whole days from `earlier` to this; 0 if it is not later.
    pub fn days_since(self, earlier: Self) -> u64 {
        let hours = self.0.duration_since(earlier.0).as_hours();
        u64::try_from(hours / 24).unwrap_or(0)
    }

    /// Whether something that applies from this instant on applies at `now`.
    pub fn has_come(self, now: Self) -> bool {
        self <= now
    }

    fn checked(value: DateTime) -> Option<Self> {
        (1970..=9999).contains(&value.year()).then_some(Self(value))
    }
}

impl From<Time> for Moment {
    fn from(time: Time) -> Self {
        Self(time.to_utc())
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value) = self;
        write!(
            formatter,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            value.year(),
            value.month(),
            value.day(),
            value.hour(),
            value.minute(),
            value.second()
        )
    }
}

impl Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a text says about when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At an instant, and from then on.
    At(Moment),
    /// It has happened; when is not said.
    Already,
    /// It has not happened; when it will is not said.
    NotYet,
    /// Nothing: `tba`, or no text.
    Unknown,
}

impl When {
    /// Whether it applies at `now`.
    pub fn has_come(self, now: Moment) -> bool {
        match self {
            Self::At(moment) => moment.has_come(now),
            Self::Already => true,
            Self::NotYet | Self::Unknown => false,
        }
    }

    /// The instant, if one is said.
    pub fn moment(self) -> Option<Moment> {
        match self {
            Self::At(moment) => Some(moment),
            _ => None,
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(moment) => moment.fmt(formatter),
            Self::Already => formatter.write_str("true"),
            Self::NotYet => formatter.write_str("false"),
            Self::Unknown => formatter.write_str("tba"),
        }
    }
}

/// How a time was spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// `YYYY-MM-DDThh:mm:ssZ`, as it is written here.
    Strict,
    /// Any other RFC 3339 date and time.
    Rfc3339,
    /// `YYYY-MM-DD`, RFC 3339's full-date.
    Date,
    /// Something that only ISO 8601 allows, or not even that, and that has one meaning nevertheless.
    Iso8601,
    /// `tba`, OpenEoX's word for a date that is not decided.
    ToBeAnnounced,
    /// No text.
    Empty,
    /// `true` or `false`.
    Boolean,
}

/// A text that was read as a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What it says.
    pub value: When,
    /// How it was spelled.
    pub dialect: Dialect,
    /// In what it departs from RFC 3339.
    pub departures: Vec<&'static str>,
}

impl Reading {
    /// What to tell about the spelling of `text`, which stands under `key`.
    pub fn finding(&self, text: &str, key: &str) -> Option<Finding> {
        if self.departures.is_empty() {
            return None;
        }
        let read_as = match self.value {
            When::At(moment) => format!("read as {moment}"),
            other => format!("read as {other}"),
        };
        let mut finding = Finding::new(Code::LifecycleDialect, "a time is not spelled as RFC 3339 has it")
            .expected(Fact::new("YYYY-MM-DDThh:mm:ssZ", "RFC 3339"))
            .found(Fact::new(text, key))
            .detail(read_as);
        finding.details.extend(self.departures.iter().map(|departure| (*departure).to_owned()));
        Some(finding)
    }
}

/// Reads a time however it is spelled.
///
/// # Errors
/// `lifecycle.date` for what is no time, or could be several.
pub fn read(text: &str) -> Result<Reading> {
    let simple = |value, dialect, departures| Ok(Reading { value, dialect, departures });
    let trimmed = text.trim();
    match trimmed {
        "" => return simple(When::Unknown, Dialect::Empty, Vec::new()),
        _ if trimmed.eq_ignore_ascii_case("tba") => return simple(When::Unknown, Dialect::ToBeAnnounced, Vec::new()),
        _ if trimmed.eq_ignore_ascii_case("true") => return simple(When::Already, Dialect::Boolean, vec!["a truth value, no date"]),
        _ if trimmed.eq_ignore_ascii_case("false") => return simple(When::NotYet, Dialect::Boolean, vec!["a truth value, no date"]),
        _ => {}
    }
    let mut cursor = Cursor { rest: trimmed, departures: Vec::new() };
    if trimmed.len() != text.len() {
        cursor.departures.push("spaces around it");
    }
    let read = cursor.moment().ok_or_else(|| not_a_time(text))?;
    let dialect = match () {
        () if !cursor.departures.is_empty() => Dialect::Iso8601,
        () if read.date_only => Dialect::Date,
        () if read.value.to_string() == trimmed => Dialect::Strict,
        () => Dialect::Rfc3339,
    };
    Ok(Reading { value: When::At(read.value), dialect, departures: cursor.departures })
}

fn not_a_time(text: &str) -> Error {
    Error::new(Code::LifecycleDate, "this is not a date").found(Fact::new(text, "the value"))
}

/// The date or time that was read.
struct Found {
    value: Moment,
    date_only: bool,
}

/// Reads from the left and notes what is unusual.
struct Cursor<'a> {
    rest: &'a str,
    departures: Vec<&'static str>,
}

impl<'a> Cursor<'a> {
    fn moment(&mut self) -> Option<Found> {
        let date = self.date()?;
        if self.rest.is_empty() {
            return Some(Found { value: Moment::checked(date.to_datetime(jiff::civil::Time::midnight()))?, date_only: true });
        }
        if self.take(" ") {
            self.departures.push("a space for the T");
        } else if !self.take("T") && !self.take("t") {
            return None;
        }
        let (time, nanoseconds) = self.time()?;
        let offset = self.offset()?;
        if !self.rest.is_empty() {
            return None;
        }
        let (hour, minute, second) = time;
        let local = date.to_datetime(jiff::civil::Time::new(hour, minute, second, nanoseconds).ok()?);
        let value = Moment::checked(local.checked_sub(SignedDuration::from_mins(offset)).ok()?)?;
        Some(Found { value, date_only: false })
    }

    fn date(&mut self) -> Option<Date> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let year: i16 = self.digits(4)?;
        let (month, day) = match digits {
            4 => (self.after("-")?, self.after("-")?),
            8 => {
                self.departures.push("a date without hyphens");
                (self.digits(2)?, self.digits(2)?)
            }
            // Ten digits are seconds since 1970 or something else; nobody knows which.
            _ => return None,
        };
        Date::new(year, month, day).ok()
    }

    fn time(&mut self) -> Option<((i8, i8, i8), i32)> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let hour = self.digits(2)?;
        let basic = match digits {
            2 => false,
            4 | 6 => {
                self.departures.push("a time without colons");
                true
            }
            _ => return None,
        };
        let minute = if basic { self.digits(2)? } else { self.after(":")? };
        let second: Option<i8> = match (basic, digits) {
            (true, 6) => Some(self.digits(2)?),
            (false, _) if self.rest.starts_with(':') => Some(self.after(":")?),
            _ => None,
        };
        let Some(second) = second else {
            self.departures.push("no seconds");
            return Some(((hour, minute, 0), 0));
        };
        let comma = self.take(",");
        if comma {
            self.departures.push("a comma before the fraction");
        }
        let nanoseconds = if comma || self.take(".") { self.fraction()? } else { 0 };
        if second == 60 {
            self.departures.push("a leap second, read as the second before it");
            return Some(((hour, minute, 59), nanoseconds));
        }
        Some(((hour, minute, second), nanoseconds))
    }

    /// Any number of digits; those beyond nanoseconds are dropped.
    fn fraction(&mut self) -> Option<i32> {
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        (length > 0).then(|| format!("{digits:0<9.9}").parse().ok()).flatten()
    }

    /// The offset from UTC in minutes.
    fn offset(&mut self) -> Option<i64> {
        if self.rest.is_empty() {
            self.departures.push("no offset, read as UTC");
            return Some(0);
        }
        if self.take("Z") || self.take("z") {
            return Some(0);
        }
        let sign = if self.take("+") {
            1
        } else if self.take("-") {
            -1
        } else {
            return None;
        };
        let hours: i64 = self.digits(2)?;
        let minutes: i64 = if self.rest.is_empty() {
            self.departures.push("an offset without minutes");
            0
        } else if self.rest.starts_with(':') {
            self.after(":")?
        } else {
            self.departures.push("an offset without a colon");
            self.digits(2)?
        };
        let total = hours * 60 + minutes;
        (minutes < 60 && total <= 18 * 60).then_some(sign * total)
    }

    fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// A separator, then two digits.
    fn after<T: std::str::FromStr>(&mut self, separator: &str) -> Option<T> {
        if self.take(separator) { self.digits(2) } else { None }
    }

    fn digits<T: std::str::FromStr>(&mut self, count: usize) -> Option<T> {
        let digits: &'a str = self.rest.get(..count).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        self.rest = self.rest.get(count..)?;
        digits.parse().ok()
    }
}

/// A length of time, such as a period of grace, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    seconds: u64,
}

impl Span {
    /// None at all.
    pub const NONE: Self = Self { seconds: 0 };

    /// Reads `30d`, `12h`, `2w`, `90min`, `45s` or `0`. `m` is refused: half of the readers take it for months.
    ///
    /// # Errors
    /// `usage.argument`.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = || {
            Error::new(Code::UsageArgument, "this is not a length of time")
                .expected(Fact::new("a whole number and w, d, h, min or s, such as 30d", "--grace"))
                .found(Fact::new(text, "the command line"))
        };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| refused())?;
        let seconds = match unit {
            "w" => 7 * 24 * 60 * 60,
            "d" => 24 * 60 * 60,
            "h" => 60 * 60,
            "min" => 60,
            "s" => 1,
            "" if number == 0 => 1,
            _ => return Err(refused()),
        };
        number.checked_mul(seconds).map(|seconds| Self { seconds }).ok_or_else(refused)
    }

    /// Its length in seconds.
    pub fn seconds(self) -> u64 {
        self.seconds
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, seconds) in [("d", 24 * 60 * 60), ("h", 60 * 60), ("min", 60)] {
            if self.seconds > 0 && self.seconds.is_multiple_of(seconds) {
                return write!(formatter, "{}{unit}", self.seconds / seconds);
            }
        }
        write!(formatter, "{}s", self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(text: &str) -> (String, Dialect, usize) {
        let reading = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        (reading.value.to_string(), reading.dialect, reading.departures.len())
    }

    /// The examples of RFC 3339, section 5.8, and the same instants by hand.
    #[test]
    fn the_examples_of_the_rfc_are_read() {
        for (text, instant, dialect) in [
            ("1985-04-12T23:20:50.52Z", "1985-04-12T23:20:50Z", Dialect::Rfc3339),
            ("1996-12-19T16:39:57-08:00", "1996-12-20T00:39:57Z", Dialect::Rfc3339),
            ("1937-01-01T12:00:27.87+00:20", "", Dialect::Rfc3339),
            ("1990-12-31T23:59:60Z", "1990-12-31T23:59:59Z", Dialect::Iso8601),
            ("1990-12-31T15:59:60-08:00", "1990-12-31T23:59:59Z", Dialect::Iso8601),
        ] {
            if instant.is_empty() {
                // Before 1970: a date of a container image cannot be.
                assert_eq!(read(text).unwrap_err().code(), Code::LifecycleDate, "{text}");
            } else {
                let (value, found, _) = reads(text);
                assert_eq!((value.as_str(), found), (instant, dialect), "{text}");
            }
        }
    }

    #[test]
    fn every_dialect_in_the_wild_is_read_and_told() {
        for (text, instant, dialect, departures) in [
            ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z", Dialect::Strict, 0),
            ("2026-12-01", "2026-12-01T00:00:00Z", Dialect::Date, 0),
            ("2023-05-12T21:15:10.8343521Z", "2023-05-12T21:15:10Z", Dialect::Rfc3339, 0),
            ("2023-05-12t21:15:10.123456789012z", "2023-05-12T21:15:10Z", Dialect::Rfc3339, 0),
            ("2023-05-12 21:15:10Z", "2023-05-12T21:15:10Z", Dialect::Iso8601, 1),
            ("20230707T00:00-08:00", "2023-07-07T08:00:00Z", Dialect::Iso8601, 2),
            ("20230707T000000-0800", "2023-07-07T08:00:00Z", Dialect::Iso8601, 3),
            ("20230707T0000Z", "2023-07-07T00:00:00Z", Dialect::Iso8601, 3),
            ("20230707", "2023-07-07T00:00:00Z", Dialect::Iso8601, 1),
            ("2023-07-07T12:30+02", "2023-07-07T10:30:00Z", Dialect::Iso8601, 2),
            ("2023-07-07T12:30:00", "2023-07-07T12:30:00Z", Dialect::Iso8601, 1),
            ("2023-07-07T12:30:00,5Z", "2023-07-07T12:30:00Z", Dialect::Iso8601, 1),
            (" 2023-07-07\n", "2023-07-07T00:00:00Z", Dialect::Iso8601, 1),
            ("2023-07-07T00:00:00+18:00", "2023-07-06T06:00:00Z", Dialect::Rfc3339, 0),
            ("9999-12-31", "9999-12-31T00:00:00Z", Dialect::Date, 0),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", Dialect::Strict, 0),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", Dialect::Strict, 0),
            ("2024-02-29", "2024-02-29T00:00:00Z", Dialect::Date, 0),
            ("tba", "tba", Dialect::ToBeAnnounced, 0),
            ("", "tba", Dialect::Empty, 0),
            ("true", "true", Dialect::Boolean, 1),
            ("False", "false", Dialect::Boolean, 1),
        ] {
            assert_eq!(reads(text), (instant.to_owned(), dialect, departures), "{text}");
        }
        let finding = read("20230707T00:00-08:00").unwrap().finding("20230707T00:00-08:00", "vnd.example.image.end-of-life").unwrap();
        assert_eq!(finding.code, Code::LifecycleDialect);
        assert_eq!(finding.details, ["read as 2023-07-07T08:00:00Z", "a date without hyphens", "no seconds"]);
        assert_eq!(read("2026-12-01").unwrap().finding("2026-12-01", "key"), None);
    }

    #[test]
    fn what_could_mean_two_things_is_no_time() {
        for text in [
            "1688716800",
            "0",
            "23-07-07",
            "07/07/2023",
            "2023-02-30",
            "2023-02-29",
            "2023-13-01",
            "2023-00-10",
            "2023-7-7",
            "2023",
            "2023-07",
            "1969-12-31",
            "1970-01-01T00:00:00+01:00",
            "10000-01-01",
            "2023-07-07T24:00:00Z",
            "2023-07-07T12",
            "2023-07-07T12:60:00Z",
            "2023-07-07T12:30:61Z",
            "2023-07-07T12:30:00.Z",
            "2023-07-07T12:30:00+18:01",
            "2023-07-07T12:30:00+01:60",
            "2023-07-07T12:30:00ZZ",
            "2023-07-07T12:30:00Z[UTC]",
            "2023-07-07T",
            "2023-W27-5",
            "2023-188",
            "next summer",
            "tbd",
            "２０２３-07-07",
            "-2023-07-07",
            "+002023-07-07",
        ] {
            assert_eq!(read(text).map_err(|error| error.code()), Err(Code::LifecycleDate), "{text}");
        }
    }

    #[test]
    fn what_a_person_gives_is_taken_strictly() {
        for (text, instant) in [
            ("2026-12-01", "2026-12-01T00:00:00Z"),
            ("2026-12-01T12:00:00Z", "2026-12-01T12:00:00Z"),
            ("2026-12-01T12:00:00+02:00", "2026-12-01T10:00:00Z"),
        ] {
            let moment = Moment::strict(text).unwrap();
            assert_eq!(moment.to_string(), instant);
            assert_eq!(moment.to_string().len(), 20);
        }
        for text in ["20261201", "2026-12-01 12:00:00Z", "2026-12-01T12:00Z", "tba", "", "true", "2026-02-30", "tomorrow"] {
            assert_eq!(Moment::strict(text).unwrap_err().code(), Code::LifecycleDate, "{text}");
        }
        assert_eq!(Moment::strict("2026-12-01T23:59:59Z").unwrap().date(), "2026-12-01");
    }

    #[test]
    fn the_end_begins_with_the_first_instant_of_its_day() {
        let end = When::At(Moment::strict("2026-12-01").unwrap());
        for (now, come) in [("2026-11-30T23:59:59Z", false), ("2026-12-01T00:00:00Z", true), ("2026-12-01T00:00:01Z", true)] {
            assert_eq!(end.has_come(Moment::strict(now).unwrap()), come, "{now}");
        }
        let grace = Span::parse("30d").unwrap();
        assert_eq!(Moment::strict("2026-12-01").unwrap().plus(grace).to_string(), "2026-12-31T00:00:00Z");
        assert_eq!(Moment::strict("9999-12-31").unwrap().plus(grace).to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(Moment::strict("2026-12-31").unwrap().days_since(Moment::strict("2026-12-01T01:00:00Z").unwrap()), 29);
    }

    #[test]
    fn spans_are_a_number_and_a_unit() {
        for (text, seconds, shown) in
            [("30d", 2_592_000, "30d"), ("12h", 43_200, "12h"), ("2w", 1_209_600, "14d"), ("90min", 5_400, "90min"), ("0", 0, "0s")]
        {
            let span = Span::parse(text).unwrap();
            assert_eq!((span.seconds(), span.to_string().as_str()), (seconds, shown), "{text}");
        }
        for text in ["", "d", "30", "6m", "-1d", "1.5d", "30 d", "99999999999999999999d", "9999999999999999d"] {
            assert_eq!(Span::parse(text).unwrap_err().code(), Code::UsageArgument, "{text}");
        }
    }

    proptest::proptest! {
        /// What is written is read back as the same instant, and its texts sort as the instants do.
        #[test]
        fn what_is_written_is_read_back(left in 0_i64..253_402_300_800, right in 0_i64..253_402_300_800) {
            let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
            let moment = |seconds: i64| Moment(epoch.checked_add(SignedDuration::from_secs(seconds)).unwrap());
            let (left, right) = (moment(left), moment(right));
            let reading = read(&left.to_string()).unwrap();
            proptest::prop_assert_eq!(reading, Reading { value: When::At(left), dialect: Dialect::Strict, departures: Vec::new() });
            proptest::prop_assert_eq!(left.to_string().cmp(&right.to_string()), left.cmp(&right));
            proptest::prop_assert_eq!(left.to_string().len(), 20);
        }

        /// No text makes it fall over.
        #[test]
        fn any_text_is_a_time_or_is_not(text in "\\PC{0,40}|[0-9TZ:+. -]{0,40}") {
            let _ = read(&text);
        }
    }
}
