//! A model of names, and random sequences of operations against it: every image that nobody removed is there under its name.
//!
//! The model is written from the rules and shares no code with the library: a list of entries, each a digest with at most one name.
//! `AIRBASE_NAME_SEQUENCES` says how many sequences are run, `AIRBASE_NAME_SEED` with which seed they begin.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use airbase::foundation::Code;
use airbase::foundation::clock::Time;
use airbase::plan::lifecycle::time::Span;
use airbase::verbs::referrers::Attach;
use airbase::verbs::{Context, Output, copy, gc, rebase, referrers, rm, tag};
use serde_json::{Value, json};

use crate::support::image::{Image, Layout, layer};
use crate::support::{Contents, Environment};

const STEPS: usize = 50;

/// Names as they are typed and written, and what each of them is: names with the same second text are one name.
const NAMES: &[(&str, &str)] = &[
    ("nginx:latest", "docker.io/library/nginx:latest"),
    ("docker.io/nginx", "docker.io/library/nginx:latest"),
    ("docker.io/library/nginx:latest", "docker.io/library/nginx:latest"),
    ("library/redis", "docker.io/library/redis:latest"),
    ("docker.io/library/redis:latest", "docker.io/library/redis:latest"),
    ("quay.io/team/app:1", "quay.io/team/app:1"),
    ("quay.io/other/app:1", "quay.io/other/app:1"),
    ("team/app:1", "docker.io/team/app:1"),
    ("registry.example:5000/db:1", "registry.example:5000/db:1"),
    ("1", "1"),
    ("latest", "latest"),
    ("stable", "stable"),
];

/// What people type beside whole names: ends of them, and tags.
const ENDS: &[&str] = &["app:1", "other/app:1", "db:1", "1", "latest", "stable", "nothing:1"];

fn meaning(text: &str) -> String {
    NAMES.iter().find(|(spelling, _)| *spelling == text).map_or_else(|| text.to_owned(), |(_, meaning)| (*meaning).to_owned())
}

