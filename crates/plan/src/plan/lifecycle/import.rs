//! Lists of ends of life that others publish, as wishes for statements.
//!
//! Microsoft's tools for registries take a list of digests, `EolDigests`, with one date for all or one for each. endoflife.date
//! publishes products and their release cycles: in its API v1 with `eolFrom` and `isEol`, in the older one with `eol`, which is a
//! date or a truth value. Nothing here fetches such a list.
//!
//! Of endoflife.date only the end of life is taken. What it calls active support ends long before security fixes do, and a gate
//! on our end of support would stop images that are cared for.

use std::collections::HashMap;

use super::change::Change;
use super::field::{self, Field, Status, Value};
use super::time::{self, Moment, When};
use crate::format::json::{Document, Kind, Node};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Limits, Result};

/// What a list asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// For images by digest.
    pub by_digest: Vec<(Digest, Change)>,
    /// For images by product.
    pub products: Vec<Product>,
    /// What could not be read.
    pub findings: Vec<Finding>,
}

/// A product of endoflife.date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its name there: `debian`.
    pub name: String,
    /// Its release cycles.
    pub cycles: Vec<Cycle>,
}

/// A release cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// Its name: `12`.
    pub name: String,
    /// Its code name: `bookworm`.
    pub codename: Option<String>,
    /// What to state, if there is anything to: of a cycle whose end is not known, nothing.
    pub change: Option<Change>,
}

impl Product {
    /// The cycle that `version`, a tag or the version of an image, belongs to: `12.5-slim` to `12`, `3.19.1` to `3.19`,
    /// `bookworm-slim` to the one of that code name. The longest name wins; a name matches whole components only.
    pub fn cycle_of(&self, version: &str) -> Option<&Cycle> {
        let version = version.strip_prefix('v').filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit())).unwrap_or(version);
        let begins = |name: &str| version.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_', '+']));
        let by_name = self.cycles.iter().filter(|cycle| begins(&cycle.name)).max_by_key(|cycle| cycle.name.len());
        by_name
            .or_else(|| self.cycles.iter().find(|cycle| cycle.codename.as_deref().is_some_and(|codename| begins(&codename.to_lowercase()))))
    }
}

impl Cycle {
    /// Merges a second entry for the same cycle. Of two dates the earlier one holds, since a warning that comes too early does no harm.
    fn join(&mut self, other: Self, product: &str) -> Option<Finding> {
        self.codename = self.codename.take().or(other.codename);
        let (Some(known), Some(change)) = (self.change.as_ref(), other.change.as_ref()) else {
            self.change = self.change.take().or(other.change);
            return None;
        };
        if known == change {
            return None;
        }
        let (held, left) = if ends(change) < ends(known) { (change, known) } else { (known, change) };
        let finding = contradiction("the list gives one release two ends of life, and the earlier one is taken", held, left);
        self.change = Some(held.clone());
        Some(finding.at(format!("{product} {}", self.name)))
    }
}

/// That two wishes differ; the first is taken.
pub fn contradiction(message: &str, held: &Change, left: &Change) -> Finding {
    let word = |change: &Change| change.set.values().next().map(ToString::to_string).unwrap_or_default();
    Finding::new(Code::LifecycleContradiction, message)
        .expected(Fact::new(word(held), "the earlier entry"))
        .found(Fact::new(word(left), "the other entry"))
}

/// Whether the life of an image ends earlier by this wish than by the other one.
pub fn is_earlier(change: &Change, than: &Change) -> bool {
    ends(change) < ends(than)
}

/// How endoflife.date spells a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `name`, `eolFrom`, `isEol`.
    V1,
    /// `cycle`, `eol`.
    Older,
}

