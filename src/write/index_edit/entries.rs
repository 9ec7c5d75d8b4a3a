//! The entries of an index, each edited in its own text.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::pieces::{blanks, join, slice, without};
use super::style::Style;
use super::{Place, Step};
use crate::core::{Code, Digest, Error, Limits, Result};
use crate::format::json::{Document, Kind, Node, Value};
use crate::oci::Descriptor;
use crate::oci::annotation::{CONTAINERD_NAME, REF_NAME};

/// An entry as it stands in the text, and what decides whether an edit means it.
pub(super) struct Listed<'a> {
    body: &'a str,
    digest: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    /// The name that only containerd reads.
    full_name: Option<Cow<'a, str>>,
}

impl<'a> Listed<'a> {
    pub(super) fn of(node: Node<'a>) -> Self {
        let mut listed = Self { body: node.raw(), digest: None, name: None, full_name: None };
        for (key, value) in node.members() {
            match &*key {
                "digest" => listed.digest = value.as_str(),
                "annotations" => {
                    for (key, value) in value.members() {
                        match &*key {
                            REF_NAME => listed.name = value.as_str(),
                            CONTAINERD_NAME => listed.full_name = value.as_str(),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        listed
    }
}

impl<'a> From<&'a Descriptor> for Listed<'a> {
    fn from(descriptor: &'a Descriptor) -> Self {
        let annotation = |key| descriptor.annotations.get(key).map(|name| Cow::Borrowed(name.as_str()));
        Self {
            body: &descriptor.raw,
            digest: Some(Cow::Borrowed(descriptor.digest.as_str())),
            name: annotation(REF_NAME),
            full_name: annotation(CONTAINERD_NAME),
        }
    }
}

/// A descriptor that an edit brings.
pub(super) struct New<'e> {
    node: Node<'e>,
    pub(super) digest: Digest,
}

impl<'e> New<'e> {
    pub(super) fn read(descriptor: &'e str, limits: &Limits) -> Result<Self> {
        let node = Document::parse(descriptor.as_bytes(), limits)?.root().expect(Kind::Object, "the descriptor")?;
        let text = node
            .get("digest")
            .and_then(Node::as_str)
            .ok_or_else(|| Error::new(Code::DescriptorIncomplete, "the descriptor of a new index entry has no digest"))?;
        Ok(Self { node, digest: text.parse()? })
    }
}

pub(super) struct Entry<'a> {
    pub(super) before: &'a str,
    pub(super) body: Cow<'a, str>,
    pub(super) after: &'a str,
    digest: Option<Cow<'a, str>>,
    /// Whether it stood in the file. The blanks of new entries are chosen, not kept.
    old: bool,
    alive: bool,
}

/// The entries that list one digest.
#[derive(Default)]
struct Holders {
    /// How many there are.
    count: usize,
    /// Which they were; an entry that was replaced meanwhile lists something else.
    positions: Vec<usize>,
}

/// The last two characters of some digests. Of a hundred thousand digests that are looked for among a few, most are told apart by
/// these, and need not be hashed.
struct Ends(Vec<bool>);

impl Ends {
    fn of<'d>(digests: impl Iterator<Item = &'d String>) -> Self {
        let mut ends = vec![false; 1 << 14];
        for digest in digests {
            if let Some(place) = ends.get_mut(Self::place(digest)) {
                *place = true;
            }
        }
        Self(ends)
    }

    fn place(digest: &str) -> usize {
        digest.bytes().rev().take(2).fold(0, |place, byte| (place << 7) | usize::from(byte & 0x7f))
    }

    /// Whether it may be one of them.
    fn may_hold(&self, digest: &str) -> bool {
        self.0.get(Self::place(digest)) == Some(&true)
    }
}

/// The entries of an index, with what is needed to edit each in constant time: an index may have hundreds of thousands.
pub(super) struct Entries<'a> {
    pub(super) all: Vec<Entry<'a>>,
    /// Only the names that some edit speaks of.
    by_name: HashMap<String, Vec<usize>>,
    /// Of entries that only containerd's annotation names. Whoever takes such a name away means these too.
    by_full_name: HashMap<String, Vec<usize>>,
    /// Only the digests that some edit speaks of, and those of the entries that it names.
    by_digest: HashMap<String, Holders>,
    style: Style<'a>,
    pub(super) changed: bool,
}

