//! Generated families of images through the decision: a rebase has exactly the layers of its own on exactly the new base's, or is
//! refused.
//!
//! A family is a chain of one to four bases, each in two editions under one name, and an app on the old edition of the highest. Each
//! image may say what it is based on, truly or not, may hand that down, and may be missing here; names have moved, are remembered or
//! not; layers repeat; bases were compressed again; the site has names of its own, and rules about them. What is right is read off the
//! chain that was generated.
//!
//! `AIRBASE_MODEL_FAMILIES` and `AIRBASE_MODEL_LAYOUTS` say how many; `AIRBASE_TEST_SEED` where to begin.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use airbase::foundation::{Digest, Limits};
use airbase::oci::{Descriptor, Verified};
use airbase::plan::base::{
    Based, Candidate, Claim, ClaimOrigin, Edition, EditionPlatform, Evidence, Outcome, Prefix, Question, Stated, Verdict,
    adds_settings_only, claims, decide, judge, meaning, prefix, same_name,
};
use airbase::read::{Image as Read, Overlay, Tree, load};
use serde_json::{Value, json};

use super::{DIGEST, NAME};
use crate::support::image::{Compression, Layer, Layout};
use crate::support::{Dice, Environment, Image, layer};

fn roll(dice: &mut Dice, count: usize) -> usize {
    usize::try_from(dice.below(count as u64)).unwrap()
}

/// True one time in `count`.
fn one_in(dice: &mut Dice, count: usize) -> bool {
    roll(dice, count) == 0
}

/// One image that is here.
#[derive(Debug, Clone)]
struct Here {
    image: Image,
    /// The level of the chain, and which edition; `None` for a stranger.
    place: Option<(usize, usize)>,
    name: Option<String>,
    former: Vec<String>,
}

/// A family.
#[derive(Debug, Clone)]
struct Family {
    app: Image,
    /// The numbers of layers of the old editions, from the bottom.
    heights: Vec<usize>,
    here: Vec<Here>,
    /// The level that the app itself names, truly or not, and whether it is true; `None` if it names a stranger.
    own: Option<(Option<usize>, bool)>,
    /// How it says that.
    says: Says,
    /// A true `--map` for the bases, and the level whose base it is about by what it is here: its digest, or its name here.
    rule: Option<(String, Option<usize>)>,
}

/// The layers that occur, made once.
struct Layers(BTreeMap<(usize, bool), Layer>);

impl Layers {
    fn new() -> Self {
        let each = (0..64).map(|number| layer(&[&format!("layer/{number}=1")]));
        let both = each.enumerate().flat_map(|(number, layer)| {
            let again = layer.compressed(Compression::None);
            [((number, false), layer), ((number, true), again)]
        });
        Self(both.collect())
    }
}

fn name(level: usize) -> String {
    format!("r.example/level{level}:1")
}

/// What an image may say of its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Nothing,
    Name,
    Digest,
    Both,
    BothInOne,
}

fn claim(image: Image, says: Says, label: bool, name: &str, digest: &str) -> Image {
    let pairs = match says {
        Says::Nothing => return image,
        Says::Name => vec![(NAME, name.to_owned())],
        Says::Digest => vec![(DIGEST, digest.to_owned())],
        Says::Both => vec![(NAME, name.to_owned()), (DIGEST, digest.to_owned())],
        Says::BothInOne => vec![(NAME, format!("{name}@{digest}"))],
    };
    pairs.into_iter().fold(image, |mut image, (key, value)| {
        if label {
            image.config["config"]["Labels"][key] = json!(value);
            return image;
        }
        image.annotated(key, &value)
    })
}

fn says(dice: &mut Dice) -> Says {
    [Says::Nothing, Says::Nothing, Says::Name, Says::Digest, Says::Both, Says::Both, Says::BothInOne][roll(dice, 7)]
}

/// The same image with other blobs.
fn compressed_again(image: &Image, layers: &Layers, numbers: &[usize]) -> Image {
    Image { layers: numbers.iter().map(|number| layers.0[&(*number, true)].clone()).collect(), ..image.clone() }
}

