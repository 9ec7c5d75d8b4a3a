//! The entries of an index, each edited in its own text.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, Hash, RandomState};

use super::entry::{Body, EditedEntry, Sum};
use super::naming::{Meant, annotation, known_names, named, nameless, with_former, with_former_alone};
use super::pieces::{blanks, slice};
use super::spliced::Spliced;
use super::style::Style;
use super::{Place, Step, Taken};
use crate::format::json::{Document, Excerpt, Kind, Node};
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
    /// Its text, where that is shared.
    shared: Option<&'e Excerpt>,
    pub(super) digest: Digest,
}

impl<'e> New<'e> {
    pub(super) fn read(descriptor: &'e str, limits: &Limits) -> Result<Self> {
        let node = Document::parse(descriptor.as_bytes(), limits)?.root().expect(Kind::Object, "the descriptor")?;
        let text = node
            .get("digest")
            .and_then(Node::as_str)
            .ok_or_else(|| Error::new(Code::DescriptorIncomplete, "the descriptor of a new index entry has no digest"))?;
        Ok(Self { node, shared: None, digest: text.parse()? })
    }

    /// As [`New::read`], of a text that is in memory for others too.
    pub(super) fn share(descriptor: &'e Excerpt, limits: &Limits) -> Result<Self> {
        Ok(Self { shared: Some(descriptor), ..Self::read(descriptor, limits)? })
    }

    /// The name that it gets: what containerd calls it is a full name, whatever it looks like.
    pub(super) fn meant<'n>(&self, text: &'n str) -> Meant<'n> {
        let is_full = annotation(self.node, CONTAINERD_NAME).is_some_and(|own| own == text);
        if is_full { Meant { text, name: Name::full(text).into_owned() } } else { Meant::of(text) }
    }
}

/// The positions of entries by the hashes of what they list, and of their names. Whoever looks one up compares what the entry says now:
/// what an edit gave it counts, and hashes may be the same.
#[derive(Default)]
struct Places {
    hasher: RandomState,
    /// Most have one.
    first: HashMap<u64, u32>,
    more: HashMap<u64, Vec<u32>>,
}

impl Places {
    fn add(&mut self, key: &(impl Hash + ?Sized), at: usize) {
        let (key, Ok(at)) = (self.hasher.hash_one(key), u32::try_from(at)) else { return };
        if *self.first.entry(key).or_insert(at) != at {
            let more = self.more.entry(key).or_default();
            if !more.contains(&at) {
                more.push(at);
            }
        }
    }

    /// Where it may be, in the order of the entries.
    fn of(&self, key: &(impl Hash + ?Sized)) -> Vec<usize> {
        let key = self.hasher.hash_one(key);
        let all = self.first.get(&key).into_iter().chain(self.more.get(&key).into_iter().flatten());
        let mut all: Vec<usize> = all.filter_map(|at| usize::try_from(*at).ok()).collect();
        all.sort_unstable();
        all
    }
}

/// The last two characters of some digests. Of a hundred thousand digests that are looked for among a few, most are told apart by
/// these, and need not be hashed.
struct Ends(Vec<bool>);

impl Ends {
    fn none() -> Self {
        Self(vec![false; 1 << 14])
    }

    fn add(&mut self, digest: &str) {
        if let Some(place) = self.0.get_mut(Self::place(digest)) {
            *place = true;
        }
    }

    fn place(digest: &str) -> usize {
        digest.bytes().rev().take(2).fold(0, |place, byte| (place << 7) | usize::from(byte & 0x7f))
    }

    /// Whether it may be one of them.
    fn may_hold(&self, digest: &str) -> bool {
        self.0.get(Self::place(digest)) == Some(&true)
    }
}

/// What some edits speak of: only entries of these names and digests are looked up.
pub(super) struct Sought {
    hasher: RandomState,
    names: HashSet<u64>,
    digests: HashSet<u64>,
    ends: Ends,
}

