//! `batch plan`: decides every image, in the order of their chains, and writes nothing but the plan.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use super::lines::{Line, Lines};
use super::make::{Made, accept_as_before, item_of, note_result, placed};
use super::survey::{Survey, SurveyOptions};
use super::target::{Target, Targets};
use crate::foundation::event::Silent;
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, workers};
use crate::oci::{Name, annotation};
use crate::plan::base::{NameRule, Outcome, claims, recorded_layers};
use crate::plan::batch::jump::Allow;
use crate::plan::batch::name::Pattern;
use crate::plan::batch::{End, Header, Item, ItemStatus, Origin, Reason, Settings, document, order};
use crate::plan::lifecycle::time::Moment;
use crate::plan::rebase::Preferences;
use crate::plan::verdict::{Answer, Gate, Rule, Strictness};
use crate::read::{Image, Located, Tree, load, nothing};
use crate::report::batch::PlanReport;
use crate::report::exit_of;
use crate::report::rebase::Status;
use crate::verbs::bases::Bases;
use crate::verbs::judge::Judge;
use crate::verbs::lifecycle::Stopped;
use crate::verbs::narrow::{Choice, select};
use crate::verbs::overlooked::overlooked;
use crate::verbs::rebase::compose::Decided;
use crate::verbs::rebase::decide::{Job, PlatformMove};
use crate::verbs::rebase::{self, TrustPlatform, judge_all, trusted, virtual_image};
use crate::verbs::{Context, Opened, Places};

/// What is asked for.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Request {
    /// Where the images lie: layouts, archives, folders of them, or references.
    #[cfg_attr(feature = "cli", arg(required = true, value_name = "INPUT"))]
    pub inputs: Vec<String>,
    /// Where bases lie.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub places: Places,
    /// Only images whose name or reference is this glob.
    #[cfg_attr(feature = "cli", arg(long, value_name = "GLOB"))]
    pub only: Vec<String>,
    /// How far a base may jump by its version tag; without it, only to what its own name means now.
    #[cfg_attr(feature = "cli", arg(long, value_enum, value_name = "HOW"))]
    pub allow: Option<Allow>,
    /// Let a base become an older one.
    #[cfg_attr(feature = "cli", arg(long))]
    pub allow_downgrade: bool,
    /// As of when a new base is past its end of life, which is a warning: YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ; without it SOURCE_DATE_EPOCH or the clock.
    // The command line asks the clock; without an answer here nobody asks.
    #[cfg_attr(feature = "cli", arg(long = "at", visible_alias = "now", value_name = "TIME", value_parser = Moment::strict))]
    pub now: Option<Moment>,
    /// The names of the results, with {file}, {repository}, {name}, {tag}, {digest}; without it, images keep their names.
    #[cfg_attr(feature = "cli", arg(long, value_name = "PATTERN"))]
    pub name: Option<String>,
    /// Who wins where app and new base both changed a setting: app, base, or FIELD=app|base (User, Env.JAVA_HOME, Labels.KEY).
    // As texts, because a plan holds them so.
    #[cfg_attr(feature = "cli", arg(long, value_name = "WHO", num_args = 1))]
    pub prefer: Vec<String>,
    /// What is wanted of indexes.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub choice: Choice,
    /// Whether an image that would not run on its new base is moved.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub verdict: Gate,
}

impl Request {
    fn settings(&self) -> Settings {
        let mut settings = Settings {
            inputs: self.inputs.clone(),
            bases: self.places.bases.clone(),
            map: self.places.map.iter().map(ToString::to_string).collect(),
            only: self.only.clone(),
            allow: self.allow.map(|allow| allow.name().to_owned()),
            allow_downgrade: self.allow_downgrade,
            name: self.name.clone(),
            prefer: self.prefer.clone(),
            verdict: Some(self.verdict.strictness.name().to_owned()),
            accept: self.verdict.accept.iter().map(|code| code.slug().to_owned()).collect(),
            policy: self.verdict.rules.iter().map(Rule::line).collect(),
            deny: if self.verdict.deny_hidden { vec!["hidden-fix".to_owned()] } else { Vec::new() },
            ..Settings::default()
        };
        self.choice.note(&mut settings);
        settings
    }
}