fn family(dice: &mut Dice, layers: &Layers) -> Family {
    let depth = 1 + roll(dice, 4);
    let mut numbers: [Vec<usize>; 2] = Default::default();
    let mut editions: [Option<Image>; 2] = [None, None];
    let mut family = Family { app: Image::of(&[]), heights: Vec::new(), here: Vec::new(), own: None, says: Says::Nothing, rule: None };
    let mut digests: Vec<[String; 2]> = Vec::new();
    let undated = one_in(dice, 8);
    for level in 0..depth {
        let count = 1 + roll(dice, 2);
        let mut made = Vec::new();
        let (say, label) = (if level == 0 { Says::Nothing } else { says(dice) }, one_in(dice, 2));
        for edition in 0..2 {
            let below = editions[edition].clone();
            let own: Vec<usize> = (0..count)
                .map(|number| {
                    // The same layer twice, here and there.
                    let again = one_in(dice, 12).then(|| numbers[edition].first().copied()).flatten();
                    again.unwrap_or(level * 8 + edition * 4 + number)
                })
                .collect();
            let own_layers: Vec<&Layer> = own.iter().map(|number| &layers.0[&(*number, false)]).collect();
            let image = below.map_or_else(
                || Image::of(&own_layers),
                |below| {
                    // Builders hand labels down, and some of them annotations.
                    let mut image = below.and(&own_layers);
                    if one_in(dice, 2) {
                        image.manifest = json!({});
                    }
                    image
                },
            );
            let created = match (edition, undated) {
                (1, true) => [Value::Null, json!("1980-01-01T00:00:01Z"), json!("2024-01-01T00:00:00Z")][roll(dice, 3)].clone(),
                (1, false) => json!("2024-06-01T00:00:00Z"),
                _ => json!("2024-01-01T00:00:00Z"),
            };
            let mut image = image.with_top("created", created);
            if let Some(digest) = digests.last() {
                image = claim(image, say, label, &name(level - 1), &digest[edition]);
            }
            numbers[edition].extend(own);
            made.push(image.digest());
            if !one_in(dice, 5) {
                add(dice, layers, &mut family, &image, &numbers[edition], (level, edition));
            }
            editions[edition] = Some(image);
        }
        family.heights.push(numbers[0].len());
        digests.push([made[0].clone(), made[1].clone()]);
    }
    // Of two that hold one name the new one has it, unless both came on sticks.
    let both = one_in(dice, 3);
    for level in 0..depth {
        let new = family.here.iter().any(|here| here.place == Some((level, 1)));
        if let Some(old) = family.here.iter_mut().find(|here| here.place == Some((level, 0))).filter(|_| new && !both) {
            old.name = (roll(dice, 3) == 2).then(|| format!("r.example/level{level}:1-old"));
            if old.name.is_none() && !one_in(dice, 3) {
                old.former = vec![name(level)];
            }
        }
    }
    for level in 0..depth {
        rename(&mut family, level, roll(dice, 8));
    }
    if one_in(dice, 3) {
        let image = Image::of(&[&layers.0[&(60, false)]]);
        family.here.push(Here { image, place: None, name: Some("r.example/stranger:1".to_owned()), former: Vec::new() });
    }
    app(dice, layers, &mut family, editions[0].as_ref().unwrap(), &digests);
    if one_in(dice, 2) {
        family.rule = rule(dice, &family, &digests);
    }
    family
}

/// The site has names of its own: for both editions, the old one or the new one.
fn rename(family: &mut Family, level: usize, how: usize) {
    let editions: &[usize] = match how {
        0 | 1 => &[0, 1],
        2 => &[0],
        3 => &[1],
        _ => &[],
    };
    for edition in editions {
        for here in family.here.iter_mut().filter(|here| here.place == Some((level, *edition))) {
            here.name.iter_mut().chain(&mut here.former).for_each(|name| *name = name.replace("r.example", "site.example"));
        }
    }
}

/// A rule that is true: of a name, of all names, of a digest, or of a name here.
fn rule(dice: &mut Dice, family: &Family, digests: &[[String; 2]]) -> Option<(String, Option<usize>)> {
    let level = roll(dice, digests.len());
    let new = family.here.iter().find(|here| here.place == Some((level, 1)))?;
    let new = format!("bases@{}", new.image.digest());
    let site = |level: usize| name(level).replace("r.example", "site.example");
    let held = |level: usize| family.here.iter().filter(|here| here.name.as_ref() == Some(&site(level))).count() == 1;
    Some(match roll(dice, 4) {
        0 if (0..digests.len()).all(held) => ("r.example/level*=bases:site.example/level{match}".to_owned(), None),
        0 | 1 => (format!("{}={new}", name(level)), None),
        2 => (format!("{}={new}", digests[level][0]), Some(level)),
        _ => (format!("{}={new}", site(level)), Some(level)),
    })
}

fn add(dice: &mut Dice, layers: &Layers, family: &mut Family, image: &Image, numbers: &[usize], place: (usize, usize)) {
    let image = if one_in(dice, 6) { compressed_again(image, layers, numbers) } else { image.clone() };
    family.here.push(Here { image, place: Some(place), name: Some(name(place.0)), former: Vec::new() });
}