/// Reads a list, as of `now`. `product` is the name of the product of a list that does not say it, which is one of a single product in the
/// older form.
///
/// # Errors
/// `json.*`; `lifecycle.import` for what is neither kind of list.
pub fn import(bytes: &[u8], product: Option<&str>, now: Moment, limits: &Limits) -> Result<Import> {
    let root = Document::parse(bytes, limits)?.root();
    let mut import = Import { by_digest: Vec::new(), products: Vec::new(), findings: Vec::new() };
    let refused = |message: &str| {
        Error::new(Code::LifecycleImport, message)
            .expected(Fact::new("EolDigests, or a dump of endoflife.date", "airbase lifecycle import"))
            .found(Fact::new(if root.kind() == Kind::Object { "an object with other members" } else { "something else" }, "the file"))
    };
    if let Some(digests) = root.get("EolDigests") {
        import.microsoft(root, digests)?;
    } else if let Some(result) = root.get("result") {
        // The whole dump has a list there, a request for one product has the product.
        if result.kind() == Kind::Array {
            result.items().for_each(|product| import.product(product, now));
        } else {
            import.product(result, now);
        }
    } else if root.kind() == Kind::Array && root.items().any(|item| item.get("releases").is_some()) {
        root.items().for_each(|product| import.product(product, now));
    } else if root.kind() == Kind::Array && root.items().any(|item| item.get("cycle").is_some()) {
        let name = product
            .ok_or_else(|| refused("the list does not say of which product it is").hint("Name it with --product, such as debian."))?;
        import.cycles(name, Form::Older, root, now);
    } else if root.kind() == Kind::Object && root.members().any(|(_, value)| value.kind() == Kind::Array) {
        let mut odd = Vec::new();
        for (name, cycles) in root.members() {
            let is_empty = cycles.kind() == Kind::Array && cycles.items().next().is_none();
            if cycles.items().any(|item| item.get("cycle").is_some()) {
                import.cycles(&name, Form::Older, cycles, now);
            } else if !is_empty {
                // What a script puts together has an error in the place of a list that it did not get.
                odd.push(unreadable("there is no list of release cycles of a product", &name, cycles.raw()));
            }
        }
        // Where no member is one, this is something else.
        import.findings.extend(odd.into_iter().filter(|_| !import.products.is_empty()));
    }
    if import.by_digest.is_empty() && import.products.is_empty() && import.findings.is_empty() {
        return Err(refused("this is no list of ends of life, or it is empty"));
    }
    Ok(import)
}

impl Import {
    fn microsoft(&mut self, root: Node<'_>, digests: Node<'_>) -> Result<()> {
        let common = root.get("EolDate").and_then(Node::as_str);
        let mut seen = HashMap::new();
        for (number, item) in digests.expect(Kind::Array, "EolDigests")?.items().enumerate() {
            let place = format!("EolDigests[{number}]");
            let Some(text) = item.get("Digest").and_then(Node::as_str) else {
                self.findings.push(unreadable("an entry names no digest", &place, item.raw()));
                continue;
            };
            // Either the digest alone or the whole reference.
            let digest = text.rsplit_once('@').map_or(&*text, |(_, digest)| digest);
            let Ok(digest) = digest.parse::<Digest>() else {
                self.findings.push(unreadable("an entry names no digest", &place, &text));
                continue;
            };
            let Some(date) = item.get("EolDate").and_then(Node::as_str).or_else(|| common.clone()) else {
                self.findings.push(unreadable("an entry has no date, and the list has none for all", &place, item.raw()));
                continue;
            };
            match end_of_life(&date) {
                Ok(Some(change)) => self.keep(&mut seen, digest, change, place),
                Ok(None) => {}
                Err(error) => self.findings.push(error.into_finding().at(place)),
            }
        }
        Ok(())
    }

    /// Records what one entry asks for. Of two dates for one digest the earlier one holds, since a warning that comes too early does no harm.
    fn keep(&mut self, seen: &mut HashMap<Digest, usize>, digest: Digest, change: Change, place: String) {
        let Some((_, known)) = seen.get(&digest).and_then(|position| self.by_digest.get_mut(*position)) else {
            seen.insert(digest.clone(), self.by_digest.len());
            return self.by_digest.push((digest, change));
        };
        if *known == change {
            return;
        }
        let is_earlier = ends(&change) < ends(known);
        let (held, other) = if is_earlier { (change, std::mem::take(known)) } else { (std::mem::take(known), change) };
        let finding = contradiction("the list gives one digest two ends of life, and the earlier one is taken", &held, &other);
        self.findings.push(finding.at(format!("{place}: {digest}")));
        *known = held;
    }

    /// A product of API v1.
    fn product(&mut self, node: Node<'_>, now: Moment) {
        let name = node.get("name").and_then(Node::as_str);
        match (name, node.get("releases")) {
            (Some(name), Some(releases)) if releases.kind() == Kind::Array => self.cycles(&name, Form::V1, releases, now),
            _ => self.findings.push(unreadable("a product has no name or no releases", "result", node.raw())),
        }
    }