fn is_full(name: &str) -> bool {
    name.contains(['/', ':'])
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    digest: String,
    /// Nothing, a tag, or a full name.
    name: Option<String>,
    /// The full names that the image lost.
    former: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Meant {
    /// The first of so many entries, all of one image.
    One(usize, usize),
    None,
    Several,
}

#[derive(Debug, Clone, Default)]
struct Model {
    entries: Vec<Entry>,
}

impl Model {
    /// The equal full name, else the end of one at a `/`, else a tag.
    fn meant(&self, typed: &str) -> Meant {
        let wanted = meaning(typed);
        let tag = |name: &str| name.rsplit(['/', ':']).next().map(str::to_owned);
        let rules: [&dyn Fn(&str) -> bool; 3] =
            [&|name| is_full(name) && name == wanted, &|name| is_full(name) && name.ends_with(&format!("/{typed}")), &|name| {
                name == typed || is_full(name) && tag(name).as_deref() == Some(typed)
            }];
        for rule in rules {
            let fits = |entry: &Entry| entry.name.as_deref().is_some_and(rule);
            let found: Vec<usize> = (0..self.entries.len()).filter(|at| fits(&self.entries[*at])).collect();
            match found.as_slice() {
                [] => {}
                [first, ..] if found.iter().all(|at| self.entries[*at].digest == self.entries[*first].digest) => {
                    return Meant::One(*first, found.len());
                }
                _ => return Meant::Several,
            }
        }
        Meant::None
    }

    fn put(&mut self, name: Option<&str>, digest: &str) {
        let Some(name) = name.map(meaning) else {
            if self.entries.iter().all(|entry| entry.digest != digest) {
                self.entries.push(Entry { digest: digest.to_owned(), name: None, former: Vec::new() });
            }
            return;
        };
        if let Some(at) = self.entries.iter().position(|entry| entry.name.as_ref() == Some(&name)) {
            if self.entries[at].digest == digest {
                return;
            }
            self.lose_name(at, true);
        }
        let again = |entry: &&mut Entry| entry.digest == digest && entry.name.is_none() && !entry.former.is_empty();
        match self.entries.iter_mut().find(again) {
            Some(entry) => (entry.name, entry.former) = (Some(name), Vec::new()),
            None => self.entries.push(Entry { digest: digest.to_owned(), name: Some(name), former: Vec::new() }),
        }
    }

    /// The entry stays without its name, unless another one lists the image; what it was called stays known.
    fn lose_name(&mut self, at: usize, moved: bool) {
        let mut entry = self.entries[at].clone();
        let lists = |other: &usize| *other != at && self.entries[*other].digest == entry.digest;
        let others: Vec<usize> = (0..self.entries.len()).filter(lists).collect();
        let other = others.iter().copied().find(|other| self.entries[*other].name.is_none()).or_else(|| others.first().copied());
        // Who only takes away a name of an image that has another one changes nothing else.
        let name = entry.name.take().filter(|name| is_full(name) && (moved || other.is_none()));
        let lost: Vec<String> = name.into_iter().chain(entry.former.clone()).collect();
        let keeps = &mut self.entries[other.unwrap_or(at)];
        if other.is_none() {
            *keeps = Entry { former: Vec::new(), ..entry };
        }
        for name in lost.into_iter().rev() {
            keeps.former.retain(|known| *known != name);
            keeps.former.insert(0, name);
        }
        keeps.former.truncate(8);
        if other.is_some() {
            self.entries.remove(at);
        }
    }
}

/// Numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// Where everything comes from: images under names as `docker save` and as skopeo write them, and two bases.
struct Stock {
    environment: Environment,
    images: Vec<(Option<String>, String)>,
}

impl Stock {
    fn new() -> Self {
        let environment = Environment::new();
        let bases: Vec<Image> = (0..2).map(|number| Image::of(&[&layer(&["etc/", &format!("etc/os={number}")])])).collect();
        for (number, base) in bases.iter().enumerate() {
            Layout::new().image("os:1", base).write(&environment.join(&format!("base{number}")));
        }
        let mut layout = Layout::new();
        let mut images = Vec::new();
        for (number, (text, _)) in NAMES.iter().enumerate() {
            let image = bases[number % 2].and(&[&layer(&["app/", &format!("app/{}=x", number / 2)])]);
            let mut entry = layout.store(&image);
            entry.as_object_mut().unwrap().remove("platform");
            let tag = text.rsplit(['/', ':']).next().unwrap();
            if is_full(text) && number % 3 > 0 {
                entry["annotations"] = json!({"io.containerd.image.name": text});
            }
            let short = if is_full(text) && number % 3 == 2 && text.contains(':') { tag } else { text };
            layout.entry(if is_full(text) && number % 3 == 1 { "" } else { short }, entry);
            images.push((Some((*text).to_owned()), image.digest()));
        }
        // Each in a layout of its own, so that it needs no name to be found there.
        for (number, entry) in layout.entries.clone().into_iter().enumerate() {
            let only = Layout { blobs: layout.blobs.clone(), entries: vec![entry] };
            only.write(&environment.join(&format!("stock{number}")));
        }
        Self { environment, images }
    }
}

struct Run<'a> {
    stock: &'a Stock,
    target: PathBuf,
    model: Model,
    dice: Dice,
    /// Subjects and what was attached to them.
    attached: Vec<(String, String)>,
    log: Vec<String>,
    rebased: usize,
}