/// What became of one image.
enum Decision {
    /// It is decided.
    Ready(Ready),
    /// It waits for these.
    Waits(Vec<usize>),
    /// It is no image, or not one of its own.
    Nothing,
}

impl Decision {
    fn line(&mut self) -> Option<&mut Line> {
        match self {
            Self::Ready(ready) => Some(&mut ready.line),
            _ => None,
        }
    }
}

/// How many images are decided before their lines are packed.
const BLOCK: usize = 1024;

/// A decided image. Thousands of them are in memory, so it is kept as its line.
struct Ready {
    standing: ItemStatus,
    line: Line,
    code: Option<Code>,
    /// The codes of what should be known though it is moved.
    warnings: Vec<String>,
    /// Whether it still runs.
    verdict: Option<Answer>,
    /// Whether it says nothing of a base.
    claimless: bool,
    digest: Digest,
}

/// What a subject is for those that are based on it.
#[derive(Clone)]
enum State {
    /// It moves, and this comes out.
    Moves(Arc<Opened>),
    /// It stays as it is.
    Stays,
    /// It cannot be done.
    Stopped(Reason),
}

/// What became of one image, before it is an item.
enum Attempt {
    /// It is decided.
    Made(Box<Made>),
    /// It waits for these.
    Waits(Vec<usize>),
    /// It has no base, and says so.
    NoBase,
}

/// What became of the platforms of one image.
#[derive(Default)]
struct Parts<'j> {
    decided: Vec<(&'j Image, Option<PlatformMove<'j>>)>,
    /// The key of the item whose result the new base is, for each of them.
    wired: Vec<Option<String>>,
    /// The images that platforms wait for.
    waits: Vec<usize>,
    /// How many platforms have no base, and say so.
    without: usize,
    /// What statements say against new bases.
    warnings: Vec<Code>,
}

impl Parts<'_> {
    /// What becomes of the image if it cannot be moved yet, or never.
    fn unmoved(&mut self, opened: &Opened) -> Result<Option<Attempt>> {
        let images = self.without + self.decided.len() + self.waits.len();
        if images == 0 {
            return Err(Error::new(Code::NotAnImage, "the index holds no runnable image").at(opened.located.shown()));
        }
        if self.without == images {
            return Ok(Some(Attempt::NoBase));
        }
        if self.without > 0 {
            return Err(Error::new(Code::BaseNameUnknown, "one platform of the image has no base, and another one has")
                .at(opened.located.shown())
                .hint("Move it alone with `airbase rebase --platform OS/ARCHITECTURE`."));
        }
        self.waits.sort_unstable();
        self.waits.dedup();
        Ok((!self.waits.is_empty()).then(|| Attempt::Waits(std::mem::take(&mut self.waits))))
    }
}

struct Planner<'a> {
    targets: Targets<'a, 'a>,
    judge: Judge<'a>,
    survey: &'a Survey,
    request: rebase::Request,
    context: Context<'a>,
    states: HashMap<usize, State>,
    /// The manifests and indexes on which something stands or should stand.
    ground: Mutex<BTreeSet<Digest>>,
    /// The images of which others say that they were made of them, and platforms of indexes: without a name they are none of their own.
    rebased: Mutex<HashSet<Digest>>,
    /// What may run and is called something else: nobody decided it.
    overlooked: Mutex<Vec<Finding>>,
}

