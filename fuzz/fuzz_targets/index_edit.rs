//! Edits of `index.json`: what an edit does not touch keeps its bytes, and what it asks for is there afterwards.
//!
//! The first lines are edits: `+NAME DIGIT` puts a manifest under a name, `*DIGIT` one without a name, `-NAME DIGIT` removes a name
//! of it, `=NAME DIGIT` makes a name list something else, `~NAME DIGIT` removes its entry, `!DIGIT` removes every entry of a digest.
//! Everything behind an empty line is the index.
#![no_main]

use airbase::format::json::{Document, Node};
use airbase::foundation::{Code, Digest, Error, Limits};
use airbase::oci::annotation::{CONTAINERD_NAME, REF_NAME};
use airbase::oci::{Name, RootIndex};
use airbase::write::{IndexEdit, index_edit};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { index_entries: 40, ..Limits::STANDARD };

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (edits, index) = text.split_once("\n\n").unwrap_or(("", text));
    let edits: Vec<IndexEdit> = edits.lines().take(8).filter_map(edit).collect();
    let before = Document::parse(index.as_bytes(), &LIMITS).map(Document::root);
    let result = index_edit::apply(index, &edits, &LIMITS);
    // Who has read the index gets the same.
    let read = RootIndex::parse(index.as_bytes().to_vec(), &LIMITS);
    if let Ok(read) = &read {
        match (&result, index_edit::apply_to(read, &edits, &LIMITS)) {
            (Ok(one), Ok(other)) => assert_eq!(*one, other),
            (one, other) => assert_eq!(one.as_ref().err().map(Error::code), other.err().map(|error| error.code()), "{index}"),
        }
    }
    let changed = match result {
        Err(error) => return assert!(error.code() != Code::Bug, "{error:?}"),
        Ok(edited) => edited.text,
    };
    let before = before.expect("what was edited is JSON");
    let Some(after) = changed else {
        // Edits may cancel each other out; the last one holds all the same.
        return edits.last().into_iter().for_each(|edit| fulfilled(before, edit, index));
    };
    assert_ne!(after, index, "a change that changes nothing");
    let root = Document::parse(after.as_bytes(), &LIMITS).unwrap_or_else(|error| panic!("{error:?}\n{after}")).root();
    // Everything but the list keeps its text and its order.
    let others = |root: Node<'_>| -> Vec<(String, String)> {
        root.members().filter(|(key, _)| key != "manifests").map(|(key, value)| (key.into_owned(), value.raw().to_owned())).collect()
    };
    assert_eq!(others(before), others(root), "{after}");
    // An entry that no edit names keeps its text, and its place among the others.
    let touched: Vec<Name<'_>> = edits.iter().filter_map(name).collect();
    // An entry without a name, and one that keeps what its image was called, may be edited for the sake of another.
    let removed: Vec<String> = edits.iter().filter_map(removed).collect();
    let losers: Vec<String> =
        root_entries(before).filter(|entry| named(*entry).is_some_and(|name| touched.contains(&name))).filter_map(digest_of).collect();
    let kept = |root: Node<'_>| -> Vec<String> {
        root_entries(root)
            .filter(|entry| named(*entry).is_some_and(|name| !touched.contains(&name)))
            .filter(|entry| !digest_of(*entry).is_some_and(|digest| removed.contains(&digest) || losers.contains(&digest)))
            .map(|entry| entry.raw().to_owned())
            .collect()
    };
    assert_eq!(kept(before), kept(root), "{after}");
    if let Some(last) = edits.last() {
        fulfilled(root, last, &after);
    }
    // An index that could be read can be read.
    if read.is_ok() {
        assert!(RootIndex::parse(after.clone().into_bytes(), &LIMITS).is_ok(), "{after}");
    }
    // What was done once is done.
    if let [only] = edits.as_slice() {
        assert_eq!(index_edit::apply(&after, std::slice::from_ref(only), &LIMITS).expect("it was accepted once").text, None, "{after}");
    }
});

