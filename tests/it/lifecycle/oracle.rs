//! The rules of `docs/lifecycle.md` once more, written from that page: it shares no code with the product, and asks of each field
//! what holds instead of putting records together. The two agree on any set of statements, in any order.

use std::collections::{BTreeMap, BTreeSet};

use airbase::foundation::Digest;
use airbase::plan::lifecycle::convention::Convention;
use airbase::plan::lifecycle::field::{Field, Place, Stated, Status, Value};
use airbase::plan::lifecycle::level::down;
use airbase::plan::lifecycle::resolve::{Question, Said, resolve};
use airbase::plan::lifecycle::statement::{Made, Statement};
use airbase::plan::lifecycle::time::{Moment, When};

/// The words of a standing, the strictest first.
const WITHDRAWN: u8 = 0;
const ENDED: u8 = 1;
const SUPERSEDED: u8 = 2;
const DEPRECATED: u8 = 3;
const ACTIVE: u8 = 4;

/// One statement on a platform (level 0) or on the index above it (level 1). Days count from an arbitrary one.
#[derive(Debug, Clone, Default)]
struct Word {
    id: u8,
    issuer: u8,
    level: u8,
    day: Option<u8>,
    number: u8,
    whole: bool,
    status: Option<u8>,
    end: Option<u8>,
    successor: Option<u8>,
    /// Of an index: whether it names a successor for this platform; `Some(None)` is the platform itself.
    #[expect(clippy::option_option, reason = "not said, said of no platform of ours, and said of one are three things")]
    by_platform: Option<Option<Option<u8>>>,
    takes_back_status: bool,
    takes_back_end: bool,
    replaces: Vec<u8>,
    overrides: Vec<u8>,
    garbled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    standing: Option<u8>,
    status: Option<u8>,
    end: Option<u8>,
    has_successor: bool,
    ambiguous: bool,
    unreadable: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Values {
    status: Option<u8>,
    end: Option<u8>,
    /// And the level at which it is said.
    successor: Option<(u8, u8)>,
}

impl Values {
    fn standing(self, today: u8) -> Option<u8> {
        let by_end = self.end.map(|end| if end <= today { ENDED } else { ACTIVE });
        [self.status, by_end, self.successor.map(|_| SUPERSEDED)].into_iter().flatten().min()
    }

    fn contradicts(self, other: Self, today: u8) -> bool {
        fn unequal<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
            matches!((one, other), (Some(one), Some(other)) if one != other)
        }
        let successors = matches!((self.successor, other.successor), (Some((one, a)), Some((other, b))) if a == b && one != other);
        unequal(self.status, other.status)
            || unequal(self.end, other.end)
            || successors
            || unequal(self.standing(today), other.standing(today))
    }
}

impl Word {
    fn values(&self) -> Values {
        Values { status: self.status, end: self.end, successor: self.successor.map(|successor| (successor, self.level)) }
    }

    fn says_something(&self) -> bool {
        self.status.is_some() || self.end.is_some() || self.successor.is_some() || self.takes_back_status || self.takes_back_end
    }

    /// Rule 5: what comes down from the index.
    fn comes_down(mut self) -> Self {
        match self.by_platform.take() {
            None => {}
            Some(None) => {
                self.successor = None;
                self.status = self.status.filter(|status| *status != SUPERSEDED);
            }
            Some(Some(None)) => {
                self.successor = None;
                self.end = None;
                self.status = self.status.filter(|status| *status == WITHDRAWN);
            }
            Some(Some(Some(successor))) => self.successor = Some(successor),
        }
        self
    }
}

fn strictest<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

fn pairs<T: Copy>(list: &[T]) -> impl Iterator<Item = (T, T)> + '_ {
    list.iter().enumerate().flat_map(move |(position, one)| list[position + 1..].iter().map(move |other| (*one, *other)))
}

/// All words of one issuer.
struct Issuer {
    words: Vec<Word>,
    today: u8,
}

impl Issuer {
    fn is_numbered_after(one: &Word, other: &Word) -> bool {
        one.level == other.level && other.number > 0 && one.number > other.number
    }

    /// Rule 2: a number makes a statement no earlier than those with lower ones.
    fn time(&self, word: &Word) -> Option<u8> {
        let own = word.day?;
        self.words.iter().filter(|other| Self::is_numbered_after(word, other)).filter_map(|other| other.day).chain([own]).max()
    }

