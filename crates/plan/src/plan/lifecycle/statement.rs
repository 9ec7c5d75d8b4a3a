//! One statement: a referrer that speaks of the life cycle of its subject, read into a value.
//!
//! Our statements say the same thing twice: in annotations, which listings of referrers carry, and in a JSON document in the one
//! layer, which admission controllers read (`docs/schemas/lifecycle-v1.schema.json`). The annotation goes before the document, because
//! it is what others see; where the two differ, that is reported.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::convention::{Convention, Conventions, Extent, MICROSOFT_KEY, OWN_FAMILY, OWN_SCHEMA};
use super::field::{Field, KEY_PREFIX, Place, Record, Stated, Value};
use super::time::{self, Dialect, Moment, When};
use crate::format::json::{Document, Kind, Node};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Limits, Severity};
use crate::oci::{Descriptor, Verified, annotation};

/// The annotation with the time of the statement.
pub const RECORDED: &str = "dev.airbase.lifecycle.recorded";
/// The annotation with its number.
pub(crate) const SEQUENCE: &str = "dev.airbase.lifecycle.sequence";
/// The annotation with the digests of earlier statements that it stands in for, separated by commas.
pub(crate) const REPLACES: &str = "dev.airbase.lifecycle.replaces";
/// The annotation with what is taken back, separated by commas.
pub(crate) const CLEARED: &str = "dev.airbase.lifecycle.cleared";
/// The annotation with the digests of statements of others that do not hold because of this one, separated by commas.
pub(crate) const OVERRIDES: &str = "dev.airbase.lifecycle.overrides";
/// The annotation with who says so.
pub(crate) const ISSUER: &str = "dev.airbase.lifecycle.issuer";
/// The annotation with the creation time of the image itself.
pub(crate) const SUBJECT_CREATED: &str = "dev.airbase.lifecycle.subject.created";
/// Creation times as artifacts carried them before image-spec 1.1.
const OLDER_CREATED: [&str; 2] = ["org.opencontainers.artifact.created", "io.cncf.oras.artifact.created"];

/// A referrer as it was found, all of it verified.
#[derive(Debug, Clone, Copy)]
pub struct Referrer<'a> {
    /// The digest of its manifest.
    pub digest: &'a Digest,
    /// Its artifact type.
    pub artifact_type: &'a str,
    /// The annotations of its manifest.
    pub annotations: &'a BTreeMap<String, String>,
    /// Its subject.
    pub subject: &'a Descriptor,
    /// The content of its only layer, if that is there and small enough to be a document.
    pub document: Option<&'a Verified>,
    /// Whether there is more in it than the `{}` of a manifest that has nothing to carry.
    pub has_content: bool,
}

/// What makes others understood.
const SETTLED: &str = "--conventions FILE says what the keys of a vendor mean; `airbase lifecycle set --override` says it instead.";

impl Referrer<'_> {
    /// Something in it that may be what it says, and is not understood.
    fn not_understood(&self, has_own_document: bool, table: &Conventions) -> Option<Fact> {
        // These say when and by whom a statement was made, and what it is called.
        let is_known = |key: &str| {
            [RECORDED, SEQUENCE, REPLACES, CLEARED, OVERRIDES, ISSUER, SUBJECT_CREATED].contains(&key)
                || OLDER_CREATED.contains(&key)
                || annotation::is_predefined(key)
                || table.field_of(key).is_some()
        };
        let strange = self.annotations.iter().find(|(key, value)| !is_known(key) && !value.trim().is_empty());
        let content = || (self.has_content && !has_own_document).then(|| Fact::new("something", "its content"));
        strange.map(|(key, value)| Fact::new(value, key)).or_else(content)
    }
}

/// When a statement was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "known", rename_all = "kebab-case")]
pub enum Made {
    /// At this time.
    At {
        /// The time.
        time: Moment,
        /// The annotation or member that says so.
        key: String,
    },
    /// Nobody knows; it is neither the oldest nor the latest.
    Unknown {
        /// Why.
        why: String,
    },
}