/// Makes the plan, and hands its lines to `write` one after another.
///
/// # Errors
/// Those of paths that cannot be opened, `usage.argument`, and those of `write`. An image that cannot be moved is an item.
pub fn plan(request: &Request, context: Context<'_>, write: &mut dyn FnMut(&str) -> Result<()>) -> Result<PlanReport> {
    let pattern = request.name.as_deref().map(Pattern::parse).transpose()?;
    let prefer = Preferences::parse(&request.prefer)?;
    let mut survey = Survey::of(&request.inputs, &SurveyOptions { only: &request.only, pattern: pattern.as_ref() }, context)?;
    // Images are decided on several threads, each of which does one.
    let single = Context { jobs: 1, events: &Silent, ..context };
    let bases = Bases::open_among(&request.places, &survey.sources, context)?;
    let mut bases = bases.at(request.now).allow(request.allow);
    bases.also(&survey.sources);
    survey.unreadable.append(&mut bases.findings);
    let mut planner = Planner::new(request, prefer, &bases, &survey, single);
    context.events.begin("plan", survey.subjects.len() as u64, 0);
    let mut planned = planner.decide_alone(context)?;
    let looked = planned.decided.iter().any(|decision| !matches!(decision, Decision::Nothing));
    refuse_collisions(&survey, &mut planned.decided, &planner.made_anew())?;
    planner.decide_chains(&mut planned, context)?;
    planner.name_bases(&mut planned.decided)?;
    context.events.end();

    let mut report = PlanReport::default();
    let mut overlooked = planner.overlooked.into_inner().unwrap_or_else(PoisonError::into_inner);
    // Several threads met them.
    overlooked.sort_by(|one, other| one.place.cmp(&other.place));
    report.findings.append(&mut overlooked);
    report.findings.extend(bases.catalogue_findings().iter().chain(&survey.unreadable).cloned());
    if !looked && exit_of(&report.findings).is_none() {
        report.findings.push(context.nothing(nothing(&request.inputs.join(" "))));
    }
    report.not_chosen = survey.not_chosen;
    planned.write(request.settings(), &mut report, write)?;
    Ok(report)
}

/// All images, decided or waiting, with their lines and their places in their chains.
struct Planned {
    decided: Vec<Decision>,
    lines: Lines,
    levels: Vec<Option<usize>>,
}

