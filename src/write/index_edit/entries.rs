//! The entries of an index, each edited in its own text.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::IndexEdit;
use super::pieces::{join, pieces, slice, without};
use super::style::Style;
use crate::core::{Code, Digest, Error, Limits, Result};
use crate::format::json::{Document, Kind, Node, Value};
use crate::oci::annotation::{CONTAINERD_NAME, REF_NAME};

pub(super) struct Entry<'a> {
    pub(super) before: &'a str,
    pub(super) body: Cow<'a, str>,
    pub(super) after: &'a str,
    digest: Option<Cow<'a, str>>,
    /// Whether it stood in the file. The blanks of new entries are chosen, not kept.
    old: bool,
    alive: bool,
}

/// The entries of an index, with what is needed to edit each in constant time: an index may have hundreds of thousands.
pub(super) struct Entries<'a> {
    pub(super) all: Vec<Entry<'a>>,
    /// Only the names that some edit speaks of.
    by_name: HashMap<String, Vec<usize>>,
    /// Of entries that only containerd's annotation names. Whoever takes such a name away means these too.
    by_full_name: HashMap<String, Vec<usize>>,
    /// Only the digests that some edit removes.
    by_digest: HashMap<String, Vec<usize>>,
    listed: HashMap<Cow<'a, str>, usize>,
    style: Style<'a>,
    pub(super) changed: bool,
}

impl<'a> Entries<'a> {
    pub(super) fn read(root: Node<'a>, list: Option<Node<'a>>, edits: &[IndexEdit]) -> Self {
        let names: HashSet<&str> = edits.iter().filter_map(IndexEdit::name).collect();
        let mut entries = Self {
            all: Vec::new(),
            by_name: HashMap::new(),
            by_full_name: HashMap::new(),
            by_digest: edits.iter().filter_map(removed).map(|digest| (digest.to_string(), Vec::new())).collect(),
            listed: HashMap::new(),
            style: Style::default(),
            changed: false,
        };
        let mut last = None;
        for piece in list.into_iter().flat_map(pieces) {
            last = Some(piece.value);
            let digest = piece.value.get("digest").and_then(Node::as_str);
            if let Some(digest) = &digest {
                *entries.listed.entry(digest.clone()).or_default() += 1;
                if let Some(positions) = entries.by_digest.get_mut(digest.as_ref()) {
                    positions.push(entries.all.len());
                }
            }
            let annotation = |key| piece.value.get("annotations").and_then(|annotations| annotations.get(key)).and_then(Node::as_str);
            let (name, full) = (annotation(REF_NAME), annotation(CONTAINERD_NAME));
            let (map, name) = if name.is_some() { (&mut entries.by_name, name) } else { (&mut entries.by_full_name, full) };
            if let Some(name) = name.filter(|name| names.contains(name.as_ref())) {
                map.entry(name.into_owned()).or_default().push(entries.all.len());
            }
            entries.all.push(Entry {
                before: piece.before,
                body: Cow::Borrowed(piece.body),
                after: piece.after,
                digest,
                old: true,
                alive: true,
            });
        }
        entries.style = Style::of(root, &entries.all, last);
        if let Some(last) = entries.all.last_mut() {
            // These blanks belong to the end of the list, not to the entry.
            last.after = "";
        }
        entries
    }

    pub(super) fn put(&mut self, name: Option<&str>, descriptor: &str, limits: &Limits) -> Result<()> {
        let node = Document::parse(descriptor.as_bytes(), limits)?.root().expect(Kind::Object, "the descriptor")?;
        let digest = digest_of(node)?;
        match name {
            None if self.listed.get(digest.as_str()).is_some_and(|count| *count > 0) => return Ok(()),
            None => {}
            Some(name) => {
                let holders = self.by_name.get(name).cloned().unwrap_or_default();
                let mut digests: Vec<Option<&str>> =
                    holders.iter().filter_map(|at| self.all.get(*at)).map(|entry| entry.digest.as_deref()).collect();
                digests.sort_unstable();
                digests.dedup();
                match digests.as_slice() {
                    [] => {}
                    [Some(only)] if *only == digest => return Ok(()),
                    [_] => self.untag(name, limits)?,
                    several => {
                        return Err(Error::new(Code::RefAmbiguous, "the name to be replaced stands on several images")
                            .at(name)
                            .details(several.iter().map(|digest| digest.unwrap_or("an entry without a digest").to_owned())));
                    }
                }
            }
        }
        self.append(node, digest, name, limits)
    }

