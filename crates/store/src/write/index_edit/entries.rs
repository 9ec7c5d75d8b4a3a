//! The entries of an index, each edited in its own text.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::entry::EditedEntry;
use super::naming::{Meant, annotation, known_names, named, nameless, with_former, with_former_alone};
use super::pieces::{blanks, join, slice};
use super::style::Style;
use super::{Place, Step, Taken};
use crate::format::json::{Document, Kind, Node};
use crate::foundation::{Code, Digest, Error, Limits, Result};
use crate::oci::Name;
use crate::oci::annotation::{CONTAINERD_NAME, FORMER_NAMES, REF_NAME};

/// An entry as it is in the text, and what decides whether an edit means it.
pub(super) struct Listed<'a> {
    body: &'a str,
    digest: Option<Cow<'a, str>>,
    /// What the specification and containerd call it.
    short: Option<Cow<'a, str>>,
    full: Option<Cow<'a, str>>,
}

impl<'a> Listed<'a> {
    pub(super) fn of(node: Node<'a>) -> Self {
        let mut listed = Self { body: node.raw(), digest: None, short: None, full: None };
        for (key, value) in node.members() {
            match &*key {
                "digest" => listed.digest = value.as_str(),
                "annotations" => {
                    for (key, value) in value.members() {
                        match &*key {
                            REF_NAME => listed.short = value.as_str().filter(|name| !name.is_empty()),
                            CONTAINERD_NAME => listed.full = value.as_str().filter(|name| !name.is_empty()),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        listed
    }

    fn name(&self) -> Option<Name<'_>> {
        self.full.as_deref().map(Name::full).or_else(|| self.short.as_deref().map(Name::parse))
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

    /// The name that it gets: what containerd calls it is a full name, whatever it looks like.
    pub(super) fn meant<'n>(&self, text: &'n str) -> Meant<'n> {
        let is_full = annotation(self.node, CONTAINERD_NAME).is_some_and(|own| own == text);
        if is_full { Meant { text, name: Name::full(text).into_owned() } } else { Meant::of(text) }
    }
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
    pub(super) all: Vec<EditedEntry<'a>>,
    /// Only the names that some edit speaks of.
    by_name: HashMap<Name<'static>, Vec<usize>>,
    /// Only the digests that some edit speaks of, and those of the entries that it names.
    by_digest: HashMap<String, Holders>,
    style: Style<'a>,
    pub(super) changed: bool,
    /// The names that moved from one image to another.
    pub(super) taken: Vec<Taken>,
}

impl<'a> Entries<'a> {
    pub(super) fn read(place: &Place<'a>, listed: impl Iterator<Item = Listed<'a>>, steps: &[Step<'_>], limits: &Limits) -> Result<Self> {
        let names: HashSet<&Name<'_>> = steps.iter().filter_map(Step::name).collect();
        let mut entries = Self {
            all: Vec::with_capacity(listed.size_hint().0 + steps.len()),
            by_name: HashMap::new(),
            by_digest: steps.iter().filter_map(Step::digest).map(|digest| (digest.to_string(), Holders::default())).collect(),
            style: Style::default(),
            changed: false,
            taken: Vec::new(),
        };
        let text = place.text;
        // After the bracket that opens the list, then after each comma.
        let mut at = place.list.as_ref().map_or(0, |list| list.start + 1);
        for listed in listed {
            let body = listed.body;
            let start = blanks(text, at);
            let end = start + body.len();
            let after = blanks(text, end);
            let name = listed.name();
            let has_name = name.is_some();
            if let Some(name) = name.filter(|name| names.contains(name)) {
                entries.by_name.entry(name.into_owned()).or_default().push(entries.all.len());
                if let Some(digest) = &listed.digest {
                    entries.by_digest.entry(digest.to_string()).or_default();
                }
            }
            let (before, after_it) = (slice(text, at, start), slice(text, end, after));
            let body = Cow::Borrowed(body);
            entries.all.push(EditedEntry { before, body, after: after_it, digest: listed.digest, has_name, old: true, alive: true });
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

    pub(super) fn put(&mut self, meant: Option<&Meant<'_>>, new: &New<'_>, limits: &Limits) -> Result<()> {
        let Some(meant) = meant else {
            let is_listed = self.by_digest.get(&new.digest.to_string()).is_some_and(|holders| holders.count > 0);
            return if is_listed { Ok(()) } else { self.append(new, None, limits) };
        };
        let holders = self.holders(&meant.name);
        let mut digests: Vec<Option<&str>> =
            holders.iter().filter_map(|at| self.all.get(*at)).map(|entry| entry.digest.as_deref()).collect();
        digests.sort_unstable();
        digests.dedup();
        match digests.as_slice() {
            [] => {}
            [Some(only)] if **only == new.digest.to_string() => return Ok(()),
            [only] => {
                let taken = only.and_then(|digest| digest.parse().ok()).map(|digest| Taken { name: meant.text.to_owned(), digest });
                self.taken.extend(taken);
                self.by_name.remove(&meant.name);
                for at in holders {
                    self.lose_name(at, true, limits)?;
                }
            }
            several => {
                return Err(Error::new(Code::RefAmbiguous, "several images have the name that is to be replaced")
                    .at(meant.text)
                    .details(several.iter().map(|digest| digest.unwrap_or("an entry without a digest").to_owned())));
            }
        }
        match self.former_entry(&new.digest) {
            Some(at) => self.name_again(at, new, meant, limits),
            None => self.append(new, Some(meant), limits),
        }
    }

    fn append(&mut self, new: &New<'_>, meant: Option<&Meant<'_>>, limits: &Limits) -> Result<()> {
        let mut body = self.style.entry(&named(new.node, None, meant), limits)?;
        body.shrink_to_fit();
        let at = self.all.len();
        self.all.push(EditedEntry {
            before: "",
            body: Cow::Owned(body),
            after: "",
            digest: Some(Cow::Owned(new.digest.to_string())),
            has_name: meant.is_some(),
            old: false,
            alive: true,
        });
        self.count(&new.digest, at);
        if let Some(meant) = meant {
            self.by_name.insert(meant.name.clone(), vec![at]);
        }
        self.changed = true;
        Ok(())
    }

    /// The entry of an image that lost its name.
    fn former_entry(&self, digest: &Digest) -> Option<usize> {
        let mut listing = self.listing(&digest.to_string()).into_iter();
        listing.find(|at| self.all.get(*at).is_some_and(|entry| !entry.has_name && entry.body.contains(FORMER_NAMES)))
    }

    fn name_again(&mut self, at: usize, new: &New<'_>, meant: &Meant<'_>, limits: &Limits) -> Result<()> {
        let Some(entry) = self.all.get_mut(at) else { return Ok(()) };
        let also = Document::parse(entry.body.as_bytes(), limits)?.root();
        let body = self.style.entry(&named(new.node, Some(also), Some(meant)), limits)?;
        entry.body = Cow::Owned(body);
        entry.has_name = true;
        self.by_name.insert(meant.name.clone(), vec![at]);
        self.changed = true;
        Ok(())
    }

    /// The entries that list a digest now.
    fn listing(&self, digest: &str) -> Vec<usize> {
        let positions = self.by_digest.get(digest).map_or(&[][..], |holders| holders.positions.as_slice());
        let lists = |at: &usize| self.all.get(*at).is_some_and(|entry| entry.alive && entry.digest.as_deref() == Some(digest));
        positions.iter().copied().filter(lists).collect()
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

    pub(super) fn replace(&mut self, meant: &Meant<'_>, new: Option<&New<'_>>, limits: &Limits) -> Result<()> {
        let holders = self.holders(&meant.name);
        self.by_name.remove(&meant.name);
        let Some(new) = new else {
            for at in holders {
                self.drop_entry(at);
            }
            return Ok(());
        };
        let [first, rest @ ..] = holders.as_slice() else { return self.append(new, Some(meant), limits) };
        for at in rest {
            self.drop_entry(*at);
        }
        self.by_name.insert(meant.name.clone(), vec![*first]);
        let Some(old) = self.all.get(*first).map(|entry| entry.digest.clone()) else { return Ok(()) };
        if old.as_deref() == Some(&new.digest.to_string()) {
            return Ok(());
        }
        let body = self.style.entry(&named(new.node, None, Some(meant)), limits)?;
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
        for at in self.listing(&digest.to_string()) {
            self.drop_entry(at);
        }
    }

    pub(super) fn remove_entry(&mut self, digest: &Digest, name: Option<&Name<'static>>) {
        let meant: Vec<usize> = match name {
            Some(name) => self.holders_of(name, digest),
            None => {
                self.listing(&digest.to_string()).into_iter().filter(|at| self.all.get(*at).is_some_and(|entry| !entry.has_name)).collect()
            }
        };
        for at in meant {
            self.drop_entry(at);
        }
    }

    pub(super) fn untag(&mut self, name: &Name<'static>, digest: &Digest, limits: &Limits) -> Result<()> {
        self.holders_of(name, digest).into_iter().try_for_each(|at| self.lose_name(at, false, limits))
    }

    /// The entries of a name that an earlier edit did not take away.
    fn holders(&self, name: &Name<'static>) -> Vec<usize> {
        let all = self.by_name.get(name).into_iter().flatten().copied();
        all.filter(|at| self.all.get(*at).is_some_and(|entry| entry.alive && entry.has_name)).collect()
    }

    /// Those of them that list this digest.
    fn holders_of(&self, name: &Name<'static>, digest: &Digest) -> Vec<usize> {
        let mut holders = self.holders(name);
        let digest = digest.to_string();
        holders.retain(|at| self.all.get(*at).is_some_and(|entry| entry.digest.as_deref() == Some(&digest)));
        holders
    }

    fn drop_entry(&mut self, at: usize) {
        let Some(entry) = self.all.get_mut(at).filter(|entry| entry.alive) else { return };
        entry.alive = false;
        self.changed = true;
        let digest = entry.digest.clone();
        self.discount(digest.as_deref());
    }

    /// Takes the name of an entry away. It stays without one, unless another entry lists the same digest; then that one keeps what
    /// the image was called before, and the name too if it `moved` to another image.
    fn lose_name(&mut self, at: usize, moved: bool, limits: &Limits) -> Result<()> {
        let Some(entry) = self.all.get(at) else { return Ok(()) };
        self.changed = true;
        let (name, former) = known_names(&entry.body, limits)?;
        let other = self.other(at, entry.digest.as_deref());
        let lost: Vec<String> = name.filter(|_| moved || other.is_none()).into_iter().chain(former).collect();
        if let Some(other) = other {
            self.drop_entry(at);
            return self.remember(other, &lost, limits);
        }
        self.remember(at, &lost, limits)?;
        let Some(entry) = self.all.get_mut(at) else { return Ok(()) };
        entry.body = Cow::Owned(nameless(&entry.body, limits)?);
        entry.has_name = false;
        Ok(())
    }

    /// Writes down what the image of an entry was called.
    fn remember(&mut self, at: usize, lost: &[String], limits: &Limits) -> Result<()> {
        let Some(entry) = self.all.get_mut(at).filter(|_| !lost.is_empty()) else { return Ok(()) };
        entry.body = Cow::Owned(match with_former(&entry.body, lost, limits)? {
            Some(body) => body,
            None => self.style.entry(&with_former_alone(&entry.body, lost, limits)?, limits)?,
        });
        Ok(())
    }

    /// Another entry of the same digest, rather one without a name.
    fn other(&self, at: usize, digest: Option<&str>) -> Option<usize> {
        let others: Vec<usize> = self.listing(digest?).into_iter().filter(|other| *other != at).collect();
        others.iter().copied().find(|other| self.all.get(*other).is_some_and(|entry| !entry.has_name)).or_else(|| others.first().copied())
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
            // At the end of the object, before the blanks that are in front of its brace.
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
