//! Prepares a layout for a registry, a runtime or a scanner: what is pushed, under which names and digests, with which commands.

mod gather;
mod hand_over;

use std::path::Path;

use gather::{Gathered, Top, gather, tops};
use hand_over::hand_over;

use crate::format::codec::{Codec, Packing};
use crate::foundation::fsys::shown;
use crate::foundation::{Code, Error, Fact, Finding, Result, Severity, text};
use crate::plan::lifecycle::time::Moment;
use crate::plan::prepare::{
    Client, LeftOut, Load, Naming, Place, PlaceKind, Prepared, Profile, Registry, Rule, Sending, loads, prepare as decide,
};
use crate::plan::referrers::{is_mended, is_of_lists};
use crate::read::referrers::marked;
use crate::read::{Reference, Source, SourceKind, nothing, open_reference};
use crate::report::prepare::PrepareReport;
use crate::report::rebase::{OutputReport, WrittenReport};
use crate::verbs::output::{Form, Output};
use crate::verbs::{Choice, Context, Sparse};

/// What is asked for.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Request {
    /// A layout or an archive with all its images, or one image.
    #[cfg_attr(feature = "cli", arg(value_name = "PATH"))]
    pub path: String,
    /// Where it is to go: HOST[:PORT][/PATH]; a name keeps its repository behind that, without its own registry. A runtime needs none:
    /// without it images keep their names, in full.
    // The text is help too, where brackets are syntax and no links.
    #[cfg_attr(doc, allow(rustdoc::broken_intra_doc_links))]
    #[cfg_attr(feature = "cli", arg(long, value_name = "R", value_parser = Registry::parse))]
    pub registry: Option<Registry>,
    /// For whom it is.
    #[cfg_attr(feature = "cli", arg(long, value_enum, default_value_t, hide_default_value = true))]
    pub profile: Profile,
    /// Where some names go: PATTERN=TARGET, such as 'quay.io/*=R/quay/{repository}'; the first rule that fits holds.
    #[cfg_attr(feature = "cli", arg(long, value_name = "RULE", value_parser = Rule::parse))]
    pub map: Vec<Rule>,
    /// Keep the registry of a name as the first part of its repository: R/quay.io/team/app.
    #[cfg_attr(feature = "cli", arg(long))]
    pub scoped: bool,
    /// The repository, behind the registry, of images that never had a name; they are pushed by digest.
    #[cfg_attr(feature = "cli", arg(long, value_name = "REPO"))]
    pub unnamed_into: Option<String>,
    /// Give what is pushed by digest a tag: 'retired-{digest12}'.
    #[cfg_attr(feature = "cli", arg(long, value_name = "PATTERN", value_parser = keep_tag))]
    pub keep_tag: Option<String>,
    /// The program whose commands are wanted, with --format sh or commands.
    #[cfg_attr(feature = "cli", arg(long, value_enum, value_name = "CLIENT"))]
    pub client: Option<Client>,
    /// What is wanted of indexes.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub choice: Choice,
    /// With --sparse keep: the registry does not look whether all platforms of an index are there.
    #[cfg_attr(feature = "cli", arg(long))]
    pub registry_takes_sparse: bool,
    /// Where what the profile wants is written.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub output: Option<Output>,
    /// As of when statements are replaced by others.
    #[cfg_attr(feature = "cli", arg(skip = crate::verbs::lifecycle::present()))]
    pub now: Moment,
    /// The date of the members of an archive.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub mtime: u64,
}

impl Request {
    /// A request to push all of `path` to `registry` as it is.
    pub fn of(path: impl Into<String>, registry: Registry, now: Moment) -> Self {
        Self {
            path: path.into(),
            registry: Some(registry),
            profile: Profile::Registry,
            map: Vec::new(),
            scoped: false,
            unnamed_into: None,
            keep_tag: None,
            client: None,
            choice: Choice::default(),
            registry_takes_sparse: false,
            output: None,
            now,
            mtime: 0,
        }
    }