impl Planned {
    /// Hands over the lines, chain by chain, and counts them in the report.
    fn write(&mut self, settings: Settings, report: &mut PlanReport, write: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        let (schema, version) = (document::SCHEMA.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let mut header = Header { schema, version, settings, seal: String::new() };
        write(&document::first(&mut header)?)?;
        let mut order: Vec<(usize, usize)> = self.levels.iter().map(|level| level.unwrap_or(0)).zip(0..self.decided.len()).collect();
        order.sort_unstable();
        let mut end = End { not_chosen: report.not_chosen, ..End::default() };
        for (_, number) in order {
            if let Some(Decision::Ready(ready)) = self.decided.get(number) {
                end.counts.count(ready.standing);
                report.count(ready.standing, ready.code);
                report.warn(&ready.warnings);
                report.judged(ready.standing, ready.verdict);
                write(&document::sealed(self.lines.text(&ready.line)?, &header.seal)?)?;
            }
        }
        // What is only worth knowing leaves no image out.
        end.unreadable = report.findings.iter().filter(|finding| exit_of([*finding]).is_some()).map(Reason::of).collect();
        write(&document::last(document::Last { end }, &header.seal)?)
    }
}

fn replace(decided: &mut [Decision], number: usize, decision: Decision) {
    if let Some(place) = decided.get_mut(number) {
        *place = decision;
    }
}

/// Whether an image moves, now or when what it waits for is decided.
fn moves(decision: &Decision) -> bool {
    match decision {
        Decision::Ready(ready) => ready.standing == ItemStatus::Move,
        Decision::Waits(_) => true,
        Decision::Nothing => false,
    }
}

/// Refuses images that would have the same name afterwards as another one, which moves too or stays. `made_anew` are those of which others
/// were made by an earlier rebase: these are their results, and do not collide with them.
fn refuse_collisions(survey: &Survey, decided: &mut [Decision], made_anew: &HashSet<Digest>) -> Result<()> {
    let is_image = |decision: &Decision| match decision {
        Decision::Ready(ready) => !(ready.standing == ItemStatus::Move && made_anew.contains(&ready.digest)),
        Decision::Waits(_) => true,
        Decision::Nothing => false,
    };
    let outputs = || {
        let images = decided.iter().enumerate().filter(|(_, decision)| is_image(decision));
        images.filter_map(|(number, _)| Some((number, Name::parse(&survey.output(number)?).into_owned())))
    };
    // Hardly any two names are the same, so at first their hashes are compared.
    let hasher = RandomState::new();
    let mut hashes: Vec<u64> = outputs().map(|(_, name)| hasher.hash_one(name)).collect();
    hashes.sort_unstable();
    let several: HashSet<u64> = hashes.windows(2).filter(|pair| pair.first() == pair.last()).flatten().copied().collect();
    drop(hashes);
    let mut named: HashMap<Name<'static>, Vec<usize>> = HashMap::new();
    for (number, name) in outputs().filter(|(_, name)| several.contains(&hasher.hash_one(name))) {
        named.entry(name).or_default().push(number);
    }
    for (name, numbers) in named.into_iter().filter(|(_, numbers)| numbers.len() > 1) {
        let shown = numbers.iter().map(|number| survey.located(*number)).collect::<Result<Vec<_>>>()?;
        let moving: Vec<usize> = numbers.into_iter().filter(|number| decided.get(*number).is_some_and(moves)).collect();
        for number in moving {
            let error = Error::new(Code::BatchCollision, format!("several images would be called {}", name.as_str()))
                .details(shown.iter().map(|located| format!("{}  {}", located.shown(), located.descriptor.digest)))
                .hint("Tell them apart with --name '{file}:{tag}', or leave all but one out.");
            replace(decided, number, Decision::Ready(refused(survey, number, &error, Origin::default(), false)?));
        }
    }
    Ok(())
}

/// The refusal of images that wait for each other.
fn circle(survey: &Survey, numbers: &[usize]) -> Result<Error> {
    let shown = numbers.iter().map(|number| survey.located(*number).map(|located| located.shown())).collect::<Result<Vec<_>>>()?;
    Ok(Error::new(Code::BatchCycle, "the new base of the image would, by way of others, be made of the image itself").details(shown))
}

fn refused(survey: &Survey, number: usize, error: &Error, origin: Origin, claimless: bool) -> Result<Ready> {
    let located = survey.located(number)?;
    let code = error.code();
    let standing = if code == Code::BatchHeld { ItemStatus::Held } else { ItemStatus::Refused };
    let mut item = item_of(&located, &survey.key(number), survey.output(number), standing)?;
    item.reason = Some(reason(error.finding()));
    item.origin = origin;
    Ok(Ready {
        standing,
        line: Line::Plain(document::line(&item)?),
        code: Some(code),
        warnings: Vec::new(),
        verdict: None,
        claimless,
        digest: item.digest,
    })
}

/// Why an image is not moved. What only `airbase rebase` can be told is said as such.
fn reason(finding: &Finding) -> Reason {
    let mut reason = Reason::of(finding);
    let before = reason.hints.len();
    reason
        .hints
        .retain(|hint| !["--from", "--onto", "--seam-layers", "--base-name", "--trust-platform"].iter().any(|flag| hint.contains(flag)));
    if reason.hints.len() < before {
        reason
            .hints
            .push("Or move it alone with `airbase rebase`, which takes the old base, the seam and the new base as options.".to_owned());
    }
    reason
}

/// What a subject leads to, and its key if it is only about to be made.
type Subject = (Opened, Option<String>);

impl<'a> Planner<'a> {
    fn new(request: &Request, prefer: Preferences, bases: &'a Bases<'a>, survey: &'a Survey, context: Context<'a>) -> Self {
        Self {
            targets: Targets { bases, survey, allow_downgrade: request.allow_downgrade },
            judge: Judge::new(context),
            survey,
            request: rebase::Request {
                prefer,
                choice: request.choice.clone(),
                verdict: request.verdict.clone(),
                ..rebase::Request::of("")
            },
            context,
            states: HashMap::new(),
            ground: Mutex::default(),
            rebased: Mutex::default(),
            overlooked: Mutex::default(),
        }
    }