    fn is_later(&self, one: &Word, other: &Word) -> bool {
        let times = self.time(one).zip(self.time(other));
        one.replaces.contains(&other.id)
            || times.is_some_and(|(left, right)| left > right || (left == right && Self::is_numbered_after(one, other)))
    }

    fn replaced(&self, word: &Word) -> bool {
        let is = |word: &Word| self.words.iter().any(|other| other.id != word.id && other.replaces.contains(&word.id));
        is(word) && !self.words.iter().all(is)
    }

    /// The dated words that nothing put an end to, the latest first, those of one time together.
    fn in_force(&self) -> Vec<Vec<&Word>> {
        let alive: Vec<&Word> = self.words.iter().filter(|word| word.day.is_some() && !self.replaced(word)).collect();
        let times: BTreeSet<u8> = alive.iter().filter_map(|word| self.time(word)).collect();
        let mut groups = Vec::new();
        for time in times.into_iter().rev() {
            let same: Vec<&Word> = alive.iter().copied().filter(|word| self.time(word) == Some(time)).collect();
            let last = |word: &&&Word| !same.iter().any(|other| Self::is_numbered_after(other, word));
            let group: Vec<&Word> = same.iter().filter(last).copied().collect();
            let whole = group.iter().any(|word| word.whole);
            groups.push(group);
            if whole {
                break;
            }
        }
        groups
    }

    fn dated(&self) -> Option<Values> {
        let groups = self.in_force();
        let first = |of: &dyn Fn(&Word) -> Option<u8>| groups.iter().find_map(|group| group.iter().filter_map(|word| of(word)).min());
        let successor = groups.iter().find_map(|group| {
            let order = |word: &&&Word| (word.values().standing(self.today).unwrap_or(9), word.end.is_none(), word.end, digest(word.id));
            let named = group.iter().filter(|word| word.successor.is_some()).min_by_key(order)?;
            named.values().successor
        });
        (!groups.is_empty()).then(|| Values { status: first(&|word| word.status), end: first(&|word| word.end), successor })
    }

    fn undated(&self) -> Vec<Values> {
        self.words.iter().filter(|word| word.day.is_none() && !self.replaced(word)).map(Word::values).collect()
    }

    /// Rule 3.
    fn is_withdrawn(&self) -> bool {
        let ends = |word: &Word| word.takes_back_status || matches!(word.status, Some(ENDED | DEPRECATED | ACTIVE));
        let withdrawn = self.words.iter().filter(|word| word.status == Some(WITHDRAWN));
        withdrawn.into_iter().any(|word| !self.words.iter().any(|other| ends(other) && self.is_later(other, word)))
    }
}