impl Run<'_> {
    fn within(&self, what: &str) -> String {
        format!("{}{what}", self.target.display())
    }

    /// A reference to an image and what the model says that it means: one entry, or all of a digest.
    /// Who changes an entry must mean just one.
    fn reference(&mut self, changes: bool) -> (String, Result<(Option<usize>, String), Code>) {
        if self.dice.below(4) == 0 && !self.model.entries.is_empty() {
            let digest = self.dice.one(&self.model.entries).digest.clone();
            return (format!("@{digest}"), Ok((None, digest)));
        }
        let typed = if self.dice.below(3) == 0 { *self.dice.one(ENDS) } else { self.dice.one(NAMES).0 };
        let meant = match self.model.meant(typed) {
            Meant::One(_, several) if changes && several > 1 => Err(Code::RefAmbiguous),
            Meant::One(at, _) => Ok((Some(at), self.model.entries[at].digest.clone())),
            Meant::None => Err(Code::RefNotFound),
            Meant::Several => Err(Code::RefAmbiguous),
        };
        (format!(":{typed}"), meant)
    }

    fn step(&mut self) {
        if self.model.entries.is_empty() || self.dice.below(4) == 0 {
            return self.copy();
        }
        let kind = self.dice.below(8);
        let (reference, meant) = self.reference(matches!(kind, 3 | 4));
        let path = self.within(&reference);
        let context = Context { jobs: 1, ..Context::standard() };
        let name = self.dice.one(NAMES).0;
        self.log.push(format!("{} {reference} {name}", ["tag", "tag", "tag", "untag", "rm", "rebase", "attach", "gc"][kind]));
        let refused = |code: Code| meant.as_ref().err().is_none_or(|expected| *expected == code);
        let done = match kind {
            0..=2 => tag::tag(&path, &[name.to_owned()], None, context).map(drop),
            3 => tag::untag(&path, context).map(drop),
            4 => rm::rm(&path, true, false, context).map(drop),
            5 => return self.rebase(&reference, meant.clone()),
            6 => {
                let attached = self.attach(path, context);
                let subject = meant.as_ref().map(|(_, digest)| digest.clone()).unwrap_or_default();
                attached.map(|digests| self.attached.extend(digests.into_iter().map(|digest| (subject.clone(), digest))))
            }
            _ => {
                let request = gc::Request {
                    path: self.target.clone(),
                    apply: true,
                    grace: Span::NONE,
                    orphans: false,
                    allow_sparse: false,
                    allow_empty: true,
                    now: Time::now(),
                };
                return gc::gc(&request, context).map_or_else(|error| self.fail(&format!("{error:?}")), drop);
            }
        };
        match (done, &meant) {
            (Err(error), _) if kind == 3 && reference.starts_with('@') => assert_eq!(error.code(), Code::UsageArgument),
            (Err(error), Err(_)) => assert!(refused(error.code()), "{error:?} instead of {meant:?} after {:#?}", self.log),
            (Ok(()), Ok((at, digest))) => match kind {
                0..=2 => self.model.put(Some(name), digest),
                3 => self.model.lose_name(at.unwrap(), false),
                4 => self.removed(*at, digest),
                _ => {}
            },
            (done, meant) => self.fail(&format!("{done:?} instead of {meant:?}")),
        }
    }

    fn removed(&mut self, at: Option<usize>, digest: &str) {
        match at {
            Some(at) => drop(self.model.entries.remove(at)),
            None => self.model.entries.retain(|entry| entry.digest != digest),
        }
        // What refers to an image goes with the last of its entries.
        if self.model.entries.iter().all(|entry| entry.digest != digest) {
            self.attached.retain(|(subject, _)| subject != digest);
        }
    }

    fn copy(&mut self) {
        let number = self.dice.below(self.stock.images.len());
        let (own, digest) = self.stock.images[number].clone();
        let name = Some(self.dice.one(NAMES).0.to_owned()).filter(|_| self.dice.below(2) == 0);
        self.log.push(format!("copy {own:?} {digest} as {name:?}"));
        let request = copy::Request {
            source: self.stock.environment.join(&format!("stock{number}")).to_str().unwrap().to_owned(),
            all: false,
            choice: airbase::verbs::Choice::default(),
            output: Output::Layout(self.target.clone()),
            name: name.clone(),
            referrers: None,
            supersede: None,
            mtime: 0,
        };
        let before = self.model.clone();
        let report =
            copy::copy(&request, Context { jobs: 1, ..Context::standard() }).unwrap_or_else(|error| self.fail(&format!("{error:?}")));
        let given = name.or(own);
        // Whose name it took is told.
        let had = given.as_deref().map(meaning);
        let lost = before.entries.iter().find(|entry| entry.name.is_some() && entry.name == had && entry.digest != digest);
        let taken: Vec<String> = report.taken.iter().map(|taken| taken.digest.to_string()).collect();
        assert_eq!(taken, lost.map(|entry| entry.digest.clone()).into_iter().collect::<Vec<_>>(), "{:#?}", self.log);
        self.model.put(given.as_deref(), &digest);
    }

    fn rebase(&mut self, reference: &str, meant: Result<(Option<usize>, String), Code>) {
        let base = |number: usize| self.stock.environment.join(&format!("base{number}")).to_str().unwrap().to_owned();
        let onto = self.dice.below(2);
        let name = self.dice.one(NAMES).0;
        let names = if self.dice.0.is_multiple_of(3) { vec![name.to_owned()] } else { Vec::new() };
        let request = rebase::Request {
            onto: Some(base(onto)),
            from: Some(base(1 - onto)),
            output: Some(Output::Layout(self.target.clone())),
            names: names.clone(),
            ..rebase::Request::of(&self.within(reference))
        };
        let context = Context { jobs: 1, ..Context::standard() };
        let report = rebase::plan(&request, context).and_then(|plan| plan.apply(context));
        let result = report.map(|report| report.result.map(|result| result.digest.to_string()));
        self.log.push(format!("  onto {onto} as {names:?}: {:?}", result.as_ref().map_err(airbase::foundation::Error::code)));
        // An image on the other base is refused, and nothing changes.
        let (Ok(Some(digest)), Ok((at, old))) = (result, meant) else { return };
        self.rebased += 1;
        let first = || self.model.entries.iter().find(|entry| entry.digest == old).and_then(|entry| entry.name.clone());
        let own = at.map_or_else(first, |at| self.model.entries[at].name.clone());
        self.model.put(names.first().map(String::as_str).or(own.as_deref()), &digest);
    }

    fn attach(&mut self, image: String, context: Context<'_>) -> airbase::foundation::Result<Vec<String>> {
        let request = Attach {
            image,
            files: Vec::new(),
            artifact_type: "application/vnd.example.note".to_owned(),
            annotations: vec![("note".to_owned(), self.log.len().to_string())],
            created: Time::now(),
            all: false,
            members: false,
            platform: None,
            missing: None,
            output: None,
            names: Vec::new(),
            mtime: 0,
        };
        referrers::attach(&request, context).map(|report| report.attached.iter().map(|attached| attached.digest.to_string()).collect())
    }

    fn fail(&self, what: &str) -> ! {
        panic!("{what} after {:#?}\nmodel {:#?}", self.log, self.model.entries)
    }

    /// Everything that the model has is there, and nothing else.
    fn check(&self) {
        if !self.target.exists() {
            return;
        }
        let contents = Contents::of(&self.target);
        let text = |entry: &Value, key: &str| entry["annotations"][key].as_str().map(str::to_owned);
        let mut found: Vec<Entry> = Vec::new();
        for entry in contents.entries() {
            let (full, short) = (text(&entry, "io.containerd.image.name"), text(&entry, "org.opencontainers.image.ref.name"));
            if text(&entry, "io.containerd.manifest.subject").is_some() || short.as_deref().is_some_and(|name| name.starts_with("sha256-"))
            {
                continue;
            }
            let former = text(&entry, "dev.airbase.former-names").unwrap_or_default();
            found.push(Entry {
                digest: entry["digest"].as_str().unwrap().to_owned(),
                name: full.or(short).as_deref().map(meaning),
                former: former.split(',').filter(|name| !name.is_empty()).map(meaning).collect(),
            });
        }
        let mut expected = self.model.entries.clone();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "after {:#?}", self.log);
        for (subject, statement) in &self.attached {
            let listed = contents.entries().iter().any(|entry| entry["digest"] == **statement);
            assert!(listed, "{statement} of {subject} is gone after {:#?}", self.log);
        }
        for entry in &expected {
            let manifest = contents.json(&entry.digest);
            let layers = manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]);
            for blob in layers {
                let path = format!("blobs/{}", blob["digest"].as_str().unwrap().replace(':', "/"));
                assert!(contents.files.contains_key(&path), "{path} of {entry:?} is gone after {:#?}", self.log);
            }
        }
    }
}

