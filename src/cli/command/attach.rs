//! `airbase attach`

use std::path::PathBuf;

use crate::cli::terminal::Terminal;
use crate::foundation::Result;
use crate::foundation::clock::Time;
use crate::oci::{Platform, media_type};
use crate::read::{Reference, Source, SourceKind};
use crate::verbs::Output;
use crate::verbs::referrers::{Attach, File, Missing, attach, standalone};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// What it is attached to: an image, or something that is attached itself
    #[arg(value_name = "REF")]
    image: String,
    /// The content; without any the annotations say everything
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What it is, as a media type: application/spdx+json
    #[arg(long = "type", value_name = "TYPE")]
    artifact_type: String,
    /// The media type of the files; without it their endings say
    #[arg(long, value_name = "TYPE")]
    media_type: Option<String>,
    /// An annotation of what is attached
    #[arg(long = "annotation", short = 'a', value_name = "K=V", value_parser = super::pair)]
    annotations: Vec<(String, String)>,
    /// Attach it to the manifest of every platform too, not only to the index
    #[arg(long, conflicts_with = "platform")]
    all: bool,
    /// Attach it to every member of a collection, not to the collection; with --all, to their platforms too
    #[arg(long, conflicts_with_all = ["platform", "standalone"])]
    members: bool,
    /// Attach it to one platform only: OS/ARCHITECTURE[/VARIANT]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
    /// Write it without a subject, under the name that REF gives it
    #[arg(long, conflicts_with_all = ["all", "platform", "output", "allow_missing_subject"])]
    standalone: bool,
    /// Take a subject that is not in the layout: PATH@DIGEST
    #[arg(long, requires = "subject_size")]
    allow_missing_subject: bool,
    /// The size in bytes of a subject that is not in the layout; oras finds nothing by a wrong one
    #[arg(long, value_name = "BYTES")]
    subject_size: Option<u64>,
    /// The media type of a subject that is not in the layout
    #[arg(long, value_name = "TYPE", default_value = media_type::OCI_MANIFEST)]
    subject_media_type: String,
    /// Where the image goes with its referrers: DIR[:NAME] or FILE.tar[:NAME]; without it its layout is added to
    #[arg(long, short, value_name = "OUT")]
    output: Option<String>,
    /// Replace an archive that exists
    #[arg(long)]
    overwrite: bool,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let place = if arguments.standalone { Some(arguments.image.as_str()) } else { arguments.output.as_deref() };
    let (output, name) = if let Some(text) = place {
        let (output, name) = Output::parse(text, arguments.overwrite)?;
        (Some(output), name)
    } else {
        refuse_archive(&arguments.image, "attach")?;
        (None, None)
    };
    let file = |path: &PathBuf| File { path: path.clone(), media_type: arguments.media_type.clone() };
    let request = Attach {
        image: arguments.image.clone(),
        files: arguments.files.iter().map(file).collect(),
        artifact_type: arguments.artifact_type.clone(),
        annotations: arguments.annotations.clone(),
        created: Terminal::epoch()?.unwrap_or_else(Time::now),
        all: arguments.all,
        members: arguments.members,
        platform: arguments.platform.clone(),
        missing: arguments
            .subject_size
            .filter(|_| arguments.allow_missing_subject)
            .map(|size| Missing { media_type: arguments.subject_media_type.clone(), size }),
        output,
        names: name.into_iter().collect(),
        mtime: Terminal::mtime()?,
    };
    let report = if arguments.standalone { standalone(&request, terminal.context())? } else { attach(&request, terminal.context())? };
    terminal.answer(&report)
}

/// Refuses to change an archive.
///
/// # Errors
/// `usage.output`, and those of opening the place.
pub(super) fn refuse_archive(image: &str, verb: &str) -> Result<()> {
    let reference = Reference::existing(image)?;
    let kind = Source::open_container(&reference.path, reference.view(), &crate::foundation::Limits::STANDARD)?.kind();
    if kind == SourceKind::Layout {
        return Ok(());
    }
    Err(kind.unchangeable(verb).at(reference.shown_path()).hint("Say where the result goes: -o NEW.tar, or -o DIR:NAME for a layout."))
}
