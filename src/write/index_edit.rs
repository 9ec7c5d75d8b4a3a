//! Edits of `index.json`, as text: pure.
//!
//! An index belongs to everybody who writes into the layout, so what an edit does not touch keeps its bytes and its
//! order, unknown fields included. The text is therefore cut into pieces and put together again, never parsed into a
//! structure and printed. New entries are appended in the order of the edits, in the style of the file: compact, or
//! indented as the file is.
//!
//! A name that moves leaves its old manifest as an entry without a name, so that the old image can still be named by
//! digest, superseded and restored. That entry is not kept when another one lists the same digest anyway.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::core::{Code, Digest, Error, Fact, Limits, Result};
use crate::format::json::{Document, Kind, Node, Value, quote};
use crate::oci::annotation::{CONTAINERD_NAME, REF_NAME};

/// The index of a layout that holds nothing.
pub const EMPTY_INDEX: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// The fields of an image index, for the refusal of keys that differ from them only in case.
const FIELDS: [&str; 6] = ["schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations"];

/// One change of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexEdit {
    /// Lists a manifest.
    ///
    /// With a name: the entry of exactly that name, if it has another digest, loses the name; if it has the same
    /// digest, nothing happens. Without a name: an entry is added unless the digest is listed already.
    Put {
        /// The name, which becomes the annotation [`REF_NAME`].
        name: Option<String>,
        /// The descriptor as a JSON object, other annotations included.
        descriptor: String,
    },
    /// Removes a name. Its entry stays without a name, unless the digest is listed by another entry.
    Untag {
        /// The name.
        name: String,
    },
}

impl IndexEdit {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Put { name, .. } => name.as_deref(),
            Self::Untag { name } => Some(name),
        }
    }
}

/// Applies `edits` in their order to the text of an index. `None` if they change nothing.
///
/// # Errors
/// What is wrong with the text (`json.*`), `ref.ambiguous` if a name to be replaced stands on several digests,
/// `descriptor.incomplete` and `digest.*` if an edit brings no descriptor.
pub fn apply(index_text: &str, edits: &[IndexEdit], limits: &Limits) -> Result<Option<String>> {
    let root = Document::parse(index_text.as_bytes(), limits)?.root().expect(Kind::Object, "the index")?;
    root.refuse_case_variants(&FIELDS)?;
    let list = root.get_or_null("manifests");
    if let Some(list) = list.filter(|list| list.kind() != Kind::Null) {
        list.expect(Kind::Array, "manifests")?;
    }
    let mut entries = Entries::read(root, list, edits);
    if entries.all.len() > limits.index_entries {
        return Err(Error::new(Code::GraphTooMany, "the index has more entries than the limit")
            .expected(Fact::new(limits.index_entries, "the limit"))
            .found(Fact::new(entries.all.len(), "index.json")));
    }
    for edit in edits {
        match edit {
            IndexEdit::Put { name, descriptor } => entries.put(name.as_deref(), descriptor, limits)?,
            IndexEdit::Untag { name } => entries.untag(name, limits)?,
        }
    }
    if !entries.changed {
        return Ok(None);
    }
    let text = entries.splice(index_text, root, list);
    Ok((text != index_text).then_some(text))
}

/// A member of an object or an item of a list, and the blanks around it.
struct Piece<'a> {
    key: Cow<'a, str>,
    value: Node<'a>,
    before: &'a str,
    body: &'a str,
    after: &'a str,
}

fn slice(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or_default()
}

fn blanks(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// Cuts an object or a list into its pieces, one at a time.
fn pieces(container: Node<'_>) -> impl Iterator<Item = Piece<'_>> {
    let text = container.raw();
    let mut at = 1;
    let members = container.members();
    let items = container.items().map(|value| (Cow::Borrowed(""), value));
    members.chain(items).map(move |(key, value)| {
        let start = blanks(text, at);
        let end = value.offset_in(text) + value.raw().len();
        let after = blanks(text, end);
        let piece = Piece { key, value, before: slice(text, at, start), body: slice(text, start, end), after: slice(text, end, after) };
        at = after + 1;
        piece
    })
}

/// Puts pieces together again: `first` stands before the first one, whatever stood there.
fn join<'a>(out: &mut String, pieces: impl Iterator<Item = (&'a str, &'a str, &'a str)>, first: &str, last: &str) {
    let mut pieces = pieces.peekable();
    let mut number = 0_usize;
    while let Some((before, body, after)) = pieces.next() {
        out.push_str(if number == 0 { first } else { before });
        out.push_str(body);
        out.push_str(if pieces.peek().is_some() { after } else { last });
        if pieces.peek().is_some() {
            out.push(',');
        }
        number += 1;
    }
}