fn edit(line: &str) -> Option<IndexEdit> {
    let rest = line.get(1..)?;
    match line.as_bytes().first()? {
        b'+' => {
            let (name, which) = rest.rsplit_once(' ')?;
            Some(IndexEdit::Put { name: Some(name.to_owned()), descriptor: descriptor(which).into() })
        }
        b'*' => Some(IndexEdit::Put { name: None, descriptor: descriptor(rest).into() }),
        b'-' => {
            let (name, which) = rest.rsplit_once(' ')?;
            Some(IndexEdit::Untag { name: Name::parse(name).into_owned(), digest: digest(which) })
        }
        b'=' => {
            let (name, which) = rest.rsplit_once(' ')?;
            Some(IndexEdit::Replace { name: name.to_owned(), descriptor: Some(descriptor(which)) })
        }
        b'~' => {
            let (name, which) = rest.rsplit_once(' ')?;
            Some(IndexEdit::RemoveEntry { name: Some(Name::parse(name).into_owned()), digest: digest(which) })
        }
        b'!' => Some(IndexEdit::Remove { digest: digest(rest) }),
        _ => None,
    }
}

fn descriptor(which: &str) -> String {
    let annotations = if which.ends_with('a') { r#","annotations":{"k":"v"}"# } else { "" };
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":{}{annotations}}}"#, digest(which), which.len())
}

fn digest(which: &str) -> Digest {
    Digest::sha256(which.as_bytes())
}

fn name(edit: &IndexEdit) -> Option<Name<'_>> {
    match edit {
        IndexEdit::Put { name, .. } => name.as_deref().map(Name::parse),
        IndexEdit::Replace { name, .. } => Some(Name::parse(name)),
        IndexEdit::Untag { name, .. } => Some(name.clone()),
        IndexEdit::RemoveEntry { name, .. } => name.clone(),
        IndexEdit::Remove { .. } => None,
    }
}

fn root_entries(root: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    root.get("manifests").into_iter().flat_map(Node::items)
}

fn digest_of(entry: Node<'_>) -> Option<String> {
    Some(entry.get("digest")?.as_str()?.into_owned())
}

fn removed(edit: &IndexEdit) -> Option<String> {
    match edit {
        IndexEdit::Remove { digest } => Some(digest.to_string()),
        _ => None,
    }
}

fn named(entry: Node<'_>) -> Option<Name<'static>> {
    let text = |key| Some(entry.get("annotations")?.get(key)?.as_str()?.into_owned()).filter(|text| !text.is_empty());
    let full = text(CONTAINERD_NAME).map(|name| Name::full(&name).into_owned());
    full.or_else(|| text(REF_NAME).map(|name| Name::parse(&name).into_owned()))
}

/// The last edit holds.
fn fulfilled(root: Node<'_>, edit: &IndexEdit, text: &str) {
    let entries = || root.get("manifests").into_iter().flat_map(Node::items);
    let holders: Vec<Node<'_>> = match name(edit) {
        Some(name) => entries().filter(|entry| named(*entry).as_ref() == Some(&name)).collect(),
        None => Vec::new(),
    };
    let (descriptor, name) = match edit {
        IndexEdit::Put { name, descriptor } => (&**descriptor, name.as_ref()),
        IndexEdit::Replace { name, descriptor: Some(descriptor) } => {
            assert_eq!(holders.len(), 1, "the name stands not once\n{text}");
            (descriptor.as_str(), Some(name))
        }
        IndexEdit::Remove { digest } => {
            let digest = digest.to_string();
            let listed = entries().any(|entry| entry.get("digest").and_then(Node::as_str).is_some_and(|own| own == digest));
            return assert!(!listed, "the digest is still listed\n{text}");
        }
        IndexEdit::Untag { digest, .. } | IndexEdit::RemoveEntry { digest, .. } => {
            let stays = holders.iter().any(|entry| digest_of(*entry).is_some_and(|own| own == digest.to_string()));
            return assert!(!stays, "the name is still there\n{text}");
        }
        IndexEdit::Replace { .. } => return assert!(holders.is_empty(), "the name is still there\n{text}"),
    };
    let wanted = Document::parse(descriptor.as_bytes(), &LIMITS).expect("a descriptor").root();
    let wanted = wanted.get("digest").and_then(Node::as_str);
    let digests = |entry: &Node<'_>| entry.get("digest").and_then(Node::as_str) == wanted;
    // An empty annotation names nothing.
    if name.as_deref().is_some_and(|name| !name.is_empty()) {
        assert!(!holders.is_empty() && holders.iter().all(digests), "the name stands on something else\n{text}");
    } else {
        assert!(entries().any(|entry| digests(&entry)), "the manifest is not listed\n{text}");
    }
}
