//! Standard output, standard error and the environment.

use std::io::{self, IsTerminal, Write};

use super::environment::{variable, written_file};
use super::options::{Format, Global, Progress, When};
use super::progress::Meter;
use super::site::Site;
use crate::foundation::clock::Time;
use crate::foundation::fsys::{Faults, shown};
use crate::foundation::{Code, Error, ExitClass, Finding, Limits, Result, text};
use crate::plan::lifecycle::convention::Conventions;
use crate::report::inspect::InspectReport;
use crate::report::{Commands, Page, Report, Setting, Tone};
use crate::verbs::Context;

/// `airbase.error/v1`
#[derive(serde::Serialize)]
struct Failure<'a> {
    schema: &'static str,
    exit: u8,
    #[serde(skip_serializing_if = "<[Setting]>::is_empty")]
    settings: &'a [Setting],
    error: &'a Finding,
}

/// What the commands speak through.
pub(super) struct Terminal {
    pub(super) global: Global,
    limits: Limits,
    conventions: Conventions,
    /// What the site sets.
    pub(super) site: Site,
    meter: Meter,
    /// Every change passes here, so this tells whether there was one.
    changes: Faults,
    colour_out: bool,
    colour_err: bool,
}

/// Standard output. A reader that went away is no error.
pub(super) struct Out;

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match io::stdout().lock().write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match io::stdout().lock().flush() {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }
}

impl Terminal {
    pub(super) fn new(global: &Global) -> Self {
        let colour = |terminal: bool| match global.color {
            When::Always => true,
            When::Never => false,
            When::Auto => terminal && variable("NO_COLOR").is_none() && variable("TERM").is_none_or(|term| term != "dumb"),
        };
        let error_is_terminal = std::io::stderr().is_terminal();
        let meter = match global.progress {
            Progress::Json => Meter::json(),
            Progress::Auto if error_is_terminal && !global.quiet && global.format == Format::Human => Meter::bar(),
            _ => Meter::silent(),
        };
        Self {
            limits: global.limits(),
            conventions: Conventions::NONE,
            site: Site::default(),
            meter,
            changes: Faults::count(),
            colour_out: colour(std::io::stdout().is_terminal()),
            colour_err: colour(error_is_terminal),
            global: global.clone(),
        }
    }

    /// Reads what the site sets.
    ///
    /// # Errors
    /// Those of reading a file of settings, and `usage.argument`.
    pub(super) fn read_site(&mut self) -> Result<()> {
        self.site = Site::read(self.global.config.as_deref())?;
        Ok(())
    }

    /// Reads the site's table of conventions, if it has one.
    ///
    /// # Errors
    /// Those of reading the file, and `usage.argument`.
    pub(super) fn read_conventions(&mut self) -> Result<()> {
        let given = self.global.conventions.clone().or_else(|| variable("AIRBASE_CONVENTIONS").map(Into::into));
        if let Some(path) = given {
            let text = written_file(&path, "the table of conventions")?;
            self.conventions = Conventions::parse(&text).map_err(|error| error.at(shown(&path)))?;
        }
        Ok(())
    }