fn sequence(stock: &Stock, path: &Path, seed: u64) -> usize {
    let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut run = Run { stock, target: path.to_owned(), model: Model::default(), dice, attached: Vec::new(), log: Vec::new(), rebased: 0 };
    run.log.push(format!("AIRBASE_NAME_SEED={seed} AIRBASE_NAME_SEQUENCES=1"));
    for _ in 0..STEPS {
        run.step();
        run.check();
    }
    run.rebased
}

#[test]
fn names_are_where_the_model_has_them() {
    let number = |name: &str, otherwise: u64| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let (sequences, first) = (number("AIRBASE_NAME_SEQUENCES", 200), number("AIRBASE_NAME_SEED", 1));
    println!("AIRBASE_NAME_SEED={first} AIRBASE_NAME_SEQUENCES={sequences}");
    let stock = Stock::new();
    let next = AtomicU64::new(0);
    let rebased = AtomicU64::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= sequences {
                return;
            }
            let place = Environment::new();
            rebased.fetch_add(sequence(&stock, &place.join("target"), first + at) as u64, Ordering::Relaxed);
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        (0..threads).map(|_| scope.spawn(work)).collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    });
    // Images were moved, and not only refused.
    assert!(rebased.into_inner() >= sequences, "too few images were rebased");
}