    /// How names become names in a registry.
    fn naming(&self) -> Naming {
        Naming {
            registry: self.registry.clone(),
            rules: self.map.clone(),
            scoped: self.scoped,
            unnamed: self.unnamed_into.clone(),
            keep_tag: self.keep_tag.clone(),
        }
    }
}

/// A pattern that gives each image a tag of its own.
#[cfg(feature = "cli")]
fn keep_tag(pattern: &str) -> Result<String> {
    crate::plan::prepare::check_keep_tag(pattern).map(|()| pattern.to_owned())
}

/// Prepares.
///
/// # Errors
/// `prepare.source`, `usage.argument` for what is no registry, `output.exists`, those of references, documents and writing.
pub fn prepare(request: &Request, context: Context<'_>) -> Result<PrepareReport> {
    if request.choice.sparse == Sparse::Keep && request.profile == Profile::Registry && !request.registry_takes_sparse {
        return Err(Error::new(Code::PrepareSparse, "a registry takes no index whose platforms are not all there")
            .expected(Fact::new("--sparse filter, or --platform", "distribution-spec, Pushing manifests"))
            .found(Fact::new("keep", "--sparse"))
            .hint("If this registry does take it: --registry-takes-sparse."));
    }
    let reference = Reference::existing(&request.path)?;
    let source = open_reference(&reference, context.limits)?;
    if source.kind() == SourceKind::SkopeoDirectory && request.output.is_none() {
        return Err(Error::new(
            Code::PrepareSource,
            "a directory of skopeo's dir: has no name to push to, and most clients cannot read it",
        )
        .at(source.shown())
        .hint(format!("Copy it into a layout under a name, and prepare that: `airbase copy {} NEW:NAME`.", source.shown())));
    }
    if source.kind() == SourceKind::DockerArchive && request.output.is_none() {
        return Err(Error::new(Code::PrepareSource, "the archive holds no manifests, so each client would push others of its own making")
            .at(source.shown())
            .found(Fact::new("a docker-archive as docker wrote it before version 25", source.shown()))
            .hint("Write a layout with -o DIR, and push that."));
    }
    let (chosen, mut left_out, mut findings) = tops(&source, &reference, request, context)?;
    if let (None, Some(top)) = (&request.output, chosen.iter().find(|top| top.part.as_ref().is_some_and(|part| part.made))) {
        return Err(Error::new(Code::PrepareSource, "an index that is made anew has to be written before it can be pushed")
            .at(text::escape(&top.name))
            .hint("Give a place for it: -o DIR."));
    }
    if chosen.is_empty() {
        let nothing =
            left_out.iter().fold(nothing(&source.shown()), |nothing, left| nothing.detail(format!("{}: {}", left.digest, left.why)));
        let nothing = context.nothing(nothing);
        if request.output.is_some() && nothing.severity == Severity::Refusal {
            return Err(Error::of(nothing));
        }
        findings.push(nothing);
    }
    findings.extend(source.index.unverifiable());
    let (mut written, mut taken) = (None, Vec::new());
    let (gathered, place) = if let Some(output) = &request.output {
        let given = gather(&source, chosen.clone(), &reference, request, context)?;
        let (committed, tops, more) = hand_over(&source, chosen, request, output, context)?;
        findings.extend(committed.findings.iter().cloned());
        written = Some(WrittenReport::of(&committed, 0, 0));
        taken.clone_from(&committed.taken);
        left_out.extend(given.left_out);
        left_out.extend(more);
        // Everything else that was wrong with the lists is mended in what was written.
        let told = |code: Code| matches!(code, Code::ReferrerGone | Code::ReferrerStranger) || !is_mended(code, false);
        let stays = |finding: &Finding| told(finding.code);
        findings.extend(given.findings.into_iter().filter(stays));
        // What was written is what is pushed: it is read again, as the other programs will read it.
        let place = Source::open(output.path(), context.limits)?;
        let again = gather(&place, tops, &Reference { name: Some(String::new()), ..reference.clone() }, request, context)?;
        let place = self::place(&place, output.path(), matches!(output, Output::Archive { form: Form::Docker, .. }));
        (again, place)
    } else {
        let given = gather(&source, chosen, &reference, request, context)?;
        (given, place(&source, &source.path, false))
    };
    let Gathered { shipments, left_out: more, findings: odd } = gathered;
    left_out.extend(more);
    findings.extend(odd);
    let loads = if request.output.is_some() { loads(request.profile, &place, &shipments) } else { Vec::new() };
    let Prepared { sending, left_out: more, findings: odd } = decide(&request.naming(), request.profile, &place, shipments);
    findings.extend(request.client.and_then(|client| insufficient(client, &sending, &loads)));
    left_out.extend(more);
    findings.extend(odd);
    if request.profile == Profile::Registry {
        let saved = source.kind() == SourceKind::Layout && !marked(&source, context.limits).found.is_empty();
        let hint = saved.then(|| {
            format!(
                "What `cosign save` wrote is pushed with `cosign load --dir {} REGISTRY/REPOSITORY:TAG`; with --unnamed-into REPO, --client cosign prints it in full.",
                source.shown()
            )
        });
        findings.extend(left_behind(&left_out).map(|finding| hint.iter().fold(finding, Finding::hint)));
    }
    if request.client.is_some_and(|client| sending.pushes().all(|push| push.suffices(client))) {
        // Whoever does not find it is not the one who pushes it.
        for finding in findings.iter_mut().filter(|finding| is_of_lists(finding.code)) {
            finding.severity = Severity::Note;
        }
    }
    Ok(PrepareReport {
        path: source.shown(),
        registry: request.registry.as_ref().map(Registry::shown),
        profile: request.profile,
        output: request.output.as_ref().map(|output| OutputReport { kind: output.kind().to_owned(), path: shown(output.path()) }),
        written,
        taken,
        client: request.client,
        sending,
        loads,
        left_out,
        findings,
    })
}

