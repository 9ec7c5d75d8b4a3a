//! `airbase explain`

use serde::Serialize;

use crate::cli::terminal::Terminal;
use crate::foundation::{Code, Error, ExitClass, Fact, Finding, Result, Severity};
use crate::report::{Page, Report, Tone};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The code, such as blob.missing; without one all codes are listed
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

#[derive(Serialize)]
struct Explanation {
    code: &'static str,
    meaning: &'static str,
    next: &'static str,
    exit: u8,
    severity: Severity,
}

/// `airbase.explain/v1`
#[derive(Serialize)]
struct Explained {
    codes: Vec<Explanation>,
}

impl Report for Explained {
    const SCHEMA: &'static str = "airbase.explain/v1";

    fn findings(&self) -> Vec<&Finding> {
        Vec::new()
    }

    fn render(&self, page: &mut Page) {
        if let [one] = self.codes.as_slice() {
            page.line_toned(0, Tone::Strong, one.code);
            page.line(1, one.meaning);
            page.line(1, one.next);
            page.line_toned(1, Tone::Dim, &format!("exit status {} when it stops a command", one.exit));
            return;
        }
        for explanation in &self.codes {
            let code = page.toned(Tone::Strong, &format!("{:<28}", explanation.code));
            page.line(0, &format!("{code} {}", explanation.meaning.split(". ").next().unwrap_or_default().trim_end_matches('.')));
        }
    }
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let explained = |code: &Code| Explanation {
        code: code.slug(),
        meaning: code.meaning(),
        next: code.next(),
        exit: code.exit_class().status(),
        severity: code.severity(),
    };
    let codes = match &arguments.code {
        None => Code::ALL.iter().map(explained).collect(),
        Some(slug) => {
            let code = Code::from_slug(slug).ok_or_else(|| {
                Error::new(Code::UsageArgument, "there is no such code")
                    .found(Fact::new(slug, "the command line"))
                    .hint("`airbase explain` lists all codes.")
                    .with_exit_class(ExitClass::Usage)
            })?;
            vec![explained(&code)]
        }
    };
    terminal.answer(&Explained { codes })
}