fn app(dice: &mut Dice, layers: &Layers, family: &mut Family, below: &Image, digests: &[[String; 2]]) {
    let own: Vec<&Layer> = (0..=roll(dice, 2)).map(|number| &layers.0[&(if one_in(dice, 12) { 0 } else { 50 + number }, false)]).collect();
    let mut app = below.and(&own).with_top("created", json!("2024-02-01T00:00:00Z"));
    if one_in(dice, 2) {
        app.manifest = json!({});
    }
    let (say, label) = (says(dice), one_in(dice, 2));
    let top = digests.len() - 1;
    let (level, claimed, digest) = match roll(dice, 8) {
        0 => (None, "r.example/stranger:1".to_owned(), Image::of(&[&layers.0[&(60, false)]]).digest()),
        1 => (None, "r.example/nowhere:1".to_owned(), format!("sha256:{}", "1".repeat(64))),
        2 => {
            let level = roll(dice, top + 1);
            (Some(level), name(level), digests[level][0].clone())
        }
        3 => (Some(top), name(top), digests[top][1].clone()),
        _ => (Some(top), name(top), digests[top][0].clone()),
    };
    let true_digest = level == Some(top) && digest == digests[top][0];
    if say != Says::Nothing {
        // What a label says replaces what was handed down.
        family.own = Some((level, true_digest || (say == Says::Name && level == Some(top))));
    }
    family.says = say;
    family.app = claim(app, say, label, &claimed, &digest);
}

// What the decision is given: images, compared as the specification says, by code that is not the product's.

fn read(image: &Image, limits: &Limits) -> Read {
    let mut overlay = Overlay::default();
    let manifest = Verified::authored(image.manifest_bytes());
    for document in [&manifest, &Verified::authored(image.config_bytes())] {
        overlay.document(document);
    }
    let source = overlay.into_source(Path::new("family"), limits).unwrap();
    match load(&source, &Descriptor::authored(&image.manifest_type, &manifest), limits).unwrap() {
        Tree::Image(image) => *image,
        other => panic!("{other:?}"),
    }
}

fn gathered(app: &Read, here: &[Arc<Candidate>]) -> Vec<Evidence> {
    let verdict = |claim: &Claim| {
        if let Some(found) = claim.digest.as_ref().and_then(|digest| here.iter().find(|one| one.is(digest))) {
            return judge(app, Arc::clone(found), true);
        }
        let named = here.iter().filter(|one| claim.name.as_deref().is_some_and(|name| one.names.iter().any(|own| same_name(name, own))));
        let judged: Vec<Verdict> = named.map(|one| judge(app, Arc::clone(one), false)).collect();
        let proven = judged.iter().find(|verdict| matches!(verdict, Verdict::Proven(..)));
        proven.or(judged.first()).cloned().unwrap_or_else(|| Verdict::Unresolved("not here".to_owned()))
    };
    let mut evidence: Vec<Evidence> = claims(app, None)
        .into_iter()
        .map(|claim| {
            let verdict = verdict(&claim);
            Evidence::of(claim, verdict)
        })
        .collect();
    let mut matches: Vec<(usize, Evidence)> = Vec::new();
    for one in here {
        let equal = one.image.manifest.layers.len() == app.manifest.layers.len();
        if let Prefix::Proven(proofs) = prefix(app, &one.image)
            && (!equal || adds_settings_only(app, &one.image))
        {
            let verdict = Verdict::Proven(Arc::clone(one), proofs.clone());
            let claim = Claim { digest: Some(one.top.clone()), ..Claim::empty(ClaimOrigin::Catalogue) };
            matches.push((proofs.len(), Evidence::of(claim, verdict)));
        }
    }
    matches.sort_by_key(|(layers, _)| std::cmp::Reverse(*layers));
    evidence.extend(matches.into_iter().map(|(_, evidence)| evidence));
    evidence
}

/// What comes out: the number of layers that are the base's and the digest of the new base, or a code.
type Answer = Result<(usize, String), &'static str>;

fn answer(family: &Family, limits: &Limits) -> Answer {
    let app = read(&family.app, limits);
    let here: Vec<Arc<Candidate>> = family
        .here
        .iter()
        .map(|here| {
            let image = read(&here.image, limits);
            let (top, claims) = (image.descriptor.digest.clone(), claims(&image, None));
            let names = here.name.iter().cloned().collect();
            Arc::new(Candidate { image, reference: String::new(), names, former: here.former.clone(), top, claims })
        })
        .collect();
    let based = decide(&app, gathered(&app, &here));
    match based.outcome {
        Outcome::Base { .. } => {}
        Outcome::Conflict { proven: None, .. } => return Err("base.mismatch"),
        Outcome::Conflict { .. } => return Err("base.conflict"),
        Outcome::Ambiguous(_) => return Err("base.ambiguous"),
        Outcome::Unknown => return Err("base.unknown"),
        Outcome::Scratch | Outcome::Seam { .. } => panic!("{based:?}"),
    }
    let new = followed(&app, &based, &here)?;
    Ok((based.seam().unwrap(), new.to_string()))
}