/// What the program that is asked for cannot do.
fn insufficient(client: Client, sending: &Sending, loads: &[Load]) -> Option<Finding> {
    let mut lines = Vec::new();
    let mut is_known = false;
    for push in sending.pushes() {
        for pushed in push.clients.iter().filter(|pushed| pushed.client == client) {
            is_known = true;
            lines.extend(pushed.why.as_ref().map(|why| format!("{}: {why}", push.reference)));
        }
    }
    for load in loads.iter().filter(|load| load.client == client) {
        is_known = true;
        lines.extend(load.why.clone());
    }
    let finding = Finding::new(Code::PrepareClient, format!("{} cannot bring everything there", client.name()));
    let is_empty = sending.is_empty() && loads.is_empty();
    if !is_known && !is_empty {
        return Some(finding.detail("it takes nothing that is prepared so: see --profile and -o"));
    }
    (!lines.is_empty()).then(|| lines.into_iter().fold(finding, Finding::detail))
}

/// Whoever empties the stick looks for what is not there, so it is no answer to leave something out.
fn left_behind(left: &[LeftOut]) -> Option<Finding> {
    const LISTED: usize = 12;
    let line =
        |left: &LeftOut| format!("{}: {}", left.names.first().map_or_else(|| left.digest.to_string(), |name| text::escape(name)), left.why);
    let finding = Finding::new(Code::PrepareLeft, "not everything of the layout is pushed");
    let finding = left.iter().take(LISTED).map(line).fold(finding, Finding::detail);
    let more = left.len().saturating_sub(LISTED);
    let finding = if more > 0 { finding.detail(format!("and {more} more")) } else { finding };
    (!left.is_empty()).then_some(finding)
}

fn place(source: &Source, path: &Path, docker: bool) -> Place {
    let kind = match source.kind() {
        SourceKind::Layout => PlaceKind::Layout,
        _ if docker => PlaceKind::Docker,
        SourceKind::Archive | SourceKind::DockerArchive | SourceKind::SkopeoDirectory => PlaceKind::Archive,
    };
    let text = path.to_string_lossy();
    let compressed = Codec::of_file(&text).is_some_and(|(codec, _)| codec.reads != Some(Packing::PLAIN));
    Place { path: text.into_owned(), kind, compressed, entries: source.index.manifests.len() }
}