/// The object without the members called one of `names`; `None` if nothing is left of it.
fn without(object: Node<'_>, names: &[&str]) -> Option<String> {
    let all: Vec<Piece<'_>> = pieces(object).collect();
    let first = all.first().map_or("", |piece| piece.before);
    let last = all.last().map_or("", |piece| piece.after);
    let kept = all.iter().filter(|piece| !names.contains(&piece.key.as_ref()));
    kept.clone().next()?;
    let mut out = String::from("{");
    join(&mut out, kept.map(|piece| (piece.before, piece.body, piece.after)), first, last);
    out.push('}');
    Some(out)
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

struct Entry<'a> {
    before: &'a str,
    body: Cow<'a, str>,
    after: &'a str,
    digest: Option<Cow<'a, str>>,
    /// Whether it stood in the file. The blanks of new entries are chosen, not kept.
    old: bool,
    alive: bool,
}

/// The entries of an index, with what is needed to edit each in constant time: an index may have hundreds of thousands.
struct Entries<'a> {
    all: Vec<Entry<'a>>,
    /// Only the names that some edit speaks of.
    by_name: HashMap<String, Vec<usize>>,
    listed: HashMap<Cow<'a, str>, usize>,
    style: Style<'a>,
    changed: bool,
}

impl<'a> Entries<'a> {
    fn read(root: Node<'a>, list: Option<Node<'a>>, edits: &[IndexEdit]) -> Self {
        let names: HashSet<&str> = edits.iter().filter_map(IndexEdit::name).collect();
        let mut entries =
            Self { all: Vec::new(), by_name: HashMap::new(), listed: HashMap::new(), style: Style::default(), changed: false };
        let mut last = None;
        for piece in list.into_iter().flat_map(pieces) {
            last = Some(piece.value);
            let digest = piece.value.get("digest").and_then(Node::as_str);
            if let Some(digest) = &digest {
                *entries.listed.entry(digest.clone()).or_default() += 1;
            }
            let name = piece.value.get("annotations").and_then(|annotations| annotations.get(REF_NAME)).and_then(Node::as_str);
            if let Some(name) = name.filter(|name| names.contains(name.as_ref())) {
                entries.by_name.entry(name.into_owned()).or_default().push(entries.all.len());
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

    fn put(&mut self, name: Option<&str>, descriptor: &str, limits: &Limits) -> Result<()> {
        let node = Document::parse(descriptor.as_bytes(), limits)?.root().expect(Kind::Object, "the descriptor")?;
        let digest = node
            .get("digest")
            .and_then(Node::as_str)
            .ok_or_else(|| Error::new(Code::DescriptorIncomplete, "the descriptor of a new index entry has no digest"))?
            .parse::<Digest>()?
            .to_string();
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
        let body = self.style.entry(&named(node, name), limits)?;
        let at = self.all.len();
        self.all.push(Entry {
            before: "",
            body: Cow::Owned(body),
            after: "",
            digest: Some(Cow::Owned(digest.clone())),
            old: false,
            alive: true,
        });
        *self.listed.entry(Cow::Owned(digest)).or_default() += 1;
        if let Some(name) = name {
            self.by_name.insert(name.to_owned(), vec![at]);
        }
        self.changed = true;
        Ok(())
    }

    fn untag(&mut self, name: &str, limits: &Limits) -> Result<()> {
        for at in self.by_name.remove(name).unwrap_or_default() {
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

    fn splice(&self, index_text: &str, root: Node<'_>, list: Option<Node<'_>>) -> String {
        let style = &self.style;
        let mut inner = String::with_capacity(index_text.len() + 1024);
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

/// How the file is laid out.
#[derive(Default)]
struct Style<'a> {
    /// Before the first entry, before each further one, and after the last one.
    first: Cow<'a, str>,
    next: Cow<'a, str>,
    last: Cow<'a, str>,
    /// Before a new member of the index itself.
    member: Cow<'a, str>,
    /// After a colon, and after a comma on one line.
    colon: &'a str,
    comma: &'a str,
    /// A line break with the indentation of an entry, if entries are broken over lines.
    line: Option<Cow<'a, str>>,
    /// One step of indentation.
    unit: &'a str,
}

impl<'a> Style<'a> {
    fn of(root: Node<'a>, entries: &[Entry<'a>], last_entry: Option<Node<'a>>) -> Self {
        let mut members = pieces(root);
        let head = members.next();
        let indent = head.as_ref().map_or("", |piece| piece.before);
        let second = members.next().map_or("", |piece| piece.before);
        let sample = |body: &'a str, key: usize| -> &'a str {
            // What stands between a key's colon and its value.
            let colon = slice(body, key, body.len()).find(':').map_or(body.len(), |at| key + at + 1);
            slice(body, colon, blanks(body, colon))
        };
        let mut style = Self {
            member: Cow::Borrowed(if second.is_empty() { indent } else { second }),
            colon: head.as_ref().map_or("", |piece| sample(piece.body, piece.key.len())),
            comma: if second.contains('\n') { "" } else { second },
            ..Self::default()
        };
        if indent.contains('\n') {
            style.unit = indent.trim_start_matches(['\r', '\n']);
        }
        if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
            style.first = Cow::Borrowed(first.before);
            style.last = Cow::Borrowed(last.after);
            style.next =
                if entries.len() > 1 || first.before.contains('\n') { Cow::Borrowed(last.before) } else { Cow::Borrowed(style.comma) };
            // What the last entry looks like, new ones will.
            let body = last_entry.and_then(|node| pieces(node).next()).map(|piece| (piece.before, sample(piece.body, piece.key.len())));
            if let Some((inner, colon)) = body {
                style.colon = colon;
                if inner.contains('\n') {
                    let outer = if last.before.contains('\n') { last.before } else { "" };
                    style.unit = inner.strip_prefix(outer).filter(|unit| !unit.is_empty()).unwrap_or(style.unit);
                    let line = if outer.is_empty() { inner.strip_suffix(style.unit).unwrap_or("\n") } else { outer };
                    style.line = Some(Cow::Borrowed(line));
                }
            }
        } else if indent.contains('\n') {
            let around = format!("{indent}{}", style.unit);
            style.first = Cow::Owned(around.clone());
            style.next = Cow::Owned(around.clone());
            style.line = Some(Cow::Owned(around));
            style.last = Cow::Borrowed(indent);
        } else {
            style.next = Cow::Borrowed(style.comma);
        }
        style
    }

    /// An entry in this style.
    fn entry(&self, compact: &str, limits: &Limits) -> Result<String> {
        let node = Document::parse(compact.as_bytes(), limits)?.root();
        let mut out = String::with_capacity(compact.len() * 2);
        self.write(node, self.line.as_deref(), &mut out);
        Ok(out)
    }

    fn write(&self, node: Node<'_>, line: Option<&str>, out: &mut String) {
        let (open, close) = match node.kind() {
            Kind::Object => ('{', '}'),
            Kind::Array => ('[', ']'),
            _ => {
                out.push_str(node.raw());
                return;
            }
        };
        let inner = line.map(|line| format!("{line}{}", self.unit));
        out.push(open);
        let mut number = 0_usize;
        for piece in pieces(node) {
            if number > 0 {
                out.push(',');
                if inner.is_none() {
                    out.push_str(self.comma);
                }
            }
            out.push_str(inner.as_deref().unwrap_or_default());
            if open == '{' {
                out.push_str(&quote(&piece.key));
                out.push(':');
                out.push_str(self.colon);
            }
            self.write(piece.value, inner.as_deref(), out);
            number += 1;
        }
        if number > 0 {
            out.push_str(line.unwrap_or_default());
        }
        out.push(close);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn descriptor(digest: &str) -> String {
        format!(r#"{{"mediaType":"m","digest":"{digest}","size":7}}"#)
    }

    fn put(name: &str, digest: &str) -> IndexEdit {
        IndexEdit::Put { name: Some(name.to_owned()), descriptor: descriptor(digest) }
    }

    fn add(digest: &str) -> IndexEdit {
        IndexEdit::Put { name: None, descriptor: descriptor(digest) }
    }

    fn untag(name: &str) -> IndexEdit {
        IndexEdit::Untag { name: name.to_owned() }
    }

    /// `A` and `B` stand for the two digests in the texts of the table.
    fn check(before: &str, edits: &[IndexEdit], after: Option<&str>) {
        let long = |text: &str| text.replace("\"A\"", &format!("\"{A}\"")).replace("\"B\"", &format!("\"{B}\""));
        let result = apply(&long(before), edits, &Limits::STANDARD).unwrap();
        assert_eq!(result, after.map(long), "{edits:?} on {before}");
        if let Some(result) = result {
            assert_eq!(apply(&result, edits, &Limits::STANDARD).unwrap(), None, "{edits:?} twice on {before}");
        }
    }

    #[test]
    fn entries_are_put_and_removed_as_text() {
        let named = r#"{"mediaType":"m","digest":"A","size":7,"annotations":{"org.opencontainers.image.ref.name":"x"}}"#;
        let named_b = r#"{"mediaType":"m","digest":"B","size":7,"annotations":{"org.opencontainers.image.ref.name":"x"}}"#;
        let plain = r#"{"mediaType":"m","digest":"A","size":7}"#;
        let of = |entries: &[&str]| format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","));

        check(&of(&[]), &[put("x", A)], Some(&of(&[named])));
        check(&of(&[named]), &[put("x", A)], None);
        // The old image stays, without its name.
        check(&of(&[named]), &[put("x", B)], Some(&of(&[plain, named_b])));
        // It is listed already: with another name, or without one.
        check(&of(&[plain, named]), &[put("x", B)], Some(&of(&[plain, named_b])));
        let other = named.replace(r#""x""#, r#""y""#);
        check(&of(&[named, &other]), &[put("x", B)], Some(&of(&[&other, named_b])));
        check(&of(&[named]), &[add(A)], None);
        check(&of(&[]), &[add(A), add(A)], Some(&of(&[plain])));
        check(&of(&[named]), &[untag("x")], Some(&of(&[plain])));
        check(&of(&[plain, named]), &[untag("x")], Some(&of(&[plain])));
        check(&of(&[plain]), &[untag("x")], None);
        check(&of(&[named]), &[untag("no")], None);
        // One name after the other in one go.
        check(
            &of(&[]),
            &[put("x", A), put("x", B), untag("x"), put("x", B)],
            Some(&of(&[plain, r#"{"mediaType":"m","digest":"B","size":7}"#, named_b])),
        );
        // Both names go; what else the entry says stays.
        check(
            &of(&[
                r#"{"digest":"A","annotations":{"a":"1","io.containerd.image.name":"h/x:x","org.opencontainers.image.ref.name":"x","z":"2"},"n":1e3}"#,
            ]),
            &[untag("x")],
            Some(&of(&[r#"{"digest":"A","annotations":{"a":"1","z":"2"},"n":1e3}"#])),
        );
        // Twice the same name on the same image is not ambiguous.
        check(&of(&[named, named]), &[put("x", A)], None);
        check(&of(&[named, named]), &[put("x", B)], Some(&of(&[plain, named_b])));
    }

    #[test]
    fn lists_that_are_null_or_missing_are_empty_ones() {
        let entry = r#"{"mediaType":"m","digest":"A","size":7}"#;
        check(r#"{"manifests":null,"x":1}"#, &[add(A)], Some(&format!(r#"{{"manifests":[{entry}],"x":1}}"#)));
        check(r#"{"x":1}"#, &[add(A)], Some(&format!(r#"{{"x":1,"manifests":[{entry}]}}"#)));
        check("{}\n", &[add(A)], Some(&format!("{{\"manifests\":[{entry}]}}\n")));
        check(
            "{\n  \"x\": 1\n}\n",
            &[add(A)],
            Some(
                "{\n  \"x\": 1,\n  \"manifests\": [\n    {\n      \"mediaType\": \"m\",\n      \"digest\": \"A\",\n      \"size\": 7\n    }\n  ]\n}\n",
            ),
        );
        check(r#"{"manifests":null}"#, &[untag("x")], None);
    }

    #[test]
    fn the_style_of_the_file_is_kept() {
        // Tabs, as Go's encoder is often told to write.
        check(
            "{\n\t\"schemaVersion\": 2,\n\t\"manifests\": [\n\t\t{\n\t\t\t\"digest\": \"A\"\n\t\t}\n\t]\n}\n",
            &[put("x", B)],
            Some(
                "{\n\t\"schemaVersion\": 2,\n\t\"manifests\": [\n\t\t{\n\t\t\t\"digest\": \"A\"\n\t\t},\n\t\t{\n\t\t\t\"mediaType\": \"m\",\n\t\t\t\"digest\": \"B\",\n\t\t\t\"size\": 7,\n\t\t\t\"annotations\": {\n\t\t\t\t\"org.opencontainers.image.ref.name\": \"x\"\n\t\t\t}\n\t\t}\n\t]\n}\n",
            ),
        );
        // Two spaces, and an empty list.
        check(
            "{\n  \"schemaVersion\": 2,\n  \"manifests\": []\n}",
            &[add(A)],
            Some(
                "{\n  \"schemaVersion\": 2,\n  \"manifests\": [\n    {\n      \"mediaType\": \"m\",\n      \"digest\": \"A\",\n      \"size\": 7\n    }\n  ]\n}",
            ),
        );
        // The last one goes, and the end of the list stays where it was.
        check(
            "{\n \"manifests\": [\n  {\"digest\": \"A\"},\n  {\"digest\": \"A\", \"annotations\": {\"org.opencontainers.image.ref.name\": \"x\"}}\n ]\n}\n",
            &[untag("x")],
            Some("{\n \"manifests\": [\n  {\"digest\": \"A\"}\n ]\n}\n"),
        );
        // One entry a line.
        check(
            "{\"manifests\":[\n{\"digest\":\"A\"}\n]}",
            &[add(B)],
            Some("{\"manifests\":[\n{\"digest\":\"A\"},\n{\"mediaType\":\"m\",\"digest\":\"B\",\"size\":7}\n]}"),
        );
        // As Python writes on one line.
        check(
            r#"{"schemaVersion": 2, "manifests": [{"digest": "A"}]}"#,
            &[add(B)],
            Some(r#"{"schemaVersion": 2, "manifests": [{"digest": "A"}, {"mediaType": "m", "digest": "B", "size": 7}]}"#),
        );
    }

    #[test]
    fn the_name_stands_in_its_place_among_other_annotations() {
        let descriptor = format!(
            r#"{{"digest":"{A}","annotations":{{"a":"1","org.opencontainers.image.ref.name":"old","z":"2"}},"platform":{{"os":"linux"}}}}"#
        );
        let text = apply(EMPTY_INDEX, &[IndexEdit::Put { name: Some("n\"".to_owned()), descriptor }], &Limits::STANDARD).unwrap().unwrap();
        assert!(
            text.ends_with(r#""annotations":{"a":"1","org.opencontainers.image.ref.name":"n\"","z":"2"},"platform":{"os":"linux"}}]}"#),
            "{text}"
        );
    }

    #[test]
    fn what_is_ambiguous_or_broken_is_refused() {
        let two = format!(
            r#"{{"manifests":[{{"digest":"{A}","annotations":{{"org.opencontainers.image.ref.name":"x"}}}},{{"digest":"{B}","annotations":{{"org.opencontainers.image.ref.name":"x"}}}}]}}"#
        );
        let code = |text: &str, edit: IndexEdit| apply(text, &[edit], &Limits::STANDARD).unwrap_err().code();
        assert_eq!(code(&two, put("x", A)), Code::RefAmbiguous);
        assert_eq!(code("", add(A)), Code::JsonSyntax);
        assert_eq!(code("[]", add(A)), Code::JsonType);
        assert_eq!(code(r#"{"manifests":{}}"#, add(A)), Code::JsonType);
        assert_eq!(code(r#"{"Manifests":[]}"#, add(A)), Code::JsonCaseVariant);
        assert_eq!(code(EMPTY_INDEX, add("sha256:../../x")), Code::DigestSyntax);
        assert_eq!(code(EMPTY_INDEX, IndexEdit::Put { name: None, descriptor: "{}".to_owned() }), Code::DescriptorIncomplete);
    }

    #[test]
    fn many_edits_of_a_large_index_take_no_quadratic_time() {
        let entries: Vec<String> = (0..20_000)
            .map(|number| {
                format!(r#"{{"digest":"sha256:{number:064x}","annotations":{{"org.opencontainers.image.ref.name":"{number}"}}}}"#)
            })
            .collect();
        let text = format!(r#"{{"manifests":[{}]}}"#, entries.join(","));
        let edits: Vec<IndexEdit> =
            (0..20_000).map(|number| put(&number.to_string(), &format!("sha256:{:064x}", number + 1_000_000))).collect();
        let result = apply(&text, &edits, &Limits::STANDARD).unwrap().unwrap();
        assert_eq!(result.matches("\"digest\"").count(), 40_000);
    }

    proptest! {
        #[test]
        fn untouched_entries_keep_their_bytes(
            entries in prop::collection::vec((0_u8..6, prop::option::of(0_u8..6), "[ \t\n]{0,3}", "[ \t\n]{0,3}"), 0..12),
            edits in prop::collection::vec((0_u8..3, 0_u8..6, 6_u8..9), 0..6),
        ) {
            let mut names = HashSet::new();
            let texts: Vec<(Option<u8>, String)> = entries
                .iter()
                .map(|(digest, name, one, two)| {
                    let name = name.filter(|name| names.insert(*name));
                    let annotations = name.map_or(String::new(), |name| format!(r#","annotations":{{"org.opencontainers.image.ref.name":{one}"n{name}"}}"#));
                    (name, format!(r#"{{{one}"digest":{two}"sha256:{digest:064x}"{one},"x":1.50{annotations}{two}}}"#))
                })
                .collect();
            let inner: Vec<String> = texts.iter().zip(&entries).map(|((_, text), (_, _, one, two))| format!("{one}{text}{two}")).collect();
            let text = format!("{{\"a\" : 1e2, \"manifests\":[{}] , \"z\":[ ]}}\n", inner.join(","));
            let edits: Vec<IndexEdit> = edits
                .iter()
                .map(|(kind, name, digest)| match kind {
                    0 => put(&format!("n{name}"), &format!("sha256:{digest:064x}")),
                    1 => add(&format!("sha256:{digest:064x}")),
                    _ => untag(&format!("n{name}")),
                })
                .collect();
            let result = apply(&text, &edits, &Limits::STANDARD).unwrap().unwrap_or_else(|| text.clone());
            let touched: HashSet<&str> = edits.iter().filter_map(IndexEdit::name).collect();
            let kept = |name: &Option<u8>| name.is_none_or(|name| !touched.contains(format!("n{name}").as_str()));
            let document = Document::parse(result.as_bytes(), &Limits::STANDARD).unwrap();
            let now: Vec<&str> = document.root().get("manifests").unwrap().items().map(Node::raw).collect();
            let mut rest = now.as_slice();
            for (_, entry) in texts.iter().filter(|(name, _)| kept(name)) {
                let at = rest.iter().position(|other| other == entry);
                prop_assert!(at.is_some(), "{} is lost or out of order in {}", entry, result);
                rest = &rest[at.unwrap() + 1..];
            }
            let whole = result.starts_with("{\"a\" : 1e2, \"manifests\":[") && result.ends_with("] , \"z\":[ ]}\n");
            prop_assert!(whole, "what surrounds the list changed in {}", result);
            // No digest is lost.
            for (digest, ..) in &entries {
                let hex = format!("{digest:064x}");
                prop_assert!(result.contains(&hex), "{} is lost in {}", hex, result);
            }
        }
    }
}
