//! Moves one image onto what the name of its base means now: `cargo run --example rebase -- APP.tar BASES NEW.tar`.
//!
//! Ends with 2 if something is missing on the command line, else as `airbase rebase` does.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example is a whole program")]

use std::process::ExitCode;

use airbase::foundation::{Error, Result};
use airbase::oci::media_type::Compression;
use airbase::report::Report as _;
use airbase::verbs::rebase::{Request, plan};
use airbase::verbs::{Context, Form, Output, Places};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [app, bases, new] = arguments.as_slice() else {
        eprintln!("rebase APP.tar BASES NEW.tar");
        return ExitCode::from(2);
    };
    match moved(app, bases, new) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit_class().status())
        }
    }
}

fn moved(app: &str, bases: &str, new: &str) -> Result<u8> {
    let output = Output::Archive { path: new.into(), form: Form::Oci, compression: Compression::None, overwrite: false };
    let request = Request { places: Places::of([bases]), output: Some(output), ..Request::of(app) };
    // Everything is decided here, also whether the image still runs, and nothing is written.
    let decided = plan(&request, Context::standard())?;
    let report = decided.apply(Context::standard())?;
    if let Some(result) = &report.result {
        println!("{}", result.digest);
    }
    for finding in report.findings() {
        eprintln!("{}", Error::of(finding.clone()));
    }
    Ok(report.ended().map_or(0, airbase::foundation::ExitClass::status))
}