impl Made {
    /// The time, if it is known.
    pub fn time(&self) -> Option<Moment> {
        match self {
            Self::At { time, .. } => Some(*time),
            Self::Unknown { .. } => None,
        }
    }
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The digest of its manifest.
    pub digest: Digest,
    /// The digest of the image that it speaks of.
    pub subject: Digest,
    /// Its artifact type.
    pub artifact_type: String,
    /// Its convention.
    pub convention: Convention,
    /// When it was made.
    pub made: Made,
    /// Its number among those of its issuer.
    pub sequence: u64,
    /// The statements that it stands in for.
    pub replaces: Vec<Digest>,
    /// Who says so. Nothing proves that but a signature.
    pub issuer: Option<String>,
    /// What it says.
    pub says: BTreeMap<Field, Stated>,
    /// What it takes back.
    pub cleared: BTreeSet<Field>,
    /// The statements of others that do not hold because of it.
    pub overrides: Vec<Digest>,
    /// Whether it says something of the standing that cannot be understood.
    pub unreadable: bool,
    /// What is odd about it.
    pub findings: Vec<Finding>,
}

impl Statement {
    /// Reads a referrer; `None` if its type is not that of a statement. `subject_created` are the creation times that the image
    /// gives itself, in whatever annotation or config.
    pub fn read(referrer: Referrer<'_>, subject_created: &[String], table: &Conventions, limits: &Limits) -> Option<Self> {
        let mut findings = Vec::new();
        let (document, strange) = match referrer.document.map(|document| own_document(document, limits)) {
            Some(Err(why)) => (None, Some(why)),
            Some(Ok(document)) => (document, None),
            None => (None, None),
        };
        let root = document.map(Document::root);
        let keys = referrer.annotations.keys().map(String::as_str);
        let convention = Convention::of(referrer.artifact_type, keys, root.is_some(), table)?;
        let mut reader = Reader { referrer, root, table, unreadable: false, findings: &mut findings };
        let mut says = reader.annotations();
        reader.document(&mut says);
        // Microsoft's, the article's and those of a table say all in annotations. Of a type that nobody described nobody knows that.
        let may_say_more = match convention {
            Convention::Own => true,
            Convention::Other => referrer.has_content,
            Convention::Microsoft | Convention::Vendor(_) | Convention::Site(_) => false,
        };
        if let Some(why) = strange.filter(|strange| strange.is_ours || may_say_more) {
            reader.strange(&why);
        }
        let made = reader.made(subject_created);
        let sequence = reader.meta(SEQUENCE, "sequence").map_or(0, |text| {
            text.parse().unwrap_or_else(|_| {
                reader.unreadable(SEQUENCE, &text, "a whole number");
                0
            })
        });
        let replaces = reader.digests(REPLACES, "replaces");
        let overrides = reader.digests(OVERRIDES, "overrides");
        let cleared = reader.cleared();
        let issuer = reader.meta(ISSUER, "issuer").filter(|issuer| !issuer.trim().is_empty());
        let mut statement = Self {
            digest: referrer.digest.clone(),
            subject: referrer.subject.digest.clone(),
            artifact_type: referrer.artifact_type.to_owned(),
            convention,
            made,
            sequence,
            replaces,
            issuer,
            says,
            cleared,
            overrides,
            unreadable: reader.unreadable,
            findings,
        };
        if !statement.is_valid() && !statement.unreadable {
            let finding = Finding::new(Code::LifecycleUnreadable, "a statement on the life cycle says nothing that is understood");
            // If it contains anything that is not understood, that may be an end of life or a withdrawal. An empty statement is only told.
            if let Some(fact) = referrer.not_understood(root.is_some(), table) {
                statement.unreadable = true;
                statement.findings.push(finding.found(fact).hint(SETTLED));
            } else if statement.says.is_empty() && statement.findings.iter().all(|known| known.code != Code::LifecycleUnreadable) {
                statement.findings.push(finding.severity(Severity::Note).found(Fact::new(referrer.artifact_type, "its artifact type")));
            }
        }
        for finding in &mut statement.findings {
            finding.place.get_or_insert_with(|| format!("statement {}", referrer.digest));
        }
        Some(statement)
    }

