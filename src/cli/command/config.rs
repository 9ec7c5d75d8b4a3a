//! `airbase config`

use serde::Serialize;

use crate::cli::terminal::Terminal;
use crate::foundation::{Finding, Result, text};
use crate::report::{Page, Report, Setting, Tone};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {}

/// `airbase.config/v1`
#[derive(Serialize)]
struct Config {
    files: Vec<Place>,
    set: Vec<Setting>,
}

/// A file that is looked for.
#[derive(Serialize)]
struct Place {
    path: String,
    present: bool,
}

impl Report for Config {
    const SCHEMA: &'static str = "airbase.config/v1";

    fn findings(&self) -> Vec<&Finding> {
        Vec::new()
    }

    fn render(&self, page: &mut Page) {
        for place in &self.files {
            page.line(0, &format!("{:<12} {}", if place.present { "read" } else { "not there" }, text::escape(&place.path)));
        }
        for setting in &self.set {
            page.setting(setting);
        }
        if self.set.is_empty() {
            page.line_toned(0, Tone::Dim, "Nothing is set.");
        }
    }
}

pub(in crate::cli) fn run(_: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let files = terminal.site.files().iter().map(|(path, present)| Place { path: path.clone(), present: *present }).collect();
    let config = Config { files, set: terminal.site.all() };
    terminal.answer(&config)
}