    /// Decides every image by itself; some wait for others then.
    fn decide_alone(&self, context: Context<'_>) -> Result<Planned> {
        let count = self.survey.subjects.len();
        let mut planned = Planned { decided: Vec::with_capacity(count), lines: Lines::default(), levels: Vec::new() };
        for start in (0..count).step_by(BLOCK) {
            let numbers: Vec<usize> = (start..count.min(start + BLOCK)).collect();
            let mut block = self.decide_all(&numbers, 0, context)?;
            planned.lines.pack(block.iter_mut().filter_map(Decision::line))?;
            planned.decided.append(&mut block);
        }
        Ok(planned)
    }

    /// Decides those that wait, level by level, each on what the level below gives.
    fn decide_chains(&mut self, planned: &mut Planned, context: Context<'_>) -> Result<()> {
        let Planned { decided, lines, levels } = planned;
        let before = |decision: &Decision| if let Decision::Waits(before) = decision { before.clone() } else { Vec::new() };
        let waits: Vec<Vec<usize>> = decided.iter().map(before).collect();
        *levels = order::levels(&waits);
        for (number, _) in levels.iter().enumerate().filter(|(_, level)| level.is_none()) {
            let refused = self.refuse(number, &circle(self.survey, &order::circle(&waits, levels, number))?)?;
            replace(decided, number, Decision::Ready(refused));
        }
        self.settle_states(&waits, decided, lines, None)?;
        for level in 1..=levels.iter().copied().flatten().max().unwrap_or(0) {
            let waiting =
                |number: &usize| levels.get(*number) == Some(&Some(level)) && matches!(decided.get(*number), Some(Decision::Waits(_)));
            let numbers: Vec<usize> = (0..decided.len()).filter(waiting).collect();
            for (number, decision) in numbers.iter().zip(self.decide_all(&numbers, level, context)?) {
                replace(decided, *number, decision);
            }
            self.settle_states(&waits, decided, lines, Some(&numbers))?;
        }
        Ok(())
    }

    /// Decides images, whose numbers ascend. Where they are judged, those on one base come one after another, so that what is known of it is
    /// used before it is forgotten.
    fn decide_all(&self, numbers: &[usize], level: usize, context: Context<'_>) -> Result<Vec<Decision>> {
        let judged = self.request.verdict.strictness != Strictness::Off;
        let order = if judged { self.survey.by_layers(numbers) } else { numbers.to_vec() };
        let decided = workers::run(context.jobs, order.len(), |position, _| {
            let number = order.get(position).copied().ok_or_else(|| Error::new(Code::Bug, "an image was counted and is not there"))?;
            let decision = self.decide(number, level)?;
            context.events.item();
            Ok(decision)
        })?;
        let mut decided: Vec<(usize, Decision)> = order.into_iter().zip(decided).collect();
        decided.sort_by_key(|(number, _)| *number);
        Ok(decided.into_iter().map(|(_, decision)| decision).collect())
    }