    /// Whether it says anything on the life cycle, or takes it back: only then does it count. A version alone does not.
    pub fn is_valid(&self) -> bool {
        !self.cleared.is_empty() || self.says.keys().any(|field| !matches!(field, Field::Version | Field::Revision | Field::Channel))
    }

    /// What it says, without where.
    pub fn record(&self) -> Record {
        self.says.iter().map(|(field, stated)| (*field, stated.value.clone())).collect()
    }

    /// How much it says.
    pub fn extent(&self) -> Extent {
        self.convention.extent()
    }
}

/// A document that is not understood.
struct Strange {
    /// Whether it calls itself one of ours.
    is_ours: bool,
    why: String,
}

/// The document in a layer, if it is one of ours.
fn own_document<'a>(blob: &'a Verified, limits: &Limits) -> Result<Option<Document<'a>>, Strange> {
    let strange = |error: Error| Strange { is_ours: false, why: error.finding().message.clone() };
    let document = Document::parse(blob.bytes(), limits).map_err(strange)?;
    let schema = Some(document.root()).filter(|root| root.kind() == Kind::Object).and_then(|root| root.get("schema")?.as_str());
    match schema {
        Some(schema) if schema == OWN_SCHEMA => Ok(Some(document)),
        // A later version may take back what this one would read.
        Some(schema) => Err(Strange { is_ours: schema.starts_with(OWN_FAMILY), why: schema.into_owned() }),
        None => Err(Strange { is_ours: false, why: "no schema".to_owned() }),
    }
}

struct Reader<'a, 'f> {
    referrer: Referrer<'a>,
    root: Option<Node<'a>>,
    table: &'a Conventions,
    unreadable: bool,
    findings: &'f mut Vec<Finding>,
}

impl Reader<'_, '_> {
    fn unreadable(&mut self, key: &str, text: &str, expected: &str) {
        self.findings.push(
            Finding::new(Code::LifecycleUnreadable, "a statement on the life cycle has a value that is not understood")
                .expected(Fact::new(expected, "the key"))
                .found(Fact::new(text, key)),
        );
    }

    fn strange(&mut self, document: &Strange) {
        self.unreadable = true;
        self.findings.push(
            Finding::new(Code::LifecycleUnreadable, "the document of a statement on the life cycle is not understood")
                .expected(Fact::new(OWN_SCHEMA, "its schema"))
                .found(Fact::new(&document.why, "the document")),
        );
    }

    /// A value under `key`, with a finding if it cannot be read or is oddly spelled.
    fn value(&mut self, field: Field, place: Place, key: &str, text: &str) -> Option<Stated> {
        match field.read(text) {
            // An empty value of what decides is what is left of a template without its variable.
            Ok(None) if field.decides() && text.trim().is_empty() => {
                self.unreadable = true;
                self.unreadable(key, text, "a value");
                None
            }
            Ok(None) => None,
            Ok(Some((value, reading))) => {
                // A date alone is what the conventions ask for; the rest is reported.
                self.findings.extend(reading.as_ref().and_then(|reading| reading.finding(text, key)));
                Some(Stated { value, place, key: key.to_owned(), dialect: reading.map(|reading| reading.dialect) })
            }
            Err(error) => {
                let expected =
                    error.finding().expected.as_ref().map_or_else(|| "a date, such as 2026-12-01".to_owned(), |fact| fact.value.clone());
                self.unreadable |= field.decides();
                self.unreadable(key, text, &expected);
                None
            }
        }
    }

