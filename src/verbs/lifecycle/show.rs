//! What holds of an image, and what was ever said of it.

use super::inherited::{Base, Inheritance};
use super::reader::Reader;
use super::subject::Subject;
use crate::foundation::Result;
use crate::oci::{Platform, Platforms};
use crate::plan::lifecycle::resolve::Question;
use crate::plan::lifecycle::time::Moment;
use crate::read::Tree;
use crate::report::lifecycle::show::{HistoryReport, InheritedReport, ShowReport, StatementReport, SubjectHistory, SubjectReport};
use crate::verbs::{Context, Places, open};

/// What is asked for.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Show {
    /// The image.
    #[cfg_attr(feature = "cli", arg(value_name = "REF"))]
    pub image: String,
    /// Where bases lie.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub places: Places,
    /// One platform only: OS/ARCHITECTURE[/VARIANT].
    #[cfg_attr(feature = "cli", arg(long, value_name = "PLATFORM"))]
    pub platform: Option<Platform>,
    /// As of when, and whose word counts.
    #[cfg_attr(feature = "cli", arg(skip = Question::from(super::words::present())))]
    pub question: Question,
}

/// What is asked for.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct History {
    /// The image.
    #[cfg_attr(feature = "cli", arg(value_name = "REF"))]
    pub image: String,
    /// One platform only: OS/ARCHITECTURE[/VARIANT].
    #[cfg_attr(feature = "cli", arg(long, value_name = "PLATFORM"))]
    pub platform: Option<Platform>,
    /// As of when, and whose word counts.
    #[cfg_attr(feature = "cli", arg(skip = Question::from(super::words::present())))]
    pub question: Question,
}

/// What holds of an image and of each of its platforms, each value with who says it, and what its bases say.
///
/// # Errors
/// Those of references and documents, and of places of bases.
pub fn show(query: &Show, context: Context<'_>) -> Result<ShowReport> {
    let opened = open(&query.image, context)?;
    let reader = Reader::everywhere(&opened.located.source, query.question.clone(), context);
    let mut inheritance = Inheritance::new(&query.places, std::slice::from_ref(&opened.located.source), query.question.clone(), context)?;
    let mut report = ShowReport { image: opened.located.shown(), at: query.question.now, subjects: Vec::new(), findings: Vec::new() };
    let index = match &opened.tree {
        Tree::Index(index) => Some(&**index),
        _ => None,
    };
    let mut platforms = Platforms::default();
    for mut subject in chosen(&opened, &reader, query.platform.as_ref())? {
        let below = inheritance.below(&mut subject, index)?;
        report.findings.append(&mut subject.findings);
        report.subjects.push(subject_report(&subject, &below.bases, query.question.now, &mut platforms));
    }
    report.findings.extend(reader.unplaced());
    let unread = inheritance.findings(&report.findings)?;
    report.findings.extend(unread);
    Ok(report)
}

/// Every statement on an image and on its platforms, and what became of each.
///
/// # Errors
/// Those of references and documents.
pub fn history(query: &History, context: Context<'_>) -> Result<HistoryReport> {
    let opened = open(&query.image, context)?;
    let reader = Reader::everywhere(&opened.located.source, query.question.clone(), context);
    let mut report = HistoryReport { image: opened.located.shown(), at: query.question.now, subjects: Vec::new(), findings: Vec::new() };
    for mut subject in chosen(&opened, &reader, query.platform.as_ref())? {
        report.findings.append(&mut subject.findings);
        let mut statements: Vec<StatementReport> = subject
            .statements
            .iter()
            .map(|statement| StatementReport::of(statement, subject.resolution.roles.get(&statement.digest)))
            .collect();
        // The latest first; those without a time last.
        statements.sort_by(|one, other| (&other.made, &one.digest).cmp(&(&one.made, &other.digest)));
        report.subjects.push(SubjectHistory {
            digest: subject.descriptor.digest.clone(),
            platform: subject.platform().cloned(),
            standing: subject.resolution.standing.into(),
            ambiguous: subject.resolution.ambiguous,
            statements,
        });
    }
    report.findings.extend(reader.unplaced());
    Ok(report)
}

fn chosen<'t>(opened: &'t crate::verbs::Opened, reader: &Reader<'_>, platform: Option<&Platform>) -> Result<Vec<Subject<'t>>> {
    let mut subjects = reader.subjects(&opened.tree);
    if platform.is_some() {
        let digest = &opened.image(platform)?.descriptor.digest;
        subjects.retain(|subject| subject.descriptor.digest == *digest);
    }
    Ok(subjects)
}

/// What holds of one subject, for reports.
pub(super) fn subject_report(subject: &Subject<'_>, bases: &[Base], now: Moment, platforms: &mut Platforms) -> SubjectReport {
    SubjectReport {
        digest: subject.descriptor.digest.clone(),
        platform: subject.platform().map(|platform| platforms.shared(platform)),
        standing: subject.resolution.standing.into(),
        ambiguous: subject.resolution.ambiguous,
        unreadable: subject.resolution.unreadable,
        issuer: subject.resolution.issuer().map(str::to_owned),
        through: subject.through.clone().map(Box::new),
        values: subject.resolution.fields.iter().map(|(field, held)| (*field, held).into()).collect(),
        declared: subject.declared.says.iter().map(Into::into).collect(),
        inherited: bases
            .iter()
            .map(|base| InheritedReport {
                base: base.reference.clone(),
                digest: base.digest.clone(),
                depth: base.depth,
                standing: base.resolution.standing.into(),
                values: base.resolution.fields.iter().map(|(field, held)| (*field, held).into()).collect(),
            })
            .collect(),
        statements: subject.statements.len(),
        signed: subject.statements.iter().filter(|statement| subject.signed.contains(&statement.digest)).count(),
        speaker: subject.resolution.speaker().cloned().map(Box::new),
        speaker_signed: subject.speaker_is_signed(),
        days_left: subject.resolution.days_left(now),
    }
}
