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

/// What beside the three values has a say in a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight {
    /// Who wins a conflict.
    pub(super) prefer: Side,
    /// The history of the app says that its builder set the value itself, whatever the old base has.
    pub(super) own: bool,
}

impl Weight {
    /// Nothing is known but who wins a conflict.
    pub(super) fn of(prefer: Side) -> Self {
        Self { prefer, own: false }
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
    /// is not, an absent value could mean anything and gives way, and a value that only the app has may be the old base's.
    pub(super) fn choose(&self, same: impl Fn(&T, &T) -> bool, weight: Weight) -> Choice {
        let equal = |left: &Option<T>, right: &Option<T>| match (left, right) {
            (Some(left), Some(right)) => same(left, right),
            (None, None) => true,
            _ => false,
        };
        if equal(&self.app, &self.new) {
            return Choice::Keep;
        }
        match &self.old {
            Old::Known(old) if equal(&self.app, old) && !weight.own => Choice::Base,
            Old::Known(old) if equal(&self.new, old) => Choice::Keep,
            Old::Known(_) => Choice::Conflict(weight.prefer),
            Old::Unknown => match (&self.app, &self.new) {
                (Some(_), None) if weight.own => Choice::Keep,
                (Some(_), Some(_)) if weight.own => Choice::Conflict(weight.prefer),
                (None, _) => Choice::TwoWay(Side::Base),
                (Some(_), None) => Choice::TwoWay(Side::App),
                (Some(_), Some(_)) => Choice::TwoWay(weight.prefer),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_the_table() {
        let known = |old, app, new| Sides { old: Old::Known(old), app, new }.choose(|a: &u8, b| a == b, Weight::of(Side::App));
        assert_eq!(known(Some(1), Some(1), Some(2)), Choice::Base);
        assert_eq!(known(Some(1), Some(1), None), Choice::Base);
        assert_eq!(known(Some(1), Some(2), Some(1)), Choice::Keep);
        assert_eq!(known(Some(1), None, Some(1)), Choice::Keep);
        assert_eq!(known(Some(1), Some(2), Some(2)), Choice::Keep);
        assert_eq!(known(Some(1), Some(2), Some(3)), Choice::Conflict(Side::App));
        assert_eq!(known(Some(1), None, Some(3)), Choice::Conflict(Side::App));
        assert_eq!(known(Some(1), Some(2), None), Choice::Conflict(Side::App));
        assert_eq!(known(None, None, Some(3)), Choice::Base);

        let unknown = |app, new, prefer| Sides { old: Old::Unknown, app, new }.choose(|a: &u8, b| a == b, Weight::of(prefer));
        assert_eq!(unknown(None, Some(1), Side::App), Choice::TwoWay(Side::Base));
        assert_eq!(unknown(Some(1), None, Side::Base), Choice::TwoWay(Side::App));
        assert_eq!(unknown(Some(1), Some(2), Side::App), Choice::TwoWay(Side::App));
        assert_eq!(unknown(Some(1), Some(2), Side::Base), Choice::TwoWay(Side::Base));
    }

    /// The app's builder set the value: the new base's never replaces it unasked.
    #[test]
    fn what_the_app_set_itself_is_not_inherited() {
        let own = |old, app, new, prefer| Sides { old, app, new }.choose(|a: &u8, b| a == b, Weight { prefer, own: true });
        assert_eq!(own(Old::Known(Some(1)), Some(1), Some(2), Side::App), Choice::Conflict(Side::App));
        assert_eq!(own(Old::Known(Some(1)), Some(1), Some(2), Side::Base), Choice::Conflict(Side::Base));
        assert_eq!(own(Old::Known(Some(1)), Some(1), None, Side::App), Choice::Conflict(Side::App));
        assert_eq!(own(Old::Known(Some(1)), Some(1), Some(1), Side::Base), Choice::Keep);
        assert_eq!(own(Old::Known(Some(1)), Some(2), Some(1), Side::Base), Choice::Keep);
        assert_eq!(own(Old::Unknown, Some(1), None, Side::Base), Choice::Keep);
        assert_eq!(own(Old::Unknown, Some(1), Some(2), Side::App), Choice::Conflict(Side::App));
    }
}