    fn annotations(&mut self) -> BTreeMap<Field, Stated> {
        let mut found: BTreeMap<Field, Vec<Stated>> = BTreeMap::new();
        for (key, text) in self.referrer.annotations {
            if let Some(field) = self.table.field_of(key)
                && let Some(stated) = self.value(field, Place::Annotation, key, text)
            {
                found.entry(field).or_default().push(stated);
            }
        }
        let mut says = BTreeMap::new();
        for (field, mut several) in found {
            // Our key is the most exact: Microsoft's repeats it to the day.
            several.sort_by_key(|stated| (!stated.key.starts_with(KEY_PREFIX), stated.key.clone()));
            let mut several = several.into_iter();
            let Some(first) = several.next() else { continue };
            says.insert(field, several.fold(first, |held, other| self.stricter(field, held, other)));
        }
        says
    }

    fn document(&mut self, says: &mut BTreeMap<Field, Stated>) {
        let Some(root) = self.root else { return };
        for field in Field::ALL {
            let member = field.member().iter().try_fold(root, |node, name| node.get(name));
            let Some(node) = member else { continue };
            let key = field.member().join(".");
            let stated = if field == Field::SupersededByPlatforms {
                self.platforms(node, &key)
            } else if let Some(text) = node.as_str() {
                self.value(field, Place::Document, &key, &text)
            } else {
                self.unreadable |= field.decides();
                self.unreadable(&key, node.raw(), "text");
                None
            };
            let Some(stated) = stated else { continue };
            let stated = match says.remove(&field) {
                None => stated,
                Some(first) => self.stricter(field, first, stated),
            };
            says.insert(field, stated);
        }
        if let Some(node) = root.get("supersededBy").filter(|node| node.kind() != Kind::Object) {
            self.unreadable = true;
            self.unreadable("supersededBy", node.raw(), "an object");
        }
        if let Some(text) = root.get("subject").and_then(|subject| subject.get("digest")).and_then(Node::as_str)
            && *text != self.referrer.subject.digest.to_string()
        {
            self.findings.push(
                Finding::new(Code::LifecycleContradiction, "the document of a statement speaks of another image than the statement")
                    .severity(Severity::Damage)
                    .expected(Fact::new(&self.referrer.subject.digest, "the subject of the manifest"))
                    .found(Fact::new(text, "subject.digest in the document")),
            );
        }
    }

    /// Which of two values of one field holds: of what decides, the stricter one, wherever it is said; else the first.
    fn stricter(&mut self, field: Field, first: Stated, other: Stated) -> Stated {
        if agree(&first, &other) {
            return first;
        }
        let is_stricter = field.decides() && other.value.strictness() < first.value.strictness();
        let (held, left) = if is_stricter { (other, first) } else { (first, other) };
        self.contradiction(&held, &left);
        held
    }

    fn platforms(&mut self, node: Node<'_>, key: &str) -> Option<Stated> {
        if node.kind() != Kind::Object {
            self.unreadable = true;
            self.unreadable(key, node.raw(), "an object");
        }
        let mut platforms = BTreeMap::new();
        for (platform, digest) in node.members() {
            if let Some(digest) = digest.as_str().and_then(|text| text.parse::<Digest>().ok()) {
                platforms.insert(platform.into_owned(), digest);
            } else {
                self.unreadable = true;
                self.unreadable(&format!("{key}.{platform}"), digest.raw(), "a digest");
            }
        }
        (!platforms.is_empty()).then(|| Stated {
            value: Value::Platforms(platforms),
            place: Place::Document,
            key: key.to_owned(),
            dialect: None,
        })
    }

    fn contradiction(&mut self, used: &Stated, other: &Stated) {
        self.findings.push(
            Finding::new(Code::LifecycleContradiction, "a statement on the life cycle says two things")
                .expected(Fact::new(&used.value, format!("{}, which is used", used.key)))
                .found(Fact::new(&other.value, &other.key)),
        );
    }

    /// A value that is not about the image but about the statement.
    fn meta(&self, key: &str, member: &str) -> Option<String> {
        self.referrer.annotations.get(key).cloned().or_else(|| {
            let node = self.root?.get(member)?;
            node.as_str().map_or_else(|| Some(node.raw().to_owned()), |text| Some(text.into_owned()))
        })
    }

