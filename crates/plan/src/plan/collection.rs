//! A collection as a document: which members it has, and what needs what.

use std::collections::{BTreeMap, BTreeSet};

use crate::format::json::Value;
use crate::foundation::{Code, Error, Fact, Finding, Limits, Result};
use crate::oci::collection::{ARTIFACT_TYPE, Member, SEPARATOR};
use crate::oci::{annotation, media_type};
use crate::plan::annotate::NewDocument;

/// Makes the index of a collection. The same members in the same order give the same digest: nothing dates it, unless an
/// annotation does.
///
/// # Errors
/// `collection.member` for none, a name twice, or a name that cannot be in a list; `output.limit` for too many.
pub fn compose(members: &[Member], annotations: &[(String, String)], limits: &Limits) -> Result<NewDocument> {
    if members.is_empty() {
        return Err(Error::new(Code::CollectionMember, "a collection has members").found(Fact::new("none", "the command line")));
    }
    let mut names = BTreeSet::new();
    let mut entries = Vec::with_capacity(members.len());
    for member in members {
        if member.name.contains(SEPARATOR) {
            return Err(Error::new(Code::CollectionMember, "the name of a member holds a comma, which separates names")
                .found(Fact::new(&member.name, "index.json")));
        }
        if !names.insert(member.name.as_str()) {
            return Err(Error::new(Code::CollectionMember, "two members have one name")
                .expected(Fact::new("each name once", "a collection"))
                .found(Fact::new(&member.name, "the command line")));
        }
        let mut entry = member.descriptor.to_value(limits)?;
        // What the entry elsewhere said of names and platforms would make clients take the collection for something else.
        entry.remove("annotations");
        entry.remove("platform");
        let mut own = BTreeMap::from([(annotation::COLLECTION_MEMBER, member.name.clone())]);
        if !member.depends.is_empty() {
            own.insert(annotation::COLLECTION_DEPENDS, member.depends.join(&SEPARATOR.to_string()));
        }
        entry.set("annotations", Value::string_map(own));
        entries.push(entry);
    }
    let mut document = Value::object();
    document.set("schemaVersion", Value::size(2));
    document.set("mediaType", Value::string(media_type::OCI_INDEX));
    document.set("artifactType", Value::string(ARTIFACT_TYPE));
    document.set("manifests", Value::Array(entries));
    if !annotations.is_empty() {
        document.set("annotations", Value::string_map(annotations.iter().map(|(key, value)| (key, value))));
    }
    NewDocument::new(media_type::OCI_INDEX, &document, limits)
}

/// Gives members their dependencies: of each pair, the first needs the second. Names are those of members, in full or a unique end.
///
/// # Errors
/// `collection.member` for a name that no member or several have, `collection.cycle`.
pub fn depend(members: &mut [Member], pairs: &[(String, String)]) -> Result<()> {
    for (one, other) in pairs {
        let needed = find(members, other)?.name.clone();
        let name = find(members, one)?.name.clone();
        if let Some(member) = members.iter_mut().find(|member| member.name == name)
            && !member.depends.contains(&needed)
        {
            member.depends.push(needed);
        }
    }
    match order(members) {
        (_, findings) if findings.is_empty() => Ok(()),
        (_, findings) => Err(findings.into_iter().next().map_or_else(|| Error::new(Code::Bug, "a finding was lost"), Error::of)),
    }
}

fn find<'a>(members: &'a [Member], name: &str) -> Result<&'a Member> {
    let is_end = |own: &str| own == name || own.strip_suffix(name).is_some_and(|before| before.ends_with(['/', ':']));
    let exact = members.iter().find(|member| member.name == name);
    let fitting: Vec<&Member> = members.iter().filter(|member| is_end(&member.name)).collect();
    match (exact, fitting.as_slice()) {
        (Some(member), _) => Ok(member),
        (None, [member]) => Ok(*member),
        (None, several) => {
            let message = if several.is_empty() { "no member has that name" } else { "several members have that name" };
            Err(Error::new(Code::CollectionMember, message)
                .found(Fact::new(name, "--depends"))
                .details(members.iter().map(|member| member.name.clone())))
        }
    }
}