    fn append(&mut self, descriptor: Node<'_>, digest: String, name: Option<&str>, limits: &Limits) -> Result<()> {
        let body = self.style.entry(&named(descriptor, name), limits)?;
        let at = self.all.len();
        self.all.push(Entry {
            before: "",
            body: Cow::Owned(body),
            after: "",
            digest: Some(Cow::Owned(digest.clone())),
            old: false,
            alive: true,
        });
        self.count(digest, at);
        if let Some(name) = name {
            self.by_name.insert(name.to_owned(), vec![at]);
        }
        self.changed = true;
        Ok(())
    }

    fn count(&mut self, digest: String, at: usize) {
        if let Some(positions) = self.by_digest.get_mut(&digest) {
            positions.push(at);
        }
        *self.listed.entry(Cow::Owned(digest)).or_default() += 1;
    }

    pub(super) fn replace(&mut self, name: &str, descriptor: Option<&str>, limits: &Limits) -> Result<()> {
        let Some(descriptor) = descriptor else {
            for at in self.holders(name) {
                self.drop_entry(at);
            }
            return Ok(());
        };
        let holders = self.by_name.remove(name).unwrap_or_default();
        let node = Document::parse(descriptor.as_bytes(), limits)?.root().expect(Kind::Object, "the descriptor")?;
        let digest = digest_of(node)?;
        let [first, rest @ ..] = holders.as_slice() else { return self.append(node, digest, Some(name), limits) };
        for at in rest {
            self.drop_entry(*at);
        }
        self.by_name.insert(name.to_owned(), vec![*first]);
        let Some(old) = self.all.get(*first).map(|entry| entry.digest.clone()) else { return Ok(()) };
        if old.as_deref() == Some(&digest) {
            return Ok(());
        }
        let body = self.style.entry(&named(node, Some(name)), limits)?;
        if let Some(count) = old.and_then(|old| self.listed.get_mut(&old)) {
            *count = count.saturating_sub(1);
        }
        if let Some(entry) = self.all.get_mut(*first) {
            entry.body = Cow::Owned(body);
            entry.digest = Some(Cow::Owned(digest.clone()));
        }
        self.count(digest, *first);
        self.changed = true;
        Ok(())
    }

    pub(super) fn remove(&mut self, digest: &Digest) {
        let digest = digest.to_string();
        for at in self.by_digest.get(&digest).cloned().unwrap_or_default() {
            // An entry that was replaced meanwhile lists something else.
            if self.all.get(at).is_some_and(|entry| entry.digest.as_deref() == Some(&digest)) {
                self.drop_entry(at);
            }
        }
    }

    /// The entries of a name, which nobody has any more.
    fn holders(&mut self, name: &str) -> Vec<usize> {
        let mut holders = self.by_name.remove(name).unwrap_or_default();
        holders.extend(self.by_full_name.remove(name).unwrap_or_default());
        holders
    }

    fn drop_entry(&mut self, at: usize) {
        let Some(entry) = self.all.get_mut(at).filter(|entry| entry.alive) else { return };
        entry.alive = false;
        self.changed = true;
        if let Some(count) = entry.digest.as_ref().and_then(|digest| self.listed.get_mut(digest)) {
            *count = count.saturating_sub(1);
        }
    }

    pub(super) fn untag(&mut self, name: &str, limits: &Limits) -> Result<()> {
        for at in self.holders(name) {
            let Some(entry) = self.all.get_mut(at) else { continue };
            self.changed = true;
            let count = entry.digest.as_ref().and_then(|digest| self.listed.get_mut(digest));
            match count {
                Some(count) if *count > 1 => {
                    *count -= 1;
                    entry.alive = false;
                }
                _ => entry.body = Cow::Owned(nameless(&entry.body, limits)?),
            }
        }
        Ok(())
    }

