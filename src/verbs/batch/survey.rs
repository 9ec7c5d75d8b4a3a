//! Which images a batch is about.

use std::collections::HashSet;
use std::sync::Arc;

use super::plan_file::{key as key_of, number as number_of};
use crate::foundation::fsys::ReadAt as _;
use crate::foundation::{Code, Digest, Error, Finding, Result, text};
use crate::oci::Descriptor;
use crate::plan::batch::document::key;
use crate::plan::batch::name::{Pattern, glob};
use crate::read::referrers::lists_referrers_of;
use crate::read::{Discovered, Located, Reference, Source, discover_among, is_candidate, locate_among, nothing, parts};
use crate::verbs::output::check_name;
use crate::verbs::overlooked::lists_nothing;
use crate::verbs::{Context, one_of};

/// One image under one name.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    source: u32,
    position: u32,
    /// The name of its result, where it is not its own.
    output: Option<Box<str>>,
    key: u64,
}

/// Which images are taken, and what their results are called.
pub(super) struct SurveyOptions<'a> {
    /// Globs of names and references; all, if there are none.
    pub(super) only: &'a [String],
    /// The names of the results, where they are not their own.
    pub(super) pattern: Option<&'a Pattern>,
}

/// All of them, in the order of the inputs.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) sources: Vec<Arc<Source>>,
    pub(super) subjects: Vec<Subject>,
    /// How many were left out by `--only`.
    pub(super) not_chosen: usize,
    /// What could not be read.
    pub(super) unreadable: Vec<Finding>,
    /// Sorted by the beginnings of digests.
    by_digest: Vec<(u64, u32)>,
}

impl Survey {
    /// Looks into every path: a layout, an archive, a folder of them, or a reference to one image.
    ///
    /// # Errors
    /// Those of a path that cannot be opened itself; inside a folder such a path is a finding.
    pub(super) fn of(inputs: &[String], options: &SurveyOptions<'_>, context: Context<'_>) -> Result<Self> {
        let mut survey = Self::default();
        let mut seen = HashSet::new();
        for input in inputs {
            let reference = Reference::existing(input)?;
            if reference.names_one() {
                let located = locate_among(&reference, &survey.sources, context.limits);
                let Some(located) = one_of(inputs, &reference, located, &mut survey.unreadable)? else { continue };
                let source = survey.source(&located.source);
                let listed = located
                    .source
                    .index
                    .manifests
                    .iter()
                    .position(|entry| entry.digest == located.descriptor.digest && entry.name() == located.descriptor.name());
                let position = listed
                    .ok_or_else(|| Error::new(Code::RefNotFound, "a batch takes images that index.json lists").at(located.shown()))?;
                survey.add(source, position, options, &mut seen)?;
                continue;
            }
            let discovered = discover_among(&reference, &survey.sources, context.limits);
            let discovered = one_of(inputs, &reference, discovered, &mut survey.unreadable)?;
            let Some(Discovered { sources, findings, passed }) = discovered else { continue };
            if sources.iter().any(|source| source.index.manifests.iter().any(is_candidate)) {
                survey.unreadable.extend(sources.iter().filter_map(|source| lists_nothing(source, context)));
            } else {
                survey.unreadable.push(context.nothing(passed.nothing(&reference.shown_path())));
            }
            // Of these nobody knows whether they are images that should be moved.
            let unverifiable =
                |source: &Arc<Source>| source.index.unverifiable().map(|finding| finding.at(source.shown())).collect::<Vec<_>>();
            survey.unreadable.extend(sources.iter().flat_map(unverifiable));
            survey.unreadable.extend(findings);
            for source in sources {
                let number = survey.source(&source);
                // A platform with an entry of its own moves with its index.
                let parts = parts(&source, context.limits)?;
                let all = &source.index.manifests;
                let named: HashSet<&Digest> = all.iter().filter(|entry| entry.name().is_some()).map(|entry| &entry.digest).collect();
                for (position, entry) in all.iter().enumerate() {
                    // The same image under a name as well is that one.
                    let is_another = || parts.contains(&entry.digest) || named.contains(&entry.digest);
                    if entry.name().is_none() && (is_another() || lists_referrers_of(&source, entry, context.limits).is_some()) {
                        continue;
                    }
                    survey.add(number, position, options, &mut seen)?;
                }
            }
        }
        if survey.subjects.is_empty() && survey.not_chosen > 0 {
            let left_out = format!("--only left out {}", text::count(survey.not_chosen, "image"));
            survey.unreadable.push(context.nothing(nothing(&inputs.join(" ")).detail(left_out)));
        }
        survey.by_digest.sort_unstable();
        Ok(survey)
    }

    fn source(&mut self, source: &Arc<Source>) -> usize {
        self.sources.iter().position(|known| known.path == source.path).unwrap_or_else(|| {
            self.sources.push(Arc::clone(source));
            self.sources.len() - 1
        })
    }