    /// The images of which others say that they were made of them.
    fn made_anew(&self) -> HashSet<Digest> {
        self.rebased.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refuse(&self, number: usize, error: &Error) -> Result<Ready> {
        let located = self.survey.located(number)?;
        // The image is refused anyway, and the reason is given; where it came from is a help.
        let origin = load(&located.source, &located.descriptor, self.context.limits).map(|tree| origin(&tree)).unwrap_or_default();
        refused(self.survey, number, error, origin, false)
    }

    /// Decides one image. Only what is wrong with the plan as a whole is an error.
    fn decide(&self, number: usize, level: usize) -> Result<Decision> {
        let located = self.survey.located(number)?;
        let tree = match load(&located.source, &located.descriptor, self.context.limits) {
            Ok(tree @ Tree::Artifact { .. }) => {
                let told = overlooked(&located, &tree, false);
                self.overlooked.lock().unwrap_or_else(PoisonError::into_inner).extend(told);
                return Ok(Decision::Nothing);
            }
            Ok(tree) => tree,
            Err(error) => return Ok(Decision::Ready(refused(self.survey, number, &error, Origin::default(), false)?)),
        };
        let origin = origin(&tree);
        self.note_origin(&tree);
        let claimless = tree.images().iter().all(|image| {
            let index = if let Tree::Index(index) = &tree { Some(&**index) } else { None };
            claims(image, index).is_empty() && recorded_layers(image).is_none()
        });
        let stopped = self.targets.bases.stopped(&located, &tree);
        // Nothing new is made of an image that must not be used.
        if let Some(error) = stopped.as_ref().and_then(Stopped::refusal) {
            return Ok(Decision::Ready(refused(self.survey, number, &error, origin, claimless)?));
        }
        let decided = trusted(Opened { located, tree }, TrustPlatform::Refuse).and_then(|opened| self.made(number, &opened, None));
        match decided {
            Ok(Attempt::Waits(waits)) => Ok(Decision::Waits(waits)),
            Ok(Attempt::NoBase) => self.base(number).map(Decision::Ready),
            Ok(Attempt::Made(mut made)) => {
                made.item.level = level;
                made.item.origin = origin;
                if stopped.as_ref().is_some_and(Stopped::is_known) && made.item.status == ItemStatus::Move {
                    made.item.warn(Code::LifecycleStopped);
                }
                let warnings = made.item.warnings.clone();
                let verdict = made.item.verdict;
                let (standing, digest) = (made.item.status, made.item.digest.clone());
                Ok(Decision::Ready(Ready {
                    standing,
                    line: Line::Plain(document::line(&made.item)?),
                    code: None,
                    warnings,
                    verdict,
                    claimless,
                    digest,
                }))
            }
            Err(error) => Ok(Decision::Ready(refused(self.survey, number, &error, origin, claimless)?)),
        }
    }

    /// The item of an image and what it comes out as, or what it waits for. What was decided before is not judged again.
    fn made(&self, number: usize, opened: &Opened, before: Option<&Item>) -> Result<Attempt> {
        let output = self.survey.output(number);
        let index = match &opened.tree {
            Tree::Index(index) => Some(&**index),
            _ => None,
        };
        let selection = select(opened, &self.request.choice)?;
        let request = rebase::Request { names: output.iter().cloned().collect(), ..self.request.clone() };
        let job = Job { opened, index, bases: self.targets.bases, from: None, onto: None, request: &request, context: self.context };
        let mut parts = Parts::default();
        for image in &selection.images {
            self.decide_part(&job, image, &mut parts)?;
        }
        if let Some(unmoved) = parts.unmoved(opened)? {
            return Ok(unmoved);
        }
        let Parts { mut decided, wired, warnings, .. } = parts;
        match before {
            Some(before) => accept_as_before(before, &mut decided)?,
            None => judge_all(&self.judge, &request, opened, &mut decided)?,
        }
        let mut item = item_of(&opened.located, &self.survey.key(number), output, ItemStatus::Move)?;
        for ((image, platform_move), wire) in decided.iter().zip(&wired) {
            if let Some(platform_move) = platform_move {
                item.platforms.push(placed(image, platform_move, wire.as_ref(), &opened.located.descriptor.digest)?);
            }
        }
        let plan = Decided { opened, selection: &selection, index, platforms: decided }.compose(&request, self.context)?;
        note_result(&mut item, &plan);
        if plan.report.findings.iter().any(|finding| finding.code == Code::DocMediaTypeUnknown) {
            item.warn(Code::DocMediaTypeUnknown);
        }
        if !selection.absent.is_empty() {
            item.warn(Code::PlatformAbsent);
            item.absent = selection.absent;
        }
        for code in warnings {
            item.warn(code);
        }
        if plan.report.status == Status::Current {
            item.status = ItemStatus::Current;
        }
        Ok(Attempt::Made(Box::new(Made { item, plan })))
    }

    /// Decides what one platform is to be based on.
    fn decide_part<'j>(&self, job: &Job<'j, '_>, image: &'j Image, parts: &mut Parts<'j>) -> Result<()> {
        let split = job.split(image)?;
        if split.based.outcome == Outcome::Scratch {
            parts.without += 1;
            return Ok(());
        }
        self.note_ground(split.old().map(|old| (&old.top, &old.image.descriptor.digest)));
        let (onto, rule, wire) = match self.targets.of(image, job.index, &split)? {
            Target::Here(found) => {
                parts.warnings.extend(job.usable(image, &split, &found.opened)?.map(|finding| finding.code));
                (found.opened, found.rule, None)
            }
            Target::Subject(other) => {
                let Some((onto, wire)) = self.subject(other)? else {
                    parts.waits.push(other);
                    return Ok(());
                };
                (onto, NameRule::Only, wire)
            }
        };
        let name = split.based.name().map(str::to_owned);
        let settled = job.settle(image, split, &onto, rule)?;
        if let Some(platform_move) = &settled {
            self.note_ground(Some((&platform_move.new.top, &platform_move.new.image.descriptor.digest)));
            let same =
                platform_move.old.as_ref().is_some_and(|old| old.image.descriptor.digest == platform_move.new.image.descriptor.digest);
            if !same {
                self.targets.refuse_downgrade(name.as_deref(), platform_move.old.as_ref(), &platform_move.new)?;
            }
        }
        parts.wired.push(wire);
        parts.decided.push((image, settled));
        Ok(())
    }

