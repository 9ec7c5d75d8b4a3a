//! Makes statements on an image.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::reader::Reader;
use super::subject::Subject;
use super::words::{Authorship, Words, time};
use crate::foundation::{Code, Digest, Error, Finding, Result};
use crate::oci::{Descriptor, Platform, Verified, annotation};
use crate::plan::lifecycle::change::{Change, Next};
use crate::plan::lifecycle::convention::{Convention, OWN_TYPE};
use crate::plan::lifecycle::field::{Field, Place, Record, Stated as Said, Status, Value, status};
use crate::plan::lifecycle::held::Role;
use crate::plan::lifecycle::profile::{NewStatement, Profile, write as author};
use crate::plan::lifecycle::resolve::{self, next_sequence, replaced_by_next, resolve};
use crate::plan::lifecycle::statement::{Made, Statement};
use crate::plan::lifecycle::time::Moment;
use crate::plan::referrers::{EMPTY, Item, NewReferrer, ReferrerChange, manifest};
use crate::read::referrers::Referrer;
use crate::read::{Source, SourceKind};
use crate::report::lifecycle::set::{SetReport, Stated};
use crate::report::lifecycle::texts;
use crate::verbs::output::{Outgoing, Output, write};
use crate::verbs::{Context, Opened, open_among};

/// A field that can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Clear {
    /// The status.
    Status,
    /// The end of life.
    EndOfLife,
    /// The end of support.
    EndOfSupport,
    /// The day of the release.
    GeneralAvailability,
    /// What to use instead.
    SupersededBy,
    /// The reason.
    Reason,
    /// The link.
    Url,
    /// The rolling name.
    Channel,
}

