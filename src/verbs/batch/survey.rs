//! Which images a batch is about.

use std::collections::HashMap;
use std::sync::Arc;

use crate::core::{Code, Digest, Error, Finding, Result};
use crate::oci::Descriptor;
use crate::plan::batch::document::key;
use crate::plan::batch::name::{Pattern, glob};
use crate::read::{Located, Reference, Source, discover_among, is_candidate, locate_among, platforms};
use crate::verbs::Context;
use crate::verbs::output::check_name;

/// One image under one name.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    source: u32,
    position: u32,
    /// The name of its result.
    pub(super) output: Option<String>,
    pub(super) key: String,
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
    by_digest: HashMap<Digest, Vec<usize>>,
}

impl Survey {
    /// Looks into every path: a layout, an archive, a folder of them, or a reference to one image.
    ///
    /// # Errors
    /// Those of a path that cannot be opened itself; inside a folder such a path is a finding.
    pub(super) fn of(inputs: &[String], only: &[String], pattern: Option<&Pattern>, context: Context<'_>) -> Result<Self> {
        let mut survey = Self::default();
        let mut seen = HashMap::new();
        for input in inputs {
            let reference = Reference::existing(input)?;
            if reference.name.is_some() || reference.digest.is_some() {
                let located = locate_among(&reference, &survey.sources, context.limits)?;
                let source = survey.source(&located.source);
                let listed = located
                    .source
                    .index
                    .manifests
                    .iter()
                    .position(|entry| entry.digest == located.descriptor.digest && entry.name() == located.descriptor.name());
                let position = listed
                    .ok_or_else(|| Error::new(Code::RefNotFound, "a batch takes images that index.json lists").at(located.shown()))?;
                survey.add(source, position, only, pattern, &mut seen)?;
                continue;
            }
            let (sources, unreadable) = discover_among(&reference.path, &survey.sources, context.limits)?;
            survey.unreadable.extend(unreadable);
            for source in sources {
                let number = survey.source(&source);
                // A platform with an entry of its own moves with its index.
                let platforms = platforms(&source, context.limits);
                for (position, entry) in source.index.manifests.iter().enumerate() {
                    if entry.name().is_none() && platforms.contains(&entry.digest) {
                        continue;
                    }
                    survey.add(number, position, only, pattern, &mut seen)?;
                }
            }
        }
        Ok(survey)
    }

    fn source(&mut self, source: &Arc<Source>) -> usize {
        self.sources.iter().position(|known| known.path == source.path).unwrap_or_else(|| {
            self.sources.push(Arc::clone(source));
            self.sources.len() - 1
        })
    }

    fn add(
        &mut self,
        number: usize,
        position: usize,
        only: &[String],
        pattern: Option<&Pattern>,
        seen: &mut HashMap<String, ()>,
    ) -> Result<()> {
        let Some(source) = self.sources.get(number) else { return Ok(()) };
        let Some(entry) = source.index.manifests.get(position).filter(|entry| is_candidate(entry)) else { return Ok(()) };
        let Some(path) = source.path.to_str() else {
            let finding = Finding::new(Code::UsageArgument, "the path is not text, and a plan is").at(source.shown());
            self.unreadable.push(finding);
            return Ok(());
        };
        // The same image under a name as well is that one.
        if entry.name().is_none() && source.index.manifests.iter().any(|other| other.digest == entry.digest && other.name().is_some()) {
            return Ok(());
        }
        let shown = located(source, entry).shown();
        if !only.is_empty() && !only.iter().any(|pattern| entry.name().is_some_and(|name| glob(pattern, name)) || glob(pattern, &shown)) {
            self.not_chosen += 1;
            return Ok(());
        }
        let output = match pattern {
            Some(pattern) => Some(pattern.apply(path, entry.name(), entry.digest.hex().get(..12).unwrap_or_default())),
            None => entry.name().map(str::to_owned),
        };
        if pattern.is_some() {
            output.as_deref().map(check_name).transpose().map_err(|error| error.at(&shown))?;
        }
        let key = key(output.as_deref(), &entry.digest);
        // The same image under the same name in two places is one item.
        if seen.insert(key.clone(), ()).is_some() {
            return Ok(());
        }
        let too_many = |_| Error::new(Code::GraphTooMany, "there are too many images for one plan");
        self.by_digest.entry(entry.digest.clone()).or_default().push(self.subjects.len());
        self.subjects.push(Subject {
            source: u32::try_from(number).map_err(too_many)?,
            position: u32::try_from(position).map_err(too_many)?,
            output,
            key,
        });
        Ok(())
    }

    /// Where an image lies.
    pub(super) fn located(&self, number: usize) -> Result<Located> {
        let subject = self.subjects.get(number);
        let place = subject.and_then(|subject| {
            let source = self.sources.get(usize::try_from(subject.source).ok()?)?;
            Some((source, source.index.manifests.get(usize::try_from(subject.position).ok()?)?))
        });
        place.map(|(source, entry)| located(source, entry)).ok_or_else(|| Error::new(Code::Bug, "an image was counted and is not there"))
    }

    /// The image with this digest, preferably the one with this name.
    pub(super) fn with_digest(&self, digest: &Digest, name: Option<&str>) -> Option<usize> {
        let all = self.by_digest.get(digest)?;
        let named = |number: &&usize| self.located(**number).is_ok_and(|located| located.name.as_deref() == name);
        all.iter().find(named).or_else(|| all.first()).copied()
    }
}

fn located(source: &Arc<Source>, entry: &Descriptor) -> Located {
    Located { source: Arc::clone(source), descriptor: entry.clone(), name: entry.name().map(str::to_owned) }
}