    fn add(&mut self, number: usize, position: usize, options: &SurveyOptions<'_>, seen: &mut HashSet<u64>) -> Result<()> {
        let SurveyOptions { only, pattern } = *options;
        let Some(source) = self.sources.get(number) else { return Ok(()) };
        let Some(entry) = source.index.manifests.get(position).filter(|entry| is_candidate(entry)) else { return Ok(()) };
        let Some(path) = source.path.to_str() else {
            let finding = Finding::new(Code::UsageArgument, "the path is not text, and a plan is").at(source.shown());
            self.unreadable.push(finding);
            return Ok(());
        };
        let shown = located(source, entry).shown();
        if !only.is_empty() && !only.iter().any(|pattern| entry.name().is_some_and(|name| glob(pattern, name)) || glob(pattern, &shown)) {
            self.not_chosen += 1;
            return Ok(());
        }
        let output = match pattern {
            Some(pattern) => {
                let hex = entry.digest.hex();
                match pattern.apply(path, entry.name(), hex.get(..12).unwrap_or_default()) {
                    Ok(name) => Some(name),
                    Err(error) => {
                        self.unreadable.push(error.at(&shown).into_finding());
                        return Ok(());
                    }
                }
            }
            None => entry.name_of_result().map(str::to_owned),
        };
        if pattern.is_some() {
            output.as_deref().map(check_name).transpose().map_err(|error| error.at(&shown))?;
        }
        let key = number_of(&key(output.as_deref(), &entry.digest))?;
        // The same image under the same name in two places is one item.
        if !seen.insert(key) {
            return Ok(());
        }
        let too_many = |_| Error::new(Code::GraphTooMany, "there are too many images for one plan");
        let subject = Subject {
            source: u32::try_from(number).map_err(too_many)?,
            position: u32::try_from(position).map_err(too_many)?,
            output: output.filter(|_| pattern.is_some()).map(String::into_boxed_str),
            key,
        };
        self.by_digest.push((entry.digest.beginning(), u32::try_from(self.subjects.len()).map_err(too_many)?));
        self.subjects.push(subject);
        Ok(())
    }

    /// The key of an image.
    pub(super) fn key(&self, number: usize) -> String {
        self.subjects.get(number).map(|subject| key_of(subject.key)).unwrap_or_default()
    }

    /// The name of its result.
    pub(super) fn output(&self, number: usize) -> Option<String> {
        let subject = self.subjects.get(number)?;
        let own = || self.entry(subject).and_then(|(_, entry)| entry.name_of_result()).map(str::to_owned);
        subject.output.as_deref().map(str::to_owned).or_else(own)
    }

    fn entry(&self, subject: &Subject) -> Option<(&Arc<Source>, &Descriptor)> {
        let source = self.sources.get(usize::try_from(subject.source).ok()?)?;
        Some((source, source.index.manifests.get(usize::try_from(subject.position).ok()?)?))
    }

    /// Where an image lies.
    pub(super) fn located(&self, number: usize) -> Result<Located> {
        let place = self.subjects.get(number).and_then(|subject| self.entry(subject));
        place.map(|(source, entry)| located(source, entry)).ok_or_else(|| Error::new(Code::Bug, "an image was counted and is not there"))
    }

    /// Numbers of images in an order in which those that begin with the same layers come together. Nothing else follows from what is
    /// read for it, which is not checked here.
    pub(super) fn by_layers(&self, numbers: &[usize]) -> Vec<usize> {
        let layers = |number: usize| self.subjects.get(number).and_then(|subject| self.entry(subject)).map(first_layers);
        let mut order: Vec<usize> = numbers.to_vec();
        order.sort_by_cached_key(|number| (layers(*number).unwrap_or_default(), *number));
        order
    }

    /// The image with this digest, preferably the one with this name.
    pub(super) fn with_digest(&self, digest: &Digest, name: Option<&str>) -> Option<usize> {
        let start = self.by_digest.partition_point(|(known, _)| *known < digest.beginning());
        let near = self.by_digest.get(start..).unwrap_or_default().iter().take_while(|(known, _)| *known == digest.beginning());
        let mut first = None;
        for number in near.filter_map(|(_, number)| usize::try_from(*number).ok()) {
            let Some((_, entry)) = self.subjects.get(number).and_then(|subject| self.entry(subject)) else { continue };
            if entry.digest != *digest {
                continue;
            }
            if entry.name() == name {
                return Some(number);
            }
            first = first.or(Some(number));
        }
        first
    }
}

fn located(source: &Arc<Source>, entry: &Descriptor) -> Located {
    Located { source: Arc::clone(source), descriptor: entry.clone(), name: entry.name().map(str::to_owned) }
}

/// The beginnings of the digests of the first layers, as far as they are in the beginning of the manifest.
fn first_layers((source, entry): (&Arc<Source>, &Descriptor)) -> Vec<u64> {
    const READ_BYTES: usize = 4096;
    const LAYERS: usize = 8;
    // What is quick to read in one direction only is read in that.
    let Ok(Some(region)) = source.container().blob(&entry.digest) else { return Vec::new() };
    let mut bytes = vec![0; READ_BYTES];
    let count = if region.sequence().is_none() { region.read_at(&mut bytes, 0).unwrap_or(0) } else { 0 };
    let text = String::from_utf8_lossy(bytes.get(..count).unwrap_or_default());
    let Some((_, layers)) = text.split_once("\"layers\"") else { return Vec::new() };
    let beginning = |digest: &str| u64::from_str_radix(digest.get(..16)?, 16).ok();
    layers.split("sha256:").skip(1).take(LAYERS).map_while(beginning).collect()
}
