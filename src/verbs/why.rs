//! Why a file or a package is in an image, and what a move does to it: `why`. Reads each layer once, and writes nothing.

use std::sync::Arc;

use super::base::based_image;
use super::bases::tree_index;
use super::layers::{Scans, other_contents};
use super::rebase::{self, plan, virtual_image};
use super::{Bases, Choice, Context, KEPT_DATABASES, Opened, Places, open};
use crate::foundation::{Code, Error, Finding, Result, Severity, text};
use crate::oci::Platform;
use crate::plan::base::{Based, Outcome};
use crate::plan::packages::{Packages, Unread};
use crate::plan::rebase::image::Origin;
use crate::plan::verdict::Gate;
use crate::plan::why::{Chain, Move, PackageTrack, Part, Track};
use crate::read::Image;
use crate::read::rootfs::{Budget, Entry, Merged, Unpacker, climbs, inner_path, split};
use crate::report::rebase::PlatformReport;
use crate::report::why::WhyReport;

/// How many places are named where something is not found.
const NEAREST: usize = 3;

/// What is asked of `why`.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Request {
    /// The image.
    #[cfg_attr(feature = "cli", arg(value_name = "REF"))]
    pub image: String,
    /// A path in the image, or the name of a package; a name without a slash is a package if there is one of that name.
    #[cfg_attr(feature = "cli", arg(value_name = "PATH|PACKAGE"))]
    pub asked: String,
    /// Also tell what a move onto this base does to it.
    #[cfg_attr(feature = "cli", arg(long, visible_alias = "to", value_name = "REF"))]
    pub onto: Option<String>,
    /// The base, where the image does not say it or says it wrongly.
    #[cfg_attr(feature = "cli", arg(long, value_name = "REF"))]
    pub from: Option<String>,
    /// Where bases lie.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub places: Places,
    /// The platform, where the image has several: OS/ARCHITECTURE[/VARIANT].
    #[cfg_attr(feature = "cli", arg(long, value_name = "PLATFORM"))]
    pub platform: Option<Platform>,
}

/// Which layer brought a file or a package, and what became of it.
///
/// # Errors
/// Those of references, documents and layers; with a new base those of planning a rebase.
pub fn why(request: &Request, context: Context<'_>) -> Result<WhyReport> {
    let opened = open(&request.image, context)?;
    let image = opened.image(request.platform.as_ref())?;
    if climbs(request.asked.as_bytes()) {
        return Err(Error::new(Code::RefNotFound, format!("a path that leads out of the image: {}", text::escape(&request.asked)))
            .at(opened.located.shown()));
    }
    let mut scans = Scans::new(Budget::databases(KEPT_DATABASES), context);
    let layers = scans.of(image)?;
    let asking = Asking { request, opened: &opened, image, context };
    let (chain, unread) = asking.chain()?;
    let mut package = PackageTrack::new(&request.asked);
    let mut track = Track::new(request.asked.as_bytes());
    let files = Merged::stepwise(&layers, Unpacker::Overlay, &mut |layer, files| {
        track.see(layer, files);
        package.see(layer, files);
    })?;
    let packages = Packages::of(&files);
    let (moved, onto) = asking.moved(&mut scans, &files, &packages)?.unzip();
    let in_new = |moved: &Move<'_>| moved.packages_new.named(&request.asked).next().is_some();
    let is_package = !request.asked.contains('/') && (package.is_known() || moved.as_ref().is_some_and(in_new));
    let mut report = WhyReport::of(&opened.located.shown(), image, &request.asked, &chain, onto);
    report.unmoved = request.onto.is_some() && moved.is_none();
    report.findings.extend(other_contents(image, &layers));
    report.findings.extend(unread);
    report.findings.extend(packages.unread.iter().map(Unread::finding));
    report.findings.extend(packages.damaged.iter().cloned());
    if is_package {
        let fate = moved.as_ref().map(|moved| moved.package(&request.asked));
        report.package = Some(package.finish(&files, &packages, fate));
    } else {
        let mut tracks = vec![track];
        if let Some(target) = leads_to(&files, &request.asked) {
            let mut track = Track::new(&target);
            Merged::stepwise(&layers, Unpacker::Overlay, &mut |layer, files| track.see(layer, files))?;
            tracks.push(track);
        }
        for track in tracks {
            let fate = moved.as_ref().map(|moved| moved.file(track.path())).transpose()?;
            report.files.push(track.finish(&packages, fate));
        }
    }
    if !report.is_found() {
        report.findings.push(not_found(&request.asked, &files, &packages));
    }
    Ok(report)
}

/// Where a symbolic link leads in the end.
fn leads_to(files: &Merged, asked: &str) -> Option<Vec<u8>> {
    let link = files.rootfs().lookup(&inner_path(asked.as_bytes())).filter(|entry| entry.symlink().is_some())?;
    files.rootfs().resolve(&link.path()).map(Entry::path)
}