    /// The cycles of a product, of API v1 or of the older one.
    fn cycles(&mut self, product: &str, form: Form, list: Node<'_>, now: Moment) {
        let mut cycles = Vec::new();
        for item in list.items() {
            let text = |name: &str| item.get(name).and_then(Node::as_str);
            // A number or a truth value as its text.
            let any = |name: &str| item.get(name).map(|node| node.as_str().unwrap_or_else(|| node.raw().into()));
            let known = |name: &str| any(name).filter(|text| text != "null" && !text.trim().is_empty());
            let (name, words) = match form {
                Form::V1 => (text("name"), [known("eolFrom"), known("isEol")]),
                Form::Older => (any("cycle"), [known("eol"), None]),
            };
            let Some(name) = name.filter(|name| !name.is_empty()) else {
                self.findings.push(unreadable("a release has no name", product, item.raw()));
                continue;
            };
            let place = format!("{product} {name}");
            if words.iter().all(Option::is_none) {
                self.findings.push(unreadable(SAYS_NOTHING, &place, item.raw()));
            }
            let [date, ended] = words.map(|word| {
                word.and_then(|word| {
                    end_of_life(&word).unwrap_or_else(|error| {
                        self.findings.push(error.into_finding().at(&*place));
                        None
                    })
                })
            });
            let change = match (date, ended) {
                // What has ended did not end on a day to come.
                (Some(date), Some(ended)) if ends(&date).is_some_and(|end| !end.has_come(now)) => {
                    let finding = contradiction("the list says that a release has ended, and of a day to come that it will", &ended, &date);
                    self.findings.push(finding.at(place));
                    Some(ended)
                }
                (date, ended) => date.or(ended),
            };
            let cycle = Cycle { name: name.into_owned(), codename: text("codename").map(std::borrow::Cow::into_owned), change };
            match cycles.iter_mut().find(|known: &&mut Cycle| known.name == cycle.name) {
                None => cycles.push(cycle),
                Some(known) => self.findings.extend(known.join(cycle, product)),
            }
        }
        self.products.push(Product { name: product.to_owned(), cycles });
    }
}

/// When a wish says that the life of an image ends; one that has ended on a day that nobody names ended before all others.
fn ends(change: &Change) -> Option<Moment> {
    match field::when(&change.set, Field::EndOfLife) {
        Some(When::At(moment)) => Some(moment),
        _ => None,
    }
}

/// The wish for an image whose life ends at `text`. A truth value that says that it has not ended says it of the day of the
/// list, and is no statement for later.
fn end_of_life(text: &str) -> Result<Option<Change>> {
    Ok(match time::read(text)?.value {
        When::At(moment) => Some(Change::of(Field::EndOfLife, Value::Time(When::At(moment.to_the_second())))),
        When::Already => Some(Change::of(Field::Status, Value::Status(Status::EndOfLife))),
        When::NotYet => None,
        When::Unknown => return Err(Error::new(Code::LifecycleUnreadable, SAYS_NOTHING).found(Fact::new(text, "the file"))),
    })
}

const SAYS_NOTHING: &str = "an entry says nothing of the end of a life";