impl Sought {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), names: HashSet::new(), digests: HashSet::new(), ends: Ends::none() }
    }

    pub(super) fn add(&mut self, step: &Step<'_>) {
        self.names.extend(step.name().map(|name| self.hasher.hash_one(name)));
        step.digest().into_iter().for_each(|digest| self.add_digest(&digest.to_string()));
    }

    fn add_digest(&mut self, digest: &str) {
        self.ends.add(digest);
        self.digests.insert(self.hasher.hash_one(digest));
    }

    fn has_name(&self, name: &Name<'_>) -> bool {
        !self.names.is_empty() && self.names.contains(&self.hasher.hash_one(name))
    }

    fn has_digest(&self, digest: &str) -> bool {
        self.ends.may_hold(digest) && self.digests.contains(&self.hasher.hash_one(digest))
    }
}

/// The entries of an index, with what is needed to edit each in constant time: an index may have hundreds of thousands.
pub(super) struct Entries<'a> {
    pub(super) all: Vec<EditedEntry<'a>>,
    /// Only the names that some edit speaks of.
    by_name: Places,
    /// Only the digests that some edit speaks of, and those of the entries that it names.
    by_digest: Places,
    style: Style<'a>,
    pub(super) changed: bool,
    /// The names that moved from one image to another.
    pub(super) taken: Vec<Taken>,
}

