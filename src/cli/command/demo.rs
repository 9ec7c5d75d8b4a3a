//! `airbase demo`: the whole story on images that it makes itself, with the commands that a user would type.

use std::path::{Path, PathBuf};

use clap::Parser as _;
use serde::Serialize;

use crate::cli::arguments::Line;
use crate::cli::options::Format;
use crate::cli::terminal::Terminal;
use crate::foundation::fsys::{create_directories, shown};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result};
use crate::report::{Page, Report};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Where the images are made, a directory that does not exist; without it a new one for temporary files
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// One step: why, what, and the exit status that it must end with.
struct Step {
    why: &'static str,
    command: &'static [&'static str],
    status: u8,
}

const STORY: &[Step] = &[
    Step {
        why: "A vendor sent an application. What is in it, and what of that is inherited from its base?",
        command: &["inspect", "apps/shop.tar", "--bases", "bases"],
        status: 0,
    },
    Step { why: "Is every byte what its digest says?", command: &["fsck", "apps", "bases"], status: 0 },
    Step {
        why: "Another application says nothing about its base. Its layers do.",
        command: &["base", "show", "apps/plain.tar", "--bases", "bases", "--platform", "linux/amd64"],
        status: 0,
    },
    Step {
        why: "A patched base came on a stick. Which images are still based on the old one? (1 is the answer \"somebody\")",
        command: &["outdated", "apps", "--bases", "bases"],
        status: 1,
    },
    Step {
        why: "Move the first application onto what the name of its base means now.",
        command: &["rebase", "apps/shop.tar", "--bases", "bases", "-o", "new/shop.tar"],
        status: 0,
    },
    Step {
        why: "Move the other one too; the new base is named.",
        command: &[
            "rebase",
            "apps/plain.tar",
            "--bases",
            "bases",
            "--onto",
            "bases:registry.example/os:12",
            "-o",
            "new/plain.tar",
            "--quiet",
        ],
        status: 0,
    },
    Step {
        why: "Prove it.",
        command: &["base", "verify", "new/shop.tar", "--base", "bases:registry.example/os:12", "--platform", "linux/amd64"],
        status: 0,
    },
    Step { why: "And now?", command: &["outdated", "new", "--bases", "bases"], status: 0 },
    Step { why: "What did the move change?", command: &["diff", "apps/shop.tar", "new/shop.tar", "--platform", "linux/amd64"], status: 0 },
    Step {
        why: "The next major version of the base came too. Would the application run on it? (1 is the answer \"no\")",
        command: &["verdict", "new/shop.tar", "--onto", "bases:registry.example/os:13", "--bases", "bases", "--platform", "linux/amd64"],
        status: 1,
    },
];

/// One result.
#[derive(Serialize)]
struct Made {
    path: String,
    digest: Digest,
}

/// `airbase.demo/v1`
#[derive(Serialize)]
struct DemoReport {
    directory: String,
    /// The commands that were run, in their order.
    commands: Vec<String>,
    /// The two results.
    results: Vec<Made>,
}

impl Report for DemoReport {
    const SCHEMA: &'static str = "airbase.demo/v1";

    fn findings(&self) -> Vec<&Finding> {
        Vec::new()
    }

    fn render(&self, page: &mut Page) {
        page.gap();
        page.line(
            0,
            &format!(
                "Everything is in {}: look around, and delete it when you are done.",
                crate::foundation::text::escape(&self.directory)
            ),
        );
    }
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let directory = match &arguments.directory {
        Some(directory) => directory.clone(),
        None => std::env::temp_dir().join(format!("airbase-demo-{}", std::process::id())),
    };
    let refused = |error: Error| error.at(shown(&directory));
    for inner in ["", "apps", "new"] {
        let made = create_directories(&directory.join(inner)).map_err(refused)?;
        if inner.is_empty() && !made {
            return Err(Error::new(Code::OutputExists, "the directory for the demonstration exists already")
                .found(Fact::new(shown(&directory), "the command line"))
                .hint("Name one that does not exist."));
        }
    }
    crate::verbs::demo::make(&directory)?;
    // The commands are shown with short paths, and they are really run as they are shown.
    std::env::set_current_dir(&directory).map_err(|error| Error::io(format!("enter {}", shown(&directory)), error))?;
    let mut told = DemoReport { directory: shown(&directory), commands: Vec::new(), results: Vec::new() };
    for step in STORY {
        tell(step, terminal)?;
        told.commands.push(format!("airbase {}", step.command.join(" ")));
    }
    for name in ["new/shop.tar", "new/plain.tar"] {
        let source = crate::read::Source::open(Path::new(name), &crate::foundation::Limits::STANDARD)?;
        told.results.extend(source.index.manifests.iter().map(|entry| Made { path: name.to_owned(), digest: entry.digest.clone() }));
    }
    terminal.answer(&told)
}

fn tell(step: &Step, terminal: &mut Terminal) -> Result<()> {
    let silent = terminal.global.format == Format::Json || terminal.global.quiet;
    if !silent {
        let text = format!("\n# {}\n$ airbase {}\n", step.why, step.command.join(" "));
        Terminal::print(text.as_bytes()).map_err(crate::cli::terminal::untold)?;
    }
    let mut line = Line::try_parse_from(["airbase"].iter().chain(step.command))
        .map_err(|error| Error::new(Code::Bug, format!("the demonstration has a wrong command: {error}")))?;
    let quiet = line.global.quiet || silent;
    line.global = terminal.global.clone();
    line.global.format = Format::Human;
    line.global.quiet = quiet;
    let status = crate::cli::run(&line, &mut Terminal::new(&line.global));
    if status == step.status {
        return Ok(());
    }
    Err(Error::new(Code::Bug, "a step of the demonstration ended otherwise than it should")
        .expected(Fact::new(format!("exit status {}", step.status), "the story"))
        .found(Fact::new(format!("exit status {status}"), step.command.join(" "))))
}