/// The names in an order in which each member comes after those that it needs, as near to the order of the members as that
/// goes; and what cannot be so: a cycle, or a name that is no member's. Members of a cycle come last.
pub fn order(members: &[Member]) -> (Vec<&str>, Vec<Finding>) {
    let names: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut findings = Vec::new();
    for (member, needed) in members.iter().flat_map(|member| member.depends.iter().map(move |needed| (member, needed))) {
        if !names.contains(needed.as_str()) {
            findings.push(
                Finding::new(Code::CollectionMember, "a member needs something that is no member")
                    .at(&member.name)
                    .found(Fact::new(needed, "the collection")),
            );
        }
    }
    // How many members each one waits for, and who waits for it.
    let mut waits: Vec<usize> = vec![0; members.len()];
    let mut waiting: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (position, member) in members.iter().enumerate() {
        let needs: BTreeSet<&str> = member.depends.iter().map(String::as_str).filter(|needed| names.contains(needed)).collect();
        for needed in &needs {
            waiting.entry(needed).or_default().push(position);
        }
        if let Some(count) = waits.get_mut(position) {
            *count = needs.len();
        }
    }
    let mut ready: BTreeSet<usize> = waits.iter().enumerate().filter(|(_, count)| **count == 0).map(|(position, _)| position).collect();
    let mut placed: BTreeSet<&str> = BTreeSet::new();
    let mut order = Vec::with_capacity(members.len());
    while let Some(member) = ready.pop_first().and_then(|position| members.get(position)) {
        order.push(member.name.as_str());
        if !placed.insert(&member.name) {
            continue;
        }
        for position in waiting.get(member.name.as_str()).into_iter().flatten() {
            if let Some(count) = waits.get_mut(*position) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.insert(*position);
                }
            }
        }
    }
    let left: BTreeSet<&str> = names.difference(&placed).copied().collect();
    if !left.is_empty() {
        let round = cycle(members, &left);
        findings.push(
            Finding::new(Code::CollectionCycle, "members need each other in a circle, so none of them can come first")
                .found(Fact::new(round.join(" needs "), "the collection")),
        );
        order.extend(members.iter().map(|member| member.name.as_str()).filter(|name| left.contains(name)));
    }
    (order, findings)
}

/// One circle among `left`, each of which needs another of them.
fn cycle<'a>(members: &'a [Member], left: &BTreeSet<&'a str>) -> Vec<&'a str> {
    let next = |name: &str| {
        let member = members.iter().find(|member| member.name == name)?;
        member.depends.iter().map(String::as_str).find(|needed| left.contains(needed))
    };
    let mut path: Vec<&str> = left.iter().next().copied().into_iter().collect();
    while let Some(needed) = path.last().copied().and_then(next) {
        let met = path.iter().position(|name| *name == needed);
        path.push(needed);
        if let Some(start) = met {
            return path.split_off(start);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foundation::Digest;
    use crate::oci::Descriptor;

    fn members(texts: &[&str]) -> Vec<Member> {
        let member = |text: &&str| {
            let (name, needs) = text.split_once(':').unwrap_or((text, ""));
            Member {
                name: name.to_owned(),
                descriptor: Descriptor::plain(media_type::OCI_MANIFEST, &Digest::sha256(name.as_bytes()), 1),
                depends: needs.split(' ').filter(|needed| !needed.is_empty()).map(str::to_owned).collect(),
            }
        };
        texts.iter().map(member).collect()
    }

    #[test]
    fn what_is_needed_comes_first() {
        for (given, expected) in
            [(&["web:app", "app:db cache", "db", "cache"][..], "db cache app web"), (&["a", "b", "c"], "a b c"), (&["a:b", "b"], "b a")]
        {
            let members = members(given);
            let (order, findings) = order(&members);
            assert_eq!((order.join(" ").as_str(), findings.len()), (expected, 0), "{given:?}");
        }
    }

    #[test]
    fn circles_and_strangers_are_told() {
        let circular = members(&["a:b", "b:c", "c:b", "d"]);
        let (names, findings) = order(&circular);
        assert_eq!(names, ["d", "a", "b", "c"]);
        assert_eq!(findings[0].found.as_ref().unwrap().value, "b needs c needs b");
        let stranger = members(&["a:nobody", "b:a"]);
        let (names, findings) = order(&stranger);
        assert_eq!((names, findings[0].code), (vec!["a", "b"], Code::CollectionMember));
        let alone = members(&["a:a"]);
        assert_eq!(order(&alone).1[0].code, Code::CollectionCycle);
    }
}
