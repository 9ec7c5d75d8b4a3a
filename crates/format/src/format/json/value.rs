//! The editable form of a document.

use super::{Kind, Node, quote};

/// A JSON value that can be changed. A part that nobody opened keeps its text byte for byte; an opened object or list
/// is written compactly, with its members in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text that is a value as it stands.
    Raw(String),
    /// An opened or authored object.
    Object(Vec<(String, Value)>),
    /// An opened or authored list.
    Array(Vec<Value>),
}

impl Value {
    /// The value of `node`, unopened.
    pub fn of(node: Node<'_>) -> Self {
        Self::Raw(node.raw().to_owned())
    }

    /// A string.
    pub fn string(text: &str) -> Self {
        Self::Raw(quote(text))
    }

    /// A whole number.
    pub fn size(number: u64) -> Self {
        Self::Raw(number.to_string())
    }

    /// An object with no members.
    pub fn object() -> Self {
        Self::Object(Vec::new())
    }

    /// A list of strings.
    pub fn strings<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::Array(texts.into_iter().map(|text| Self::string(text.as_ref())).collect())
    }

    /// An object of strings, in the order given.
    pub fn string_map<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Object(pairs.into_iter().map(|(key, value)| (key.as_ref().to_owned(), Self::string(value.as_ref()))).collect())
    }

    /// The object `node` with its members opened one level; a new object if it is none.
    pub fn open(node: Node<'_>) -> Self {
        Self::Object(node.members().map(|(key, value)| (key.into_owned(), Self::of(value))).collect())
    }

    /// Sets a member: in its place if it is there, at the end if not. On anything but an object it does nothing.
    pub fn set(&mut self, name: &str, value: Self) {
        if let Self::Object(members) = self {
            match members.iter_mut().find(|(key, _)| key == name) {
                Some((_, old)) => *old = value,
                None => members.push((name.to_owned(), value)),
            }
        }
    }

    /// Removes a member.
    pub fn remove(&mut self, name: &str) {
        if let Self::Object(members) = self {
            members.retain(|(key, _)| key != name);
        }
    }

    /// Whether the object or list is empty.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Object(members) => members.is_empty(),
            Self::Array(items) => items.is_empty(),
            Self::Raw(_) => false,
        }
    }

    /// The text.
    pub fn render(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Raw(text) => out.push_str(text),
            Self::Object(members) => {
                out.push('{');
                for (number, (key, value)) in members.iter().enumerate() {
                    if number > 0 {
                        out.push(',');
                    }
                    out.push_str(&quote(key));
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
            Self::Array(items) => {
                out.push('[');
                for (number, item) in items.iter().enumerate() {
                    if number > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
        }
    }

    /// Two values are the same if they differ in whitespace, escapes and the order of keys only.
    pub fn same(left: Node<'_>, right: Node<'_>) -> bool {
        if left.raw() == right.raw() {
            return true;
        }
        match (left.kind(), right.kind()) {
            (Kind::Object, Kind::Object) => {
                left.members().count() == right.members().count()
                    && left.members().all(|(key, value)| right.get_or_null(&key).is_some_and(|other| Self::same(value, other)))
            }
            (Kind::Array, Kind::Array) => {
                let mut others = right.items();
                left.items().all(|item| others.next().is_some_and(|other| Self::same(item, other))) && others.next().is_none()
            }
            (Kind::String, Kind::String) => left.as_str() == right.as_str(),
            _ => false,
        }
    }
}