    /// What the verbs need.
    pub(super) fn context(&self) -> Context<'_> {
        let available = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Context {
            limits: &self.limits,
            events: &self.meter,
            jobs: self.global.jobs.map_or(available, std::num::NonZeroUsize::get),
            conventions: &self.conventions,
            allow_empty: false,
            lock_timeout: self.global.lock_timeout(),
            faults: &self.changes,
        }
    }

    /// `SOURCE_DATE_EPOCH` as an instant.
    ///
    /// # Errors
    /// `usage.epoch`.
    pub(super) fn epoch() -> Result<Option<Time>> {
        variable("SOURCE_DATE_EPOCH").map(|text| Time::from_epoch(&text)).transpose()
    }

    /// The date of members of archives: `SOURCE_DATE_EPOCH`, or 1970, so that the same input gives the same bytes.
    ///
    /// # Errors
    /// `usage.epoch`.
    pub(super) fn mtime() -> Result<u64> {
        Self::epoch()?;
        Ok(variable("SOURCE_DATE_EPOCH").and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// Prints a report; gives the exit status that belongs to it.
    ///
    /// # Errors
    /// `io` if standard output cannot take it.
    pub(super) fn answer<R: Report>(&mut self, report: &R) -> Result<u8> {
        let settings = self.site.used();
        let written = match self.global.format {
            Format::Json => report.write_json(&settings, &mut Out),
            // Which commands have this form was checked before anything was done.
            Format::Csv => {
                let text = report.to_csv().ok_or_else(|| Error::new(Code::Bug, "the report has no form for spreadsheets"))?;
                Out.write_all(text.as_bytes())
            }
            Format::Commands | Format::Sh => {
                let form = if self.global.format == Format::Sh { Commands::Script } else { Commands::Lines };
                let text = report.to_commands(form).ok_or_else(|| Error::new(Code::Bug, "the report has no commands"))?;
                Out.write_all(text.as_bytes())
            }
            Format::Human if self.global.quiet => Ok(()),
            Format::Human => {
                let mut page = self.page();
                report.render(&mut page);
                for setting in &settings {
                    page.setting(setting);
                }
                page.finish()
            }
        };
        written.and_then(|()| Out.flush()).map_err(|error| {
            let error = unwritten(error);
            if self.changes.changed() { untold(error) } else { error }
        })?;
        if self.global.format == Format::Csv {
            // A sheet has no row for what could not be read, and without it the rest looks better than it is.
            let findings: Vec<Finding> = report.findings().into_iter().cloned().collect();
            self.remark(|page| page.findings(0, &findings));
        }
        Ok(report.ended().map_or(0, ExitClass::status))
    }

    /// A page that goes to standard output.
    fn page(&self) -> Page {
        Page::new(self.colour_out, self.global.verbose).write_to(Box::new(Out))
    }

    /// The report of `inspect`, which is printed while it is made.
    ///
    /// # Errors
    /// `io` if standard output cannot take it.
    pub(super) fn inspection(&self, long: bool) -> Result<InspectReport<'static>> {
        match self.global.format {
            Format::Human if self.global.quiet => Ok(InspectReport::silent()),
            Format::Human => Ok(InspectReport::page(self.page(), long)),
            // Which commands have another form was checked before anything was done.
            _ => InspectReport::json(&self.site.used(), Box::new(Out)).map_err(unwritten),
        }
    }

    /// Prints a report for users on standard error, because standard output is for something else.
    pub(super) fn remark(&self, render: impl FnOnce(&mut Page)) {
        if !self.global.quiet {
            let mut page = Page::new(self.colour_err, self.global.verbose);
            render(&mut page);
            // Whoever cannot be told has the answer all the same.
            let _ = std::io::stderr().lock().write_all(page.into_text().as_bytes());
        }
    }

    /// Writes to standard output. A reader that went away is no error; a full disk is.
    ///
    /// # Errors
    /// `io`.
    pub(super) fn print(bytes: &[u8]) -> Result<()> {
        Out.write_all(bytes).and_then(|()| Out.flush()).map_err(unwritten)
    }

    /// Prints an error; gives the exit status that belongs to it.
    pub(super) fn fail(&mut self, error: &Error) -> u8 {
        let class = error.exit_class();
        let mut page = Page::new(self.colour_err, true);
        let head = page.toned(Tone::Bad, "error");
        let finding = error.finding();
        page.line(0, &format!("{head} [{}] {}", finding.code.slug(), text::escape(&finding.message)));
        page.particulars(1, finding);
        if finding.hints.is_empty() {
            let label = page.toned(Tone::Strong, "hint");
            page.line(1, &format!("{label}: {}", finding.code.next()));
        }
        let settings = self.site.used();
        for setting in &settings {
            page.setting(setting);
        }
        // There is nowhere left to report that standard error is gone.
        let _ = std::io::stderr().lock().write_all(page.into_text().as_bytes());
        if self.global.format == Format::Json {
            let document = Failure { schema: "airbase.error/v1", exit: class.status(), settings: &settings, error: finding };
            if let Ok(text) = serde_json::to_string_pretty(&document) {
                let _ = Self::print((text::json(&text).into_owned() + "\n").as_bytes());
            }
        }
        class.status()
    }
}

/// Standard output failed.
pub(super) fn unwritten(error: io::Error) -> Error {
    Error::io("write to standard output", error)
}

/// Standard output failed after a change was made.
pub(super) fn untold(error: Error) -> Error {
    let told = Error::new(Code::IoUntold, "it is done, and the report could not be written to standard output");
    match error.into_finding().found {
        Some(fact) => told.found(fact),
        None => told,
    }
}
