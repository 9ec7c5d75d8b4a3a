//! Moves every image of a folder onto its new base, into one layout: `cargo run --example batch -- FOLDER BASES OUT`.
//!
//! The plan is kept as `OUT.plan`, so that an interrupted run is finished by `airbase batch apply`.

#![expect(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, reason = "an example is a whole program")]

use std::path::PathBuf;
use std::process::ExitCode;

use airbase::foundation::{Error, ExitClass, Result};
use airbase::report::Report as _;
use airbase::verbs::batch::{ApplyRequest, PlanRequest, apply, plan};
use airbase::verbs::{Context, Places};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, bases, out] = arguments.as_slice() else {
        eprintln!("batch FOLDER BASES OUT");
        return ExitCode::from(2);
    };
    match moved(folder, bases, out) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit_class().status())
        }
    }
}

fn moved(folder: &str, bases: &str, out: &str) -> Result<u8> {
    let place = PathBuf::from(format!("{out}.plan"));
    let mut lines = String::new();
    let request = PlanRequest { inputs: vec![folder.to_owned()], places: Places::of([bases]), ..PlanRequest::default() };
    let planned = plan(&request, Context::standard(), &mut |line| {
        lines.push_str(line);
        Ok(())
    })?;
    std::fs::write(&place, lines).map_err(|error| Error::io("write the plan", error))?;
    // What is refused, or could not be read, is in the plan with its reason; the others are moved.
    let report = apply(&ApplyRequest::of(place, out.into()), Context::standard())?;
    println!("{} moved, {} failed, {} held", report.moved, report.failed, report.held);
    for finding in planned.findings.iter().chain(report.findings()) {
        eprintln!("{}", Error::of(finding.clone()));
    }
    Ok(planned.exit().into_iter().chain(report.ended()).reduce(ExitClass::worse).map_or(0, ExitClass::status))
}