    /// The items of a list, in the annotation `key` and in the document.
    fn list(&self, key: &str, member: &str) -> BTreeSet<String> {
        let annotated = self.referrer.annotations.get(key).into_iter().flat_map(|list| list.split(',')).map(str::to_owned);
        let listed = self.root.and_then(|root| root.get(member)).into_iter().flat_map(Node::items);
        let listed = listed.map(|node| node.as_str().map_or_else(|| node.raw().to_owned(), std::borrow::Cow::into_owned));
        annotated.chain(listed).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
    }

    fn digests(&mut self, key: &str, member: &str) -> Vec<Digest> {
        let mut digests: Vec<Digest> = Vec::new();
        for text in self.list(key, member) {
            match text.parse() {
                Ok(digest) => digests.push(digest),
                Err(_) => self.unreadable(key, &text, "a digest"),
            }
        }
        digests.sort();
        digests
    }

    fn cleared(&mut self) -> BTreeSet<Field> {
        let mut cleared = BTreeSet::new();
        for text in self.list(CLEARED, "cleared") {
            if let Some(fields) = Field::cleared(&text) {
                cleared.extend(fields);
            } else {
                self.unreadable = true;
                self.unreadable(CLEARED, &text, "the name of a field");
            }
        }
        cleared
    }

    /// When the statement was made: our own key, else `created`. A widespread recipe copies the `created` of the image into the
    /// statement; then all statements on one image tie, and the first one found wins. Such a time is none.
    fn made(&mut self, subject_created: &[String]) -> Made {
        let own = self.meta(SUBJECT_CREATED, "subjectCreated");
        let copied = |moment: Moment| {
            subject_created.iter().chain(&own).any(|text| time::read(text).is_ok_and(|reading| reading.value == When::At(moment)))
        };
        let recorded = self.meta(RECORDED, "recorded").map(|text| (RECORDED, text));
        let created =
            [annotation::CREATED].into_iter().chain(OLDER_CREATED).find_map(|key| Some((key, self.referrer.annotations.get(key)?.clone())));
        let mut trap = None;
        for (key, text) in recorded.into_iter().chain(created) {
            match time::read(&text) {
                Ok(reading) => {
                    self.findings.extend(reading.finding(&text, key));
                    let Some(time) = reading.value.moment() else { continue };
                    if key != RECORDED && copied(time) {
                        trap = Some((key, text));
                        continue;
                    }
                    if key == annotation::CREATED && reading.dialect == Dialect::Date {
                        self.unreadable_created(&text);
                    }
                    return Made::At { time, key: key.to_owned() };
                }
                Err(_) => self.unreadable(key, &text, "a time, such as 2026-12-01T00:00:00Z"),
            }
        }
        match trap {
            None => Made::Unknown { why: "it has no time".to_owned() },
            Some((key, text)) => {
                self.findings.push(
                    Finding::new(Code::LifecycleCreatedCopied, "a statement carries the creation time of the image as its own")
                        .expected(Fact::new("when the statement was made", "image-spec, annotations.md"))
                        .found(Fact::new(text, key)),
                );
                Made::Unknown { why: "its time is the image's own creation time".to_owned() }
            }
        }
    }

    /// The specification asks for a time there, not for a date.
    fn unreadable_created(&mut self, text: &str) {
        self.findings.push(
            Finding::new(Code::LifecycleDialect, "a time is not spelled as RFC 3339 has it")
                .expected(Fact::new("YYYY-MM-DDThh:mm:ssZ", "image-spec, annotations.md"))
                .found(Fact::new(text, annotation::CREATED)),
        );
    }
}

/// Whether two values are the same; Microsoft's key knows no more than the day.
pub(super) fn agree(one: &Stated, other: &Stated) -> bool {
    let day = |stated: &Stated| match &stated.value {
        Value::Time(When::At(moment)) => Some(moment.date()),
        _ => None,
    };
    one.value == other.value
        || ([&one.key, &other.key].into_iter().any(|key| key == MICROSOFT_KEY) && day(one).is_some() && day(one) == day(other))
}

#[cfg(test)]
mod tests;