fn answer(words: &[Word], question: &Question, today: u8, asked: &[u8]) -> Answer {
    let mut words: Vec<Word> = words.iter().cloned().map(Word::comes_down).collect();
    words.retain(|word| asked.is_empty() || (word.issuer > 0 && asked.contains(&word.issuer)));
    // Rule 6.
    words.retain(|word| !question.exact || word.day.is_none_or(|day| day <= today));
    for word in &mut words {
        word.day = word.day.filter(|day| *day <= today);
    }
    let unreadable = words.iter().filter(|word| word.garbled).count();
    let all = words.clone();
    words.retain(Word::says_something);
    let mut issuers: BTreeMap<u8, Issuer> = BTreeMap::new();
    for word in words {
        issuers.entry(word.issuer).or_insert_with(|| Issuer { words: Vec::new(), today }).words.push(word);
    }
    // Rule 4: who overrides whom, unless that comes round.
    let mut over: Vec<(u8, &Word)> = Vec::new();
    for (name, issuer) in &issuers {
        for word in issuer.in_force().into_iter().flatten() {
            // Of a statement that says nothing, or only a withdrawal, there is nothing to override.
            let says =
                |other: &Word| other.status.is_some_and(|status| status != WITHDRAWN) || other.end.is_some() || other.successor.is_some();
            let others = all.iter().filter(|other| other.issuer != *name && word.overrides.contains(&other.id) && says(other));
            over.extend(others.map(|other| (*name, other)));
        }
    }
    let mut reach: BTreeSet<(u8, u8)> = over.iter().map(|(by, of)| (*by, of.issuer)).collect();
    for middle in 0..8 {
        for (from, to) in (0..8).flat_map(|from| (0..8).map(move |to| (from, to))) {
            if reach.contains(&(from, middle)) && reach.contains(&(middle, to)) {
                reach.insert((from, to));
            }
        }
    }
    over.retain(|(by, of)| !reach.contains(&(of.issuer, *by)));
    let mut ambiguous = false;
    let mut held: Vec<Values> = Vec::new();
    for (name, issuer) in &issuers {
        let mut several: Vec<Values> = issuer.dated().into_iter().chain(issuer.undated()).collect();
        for (_, word) in over.iter().filter(|(_, word)| word.issuer == *name) {
            for values in &mut several {
                values.status = values.status.filter(|status| *status == WITHDRAWN || Some(*status) != word.status);
                values.end = values.end.filter(|end| Some(*end) != word.end);
                values.successor = values.successor.filter(|(successor, _)| Some(*successor) != word.successor);
            }
        }
        ambiguous |= pairs(&several).any(|(one, other)| one.contradicts(other, today));
        for group in issuer.in_force() {
            let equals: Vec<Values> = group.iter().map(|word| word.values()).collect();
            ambiguous |= pairs(&equals).any(|(one, other)| one.contradicts(other, today));
        }
        several.sort_by_key(|values| (values.standing(today).unwrap_or(9), values.end.is_none(), values.end));
        let mut together = several.into_iter().fold(Values::default(), |one, other| Values {
            status: strictest(one.status, other.status),
            end: strictest(one.end, other.end),
            successor: one.successor.or(other.successor),
        });
        if issuer.is_withdrawn() {
            together.status = Some(WITHDRAWN);
        }
        held.push(together);
    }
    ambiguous |= pairs(&held).any(|(one, other)| one.contradicts(other, today));
    let status = held.iter().filter_map(|values| values.status).min();
    let end = held.iter().filter_map(|values| values.end).min();
    let has_successor = held.iter().any(|values| values.successor.is_some());
    // Rule 1.
    let standing = Values { status, end, successor: has_successor.then_some((0, 0)) }.standing(today);
    let standing = standing.filter(|standing| unreadable == 0 || *standing <= ENDED);
    Answer { standing, status, end, has_successor, ambiguous, unreadable }
}

fn digest(id: u8) -> Digest {
    Digest::sha256(&[id])
}

fn image(id: u8) -> Digest {
    Digest::sha256(format!("image {id}").as_bytes())
}

fn moment(day: u8) -> Moment {
    Moment::strict(&format!("2026-01-{:02}", day + 1)).unwrap()
}

const PLATFORM: &str = "linux/amd64";

/// The same for the product.
fn statement(word: &Word) -> Statement {
    let statuses = [Status::Withdrawn, Status::EndOfLife, Status::Superseded, Status::Deprecated, Status::Active];
    let on = image(100 + word.level);
    let mut says: BTreeMap<Field, Value> = BTreeMap::new();
    says.extend(word.status.map(|status| (Field::Status, Value::Status(statuses[usize::from(status)]))));
    says.extend(word.end.map(|end| (Field::EndOfLife, Value::Time(When::At(moment(end))))));
    says.extend(word.successor.map(|successor| (Field::SupersededBy, Value::Digest(image(successor)))));
    if let Some(by_platform) = &word.by_platform {
        let other = ("linux/s390x".to_owned(), image(99));
        let own = by_platform.map(|own| (PLATFORM.to_owned(), own.map_or_else(|| image(100), image)));
        says.insert(Field::SupersededByPlatforms, Value::Platforms(own.into_iter().chain([other]).collect()));
    }
    let stated = |value: Value| Stated { value, place: Place::Document, key: "key".to_owned(), dialect: None };
    let cleared = [(word.takes_back_status, Field::Status), (word.takes_back_end, Field::EndOfLife)];
    let made = Statement {
        digest: digest(word.id),
        subject: on,
        artifact_type: "application/vnd.example.lifecycle".to_owned(),
        convention: if word.whole { Convention::Own } else { Convention::Other },
        made: match word.day {
            Some(day) => Made::At { time: moment(day), key: "recorded".to_owned() },
            None => Made::Unknown { why: "it has no time".to_owned() },
        },
        sequence: u64::from(word.number),
        replaces: word.replaces.iter().copied().map(digest).collect(),
        issuer: (word.issuer > 0).then(|| word.issuer.to_string()),
        says: says.into_iter().map(|(field, value)| (field, stated(value))).collect(),
        cleared: cleared.into_iter().filter(|(is, _)| *is).map(|(_, field)| field).collect(),
        overrides: word.overrides.iter().copied().map(digest).collect(),
        unreadable: word.garbled,
        findings: Vec::new(),
    };
    if word.level == 1 { down(&made, Some(PLATFORM), &image(100)) } else { made }
}