impl<'a> Entries<'a> {
    /// The entries as they are, of which `sought` are looked up; there will be at most `more` of them.
    pub(super) fn read(
        place: &Place<'a>,
        listed: impl Iterator<Item = Listed<'a>>,
        mut sought: Sought,
        more: usize,
        limits: &Limits,
    ) -> Result<Self> {
        let mut entries = Self {
            all: Vec::with_capacity(listed.size_hint().0 + more),
            by_name: Places::default(),
            by_digest: Places::default(),
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
            if let Some(name) = name.filter(|name| sought.has_name(name)) {
                entries.by_name.add(&name, entries.all.len());
                listed.digest.iter().for_each(|digest| sought.add_digest(digest));
            }
            let (before, after_it) = (slice(text, at, start), slice(text, end, after));
            let (body, digest) = (Body::Old(body), listed.digest.map(Sum::Text));
            entries.all.push(EditedEntry { before, body, after: after_it, digest, has_name, old: true, alive: true });
            at = after + 1;
        }
        if !sought.digests.is_empty() {
            for (position, entry) in entries.all.iter().enumerate() {
                if let Some(Sum::Text(digest)) = &entry.digest
                    && sought.has_digest(digest)
                {
                    entries.by_digest.add(&**digest, position);
                }
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
            return if self.listing(&new.digest.to_string()).is_empty() { self.append(new, None, limits) } else { Ok(()) };
        };
        let holders = self.holders(&meant.name, limits)?;
        let mut digests: Vec<Option<String>> =
            holders.iter().filter_map(|at| self.all.get(*at)).map(|entry| entry.digest.as_ref().map(ToString::to_string)).collect();
        digests.sort_unstable();
        digests.dedup();
        match digests.as_slice() {
            [] => {}
            [Some(only)] if *only == new.digest.to_string() => return Ok(()),
            [only] => {
                let taken = only.as_ref().and_then(|digest| digest.parse().ok());
                self.taken.extend(taken.map(|digest| Taken { name: meant.text.to_owned(), digest }));
                for at in holders {
                    self.lose_name(at, true, limits)?;
                }
            }
            several => {
                return Err(Error::new(Code::RefAmbiguous, "several images have the name that is to be replaced")
                    .at(meant.text)
                    .details(several.iter().map(|digest| digest.clone().unwrap_or_else(|| "an entry without a digest".to_owned()))));
            }
        }
        match self.former_entry(&new.digest) {
            Some(at) => self.name_again(at, new, meant, limits),
            None => self.append(new, Some(meant), limits),
        }
    }

    fn append(&mut self, new: &New<'_>, meant: Option<&Meant<'_>>, limits: &Limits) -> Result<()> {
        let mut body = self.style.entry(&named(new.node, None, meant), limits)?;
        let body = if let Some(shared) = new.shared.filter(|shared| ***shared == *body) {
            Body::Shared(shared.clone())
        } else {
            body.shrink_to_fit();
            Body::New(body)
        };
        let at = self.all.len();
        self.all.push(EditedEntry {
            before: "",
            body,
            after: "",
            digest: Some(Sum::Known(new.digest.clone())),
            has_name: meant.is_some(),
            old: false,
            alive: true,
        });
        self.by_digest.add(new.digest.to_string().as_str(), at);
        if let Some(meant) = meant {
            self.by_name.add(&meant.name, at);
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
        entry.body = Body::New(body);
        entry.has_name = true;
        self.by_name.add(&meant.name, at);
        self.changed = true;
        Ok(())
    }

    /// The entries that list a digest now.
    fn listing(&self, digest: &str) -> Vec<usize> {
        let mut listing = self.by_digest.of(digest);
        listing.retain(|at| self.all.get(*at).is_some_and(|entry| entry.alive && entry.lists(digest)));
        listing
    }

    pub(super) fn replace(&mut self, meant: &Meant<'_>, new: Option<&New<'_>>, limits: &Limits) -> Result<()> {
        let holders = self.holders(&meant.name, limits)?;
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
        let digest = new.digest.to_string();
        let body = self.style.entry(&named(new.node, None, Some(meant)), limits)?;
        let Some(entry) = self.all.get_mut(*first).filter(|entry| !entry.lists(&digest)) else { return Ok(()) };
        entry.body = Body::New(body);
        entry.digest = Some(Sum::Known(new.digest.clone()));
        self.by_digest.add(digest.as_str(), *first);
        self.changed = true;
        Ok(())
    }

    pub(super) fn remove(&mut self, digest: &Digest) {
        for at in self.listing(&digest.to_string()) {
            self.drop_entry(at);
        }
    }

    pub(super) fn remove_entry(&mut self, digest: &Digest, name: Option<&Name<'static>>, limits: &Limits) -> Result<()> {
        let meant: Vec<usize> = match name {
            Some(name) => self.holders_of(name, digest, limits)?,
            None => {
                self.listing(&digest.to_string()).into_iter().filter(|at| self.all.get(*at).is_some_and(|entry| !entry.has_name)).collect()
            }
        };
        for at in meant {
            self.drop_entry(at);
        }
        Ok(())
    }

    pub(super) fn untag(&mut self, name: &Name<'static>, digest: &Digest, limits: &Limits) -> Result<()> {
        self.holders_of(name, digest, limits)?.into_iter().try_for_each(|at| self.lose_name(at, false, limits))
    }

    /// The entries of a name that an earlier edit did not take away.
    fn holders(&self, name: &Name<'static>, limits: &Limits) -> Result<Vec<usize>> {
        let mut holders = Vec::new();
        for at in self.by_name.of(name) {
            let Some(entry) = self.all.get(at).filter(|entry| entry.alive && entry.has_name) else { continue };
            if Listed::of(Document::parse(entry.body.as_bytes(), limits)?.root()).name().as_ref() == Some(name) {
                holders.push(at);
            }
        }
        Ok(holders)
    }

    /// Those of them that list this digest.
    fn holders_of(&self, name: &Name<'static>, digest: &Digest, limits: &Limits) -> Result<Vec<usize>> {
        let mut holders = self.holders(name, limits)?;
        let digest = digest.to_string();
        holders.retain(|at| self.all.get(*at).is_some_and(|entry| entry.lists(&digest)));
        Ok(holders)
    }

    fn drop_entry(&mut self, at: usize) {
        if let Some(entry) = self.all.get_mut(at).filter(|entry| entry.alive) {
            entry.alive = false;
            self.changed = true;
        }
    }

    /// Takes the name of an entry away. It stays without one, unless another entry lists the same digest; then that one keeps what
    /// the image was called before, and the name too if it `moved` to another image.
    fn lose_name(&mut self, at: usize, moved: bool, limits: &Limits) -> Result<()> {
        let Some(entry) = self.all.get(at) else { return Ok(()) };
        self.changed = true;
        let (name, former) = known_names(&entry.body, limits)?;
        let other = self.other(at, entry.digest.as_ref().map(ToString::to_string));
        let lost: Vec<String> = name.filter(|_| moved || other.is_none()).into_iter().chain(former).collect();
        if let Some(other) = other {
            self.drop_entry(at);
            return self.remember(other, &lost, limits);
        }
        self.remember(at, &lost, limits)?;
        let Some(entry) = self.all.get_mut(at) else { return Ok(()) };
        entry.body = Body::New(nameless(&entry.body, limits)?);
        entry.has_name = false;
        Ok(())
    }

    /// Writes down what the image of an entry was called.
    fn remember(&mut self, at: usize, lost: &[String], limits: &Limits) -> Result<()> {
        let Some(entry) = self.all.get_mut(at).filter(|_| !lost.is_empty()) else { return Ok(()) };
        entry.body = Body::New(match with_former(&entry.body, lost, limits)? {
            Some(body) => body,
            None => self.style.entry(&with_former_alone(&entry.body, lost, limits)?, limits)?,
        });
        Ok(())
    }

    /// Another entry of the same digest, rather one without a name.
    fn other(&self, at: usize, digest: Option<String>) -> Option<usize> {
        let others: Vec<usize> = self.listing(&digest?).into_iter().filter(|other| *other != at).collect();
        others.iter().copied().find(|other| self.all.get(*other).is_some_and(|entry| !entry.has_name)).or_else(|| others.first().copied())
    }

    /// How many there are.
    pub(super) fn length(&self) -> usize {
        self.all.iter().filter(|entry| entry.alive).count()
    }

    /// The new text. What is not needed for it goes first, and each new entry when it has its place.
    pub(super) fn splice(self, place: &Place<'_>) -> Spliced {
        let Place { text: old, root, list } = place;
        let Self { all, style, by_name, by_digest, .. } = self;
        drop((by_name, by_digest));
        let mut new = Spliced::default();
        let (open, rest) = if let Some(list) = list {
            (slice(old, 0, list.start), slice(old, list.end, old.len()))
        } else {
            // At the end of the object, before the blanks that are in front of its brace.
            let end = root.offset_in(old) + root.raw().len() - 1;
            let end = slice(old, 0, end).trim_end_matches([' ', '\t', '\n', '\r']).len();
            (slice(old, 0, end), slice(old, end, old.len()))
        };
        new.push(old, open);
        if list.is_none() {
            let comma = if open.ends_with('{') { "" } else { "," };
            new.push_new(format!("{comma}{}\"manifests\":{}", style.member, style.colon));
        }
        new.push(old, "[");
        // New entries come last, so whatever stands first stood first among those that are left.
        let mut before_it = None;
        for entry in all.into_iter().filter(|entry| entry.alive) {
            let before = if entry.old { entry.before } else { &*style.next };
            // What stands between the entry before and this one.
            let between = match before_it.replace(entry.after) {
                None => ["", "", &*style.first],
                Some(after) => [after, ",", before],
            };
            match entry.body {
                Body::Old(body) => between.into_iter().chain([body]).for_each(|part| new.push(old, part)),
                Body::Shared(body) => new.push_shared(&between.concat(), body),
                Body::New(body) => new.push_new([between[0], between[1], between[2], &body].concat()),
            }
        }
        if before_it.is_some() {
            new.push(old, &style.last);
        }
        new.push(old, "]");
        new.push(old, rest);
        new.shrink();
        new
    }
}
