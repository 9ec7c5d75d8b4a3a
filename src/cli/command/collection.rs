//! `airbase collection create|show|check`

use crate::cli::terminal::Terminal;
use crate::foundation::{Code, Error, Fact, Result};
use crate::verbs::Output;
use crate::verbs::collection::{Create, check, create, show};

#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Command {
    /// Make a collection of images, in the layout that they lie in or in another place
    Create(CreateArguments),
    /// Show its members, what they need, what refers to them, and whose name means another image now
    Show(Arguments),
    /// Tell whether all members and all their referrers are here and whole
    Check(Arguments),
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CreateArguments {
    /// Its name: DIR:NAME, or NAME alone with -o
    #[arg(value_name = "NAME")]
    name: String,
    /// The members, each with a name of its own
    #[arg(required = true, value_name = "REF")]
    members: Vec<String>,
    /// A member that needs another one: A=B says that A needs B
    #[arg(long, value_name = "A=B", value_parser = dependency)]
    depends: Vec<(String, String)>,
    /// Set an annotation of the collection
    #[arg(long = "annotation", short = 'a', value_name = "K=V", value_parser = super::pair)]
    annotations: Vec<(String, String)>,
    /// Where it goes with its members: DIR or FILE.tar
    #[arg(long, short, value_name = "OUT")]
    output: Option<String>,
    /// Replace an archive that exists
    #[arg(long)]
    overwrite: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The collection; a path means its only one
    #[arg(value_name = "REF")]
    image: String,
}

pub(in crate::cli) fn run(command: &Command, terminal: &mut Terminal) -> Result<u8> {
    match command {
        Command::Create(arguments) => {
            let (output, name) = place(arguments)?;
            let request = Create {
                name,
                members: arguments.members.clone(),
                depends: arguments.depends.clone(),
                annotations: arguments.annotations.clone(),
                output,
                mtime: Terminal::mtime()?,
            };
            let report = create(&request, terminal.context())?;
            terminal.answer(&report)
        }
        Command::Show(arguments) => {
            let report = show(&arguments.image, terminal.context())?;
            terminal.answer(&report)
        }
        Command::Check(arguments) => {
            let report = check(&arguments.image, terminal.context())?;
            terminal.answer(&report)
        }
    }
}

fn dependency(text: &str) -> Result<(String, String)> {
    let wrong = || Error::new(Code::UsageArgument, "a dependency is written A=B: A needs B").found(Fact::new(text, "--depends"));
    text.split_once('=').map(|(one, other)| (one.to_owned(), other.to_owned())).ok_or_else(wrong)
}

fn place(arguments: &CreateArguments) -> Result<(Output, String)> {
    let Some(text) = &arguments.output else {
        let (output, name) = Output::parse(&arguments.name, arguments.overwrite)?;
        return match name {
            Some(name) => Ok((output, name)),
            None => Err(Error::new(Code::UsageOutput, "the command does not say where the collection goes")
                .expected(Fact::new("DIR:NAME, or NAME and -o OUT", "airbase"))
                .found(Fact::new(&arguments.name, "the command line"))),
        };
    };
    let (output, name) = Output::parse(text, arguments.overwrite)?;
    match name {
        None => Ok((output, arguments.name.clone())),
        Some(name) => Err(Error::new(Code::UsageOutput, "the collection has a name already, and the output gives it another one")
            .expected(Fact::new(&arguments.name, "the command line"))
            .found(Fact::new(name, "-o"))),
    }
}
