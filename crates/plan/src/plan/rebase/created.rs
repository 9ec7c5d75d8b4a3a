//! The date of the result.

use crate::foundation::clock::Time;

/// Which date a rebased image carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreatedPolicy {
    /// The later of the app's and the new base's: the result is never older than what is in it, and the same inputs
    /// give the same bytes on any day.
    Newest,
    /// The app's.
    Keep,
    /// This one.
    At(Time),
}

/// The text for `created`, or nothing if the result carries no date.
///
/// A date is passed on as it was spelled. Under [`CreatedPolicy::Newest`] an unreadable date loses, even against none:
/// clients written in Go refuse a whole config over it.
pub fn created(app: Option<&str>, new: Option<&str>, policy: CreatedPolicy) -> Option<String> {
    match policy {
        CreatedPolicy::At(time) => Some(time.to_string()),
        CreatedPolicy::Keep => app.map(str::to_owned),
        CreatedPolicy::Newest => {
            let readable = |text: Option<&str>| text.and_then(|text| Some((Time::parse(text)?, text.to_owned())));
            match (readable(app), readable(new)) {
                (Some((app, _)), Some((new, text))) if new > app => Some(text),
                (Some((_, text)), _) | (None, Some((_, text))) => Some(text),
                (None, None) => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_readable_date_wins_as_it_was_spelled() {
        let cases = [
            (Some("2024-01-01T00:00:00Z"), Some("2025-01-01T00:00:00.5Z"), Some("2025-01-01T00:00:00.5Z")),
            (Some("2025-01-01T00:00:00+00:00"), Some("2024-12-31T23:00:00-01:00"), Some("2025-01-01T00:00:00+00:00")),
            (Some("2025-01-01T02:00:00+02:00"), Some("2025-01-01T00:30:00Z"), Some("2025-01-01T00:30:00Z")),
            (Some("yesterday"), Some("1970-01-01T00:00:00Z"), Some("1970-01-01T00:00:00Z")),
            (Some("0001-01-01T00:00:00Z"), Some("yesterday"), Some("0001-01-01T00:00:00Z")),
            (None, Some("2024-01-01T00:00:00Z"), Some("2024-01-01T00:00:00Z")),
            (Some("yesterday"), None, None),
            (None, None, None),
        ];
        for (app, new, expected) in cases {
            assert_eq!(created(app, new, CreatedPolicy::Newest).as_deref(), expected, "{app:?} {new:?}");
        }
    }

    #[test]
    fn a_chosen_date_does_not_look_at_the_others() {
        let epoch = CreatedPolicy::At(Time::from_epoch("1700000000").unwrap());
        assert_eq!(created(Some("2030-01-01T00:00:00Z"), None, epoch).as_deref(), Some("2023-11-14T22:13:20Z"));
        assert_eq!(created(Some("yesterday"), Some("2030-01-01T00:00:00Z"), CreatedPolicy::Keep).as_deref(), Some("yesterday"));
        assert_eq!(created(None, Some("2030-01-01T00:00:00Z"), CreatedPolicy::Keep), None);
    }
}
