//! Which of several local images of one name is meant. Patched bases arrive so: last month's stick and this month's hold two images
//! of one name.

use serde::Serialize;

use super::claim::{Claim, claims, same_repository};
use super::evidence::{Candidate, Stated};
use crate::foundation::Digest;
use crate::foundation::clock::Time;
use crate::oci::{Platform, annotation};
use crate::plan::batch::jump::is_lower;
use crate::plan::lifecycle::time::Moment;
use crate::read::Image;

/// Why a name means an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case", tag = "rule")]
pub enum NameRule {
    /// No other local image has the name.
    Only,
    /// It is the strictly newest of several.
    Newest {
        /// How many there are.
        of: usize,
    },
    /// A statement on the one before says that it follows.
    SupersededBy,
    /// `--map` says so.
    Map,
    /// `--onto` says so.
    Onto,
    /// `--allow` lets the name jump to its.
    Jump,
}

impl NameRule {
    /// For users, where there was a choice.
    pub fn words(self) -> Option<String> {
        match self {
            Self::Only | Self::Onto => None,
            Self::Newest { of } => Some(format!("newest of {of}")),
            Self::SupersededBy => Some("by a statement that it follows".to_owned()),
            Self::Map => Some("by --map".to_owned()),
            Self::Jump => Some("by --allow".to_owned()),
        }
    }
}

/// One platform of an edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditionPlatform {
    /// What it runs on.
    pub platform: Option<Platform>,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// When its config says that it was created.
    pub created: Option<String>,
    /// The version of what is in it.
    pub version: Option<String>,
    /// What its manifest and its config say of its own base.
    pub claims: Vec<Claim>,
}

impl EditionPlatform {
    /// What an image says of itself.
    pub fn of(image: &Image) -> Self {
        let version = image.manifest.annotations.get(annotation::VERSION).or_else(|| image.config.labels.get(annotation::VERSION));
        Self {
            platform: image.platform().cloned(),
            manifest: image.descriptor.digest.clone(),
            created: image.config.created.clone(),
            version: version.filter(|text| !text.is_empty()).cloned(),
            claims: claims(image, None),
        }
    }
}

/// A local image that has the name now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// Its digest: of the index, or of the manifest if there is none.
    pub digest: Digest,
    /// Its platforms that are here.
    pub platforms: Vec<EditionPlatform>,
    /// What its index lists whose manifest is not here.
    pub missing: Vec<Option<Platform>>,
    /// What statements say of it.
    pub stated: Stated,
    /// Whether it lies where the user said that bases lie, and not only among the images to be moved.
    pub among_bases: bool,
}

impl Edition {
    /// Whether this is the index or one of the manifests with this digest.
    pub fn is(&self, digest: &Digest) -> bool {
        self.digest == *digest || self.platforms.iter().any(|own| own.manifest == *digest)
    }

    /// Whether it has the platform somewhere else, so that nobody here knows what it has.
    fn lacks(&self, wanted: Option<&Platform>) -> bool {
        !self.has(wanted) && self.missing.iter().any(|gone| same_platform(gone.as_ref(), wanted))
    }

    fn has(&self, wanted: Option<&Platform>) -> bool {
        self.platforms.iter().any(|own| same_platform(own.platform.as_ref(), wanted))
    }
}

/// What decides beside the editions.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The name.
    pub name: &'a str,
    /// The proven old base, if it is here.
    pub old: Option<&'a Candidate>,
    /// Whether the image itself calls its proven base so.
    pub said: bool,
    /// The platforms of the image and of the index that it belongs to.
    pub platforms: &'a [Option<Platform>],
    /// The time, if it counts.
    pub now: Option<Moment>,
}

/// The edition that is meant, by its position, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meant {
    /// Its position.
    pub at: usize,
    /// Why.
    pub rule: NameRule,
}

/// Why it is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// The reason.
    pub why: String,
    /// The positions of the editions that could be meant.
    pub among: Vec<usize>,
}