    /// What a subject is for those that are based on it, and its key if it is only about to be made; `None` while it is not decided.
    fn subject(&self, other: usize) -> Result<Option<Subject>> {
        Ok(match self.states.get(&other) {
            None => None,
            Some(State::Stays) => {
                let located = self.survey.located(other)?;
                let tree = load(&located.source, &located.descriptor, self.context.limits)?;
                Some((Opened { located, tree }, None))
            }
            Some(State::Moves(moved)) => Some(((**moved).clone(), Some(self.survey.key(other)))),
            Some(State::Stopped(reason)) => return Err(held(&self.survey.located(other)?, reason)),
        })
    }

    /// The item of an image that is based on nothing.
    fn base(&self, number: usize) -> Result<Ready> {
        let located = self.survey.located(number)?;
        let item = item_of(&located, &self.survey.key(number), self.survey.output(number), ItemStatus::Base)?;
        Ok(Ready {
            standing: ItemStatus::Base,
            line: Line::Plain(document::line(&item)?),
            code: None,
            warnings: Vec::new(),
            verdict: None,
            claimless: false,
            digest: item.digest,
        })
    }

    fn note_ground(&self, digests: Option<(&Digest, &Digest)>) {
        if let Some((top, manifest)) = digests {
            let mut ground = self.ground.lock().unwrap_or_else(PoisonError::into_inner);
            for digest in [top, manifest] {
                if !ground.contains(digest) {
                    ground.insert(digest.clone());
                }
            }
        }
    }

    /// Notes of which image this one was made by an earlier rebase, if that one is here; and the platforms of an index, which may have
    /// entries of their own beside it.
    fn note_origin(&self, tree: &Tree) {
        if let Tree::Index(_) = tree {
            let listed = tree.images().into_iter().map(|image| &image.descriptor.digest);
            let listed = listed.filter(|digest| self.survey.with_digest(digest, None).is_some()).cloned();
            self.rebased.lock().unwrap_or_else(PoisonError::into_inner).extend(listed);
        }
        let annotations = match tree {
            Tree::Image(image) => &image.manifest.annotations,
            Tree::Index(index) => &index.index.annotations,
            Tree::Collection(_) | Tree::Artifact { .. } => return,
        };
        let from = annotations.get(annotation::REBASED_FROM).and_then(|text| text.parse::<Digest>().ok());
        if let Some(from) = from.filter(|digest| self.survey.with_digest(digest, None).is_some()) {
            self.rebased.lock().unwrap_or_else(PoisonError::into_inner).insert(from);
        }
    }

