//! The three-way rule for one merge unit. What a unit is, and when two are the same, its owner says.

use super::preference::Side;

/// What the old base says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Old<T> {
    /// Its document is not there, which says nothing.
    Unknown,
    /// Its document is there, with or without the value.
    Known(Option<T>),
}

impl<T> Old<T> {
    /// The value, if one is known.
    pub(super) fn value(self) -> Option<T> {
        match self {
            Self::Unknown => None,
            Self::Known(value) => value,
        }
    }
}

/// What the three sides say about one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sides<T> {
    pub(super) old: Old<T>,
    pub(super) app: Option<T>,
    pub(super) new: Option<T>,
}

/// Whose value the result takes, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// The app's, and nobody would expect anything else.
    Keep,
    /// The new base's: the app had inherited the value.
    Base,
    /// Both changed it; a preference decided.
    Conflict(Side),
    /// Nobody knows who changed it.
    TwoWay(Side),
}

impl Choice {
    /// Whose value the result takes.
    pub(super) fn side(self) -> Side {
        match self {
            Self::Keep => Side::App,
            Self::Base => Side::Base,
            Self::Conflict(side) | Self::TwoWay(side) => side,
        }
    }
}

impl<T> Sides<T> {
    /// Something that every side derives from its value.
    pub(super) fn map<U>(self, part: impl Fn(T) -> Option<U>) -> Sides<U> {
        Sides {
            old: match self.old {
                Old::Unknown => Old::Unknown,
                Old::Known(value) => Old::Known(value.and_then(&part)),
            },
            app: self.app.and_then(&part),
            new: self.new.and_then(&part),
        }
    }

    /// The rule. An absent value is a value like any other while the old base is known, so that deletions count; when it
    /// is not, an absent value could mean anything and gives way.
    pub(super) fn choose(&self, same: impl Fn(&T, &T) -> bool, prefer: Side) -> Choice {
        let equal = |left: &Option<T>, right: &Option<T>| match (left, right) {
            (Some(left), Some(right)) => same(left, right),
            (None, None) => true,
            _ => false,
        };
        if equal(&self.app, &self.new) {
            return Choice::Keep;
        }
        match &self.old {
            Old::Known(old) if equal(&self.app, old) => Choice::Base,
            Old::Known(old) if equal(&self.new, old) => Choice::Keep,
            Old::Known(_) => Choice::Conflict(prefer),
            Old::Unknown => match (&self.app, &self.new) {
                (None, _) => Choice::TwoWay(Side::Base),
                (Some(_), None) => Choice::Keep,
                (Some(_), Some(_)) => Choice::TwoWay(prefer),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_the_table() {
        let known = |old, app, new| Sides { old: Old::Known(old), app, new }.choose(|a: &u8, b| a == b, Side::App);
        assert_eq!(known(Some(1), Some(1), Some(2)), Choice::Base);
        assert_eq!(known(Some(1), Some(1), None), Choice::Base);
        assert_eq!(known(Some(1), Some(2), Some(1)), Choice::Keep);
        assert_eq!(known(Some(1), None, Some(1)), Choice::Keep);
        assert_eq!(known(Some(1), Some(2), Some(2)), Choice::Keep);
        assert_eq!(known(Some(1), Some(2), Some(3)), Choice::Conflict(Side::App));
        assert_eq!(known(Some(1), None, Some(3)), Choice::Conflict(Side::App));
        assert_eq!(known(Some(1), Some(2), None), Choice::Conflict(Side::App));
        assert_eq!(known(None, None, Some(3)), Choice::Base);

        let unknown = |app, new, prefer| Sides { old: Old::Unknown, app, new }.choose(|a: &u8, b| a == b, prefer);
        assert_eq!(unknown(None, Some(1), Side::App), Choice::TwoWay(Side::Base));
        assert_eq!(unknown(Some(1), None, Side::Base), Choice::Keep);
        assert_eq!(unknown(Some(1), Some(2), Side::App), Choice::TwoWay(Side::App));
        assert_eq!(unknown(Some(1), Some(2), Side::Base), Choice::TwoWay(Side::Base));
    }
}
