//! `airbase.prepare/v1`: what is to be pushed. It is the plan that `verify-sync` holds a listing against.

use serde::Serialize;

use super::rebase::{OutputReport, WrittenReport, taken};
use super::{Commands, Page, Report, Tone, exit_of};
use crate::foundation::{ExitClass, Finding, Severity, text};
use crate::plan::prepare::{Client, LeftOut, Load, Profile, Push, Pushed, Sending};
use crate::write::Taken;

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrepareReport {
    /// What was prepared.
    pub path: String,
    /// The registry, if names go to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// For whom.
    pub profile: Profile,
    /// Where it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputReport>,
    /// What was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<WrittenReport>,
    /// The names that moved there from other images, which stay.
    pub taken: Vec<Taken>,
    /// The program whose commands are asked for.
    #[serde(skip)]
    pub client: Option<Client>,
    /// What must be in the registry afterwards, and each image that is pushed, with the commands.
    #[serde(flatten)]
    pub sending: Sending,
    /// How other programs take what was written.
    pub loads: Vec<Load>,
    /// What is not pushed.
    pub left_out: Vec<LeftOut>,
    /// What should be known.
    pub findings: Vec<Finding>,
}

/// Words as any shell of POSIX takes them. What a terminal would not show as it is goes through `printf`.
pub(super) fn shell<W: AsRef<str>>(words: &[W]) -> String {
    words.iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@=,+%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    // A shell drops the ends of lines that a command prints last.
    if text::escape(word) == word || word.ends_with('\n') {
        return format!("'{}'", word.replace('\'', "'\\''"));
    }
    let octal = word.bytes().fold(String::new(), |octal, byte| octal + &format!("\\0{byte:03o}"));
    format!("\"$(printf %b '{octal}')\"")
}

impl PrepareReport {
    fn push(page: &mut Page, push: &Push) {
        let reference = page.toned(Tone::Strong, &push.reference);
        page.line(0, &reference);
        page.trusted_field(1, "digest", &push.digest.to_string());
        let below = [(push.manifests, "manifest"), (push.referrers, "referrer")];
        let told: Vec<String> = below.iter().filter(|(number, _)| *number > 0).map(|(number, noun)| text::count(*number, noun)).collect();
        if !told.is_empty() {
            page.trusted_field(1, "with", &told.join(", "));
        }
        // Where none is enough, those that leave least are better than nothing.
        let runs = |pushed: &&Pushed| !pushed.command.is_empty();
        let least = push.clients.iter().filter(runs).map(|pushed| pushed.leaves.len()).min();
        for pushed in push.clients.iter().filter(runs).filter(|pushed| Some(pushed.leaves.len()) == least) {
            page.line(1, &text::escape(&shell(&pushed.command)));
        }
        for pushed in push.clients.iter().filter(|pushed| !pushed.suffices) {
            let why = pushed.why.as_deref().unwrap_or_default();
            let told = match pushed.leaves.len() {
                0 => why.to_owned(),
                count => format!("{} leaves {} behind: {why}", pushed.client.name(), text::count(count, "document")),
            };
            page.line_toned(1, Tone::Dim, &told);
        }
    }
}

/// A script for any shell of POSIX.
fn script(lines: &[String], not_done: &[String]) -> String {
    let mut script = String::from(
        "#!/bin/sh\n# Made by `airbase prepare`; run it in the directory in which that was run. It stops at the first error, and can be run again:\n\
         # what has arrived is not sent again.\nset -eu\n",
    );
    for line in lines {
        script.extend([line, "\n"]);
    }
    for line in not_done {
        script.extend(["echo ", &quoted(&format!("not done: {}", text::escape(line))), " >&2\n"]);
    }
    script.push_str(if not_done.is_empty() { "" } else { "exit 1\n" });
    script
}

impl Report for PrepareReport {
    const SCHEMA: &'static str = "airbase.prepare/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        for push in self.sending.pushes() {
            Self::push(page, &push);
        }
        if let Some(output) = &self.output {
            page.field(0, "output", &format!("{} ({})", output.path, output.kind));
            taken(page, &self.taken);
        }
        for load in &self.loads {
            match &load.why {
                None => page.line(1, &text::escape(&shell(&load.command))),
                Some(why) => page.line_toned(1, Tone::Dim, why),
            }
        }
        for left in &self.left_out {
            let name = if left.names.is_empty() { String::new() } else { format!("  {}", left.names.join(", ")) };
            page.field(0, "left out", &format!("{}{name}: {}", page.digest(&left.digest), left.why));
        }
        page.findings(0, &self.findings);
        if !self.sending.is_empty() {
            page.line_toned(
                0,
                Tone::Dim,
                "Save the plan with --format json; `airbase verify-sync PLAN LISTING` tells afterwards what arrived.",
            );
        }
    }

    fn to_commands(&self, form: Commands) -> Option<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut not_done: Vec<String> = Vec::new();
        for push in self.sending.pushes() {
            let fits = |pushed: &&Pushed| self.client.map_or(pushed.suffices, |client| client == pushed.client);
            match push.clients.iter().find(fits) {
                Some(pushed) => {
                    lines.extend((!pushed.command.is_empty()).then(|| shell(&pushed.command)));
                    not_done.extend(pushed.why.as_ref().map(|why| format!("{}: {why}", push.reference)));
                }
                None if self.client.is_none() => not_done.push(format!("{}: no client brings all of it", push.reference)),
                None if self.loads.is_empty() => {
                    let name = self.client.map_or("", Client::name);
                    not_done.push(format!("{}: {name} does not push it", push.reference));
                }
                None => {}
            }
        }
        for load in self.loads.iter().filter(|load| self.client == Some(load.client)) {
            match &load.why {
                None => lines.push(shell(&load.command)),
                Some(why) => not_done.push(why.clone()),
            }
        }
        let left = |left: &LeftOut| format!("{}: {}", left.names.first().map_or_else(|| left.digest.to_string(), Clone::clone), left.why);
        not_done.extend(self.left_out.iter().filter(|_| self.profile == Profile::Registry).map(left));
        if lines.is_empty() && not_done.is_empty() {
            not_done.push("there is nothing to be done".to_owned());
        }
        let comments = not_done.iter().map(|line| format!("# not done: {}", text::escape(line)));
        Some(match form {
            Commands::Lines => comments.chain(lines).fold(String::new(), |text, line| text + &line + "\n"),
            Commands::Script => script(&lines, &not_done),
        })
    }

    fn exit(&self) -> Option<ExitClass> {
        let told = self.findings.iter().any(|finding| finding.severity > Severity::Note).then_some(ExitClass::Findings);
        exit_of(&self.findings).or(told)
    }
}