fn unreadable(message: &str, place: &str, found: &str) -> Finding {
    let shown: String = found.chars().take(120).collect();
    Finding::new(Code::LifecycleUnreadable, message).at(place).found(Fact::new(shown, "the file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const TWO: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    fn now() -> Moment {
        Moment::strict("2026-11-30").unwrap()
    }

    fn read(text: &str, product: Option<&str>) -> Import {
        import(text.as_bytes(), product, now(), &Limits::STANDARD).unwrap()
    }

    fn shown(change: Option<&Change>) -> Option<String> {
        change.and_then(|change| change.set.values().next()).map(ToString::to_string)
    }

    #[test]
    fn a_list_of_digests_is_read() {
        let text = format!(
            r#"{{"EolDate":"2024-11-12","EolDigests":[{{"Digest":"{ONE}"}},
               {{"Digest":"registry.example/repo@{TWO}","Tag":"8.0","EolDate":"2025-01-01T00:00:00Z"}},
               {{"Digest":"8.0"}},{{"Tag":"x"}},{{"Digest":"{ONE}","EolDate":"soon"}}]}}"#
        );
        let list = read(&text, None);
        let found: Vec<_> = list.by_digest.iter().map(|(digest, change)| (digest.to_string(), shown(Some(change)).unwrap())).collect();
        assert_eq!(found, [(ONE.to_owned(), "2024-11-12T00:00:00Z".to_owned()), (TWO.to_owned(), "2025-01-01T00:00:00Z".to_owned())]);
        let codes: Vec<_> = list.findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [Code::LifecycleUnreadable, Code::LifecycleUnreadable, Code::LifecycleDate]);
        let twice = read(
            &format!(
                r#"{{"EolDate":"2025-01-01","EolDigests":[{{"Digest":"{ONE}"}},{{"Digest":"{ONE}","EolDate":"2024-01-01"}},{{"Digest":"{ONE}","EolDate":"2026-01-01"}},{{"Digest":"{ONE}","EolDate":"2024-01-01"}}]}}"#
            ),
            None,
        );
        assert_eq!(twice.by_digest.iter().map(|(_, change)| shown(Some(change)).unwrap()).collect::<Vec<_>>(), ["2024-01-01T00:00:00Z"]);
        let codes: Vec<_> = twice.findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [Code::LifecycleContradiction, Code::LifecycleContradiction]);
        let undated = read(&format!(r#"{{"EolDigests":[{{"Digest":"{ONE}"}}]}}"#), None);
        assert_eq!((undated.by_digest.len(), undated.findings.len()), (0, 1));
    }

    /// The forms of the documentation of endoflife.date, with releases of Debian and Alpine.
    #[test]
    fn both_forms_of_endoflife_date_are_read() {
        let v1 = r#"{"schema_version":"1.2.0","total":1,"result":[{"name":"debian","label":"Debian","releases":[
            {"name":"13","codename":"Trixie","releaseDate":"2025-08-09","isEol":false,"eolFrom":"2028-08-09","isMaintained":true},
            {"name":"12","codename":"Bookworm","isEoas":true,"eoasFrom":"2026-06-10","isEol":true,"eolFrom":"2026-07-11"},
            {"name":"3.1","codename":"Sarge","isEol":true,"eolFrom":null},{"name":"14","isEol":false,"eolFrom":null}]}]}"#;
        let one =
            r#"{"schema_version":"1.2.0","result":{"name":"debian","releases":[{"name":"13","isEol":false,"eolFrom":"2028-08-09"}]}}"#;
        let older =
            r#"[{"cycle":"13","codename":"Trixie","eol":"2028-08-09","lts":false},{"cycle":"3.1","eol":true},{"cycle":14,"eol":false}]"#;
        let list = read(v1, None);
        let found: Vec<_> = list.products[0].cycles.iter().map(|cycle| (cycle.name.as_str(), shown(cycle.change.as_ref()))).collect();
        let date = |text: &str| Some(text.to_owned());
        assert_eq!(
            found,
            [("13", date("2028-08-09T00:00:00Z")), ("12", date("2026-07-11T00:00:00Z")), ("3.1", date("end-of-life")), ("14", None)]
        );
        assert_eq!(read(one, None).products[0].cycles[0].change, list.products[0].cycles[0].change);
        let found: Vec<_> =
            read(older, Some("debian")).products[0].cycles.iter().map(|cycle| (cycle.name.clone(), shown(cycle.change.as_ref()))).collect();
        assert_eq!(
            found,
            [("13".to_owned(), date("2028-08-09T00:00:00Z")), ("3.1".to_owned(), date("end-of-life")), ("14".to_owned(), None)]
        );
        let many = read(&format!(r#"{{"debian":{older},"note":[1],"alpine":[{{"cycle":"3.19","eol":"2025-11-01"}}]}}"#), None);
        assert_eq!(many.products.iter().map(|product| product.name.as_str()).collect::<Vec<_>>(), ["debian", "alpine"]);
    }

    #[test]
    fn a_version_belongs_to_the_longest_cycle() {
        let cycle =
            |name: &str, codename: Option<&str>| Cycle { name: name.to_owned(), codename: codename.map(str::to_owned), change: None };
        let product = Product {
            name: "x".to_owned(),
            cycles: vec![cycle("3", None), cycle("3.1", Some("Sarge")), cycle("3.19", None), cycle("12", Some("Bookworm"))],
        };
        for (version, name) in [
            ("3.19.1", Some("3.19")),
            ("3.1", Some("3.1")),
            ("3.2", Some("3")),
            ("v12.5-slim", Some("12")),
            ("12", Some("12")),
            ("123", None),
            ("bookworm-slim", Some("12")),
            ("bookwormish", None),
            ("latest", None),
            ("", None),
        ] {
            assert_eq!(product.cycle_of(version).map(|cycle| cycle.name.as_str()), name, "{version}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["{}", "[]", "1", r#"{"EolDigests":[]}"#, r#"{"a":[1,2]}"#, r#"[{"cycle":"1","eol":true}]"#] {
            assert_eq!(import(text.as_bytes(), None, now(), &Limits::STANDARD).unwrap_err().code(), Code::LifecycleImport, "{text}");
        }
        assert_eq!(import(b"{", None, now(), &Limits::STANDARD).unwrap_err().code(), Code::JsonSyntax);
    }
}