impl Clear {
    fn fields(self) -> &'static [Field] {
        match self {
            Self::Status => &[Field::Status],
            Self::EndOfLife => &[Field::EndOfLife],
            Self::EndOfSupport => &[Field::EndOfSupport],
            Self::GeneralAvailability => &[Field::GeneralAvailability],
            Self::SupersededBy => &[Field::SupersededBy, Field::SupersededByName, Field::SupersededByPlatforms],
            Self::Reason => &[Field::Reason],
            Self::Url => &[Field::Url],
            Self::Channel => &[Field::Channel],
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Set {
    /// The image, or several.
    #[cfg_attr(feature = "cli", arg(required = true, value_name = "REF"))]
    pub images: Vec<String>,
    /// Only tell what would be done.
    #[cfg_attr(feature = "cli", arg(long))]
    pub dry_run: bool,
    /// What can be said with any status.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub words: Words,
    /// active, deprecated, superseded, end-of-life or withdrawn.
    #[cfg_attr(feature = "cli", arg(long, value_name = "STATUS", value_parser = |text: &str| Status::parse(text).map_err(|error| error.at("--status"))))]
    pub status: Option<Status>,
    /// When security fixes end.
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME", value_parser = |text: &str| super::words::at(text, "--end-of-support")))]
    pub end_of_support: Option<Moment>,
    /// When it was released.
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME", value_parser = |text: &str| super::words::at(text, "--general-availability")))]
    pub general_availability: Option<Moment>,
    /// The rolling name that it is published under.
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME", value_parser = |text: &str| super::words::said(text, "--channel")))]
    pub channel: Option<String>,
    /// Say nothing about this any more.
    #[cfg_attr(feature = "cli", arg(long, value_enum, value_name = "FIELD"))]
    pub clear: Vec<Clear>,
    /// On one platform only: OS/ARCHITECTURE[/VARIANT].
    #[cfg_attr(feature = "cli", arg(long, value_name = "PLATFORM", conflicts_with = "index_only"))]
    pub platform: Option<Platform>,
    /// Only on what REF names, not on the platforms below it.
    #[cfg_attr(feature = "cli", arg(long))]
    pub index_only: bool,
    /// What other issuers say of it so far does not hold any longer; a withdrawal does.
    #[cfg_attr(feature = "cli", arg(long = "override"))]
    pub overrides: bool,
    /// For whom, and who says so.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub by: Authorship,
    /// When.
    #[cfg_attr(feature = "cli", arg(skip = super::words::present()))]
    pub now: Moment,
}

impl Set {
    /// A request that states nothing yet of `images`, of whatever platforms they have.
    pub fn of(images: impl IntoIterator<Item = impl Into<String>>, now: Moment) -> Self {
        Self {
            images: images.into_iter().map(Into::into).collect(),
            dry_run: false,
            words: Words::default(),
            status: None,
            end_of_support: None,
            general_availability: None,
            channel: None,
            clear: Vec::new(),
            platform: None,
            index_only: false,
            overrides: false,
            by: Authorship::default(),
            now,
        }
    }

    fn change(&self) -> Change {
        let mut set = self.words.record(self.now);
        let fields = [
            (Field::Status, self.status.map(Value::Status)),
            (Field::EndOfSupport, self.end_of_support.map(time)),
            (Field::GeneralAvailability, self.general_availability.map(time)),
            (Field::Channel, self.channel.clone().map(Value::Text)),
        ];
        set.extend(fields.into_iter().filter_map(|(field, value)| Some((field, value?))));
        Change { set, clear: self.clear.iter().flat_map(|clear| clear.fields()).copied().collect(), explicit: true }
    }
}

/// States it, on each image and on each of its platforms: a node pins either. All is decided before anything is written, and each
/// layout is changed at once.
///
/// # Errors
/// `usage.argument` if nothing is asked for, `lifecycle.profile`, `usage.output` for archives, `referrer.fallback_tag`, and those
/// of references and of writing. With an error nothing was written.
pub fn set(request: &Set, context: Context<'_>) -> Result<Vec<SetReport>> {
    let change = request.change();
    if change.set.is_empty() && change.clear.is_empty() && !request.overrides {
        return Err(Error::new(Code::UsageArgument, "nothing is to be stated")
            .hint("Give what shall hold, such as --eol 2026-12-01 or --status deprecated."));
    }
    let mut open_already: Vec<Arc<Source>> = Vec::new();
    let mut places: Vec<(Arc<Source>, NewStatements<'_>, BTreeSet<Digest>)> = Vec::new();
    let mut reports: Vec<(usize, SetReport)> = Vec::new();
    for image in &request.images {
        let opened = open_among(image, &open_already, context)?;
        let source = Arc::clone(&opened.located.source);
        open_already.push(Arc::clone(&source));
        refuse_archive(&source, "lifecycle set")?;
        let number = places.iter().position(|(known, ..)| known.path == source.path).unwrap_or_else(|| {
            let statements = NewStatements::new(request.now, request.by.clone()).overriding(request.overrides);
            places.push((Arc::clone(&source), statements, BTreeSet::new()));
            places.len() - 1
        });
        let Some((_, statements, stated)) = places.get_mut(number) else { continue };
        let reader = Reader::of_tree(&source, &opened.tree, request.now, context);
        for subject in chosen(&opened, &reader, request)? {
            // Two names of one image ask for one statement.
            if stated.insert(subject.descriptor.digest.clone()) {
                statements.state(&subject, &change)?;
            }
        }
        let (subjects, findings) = (std::mem::take(&mut statements.subjects), std::mem::take(&mut statements.findings));
        let (image, at) = (opened.located.shown(), request.now);
        reports.push((number, SetReport { image, at, subjects, successor: None, dry_run: request.dry_run, changed: false, findings }));
    }
    for (number, (source, statements, _)) in places.iter_mut().enumerate() {
        let changed = if request.dry_run { false } else { statements.commit(source, context)? };
        let mut findings = std::mem::take(&mut statements.findings);
        for (_, report) in reports.iter_mut().filter(|(of, _)| *of == number) {
            report.changed = changed && report.subjects.iter().any(|subject| subject.statement.is_some());
            report.findings.append(&mut findings);
        }
    }
    Ok(reports.into_iter().map(|(_, report)| report).collect())
}

fn chosen<'t>(opened: &'t Opened, reader: &Reader<'_>, request: &Set) -> Result<Vec<Subject<'t>>> {
    let mut subjects = reader.subjects(&opened.tree);
    if request.platform.is_some() {
        let digest = &opened.image(request.platform.as_ref())?.descriptor.digest;
        subjects.retain(|subject| subject.descriptor.digest == *digest);
    } else if request.index_only {
        subjects.truncate(1);
    }
    Ok(subjects)
}

/// Refuses to change an archive.
///
/// # Errors
/// `usage.output`.
pub(super) fn refuse_archive(source: &Source, verb: &str) -> Result<()> {
    if source.kind() == SourceKind::Layout {
        return Ok(());
    }
    Err(source.kind().unchangeable(verb).at(source.shown()).hint("Copy it into a layout first: `airbase copy ARCHIVE DIR`."))
}

/// What is odd about a subject. A new statement takes the place of all of its issuer, so it must not be made while one of them cannot be
/// read for now: what that says would be lost. What cannot be a statement keeps nobody from revoking an image.
///
/// # Errors
/// `io` and the like: what could not be read.
pub(super) fn readable(subject: &Subject<'_>) -> Result<Vec<Finding>> {
    match subject.findings.iter().find(|finding| subject.unread && finding.is_unread()) {
        Some(unread) => Err(Error::of(unread.clone().detail("nothing is stated while it cannot be read"))),
        None => Ok(subject.findings.clone()),
    }
}

/// Statements that are being made, on any number of subjects of one source; they become visible together.
#[derive(Debug)]
pub(in crate::verbs) struct NewStatements<'a> {
    outgoing: Outgoing<'a>,
    now: Moment,
    profile: Option<Profile>,
    issuer: Option<String>,
    /// Whether what others say is overridden.
    overrides: bool,
    pub(in crate::verbs) subjects: Vec<Stated>,
    pub(in crate::verbs) findings: Vec<Finding>,
    /// Whether a statement that is there could not be read.
    pub(in crate::verbs) unread: bool,
    any: bool,
}

impl<'a> NewStatements<'a> {
    pub(super) fn new(now: Moment, by: Authorship) -> Self {
        Self {
            outgoing: Outgoing::default(),
            now,
            profile: by.profile,
            issuer: by.issuer,
            overrides: false,
            subjects: Vec::new(),
            findings: Vec::new(),
            unread: false,
            any: false,
        }
    }

    /// Who says so.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Says what follows as of another time.
    pub(super) fn date(&mut self, made: Moment) {
        self.now = made;
    }

    /// Overrides what other issuers say.
    pub(super) fn overriding(self, overrides: bool) -> Self {
        Self { overrides, ..self }
    }

    /// States `change` on a subject, unless it is so.
    pub(super) fn state(&mut self, subject: &Subject<'_>, change: &Change) -> Result<()> {
        self.findings.extend(readable(subject)?);
        self.unread |= subject.unread;
        // What this issuer says on the index, and what the image says of itself while nobody else says anything, goes into the first
        // statement of its own, which would otherwise hide it.
        let holds = subject.resolution.kept(self.issuer.as_deref());
        let own = |statement: &&Statement| statement.is_valid() && statement.issuer == self.issuer;
        let is_own = subject.statements.iter().any(|statement| own(&statement));
        let older = subject.statements.iter().filter(own).count();
        let next = match change.next(&holds, self.now) {
            Some(next) => next,
            // It is so by the index; a node that pins the platform is told by nothing but its own statement.
            None if !is_own && subject.above.iter().any(|statement| own(&statement)) => Next { says: holds.clone(), ..Next::default() },
            // Asked for in a form that is not there yet.
            None if self.profile.is_some() && !self.has_form(subject, &holds)? => Next { says: holds.clone(), ..Next::default() },
            None if self.overrides && self.others(subject).iter().any(|digest| !self.overridden(subject).contains(digest)) => {
                Next { says: holds.clone(), ..Next::default() }
            }
            None => {
                self.subjects.push(Stated {
                    digest: subject.descriptor.digest.clone(),
                    platform: subject.platform().cloned(),
                    statement: None,
                    artifact_type: None,
                    says: texts(&holds),
                    cleared: Vec::new(),
                    older: older.saturating_sub(1),
                });
                return Ok(());
            }
        };
        let cleared = next.cleared.iter().copied().collect();
        let says = texts(&next.says);
        let (digest, artifact_type) = self.make(subject, next, Vec::new())?;
        self.subjects.push(Stated {
            digest: subject.descriptor.digest.clone(),
            platform: subject.platform().cloned(),
            statement: Some(digest),
            artifact_type: Some(artifact_type),
            says,
            cleared,
            older,
        });
        Ok(())
    }

    /// Whether a statement of the type that the profile would write says so already.
    fn has_form(&self, subject: &Subject<'_>, holds: &Record) -> Result<bool> {
        let draft = self.draft(subject, Next { says: holds.clone(), ..Next::default() });
        let wanted = author(&draft, &subject.descriptor, &self.profile.clone().unwrap_or_default())?.0.artifact_type;
        let counts = |role: Option<&Role>| !matches!(role, Some(Role::Replaced { .. } | Role::Future | Role::NotAsked) | None);
        Ok(subject.statements.iter().any(|statement| {
            statement.artifact_type == wanted
                && statement.issuer == self.issuer
                && counts(subject.resolution.roles.get(&statement.digest))
                && statement.record().iter().all(|(field, value)| holds.get(field) == Some(value))
        }))
    }

    fn draft(&self, subject: &Subject<'_>, next: Next) -> NewStatement {
        let all = subject.all();
        let issuer = self.issuer.as_deref();
        let mut cleared = next.cleared;
        // A withdrawal that was ended may come back with the next synchronisation, after the statement that ended it.
        let was_withdrawn = all.iter().any(|one| one.issuer == self.issuer && status(&one.record()) == Some(Status::Withdrawn));
        if was_withdrawn && matches!(status(&next.says), None | Some(Status::Superseded)) {
            cleared.insert(Field::Status);
        }
        let mut overrides = self.overridden(subject);
        if self.overrides {
            overrides.extend(self.others(subject));
        }
        NewStatement {
            says: next.says,
            made: self.now.to_the_second(),
            sequence: next_sequence(&subject.statements, &subject.descriptor.digest, issuer),
            replaces: replaced_by_next(&all, issuer),
            cleared,
            overrides: overrides.into_iter().collect(),
            issuer: self.issuer.clone(),
            subject_created: subject.created(),
        }
    }

    /// The statements of others that this issuer overrides already.
    fn overridden(&self, subject: &Subject<'_>) -> BTreeSet<Digest> {
        subject.resolution.by_issuer.get(&self.issuer).into_iter().flat_map(|own| own.overrides.iter().cloned()).collect()
    }

    /// The statements of others that say something.
    fn others(&self, subject: &Subject<'_>) -> BTreeSet<Digest> {
        let others = subject.statements.iter().chain(&subject.above).filter(|one| one.issuer != self.issuer && one.is_valid());
        others.map(|statement| statement.digest.clone()).collect()
    }

    /// Makes one statement, which says `next` and takes the place of all of its issuer that are there; those in `remove` leave the
    /// lists.
    pub(super) fn make(&mut self, subject: &Subject<'_>, mut next: Next, remove: Vec<Digest>) -> Result<(Digest, String)> {
        for (field, key) in [(Field::Version, annotation::VERSION), (Field::Revision, annotation::REVISION)] {
            if let Some(own) = subject.own(key) {
                next.says.entry(field).or_insert_with(|| Value::Text(own.to_owned()));
            }
        }
        let mut draft = self.draft(subject, next);
        let mut also = Vec::new();
        if self.profile.is_none() {
            for other in forms(subject, self.issuer.as_ref(), &draft) {
                let (digest, item) = self.author(&other.0, &subject.descriptor, &other.1)?;
                draft.replaces.push(digest);
                also.push(item);
            }
            draft.replaces.sort();
        }
        let profile = self.profile.clone().unwrap_or_else(|| usual(subject, self.issuer.as_ref()));
        let (digest, item) = self.author(&draft, &subject.descriptor, &profile)?;
        let artifact_type = item.artifact_type.clone().unwrap_or_default();
        also.push(item);
        self.tell(subject, &draft, &digest);
        self.refer(subject, also, remove);
        Ok((digest, artifact_type))
    }

    /// Tells if it holds only together with something stricter.
    fn tell(&mut self, subject: &Subject<'_>, draft: &NewStatement, digest: &Digest) {
        let stated = |value: &Value| Said { value: value.clone(), place: Place::Annotation, key: String::new(), dialect: None };
        let mut all = subject.all();
        all.push(Statement {
            digest: digest.clone(),
            subject: subject.descriptor.digest.clone(),
            artifact_type: String::new(),
            convention: Convention::Own,
            made: Made::At { time: draft.made, key: String::new() },
            sequence: draft.sequence,
            replaces: draft.replaces.clone(),
            issuer: draft.issuer.clone(),
            says: draft.says.iter().map(|(field, value)| (*field, stated(value))).collect(),
            cleared: draft.cleared.clone(),
            overrides: draft.overrides.clone(),
            unreadable: false,
            findings: Vec::new(),
        });
        let after = resolve(resolve::Said::of(&all), &draft.made.into());
        let place = &subject.descriptor.digest;
        self.findings.retain(|finding| {
            finding.code != Code::LifecycleAmbiguous || finding.place.as_ref().is_none_or(|at| !at.contains(&place.hex()))
        });
        self.findings.extend(after.findings.into_iter().filter(|finding| finding.code == Code::LifecycleAmbiguous));
    }

    /// Makes the statement of a draft; nothing lists it yet.
    fn author(&mut self, draft: &NewStatement, subject: &Descriptor, profile: &Profile) -> Result<(Digest, Item)> {
        Ok(self.list(author(draft, subject, profile)?, subject))
    }

    /// Takes the referrer of a statement, with its document; nothing lists it yet.
    pub(super) fn list(&mut self, (referrer, document): (NewReferrer, Option<Verified>), subject: &Descriptor) -> (Digest, Item) {
        let manifest = manifest(&referrer, Some(subject));
        if let Some(document) = &document {
            self.outgoing.document(document);
        }
        self.outgoing.document(&Verified::authored(EMPTY.to_vec()));
        self.outgoing.document(&manifest.blob);
        let NewReferrer { artifact_type, annotations, .. } = referrer;
        (manifest.blob.digest().clone(), Item { descriptor: manifest.descriptor(), artifact_type: Some(artifact_type), annotations })
    }

    /// Takes a statement that is there along, with all its blobs.
    pub(super) fn bring(&mut self, source: &Source, referrer: &Referrer, context: Context<'_>) -> Result<()> {
        for blob in referrer.artifact.blobs() {
            self.outgoing.document(&source.document(blob, context.limits)?);
        }
        self.outgoing.document(&referrer.document);
        Ok(())
    }

    /// Changes the lists of a subject.
    pub(super) fn refer(&mut self, subject: &Subject<'_>, add: Vec<Item>, remove: Vec<Digest>) {
        self.any = true;
        self.outgoing.refer(ReferrerChange { subject: subject.descriptor.clone(), child: subject.child, add, remove, clean: false });
    }

    /// Writes all of it; without anything to write the layout is not touched.
    pub(super) fn commit(&mut self, source: &Arc<Source>, context: Context<'_>) -> Result<bool> {
        if !self.any {
            return Ok(false);
        }
        let mut outgoing = std::mem::take(&mut self.outgoing);
        outgoing.enlist(source)?;
        // It was read just now, and need not be parsed again to be changed.
        outgoing.input(source);
        let committed = write(&Output::Layout(source.path.clone()), &outgoing, &[], 0, context)?;
        self.findings.extend(committed.findings);
        Ok(committed.index_changed)
    }

    /// What is to be written, for who writes more with it.
    pub(in crate::verbs) fn into_outgoing(self) -> Outgoing<'a> {
        self.outgoing
    }

    pub(super) fn finish(mut self, opened: &Opened, context: Context<'_>) -> Result<SetReport> {
        let changed = self.commit(&opened.located.source, context)?;
        let (image, at) = (opened.located.shown(), self.now);
        Ok(SetReport { image, at, subjects: self.subjects, successor: None, dry_run: false, changed, findings: self.findings })
    }
}

/// The form in which an issuer speaks of a subject: natively, if it never spoke otherwise.
fn usual(subject: &Subject<'_>, issuer: Option<&String>) -> Profile {
    let mut own =
        subject.statements.iter().filter(|statement| statement.issuer.as_ref() == issuer && statement.convention == Convention::Own);
    let has_date = |statement: &Statement| statement.says.contains_key(&Field::EndOfLife);
    let native = own.clone().any(has_date) && own.all(|statement| statement.artifact_type == OWN_TYPE);
    if native { Profile::Native } else { Profile::Combined }
}

/// What is said besides, for the readers of the types of articles in which this issuer spoke before: they would go on with a date that
/// does not hold any longer. Of a date that is taken back nothing can be said in those types.
fn forms(subject: &Subject<'_>, issuer: Option<&String>, draft: &NewStatement) -> Vec<(NewStatement, Profile)> {
    let Some(end) = draft.says.get(&Field::EndOfLife) else { return Vec::new() };
    let mut latest: std::collections::BTreeMap<&str, &Statement> = std::collections::BTreeMap::new();
    for statement in subject.statements.iter().filter(|statement| statement.issuer.as_ref() == issuer) {
        if let Convention::Vendor(name) = &statement.convention {
            let known = latest.entry(name).or_insert(statement);
            if (statement.made.time(), &statement.digest) > (known.made.time(), &known.digest) {
                *known = statement;
            }
        }
    }
    let stale = latest.into_iter().filter(|(_, statement)| statement.record().get(&Field::EndOfLife) != Some(end));
    let says: Record = draft
        .says
        .iter()
        .filter(|(field, _)| matches!(field, Field::EndOfLife | Field::Version | Field::Revision))
        .map(|(field, value)| (*field, value.clone()))
        .collect();
    let form = |(name, _): (&str, &Statement)| {
        let plain =
            NewStatement { says: says.clone(), replaces: Vec::new(), cleared: BTreeSet::new(), overrides: Vec::new(), ..draft.clone() };
        (plain, Profile::Vendor(name.to_owned()))
    };
    stale.map(form).collect()
}