fn followed(app: &Read, based: &Based, here: &[Arc<Candidate>]) -> Result<Digest, &'static str> {
    let name = based.name().ok_or("base.name_unknown")?;
    let holders: Vec<&Arc<Candidate>> = here.iter().filter(|one| one.names.iter().any(|own| same_name(name, own))).collect();
    let editions: Vec<Edition> = holders
        .iter()
        .map(|one| {
            let platforms = vec![EditionPlatform::of(&one.image)];
            Edition { digest: one.top.clone(), platforms, missing: Vec::new(), stated: Stated::default(), among_bases: true }
        })
        .collect();
    let platforms = [app.platform().cloned()];
    let said = based.own.iter().any(|own| own.name.as_deref().is_some_and(|own| same_name(name, own)));
    if let Some(base) = based.renamed() {
        let here = here.iter().filter(|one| one.top != base.top && base.names.iter().any(|own| one.has_name(own)));
        if !holders.is_empty() && here.clone().any(|one| !holders.iter().any(|holder| holder.top == one.top)) {
            return Err("base.ambiguous");
        }
    }
    let question = Question { name, old: based.base().map(|base| &**base), said, platforms: &platforms, now: None };
    match meaning(&editions, &question) {
        Ok(Some(meant)) => Ok(editions[meant.at].digest.clone()),
        Ok(None) => Err("base.name_unknown"),
        Err(_) => Err("base.ambiguous"),
    }
}

// What is right.

#[derive(Debug, Default)]
struct Tally {
    right: usize,
    refused: BTreeMap<&'static str, usize>,
}

/// Checks an answer; says what is wrong with it.
fn check(family: &Family, answer: &Answer) -> Result<(), String> {
    let top = family.heights.len() - 1;
    let diff_ids = |image: &Image| image.layers.iter().map(Layer::diff_id).collect::<Vec<_>>();
    let own = diff_ids(&family.app);
    let is_base = |here: &Here| own.len() > here.image.layers.len() && own.starts_with(&diff_ids(&here.image));
    let proven = family.here.iter().any(is_base);
    match answer {
        Ok((seam, new)) => {
            let place = |here: &&Here| here.image.digest() == *new;
            let (level, _) = family.here.iter().find(place).and_then(|here| here.place).ok_or("the new base is a stranger")?;
            if family.heights[level] != *seam {
                return Err(format!("split above layer {seam}, and put onto level {level}, which ends above {}", family.heights[level]));
            }
            // A base below the one that the app was built on may only be taken where nothing here and nothing that the app says leads
            // to that one.
            let said = family.own.and_then(|(own, _)| own);
            let higher = family.here.iter().any(|here| here.place.is_some_and(|(own, edition)| own > level && edition == 0));
            // A name that was handed down by an image that is not here looks like the app's own beside its digest.
            let handed = !higher && told_names(&family.app).contains(&name(level));
            let ruled = family.rule.as_ref().is_some_and(|(_, about)| *about == Some(level));
            if level < top && said != Some(level) && !handed && !ruled && (higher || said.is_some_and(|said| said > level)) {
                return Err(format!("level {level} was taken for the base, and level {top} is"));
            }
            Ok(())
        }
        Err("base.unknown") if !proven => Ok(()),
        Err("base.mismatch") if family.own.is_some_and(|(_, is_true)| !is_true) => Ok(()),
        Err("base.conflict") if proven => {
            // True claims whose base is here under its digest or its name, now or formerly, are no conflict.
            let is_found = |here: &Here| {
                let by_name = here.name.as_deref() == Some(name(top).as_str()) || here.former.contains(&name(top));
                let digest = || family.app.manifest_bytes();
                let by_digest = String::from_utf8(digest()).unwrap() + &family.app.config["config"].to_string();
                // Whether a digest and another name than the site's were written by one hand is seen where they are one value.
                let fits = here.name.iter().chain(&here.former).all(|own| own.starts_with("r.example")) || family.says != Says::Both;
                by_digest.contains(&here.image.digest()) && fits || by_name && family.says != Says::Digest
            };
            let found = family.here.iter().any(|here| here.place == Some((top, 0)) && is_found(here));
            match family.own {
                Some((_, true)) if found => Err("a true claim whose base is here was taken for a conflict".to_owned()),
                _ => Ok(()),
            }
        }
        Err("base.ambiguous") => Ok(()),
        Err("base.name_unknown") if proven => Ok(()),
        Err(code) => Err(format!("refused with {code}")),
    }
}