impl<'a> Entries<'a> {
    pub(super) fn read(place: &Place<'a>, listed: impl Iterator<Item = Listed<'a>>, steps: &[Step<'_>], limits: &Limits) -> Result<Self> {
        let names: HashSet<&str> = steps.iter().filter_map(Step::name).collect();
        let mut entries = Self {
            all: Vec::with_capacity(listed.size_hint().0),
            by_name: HashMap::new(),
            by_full_name: HashMap::new(),
            by_digest: steps.iter().filter_map(Step::digest).map(|digest| (digest.to_string(), Holders::default())).collect(),
            style: Style::default(),
            changed: false,
        };
        let text = place.text;
        // After the bracket that opens the list, then after each comma.
        let mut at = place.list.as_ref().map_or(0, |list| list.start + 1);
        for Listed { body, digest, name, full_name } in listed {
            let start = blanks(text, at);
            let end = start + body.len();
            let after = blanks(text, end);
            let (map, name) = if name.is_some() { (&mut entries.by_name, name) } else { (&mut entries.by_full_name, full_name) };
            if let Some(name) = name.filter(|name| names.contains(name.as_ref())) {
                map.entry(name.into_owned()).or_default().push(entries.all.len());
                if let Some(digest) = &digest {
                    entries.by_digest.entry(digest.to_string()).or_default();
                }
            }
            let (before, after_it) = (slice(text, at, start), slice(text, end, after));
            entries.all.push(Entry { before, body: Cow::Borrowed(body), after: after_it, digest, old: true, alive: true });
            at = after + 1;
        }
        let sought = Ends::of(entries.by_digest.keys());
        for (position, entry) in entries.all.iter().enumerate() {
            if !entry.digest.as_deref().is_some_and(|digest| sought.may_hold(digest)) {
                continue;
            }
            if let Some(holders) = entry.digest.as_deref().and_then(|digest| entries.by_digest.get_mut(digest)) {
                holders.count += 1;
                holders.positions.push(position);
            }
        }
        entries.style = Style::of(place.root, &entries.all, limits)?;
        if let Some(last) = entries.all.last_mut() {
            // These blanks belong to the end of the list, not to the entry.
            last.after = "";
        }
        Ok(entries)
    }

    pub(super) fn put(&mut self, name: Option<&str>, new: &New<'_>, limits: &Limits) -> Result<()> {
        match name {
            None if self.by_digest.get(new.digest.as_str()).is_some_and(|holders| holders.count > 0) => return Ok(()),
            None => {}
            Some(name) => {
                let holders = self.by_name.get(name).cloned().unwrap_or_default();
                let holders = self.alive(holders);
                let mut digests: Vec<Option<&str>> =
                    holders.iter().filter_map(|at| self.all.get(*at)).map(|entry| entry.digest.as_deref()).collect();
                digests.sort_unstable();
                digests.dedup();
                match digests.as_slice() {
                    [] => {}
                    [Some(only)] if *only == new.digest.as_str() => return Ok(()),
                    [_] => self.untag(name, limits)?,
                    several => {
                        return Err(Error::new(Code::RefAmbiguous, "the name to be replaced stands on several images")
                            .at(name)
                            .details(several.iter().map(|digest| digest.unwrap_or("an entry without a digest").to_owned())));
                    }
                }
            }
        }
        self.append(new, name, limits)
    }

    fn append(&mut self, new: &New<'_>, name: Option<&str>, limits: &Limits) -> Result<()> {
        let body = self.style.entry(&named(new.node, name), limits)?;
        let at = self.all.len();
        self.all.push(Entry {
            before: "",
            body: Cow::Owned(body),
            after: "",
            digest: Some(Cow::Owned(new.digest.to_string())),
            old: false,
            alive: true,
        });
        self.count(&new.digest, at);
        if let Some(name) = name {
            self.by_name.insert(name.to_owned(), vec![at]);
        }
        self.changed = true;
        Ok(())
    }

    fn count(&mut self, digest: &Digest, at: usize) {
        let holders = self.by_digest.entry(digest.to_string()).or_default();
        holders.count += 1;
        holders.positions.push(at);
    }

    /// One entry less lists a digest.
    fn discount(&mut self, digest: Option<&str>) {
        if let Some(holders) = digest.and_then(|digest| self.by_digest.get_mut(digest)) {
            holders.count = holders.count.saturating_sub(1);
        }
    }

    pub(super) fn replace(&mut self, name: &str, new: Option<&New<'_>>, limits: &Limits) -> Result<()> {
        let Some(new) = new else {
            for at in self.holders(name) {
                self.drop_entry(at);
            }
            return Ok(());
        };
        let holders = self.by_name.remove(name).unwrap_or_default();
        let holders = self.alive(holders);
        let [first, rest @ ..] = holders.as_slice() else { return self.append(new, Some(name), limits) };
        for at in rest {
            self.drop_entry(*at);
        }
        self.by_name.insert(name.to_owned(), vec![*first]);
        let Some(old) = self.all.get(*first).map(|entry| entry.digest.clone()) else { return Ok(()) };
        if old.as_deref() == Some(new.digest.as_str()) {
            return Ok(());
        }
        let body = self.style.entry(&named(new.node, Some(name)), limits)?;
        self.discount(old.as_deref());
        if let Some(entry) = self.all.get_mut(*first) {
            entry.body = Cow::Owned(body);
            entry.digest = Some(Cow::Owned(new.digest.to_string()));
        }
        self.count(&new.digest, *first);
        self.changed = true;
        Ok(())
    }

    pub(super) fn remove(&mut self, digest: &Digest) {
        for at in self.by_digest.get(digest.as_str()).map(|holders| holders.positions.clone()).unwrap_or_default() {
            if self.all.get(at).is_some_and(|entry| entry.digest.as_deref() == Some(digest.as_str())) {
                self.drop_entry(at);
            }
        }
    }

    /// The entries of a name, which nobody has any more.
    fn holders(&mut self, name: &str) -> Vec<usize> {
        let mut holders = self.by_name.remove(name).unwrap_or_default();
        holders.extend(self.by_full_name.remove(name).unwrap_or_default());
        self.alive(holders)
    }

    /// Those that an earlier edit did not take away.
    fn alive(&self, mut positions: Vec<usize>) -> Vec<usize> {
        positions.retain(|at| self.all.get(*at).is_some_and(|entry| entry.alive));
        positions
    }

    fn drop_entry(&mut self, at: usize) {
        let Some(entry) = self.all.get_mut(at).filter(|entry| entry.alive) else { return };
        entry.alive = false;
        self.changed = true;
        let digest = entry.digest.clone();
        self.discount(digest.as_deref());
    }

    pub(super) fn untag(&mut self, name: &str, limits: &Limits) -> Result<()> {
        for at in self.holders(name) {
            let Some(entry) = self.all.get_mut(at) else { continue };
            self.changed = true;
            match entry.digest.as_deref().and_then(|digest| self.by_digest.get_mut(digest)) {
                Some(holders) if holders.count > 1 => {
                    holders.count -= 1;
                    entry.alive = false;
                }
                _ => entry.body = Cow::Owned(nameless(&entry.body, limits)?),
            }
        }
        Ok(())
    }

    /// How many there are.
    pub(super) fn length(&self) -> usize {
        self.all.iter().filter(|entry| entry.alive).count()
    }

    pub(super) fn splice(&self, place: &Place<'_>) -> String {
        let Place { text: index_text, root, list } = place;
        let style = &self.style;
        // As long as it will be, or nearly so: an index may have hundreds of megabytes, and growing would hold it twice.
        let new: usize = self.all.iter().filter(|entry| !entry.old).map(|entry| entry.body.len() + style.next.len() + 1).sum();
        let mut inner = String::with_capacity(index_text.len() + new + 1024);
        let (open, rest) = if let Some(list) = list {
            (slice(index_text, 0, list.start), slice(index_text, list.end, index_text.len()))
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