/// Which edition the name means. `None` if there is none for any of the platforms.
///
/// # Errors
/// Why it is not known.
pub fn meaning(editions: &[Edition], question: &Question<'_>) -> Result<Option<Meant>, Undecided> {
    let fits = |edition: &Edition| question.platforms.iter().any(|wanted| edition.has(wanted.as_ref()));
    let mut running: Vec<usize> = (0..).zip(editions).filter(|(_, edition)| fits(edition)).map(|(at, _)| at).collect();
    if running.is_empty() {
        // Who looks for the platform says that it is missing.
        running = (0..editions.len()).collect();
    }
    let newer = |other: &Edition| running.iter().filter_map(|at| editions.get(*at)).all(|own| is_newer(other, own));
    if let Some((_, dropped)) = (0..).zip(editions).find(|(at, edition)| !running.contains(at) && newer(edition)) {
        let why = format!("the newest of them, {}, has no such platform any more", dropped.digest);
        return Err(Undecided { why, among: (0..editions.len()).collect() });
    }
    // What has the name and is not understood has no date, and may be the newest; a statement may say that another one follows it.
    let follows = |digest: &Digest| editions.iter().any(|other| !other.platforms.is_empty() && other.is(digest));
    let is_past = |edition: &Edition| edition.stated.successor.as_ref().is_some_and(follows);
    let is_strange = |edition: &&Edition| edition.platforms.is_empty() && edition.missing.is_empty() && !is_past(edition);
    if let Some(strange) = editions.iter().find(is_strange).filter(|_| editions.iter().any(fits)) {
        let why = format!("one of them, {}, is no image that is understood", strange.digest);
        return Err(Undecided { why, among: (0..editions.len()).collect() });
    }
    // What is not here may be the newest, unless it is known to be older.
    let lacks = |edition: &Edition| question.platforms.iter().any(|wanted| edition.lacks(wanted.as_ref()));
    // A date that builders write instead of one says nothing of that.
    let dated = |edition: &Edition| edition.platforms.iter().all(|own| credible(own, question.now).is_ok());
    let is_older = |other: &Edition, own: &Edition| dated(other) && dated(own) && is_newer(own, other);
    let older = |other: &Edition| running.iter().filter_map(|at| editions.get(*at)).any(|own| is_older(other, own));
    if let Some(gone) = editions.iter().find(|edition| lacks(edition) && !older(edition)) {
        let why = format!("one of them, {}, has the platform, and its manifest is not here", gone.digest);
        return Err(Undecided { why, among: (0..editions.len()).collect() });
    }
    match running.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(Meant { at: *one, rule: NameRule::Only })),
        several => choose(editions, several, question).map(Some),
    }
    .and_then(|meant| {
        let nameless = question.old.filter(|old| old.is_nameless());
        let chosen = meant.and_then(|meant| editions.get(meant.at)).zip(nameless);
        let stranger = chosen.and_then(|(edition, old)| stranger(edition, old));
        stranger.map_or(Ok(meant), |why| Err(Undecided { why, among: running }))
    })
}

/// Why an edition may be of another line than an old base without any name. That was led to by a digest, which the image may have
/// inherited: then it is a base of the one that the name means.
fn stranger(edition: &Edition, old: &Candidate) -> Option<String> {
    let own = old.image.platform();
    let new = edition.platforms.iter().find(|other| same_platform(other.platform.as_ref(), own))?;
    let lines = Lines::of(&old.claims, &new.claims);
    (!lines.are_one() || lines.has_lone_digest).then(|| {
        let (own, new) = (said(&lines.own), said(&lines.new));
        format!("the old base {} has no name here and is based on {own}; this one is based on {new}", old.reference)
    })
}

/// Why an image may be built on the old base rather than follow it, where both are known by names.
pub fn built_on(new: &Candidate, old: &Candidate) -> Option<String> {
    let lines = Lines::of(&old.claims, &new.claims);
    let is_old = |name: &String| old.names.iter().chain(&old.former).any(|own| same_repository(name, own));
    let leads_there =
        lines.new.iter().any(is_old) || new.claims.iter().any(|claim| claim.digest.as_ref().is_some_and(|digest| old.is(digest)));
    (!lines.are_one() || leads_there).then(|| {
        format!("the old base {} is based on {}; {} is based on {}", old.reference, said(&lines.own), new.reference, said(&lines.new))
    })
}

/// What two images record of their own bases. Editions of one image are built on editions of the same bases, whose names are the same
/// and whose digests are not, so digests do not say of which line they are.
struct Lines {
    /// The names that the old one gives.
    own: Vec<String>,
    /// Those that the new one gives.
    new: Vec<String>,
    /// Whether one of them gives a digest.
    has_digest: bool,
    /// Whether one of them gives a digest without a name.
    has_lone_digest: bool,
}

impl Lines {
    fn of(old: &[Claim], new: &[Claim]) -> Self {
        let names = |claims: &[Claim]| -> Vec<String> {
            let mut names: Vec<String> = claims.iter().filter_map(|claim| claim.name.clone()).collect();
            names.sort_unstable();
            names.dedup_by(|one, other| same_repository(one, other));
            names
        };
        let with_digest = || old.iter().chain(new).filter(|claim| claim.digest.is_some());
        Self {
            own: names(old),
            new: names(new),
            has_digest: with_digest().next().is_some(),
            has_lone_digest: with_digest().any(|claim| claim.name.is_none()),
        }
    }

    /// Whether they are of the same repositories, as far as names tell.
    fn are_one(&self) -> bool {
        let within = |some: &[String], all: &[String]| some.iter().all(|name| all.iter().any(|other| same_repository(name, other)));
        within(&self.own, &self.new) && within(&self.new, &self.own) && (!self.own.is_empty() || !self.has_digest)
    }
}