/// That nothing is there, and what is near.
fn not_found(asked: &str, files: &Merged, packages: &Packages) -> Finding {
    let finding = Finding::new(Code::RefNotFound, format!("the image has no file and no package {}", text::escape(asked)));
    let mut finding = finding.severity(Severity::Warning);
    let path = inner_path(asked.as_bytes());
    for package in packages.missing(&path).take(NEAREST) {
        finding = finding.detail(format!("it is a file of the package {package}, and no layer has it, or a later one deleted it"));
    }
    let name = split(&path).1;
    let same = files.rootfs().files(files.rootfs().root()).filter(|entry| entry.name() == name);
    for entry in same.take(NEAREST) {
        finding = finding.detail(format!("of that name: /{}", text::escape_bytes(&entry.path())));
    }
    let like = packages.installed.iter().filter(|package| !asked.is_empty() && package.name.contains(asked));
    for package in like.take(NEAREST) {
        finding = finding.detail(format!("a package: {package}"));
    }
    finding.hint("`airbase ls IMAGE` lists its files.")
}

/// A question about one image.
struct Asking<'a> {
    request: &'a Request,
    opened: &'a Opened,
    image: &'a Image,
    context: Context<'a>,
}

impl Asking<'_> {
    /// What the image is based on, and that on: the decision that all verbs share; and what could not be read of the bases.
    fn chain(&self) -> Result<(Chain, Vec<Finding>)> {
        let from = match self.request.from.as_deref() {
            None | Some("scratch") => None,
            Some(from) => Some(open(from, self.context)?),
        };
        let mut known = Bases::open(&self.request.places, self.context)?;
        known.also([Some(&self.opened.located.source), from.as_ref().map(|from| &from.located.source)].into_iter().flatten());
        self.image.check_layers()?;
        let index = tree_index(&self.opened.tree);
        let based = match (&from, self.request.from.is_some()) {
            (Some(from), _) => {
                let based = known.based_on(self.image, index, from)?;
                if based.seam().is_none() {
                    return Err(rebase::refusal(self.image, &based, &known)?);
                }
                based
            }
            (None, true) => return Ok((Chain { bases: Vec::new(), known: true }, Vec::new())),
            (None, false) => based_image(self.image, index, &known, None, self.context)?,
        };
        let mut chain = Chain { bases: Vec::new(), known: based.outcome == Outcome::Scratch };
        let mut next = Some(based);
        while let Some(part) = next.as_ref().and_then(part) {
            // Each base has fewer layers than what is on it, so this ends.
            if chain.bases.last().is_some_and(|above| above.layers <= part.layers) {
                break;
            }
            chain.known = true;
            chain.bases.push(part);
            let below = next.as_ref().and_then(|based| based.base().cloned());
            next = below.map(|base| known.based(&base.image, None)).transpose()?;
        }
        chain.bases.reverse();
        let unread = if self.request.places.bases.is_empty() { Vec::new() } else { known.unread(&[])? };
        Ok((chain, unread))
    }

    /// The image after the move, and the reference of the new base; none if nothing is moved.
    fn moved<'f>(&self, scans: &mut Scans<'_>, before: &'f Merged, packages: &'f Packages) -> Result<Option<(Move<'f>, String)>> {
        if self.request.onto.is_none() {
            return Ok(None);
        }
        let choice = Choice { platforms: self.request.platform.iter().cloned().collect(), ..Choice::default() };
        let request = rebase::Request {
            onto: self.request.onto.clone(),
            from: self.request.from.clone(),
            places: self.request.places.clone(),
            choice,
            // What would not run is moved all the same to be looked at.
            verdict: Gate::OFF,
            ..rebase::Request::of(&self.request.image)
        };
        let plan = plan(&request, self.context)?;
        let Some(report) = plan.report.platforms.iter().find(|report| report.from == self.image.descriptor.digest) else { return Ok(None) };
        let (Some(_), Some(base)) = (&plan.report.result, &report.new_base) else { return Ok(None) };
        let tree = virtual_image(&plan, &self.opened.located, self.context)?.tree;
        let images = tree.images();
        let Some(image) = images.iter().find(|image| Some(&image.descriptor.digest) == report.manifest.as_ref()) else { return Ok(None) };
        Ok(Some((self.put_together(scans, before, packages, image, report)?, base.reference.clone())))
    }

    fn put_together<'f>(
        &self,
        scans: &mut Scans<'_>,
        before: &'f Merged,
        packages: &'f Packages,
        image: &Image,
        report: &PlatformReport,
    ) -> Result<Move<'f>> {
        let (old, new) = (scans.of(self.image)?, scans.of(image)?);
        let seam = report.layers.iter().position(|layer| layer.origin == Origin::App).unwrap_or(report.layers.len());
        let merge = |scans: &[Arc<_>], count: usize| Merged::of(scans.get(..count).unwrap_or(scans), Unpacker::Overlay);
        let old_base = if report.old_base.is_some() { Some(merge(&old, report.seam)?) } else { None };
        let (after, new_base) = (merge(&new, new.len())?, merge(&new, seam)?);
        let (packages_after, packages_new) = (Packages::of(&after), Packages::of(&new_base));
        let old_seam = report.seam;
        Ok(Move { before, packages, after, old_base, new_base, packages_after, packages_new, layers: new, old_seam, seam })
    }
}

fn part(based: &Based) -> Option<Part> {
    let layers = based.seam().filter(|_| based.outcome != Outcome::Scratch)?;
    Some(Part { image: based.base().map(|base| base.reference.clone()), layers })
}