/// The names of bases that an image gives, its own and those that it was handed.
fn told_names(image: &Image) -> Vec<String> {
    let maps = [&image.manifest["annotations"], &image.config["config"]["Labels"]];
    let names = maps.into_iter().filter_map(|map| map[NAME].as_str());
    names.map(|name| name.split('@').next().unwrap().to_owned()).collect()
}

fn count(variable: &str, standard: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(standard)
}

fn print(what: &str, tally: &Tally, wrong: usize) {
    let refused: usize = tally.refused.values().sum();
    let line = format!(
        "model of bases, {what}: {} right, {refused} refused with the right code {:?}, {wrong} wrong\n",
        tally.right, tally.refused
    );
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

fn run(what: &str, count: usize, mut answer: impl FnMut(&Family) -> Answer) {
    let layers = Layers::new();
    let mut dice = Dice::new(12);
    let (mut tally, mut wrong) = (Tally::default(), Vec::new());
    for number in 0..count {
        let family = family(&mut dice, &layers);
        let answer = answer(&family);
        match (check(&family, &answer), answer) {
            (Err(why), answer) => wrong.push(format!("family {number}: {why}: {answer:?}\n{}", told(&family))),
            (Ok(()), Ok(_)) => tally.right += 1,
            (Ok(()), Err(code)) => *tally.refused.entry(code).or_insert(0) += 1,
        }
    }
    print(what, &tally, wrong.len());
    assert!(wrong.is_empty(), "{} wrong, such as\n{}", wrong.len(), wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n\n"));
    assert!(tally.right * 4 > count, "most families can be moved: {tally:?}");
}

fn told(family: &Family) -> String {
    let image = |image: &Image| {
        let layers: Vec<String> = image.layers.iter().map(|layer| layer.diff_id()[7..13].to_owned()).collect();
        format!("{} {layers:?} {} {}", &image.digest()[7..13], image.manifest["annotations"], image.config["config"]["Labels"])
    };
    let here: Vec<String> = family
        .here
        .iter()
        .map(|here| {
            format!(
                "{:?} {:?} former {:?} created {} {}",
                here.place,
                here.name,
                here.former,
                here.image.config["created"],
                image(&here.image)
            )
        })
        .collect();
    let (app, own, heights, rule) = (image(&family.app), family.own, &family.heights, &family.rule);
    format!("app {app} own {own:?} heights {heights:?} rule {rule:?}\n{}", here.join("\n"))
}

#[test]
fn families_through_the_decision() {
    let limits = Limits::STANDARD;
    run("the decision", count("AIRBASE_MODEL_FAMILIES", 1000), |family| answer(family, &limits));
}

#[test]
fn families_as_layouts() {
    run("layouts", count("AIRBASE_MODEL_LAYOUTS", 30), |family| {
        let environment = Environment::new();
        Layout::new().image("r.example/app:1", &family.app).write(&environment.join("app"));
        let mut bases = Layout::new().image("r.example/none:1", &Image::of(&[&layer(&["none=1"])]));
        for here in &family.here {
            bases = bases.image(here.name.as_deref().unwrap_or_default(), &here.image);
            if !here.former.is_empty() {
                let entry = bases.entries.last_mut().unwrap();
                entry["annotations"]["dev.airbase.former-names"] = json!(here.former.join(","));
            }
        }
        bases.write(&environment.join("bases"));
        let rule: Vec<&str> = family.rule.iter().flat_map(|(rule, _)| ["--map", rule]).collect();
        let outcome = environment.run(&[&["rebase", "app", "--bases", "bases", "--dry-run", "--format", "json"], &rule[..]].concat());
        if outcome.status != 0 {
            assert_eq!(outcome.status, 4, "{}", outcome.err);
            let codes = ["base.unknown", "base.mismatch", "base.conflict", "base.ambiguous", "base.name_unknown"];
            return Err(codes.into_iter().find(|code| outcome.err.contains(code)).unwrap_or_else(|| panic!("{}", outcome.err)));
        }
        let report: Value = serde_json::from_str(&outcome.out).unwrap();
        let platform = &report["platforms"][0];
        Ok((usize::try_from(platform["seam"].as_u64().unwrap()).unwrap(), platform["newBase"]["manifest"].as_str().unwrap().to_owned()))
    });
}
