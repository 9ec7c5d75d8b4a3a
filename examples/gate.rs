//! Lets through what is not withdrawn, not at its end of life, and not unknown: `cargo run --example gate -- PATH…`.
//!
//! Ends with 0 only if every image was judged and may pass.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example is a whole program")]

use std::process::ExitCode;

use airbase::foundation::clock::Time;
use airbase::foundation::{Error, ExitClass, Result, text};
use airbase::plan::lifecycle::policy::{Deny, Policy};
use airbase::plan::lifecycle::resolve::Question;
use airbase::plan::lifecycle::time::{Moment, Span};
use airbase::report::Report as _;
use airbase::verbs::lifecycle::{Check, check};
use airbase::verbs::{Context, Places};

fn main() -> ExitCode {
    match judged(std::env::args().skip(1).collect()) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit_class().status())
        }
    }
}

fn judged(paths: Vec<String>) -> Result<u8> {
    let question = Question::from(Moment::from(Time::now()));
    let query = Check { paths, places: Places::default(), question };
    let policy = Policy::new(Deny::STANDARD.into_iter().chain([Deny::Unknown]), Span::parse("0")?);
    let report = check(&query, &policy, Context::standard())?;
    for item in report.items.iter().filter(|item| !item.denied.is_empty()) {
        let reasons: Vec<&str> = item.denied.iter().map(|reason| reason.deny.name()).collect();
        println!("{}: {}", text::escape(&item.image), reasons.join(", "));
    }
    for finding in report.findings() {
        eprintln!("{}", Error::of(finding.clone()));
    }
    // What could not be read is a finding, and then the answer is not a good one either.
    Ok(report.ended().map_or(0, ExitClass::status))
}