    /// Notes what those that are waited for have become; with `numbers`, only of those.
    fn settle_states(&mut self, waits: &[Vec<usize>], decided: &[Decision], lines: &mut Lines, numbers: Option<&[usize]>) -> Result<()> {
        let waited: BTreeSet<usize> = waits.iter().flatten().copied().collect();
        for number in waited.into_iter().filter(|number| numbers.is_none_or(|numbers| numbers.contains(number))) {
            let Some(Decision::Ready(ready)) = decided.get(number) else { continue };
            let ground = ready.code == Some(Code::BaseUnknown) && ready.claimless;
            let state = match ready.standing {
                ItemStatus::Move => {
                    let located = self.survey.located(number)?;
                    let tree = load(&located.source, &located.descriptor, self.context.limits)?;
                    let opened = trusted(Opened { located, tree }, TrustPlatform::Refuse)?;
                    let before = serde_json::from_str::<Item>(lines.text(&ready.line)?);
                    let before = before.map_err(|_| Error::new(Code::Bug, "a line of the plan cannot be read again"))?;
                    match self.made(number, &opened, Some(&before))? {
                        Attempt::Made(made) => State::Moves(Arc::new(virtual_image(&made.plan, &opened.located, self.context)?)),
                        Attempt::Waits(_) | Attempt::NoBase => return Err(Error::new(Code::Bug, "an image that was decided waits")),
                    }
                }
                ItemStatus::Current | ItemStatus::Base => State::Stays,
                ItemStatus::Refused if ground => State::Stays,
                ItemStatus::Refused | ItemStatus::Held => {
                    let reason = serde_json::from_str::<Item>(lines.text(&ready.line)?).ok().and_then(|item| item.reason);
                    State::Stopped(reason.unwrap_or_else(|| Reason::of(&Finding::new(Code::Bug, "a refusal without a reason"))))
                }
            };
            self.states.insert(number, state);
        }
        Ok(())
    }

    /// Images that others are based on and that are based on nothing here are bases; and an image without a name of which another was made by an
    /// earlier rebase is only the past of that one.
    fn name_bases(&self, decided: &mut [Decision]) -> Result<()> {
        let ground = self.ground.lock().unwrap_or_else(PoisonError::into_inner);
        let rebased = self.rebased.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, decision) in decided.iter_mut().enumerate() {
            let Decision::Ready(ready) = decision else { continue };
            let nameless = self.survey.output(number).is_none();
            if nameless && rebased.contains(&ready.digest) {
                *decision = Decision::Nothing;
                continue;
            }
            if ready.code == Some(Code::BaseUnknown) && ready.claimless && ground.contains(&ready.digest) {
                *ready = self.base(number)?;
            }
        }
        Ok(())
    }
}

/// The refusal of an image whose base cannot be had.
fn held(base: &Located, reason: &Reason) -> Error {
    Error::new(Code::BatchHeld, "its new base would be the result of an image that is not moved")
        .expected(Fact::new(base.shown(), "the name of its base"))
        .found(Fact::new(&reason.code, "the item of that image"))
        .detail(&reason.message)
}

/// What an image says it was built from: its annotations, or else the labels of its first platform.
fn origin(tree: &Tree) -> Origin {
    let first = tree.images().first().copied();
    let tops = match tree {
        Tree::Index(index) => Some(&index.index.annotations),
        _ => None,
    };
    let text = |key: &str| {
        let maps = [tops, first.map(|image| &image.manifest.annotations), first.map(|image| &image.config.labels)];
        maps.into_iter().flatten().find_map(|map| map.get(key)).filter(|text| !text.is_empty()).cloned()
    };
    Origin { source: text(annotation::SOURCE), revision: text(annotation::REVISION), version: text(annotation::VERSION) }
}