/// Numbers from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn small(&mut self, below: u64) -> u8 {
        u8::try_from(self.next(below)).unwrap()
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.next(count) == 0
    }

    fn maybe<T>(&mut self, count: u64, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.one_in(count).then(|| make(self))
    }

    fn word(&mut self, id: u8) -> Word {
        let level = u8::from(self.one_in(3));
        let earlier = |random: &mut Self, count| if id > 0 { random.maybe(count, |random| random.small(u64::from(id))) } else { None };
        let whole = !self.one_in(3);
        Word {
            id,
            issuer: self.small(3),
            level,
            day: self.small(5).checked_sub(1).map(|day| day * 3),
            number: if whole { self.small(3) } else { 0 },
            whole,
            status: self.maybe(2, |random| random.small(5)),
            end: self.maybe(3, |random| random.small(4) * 3),
            successor: self.maybe(5, |random| random.small(2)),
            by_platform: if level == 1 {
                self.maybe(3, |random| random.maybe(2, |random| random.maybe(2, |random| random.small(2))))
            } else {
                None
            },
            takes_back_status: self.one_in(8),
            takes_back_end: self.one_in(12),
            replaces: earlier(self, 4).into_iter().collect(),
            overrides: earlier(self, 4).into_iter().collect(),
            garbled: self.one_in(25),
        }
    }
}

/// Calls `visit` with the list in every order.
fn orders<T: Clone>(list: &mut Vec<T>, from: usize, visit: &mut dyn FnMut(&[T])) {
    if from == list.len() {
        return visit(list);
    }
    for other in from..list.len() {
        list.swap(from, other);
        orders(list, from + 1, visit);
        list.swap(from, other);
    }
}

#[test]
fn the_page_and_the_product_agree_on_ten_thousand_sets_in_every_order() {
    let seed = std::env::var("AIRBASE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_129);
    println!("seed {seed} (AIRBASE_SEED)");
    let mut random = Random(seed);
    let mut met: BTreeMap<(Option<u8>, bool, bool), usize> = BTreeMap::new();
    for number in 0..10_000 {
        let count = random.small(5) + u8::from(number % 10 == 0);
        let words: Vec<Word> = (0..count).map(|id| random.word(id)).collect();
        let today = random.small(5) * 3;
        let asked: Vec<u8> = if random.one_in(6) { vec![1 + random.small(2)] } else { Vec::new() };
        let question = Question { now: moment(today), exact: random.one_in(2), issuers: asked.iter().map(ToString::to_string).collect() };
        let expected = answer(&words, &question, today, &asked);
        *met.entry((expected.standing, expected.ambiguous, expected.unreadable > 0)).or_default() += 1;
        let mut statements: Vec<Statement> = words.iter().map(statement).collect();
        orders(&mut statements, 0, &mut |statements| {
            let found = resolve(Said::of(statements), &question);
            let name = |status: Option<Status>| {
                status.and_then(|status| Status::ALL.iter().position(|other| *other == status)).map(|place| u8::try_from(place).unwrap())
            };
            let record = found.record();
            let found = Answer {
                standing: name(found.standing),
                status: name(airbase::plan::lifecycle::field::status(&record)),
                end: airbase::plan::lifecycle::field::when(&record, Field::EndOfLife)
                    .and_then(When::moment)
                    .map(|end| (0..20).find(|day| moment(*day) == end).unwrap()),
                has_successor: record.contains_key(&Field::SupersededBy),
                ambiguous: found.ambiguous,
                unreadable: found.unreadable,
            };
            assert_eq!(
                found, expected,
                "seed {seed}, set {number}, asked {asked:?} as of day {today}, exact {}: {words:#?}",
                question.exact
            );
        });
    }
    // Every standing was met, told and untold.
    for standing in [None, Some(WITHDRAWN), Some(ENDED), Some(SUPERSEDED), Some(DEPRECATED), Some(ACTIVE)] {
        assert!(met.get(&(standing, false, false)).is_some_and(|count| *count > 20), "{met:?}");
    }
}