    pub(super) fn splice(&self, index_text: &str, root: Node<'_>, list: Option<Node<'_>>) -> String {
        let style = &self.style;
        // As long as it will be, or nearly so: an index may have hundreds of megabytes, and growing would hold it twice.
        let new: usize = self.all.iter().filter(|entry| !entry.old).map(|entry| entry.body.len() + style.next.len() + 1).sum();
        let mut inner = String::with_capacity(index_text.len() + new + 1024);
        let (open, rest) = if let Some(list) = list {
            let start = list.offset_in(index_text);
            (slice(index_text, 0, start), slice(index_text, start + list.raw().len(), index_text.len()))
        } else {
            // At the end of the object, before the blanks that stand in front of its brace.
            let end = root.offset_in(index_text) + root.raw().len() - 1;
            let end = slice(index_text, 0, end).trim_end_matches([' ', '\t', '\n', '\r']).len();
            (slice(index_text, 0, end), slice(index_text, end, index_text.len()))
        };
        inner.push_str(open);
        if list.is_none() {
            if !open.ends_with('{') {
                inner.push(',');
            }
            inner.push_str(&style.member);
            inner.push_str("\"manifests\":");
            inner.push_str(style.colon);
        }
        inner.push('[');
        // New entries come last, so whatever stands first stood first among those that are left.
        let laid_out = self.all.iter().filter(|entry| entry.alive).map(|entry| {
            let before = if entry.old { entry.before } else { &*style.next };
            (before, entry.body.as_ref(), entry.after)
        });
        join(&mut inner, laid_out, &style.first, &style.last);
        inner.push(']');
        inner.push_str(rest);
        inner
    }
}

fn digest_of(descriptor: Node<'_>) -> Result<String> {
    let text = descriptor
        .get("digest")
        .and_then(Node::as_str)
        .ok_or_else(|| Error::new(Code::DescriptorIncomplete, "the descriptor of a new index entry has no digest"))?;
    Ok(text.parse::<Digest>()?.to_string())
}

fn removed(edit: &IndexEdit) -> Option<&Digest> {
    match edit {
        IndexEdit::Remove { digest } => Some(digest),
        _ => None,
    }
}

/// The descriptor with its name, in the place where sorted annotations have it. Another name than it had takes containerd's
/// with it: two images must not claim one full name when the old one moves on.
fn named(descriptor: Node<'_>, name: Option<&str>) -> String {
    let own = |key| descriptor.get("annotations").and_then(|annotations| annotations.get(key)).and_then(Node::as_str);
    let (short, full) = (own(REF_NAME), own(CONTAINERD_NAME));
    let same = name.is_some() && (name == short.as_deref() || name == full.as_deref());
    let mut annotations: Vec<(String, Value)> = descriptor
        .get("annotations")
        .into_iter()
        .flat_map(Node::members)
        .filter(|(key, _)| key != REF_NAME && (same || key != CONTAINERD_NAME))
        .map(|(key, value)| (key.into_owned(), Value::of(value)))
        .collect();
    if let Some(name) = name {
        let at = annotations.iter().position(|(key, _)| key.as_str() > REF_NAME).unwrap_or(annotations.len());
        annotations.insert(at, (REF_NAME.to_owned(), Value::string(name)));
    }
    let mut value = Value::open(descriptor);
    if annotations.is_empty() {
        value.remove("annotations");
    } else {
        value.set("annotations", Value::Object(annotations));
    }
    value.render()
}

/// The text of an entry without its names. Everything else in it keeps its bytes.
fn nameless(entry: &str, limits: &Limits) -> Result<String> {
    let entry = Document::parse(entry.as_bytes(), limits)?.root();
    let Some(annotations) = entry.get("annotations") else { return Ok(entry.raw().to_owned()) };
    match without(annotations, &[REF_NAME, CONTAINERD_NAME]) {
        None => Ok(without(entry, &["annotations"]).unwrap_or_else(|| "{}".to_owned())),
        Some(rest) => {
            let start = annotations.offset_in(entry.raw());
            let end = start + annotations.raw().len();
            Ok(format!("{}{rest}{}", slice(entry.raw(), 0, start), slice(entry.raw(), end, entry.raw().len())))
        }
    }
}