fn said(names: &[String]) -> String {
    if names.is_empty() { "nothing that it names".to_owned() } else { names.join(", ") }
}

fn choose(editions: &[Edition], among: &[usize], question: &Question<'_>) -> Result<Meant, Undecided> {
    let left = not_superseded(editions, among);
    if let ([one], true) = (left.as_slice(), left.len() < among.len()) {
        return Ok(Meant { at: *one, rule: NameRule::SupersededBy });
    }
    let at = newest(editions, among, question).map_err(|why| Undecided { why, among: among.to_vec() })?;
    Ok(Meant { at, rule: NameRule::Newest { of: among.len() } })
}

/// Those of which no statement says that another one of them follows.
fn not_superseded(editions: &[Edition], among: &[usize]) -> Vec<usize> {
    let follows = |digest: &Digest| among.iter().filter_map(|at| editions.get(*at)).any(|other| other.is(digest));
    let superseded = |at: &usize| editions.get(*at).and_then(|edition| edition.stated.successor.as_ref()).is_some_and(follows);
    among.iter().copied().filter(|at| !superseded(at)).collect()
}

/// The strictly newest on every platform that two of them share, if nothing speaks against it.
fn newest(editions: &[Edition], among: &[usize], question: &Question<'_>) -> Result<usize, String> {
    let each = || among.iter().filter_map(|at| editions.get(*at).map(|edition| (*at, edition)));
    for (_, edition) in each() {
        for own in &edition.platforms {
            credible(own, question.now)?;
        }
    }
    let beats_all = |one: &Edition| each().all(|(_, other)| other.digest == one.digest || is_newer(one, other));
    let Some((at, chosen)) = each().find(|(_, edition)| beats_all(edition)) else {
        return Err("none of them is newer than all others on every platform that they share".to_owned());
    };
    let Some(old) = question.old else {
        return Err("the old base is not proven, so whether it is one of them is not known".to_owned());
    };
    let was = question.said
        || old.had_name(question.name)
        || each().any(|(_, edition)| edition.is(&old.top) || edition.is(&old.image.descriptor.digest));
    if !was {
        return Err(format!("the old base {} is none of them, and never was", old.reference));
    }
    if let Some(status) = chosen.stated.status.filter(|_| chosen.stated.has_ended()) {
        return Err(format!("the newest of them is {}", status.name()));
    }
    if chosen.stated.unreadable {
        return Err("something that may be said of the newest of them cannot be read".to_owned());
    }
    if let Some((higher, lower)) = each().find_map(|(_, other)| goes_down(other, chosen)) {
        return Err(format!("the newest of them has the version {lower}, and another one {higher}"));
    }
    Ok(at)
}

/// Before this nobody had images; builders that want the same result twice write 1970 or 1980.
const FIRST_YEAR: &str = "2013-01-01T00:00:00Z";

/// Whether somebody can have built an image then.
pub fn is_credible(time: Time) -> bool {
    Some(time) >= Time::parse(FIRST_YEAR)
}

/// Whether a date can be one on which somebody built something.
fn credible(own: &EditionPlatform, now: Option<Moment>) -> Result<(), String> {
    let Some(text) = &own.created else { return Err("one of them does not say when it was created".to_owned()) };
    let Some(time) = Time::parse(text) else { return Err(format!("one of them was created at {text:?}, which is no time")) };
    if !is_credible(time) {
        return Err(format!("one of them was created at {text}, before there were images"));
    }
    match now {
        Some(now) if Moment::from(time) > now => Err(format!("one of them was created at {text}, in the future")),
        _ => Ok(()),
    }
}

fn shared<'a>(one: &'a Edition, other: &'a Edition) -> impl Iterator<Item = (&'a EditionPlatform, &'a EditionPlatform)> {
    let pairs = one.platforms.iter().flat_map(|own| other.platforms.iter().map(move |theirs| (own, theirs)));
    pairs.filter(|(own, theirs)| same_platform(own.platform.as_ref(), theirs.platform.as_ref()))
}

fn is_newer(one: &Edition, other: &Edition) -> bool {
    let time = |own: &EditionPlatform| own.created.as_deref().and_then(Time::parse);
    if shared(one, other).next().is_some() {
        return shared(one, other).all(|(own, theirs)| time(own) > time(theirs));
    }
    // Without a platform in common, what is newer in every respect is newer.
    let (own, theirs) = (one.platforms.iter().map(time).min().flatten(), other.platforms.iter().map(time).max().flatten());
    own.is_some() && theirs.is_some() && own > theirs
}

fn goes_down(other: &Edition, chosen: &Edition) -> Option<(String, String)> {
    shared(other, chosen).find_map(|(theirs, own)| {
        let (before, after) = (theirs.version.clone()?, own.version.clone()?);
        is_lower(&after, &before).then_some((before, after))
    })
}

fn same_platform(one: Option<&Platform>, other: Option<&Platform>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.matches(other),
        _ => true,
    }
}
