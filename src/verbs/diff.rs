//! Compares two images: `diff`. Reads each layer once, and writes nothing.

use std::sync::Arc;

use super::base::show_image;
use super::bases::tree_index;
use super::layers::{Scans, other_contents};
use super::overlooked::not_here;
use super::{Bases, Context, KEPT_DATABASES, Opened, Places, open};
use crate::foundation::{Code, Digest, Fact, Finding, Result, Severity};
use crate::oci::Platform;
use crate::plan::diff::{contents, layers, settings};
use crate::read::Image;
use crate::read::rootfs::{Budget, Merged, Scan, Unpacker};
use crate::report::diff::{Bases as BaseReport, Compared, DiffReport, Outcome, Side};

/// What is asked of `diff`.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Request {
    /// The first image.
    #[cfg_attr(feature = "cli", arg(value_name = "REF"))]
    pub from: String,
    /// The second image.
    #[cfg_attr(feature = "cli", arg(value_name = "REF"))]
    pub to: String,
    /// List every file that differs, and in what; and every package, user and library.
    #[cfg_attr(feature = "cli", arg(long))]
    pub files: bool,
    /// One platform only: OS/ARCHITECTURE[/VARIANT].
    #[cfg_attr(feature = "cli", arg(long, value_name = "PLATFORM"))]
    pub platform: Option<Platform>,
}

/// Compares two images, platform by platform.
///
/// # Errors
/// Those of references and documents, and those of layers that are not what their digests say. What could not be compared is a
/// finding.
pub fn diff(request: &Request, context: Context<'_>) -> Result<DiffReport> {
    let (from, to) = (open(&request.from, context)?, open(&request.to, context)?);
    let pairs = Pairs::of(&from, &to, request.platform.as_ref())?;
    let mut comparison = Comparison { scans: Scans::new(Budget::databases(KEPT_DATABASES), context), from: &from, to: &to, context };
    let platforms = pairs.both.iter().map(|(was, is)| comparison.pair(was, is)).collect::<Result<Vec<_>>>()?;
    let side = |opened: &Opened, only: &[&Image]| Side {
        image: opened.located.shown(),
        digest: opened.located.descriptor.digest.clone(),
        only: only.iter().filter_map(|image| image.platform().cloned()).collect(),
    };
    let mut findings = Vec::new();
    if request.platform.is_none() {
        // That only the other image has a platform here says nothing of what this one has.
        let missing = [&from, &to].into_iter().filter_map(not_here);
        findings.extend(missing.map(|finding| finding.severity(Severity::Damage)));
    }
    let (from, to) = (side(&from, &pairs.only_from), side(&to, &pairs.only_to));
    if platforms.is_empty() {
        let list = |side: &Side| side.only.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        findings.push(
            Finding::new(Code::DiffPlatform, "the two images have no platform in common, so nothing was compared")
                .expected(Fact::new(list(&from), &from.image))
                .found(Fact::new(list(&to), &to.image)),
        );
    }
    Ok(DiffReport { whole: request.files, ..DiffReport::of(from, to, platforms, findings) })
}

/// Which images are compared with each other.
struct Pairs<'a> {
    both: Vec<(&'a Image, &'a Image)>,
    only_from: Vec<&'a Image>,
    only_to: Vec<&'a Image>,
}

impl<'a> Pairs<'a> {
    fn of(from: &'a Opened, to: &'a Opened, platform: Option<&Platform>) -> Result<Self> {
        if let Some(platform) = platform {
            let both = vec![(from.image(Some(platform))?, to.image(Some(platform))?)];
            return Ok(Self { both, only_from: Vec::new(), only_to: Vec::new() });
        }
        let (old, mut new) = (from.tree.images(), to.tree.images());
        // Says why there is none.
        if old.is_empty() || new.is_empty() {
            from.image(None)?;
            to.image(None)?;
        }
        if let ([old], [new]) = (old.as_slice(), new.as_slice()) {
            // There is only one thing that can be meant, also where one of them does not say its platform.
            return Ok(if are_comparable(old, new) {
                Self { both: vec![(old, new)], only_from: Vec::new(), only_to: Vec::new() }
            } else {
                Self { both: Vec::new(), only_from: vec![old], only_to: vec![new] }
            });
        }
        let mut pairs = Self { both: Vec::new(), only_from: Vec::new(), only_to: Vec::new() };
        for image in old {
            match new.iter().position(|other| same_platform(image, other)) {
                Some(at) => pairs.both.push((image, new.remove(at))),
                None => pairs.only_from.push(image),
            }
        }
        pairs.only_to = new;
        Ok(pairs)
    }
}

/// Editions of Windows have versions, which are no other platform.
fn same_platform(one: &Image, other: &Image) -> bool {
    match (one.platform(), other.platform()) {
        (Some(one), Some(other)) => one.matches(other),
        (None, None) => true,
        _ => false,
    }
}

/// Whether two single images may be meant to be compared: an edition of Windows with the next one, but nothing with what runs on
/// another processor.
fn are_comparable(one: &Image, other: &Image) -> bool {
    let edition = |image: &Image| image.platform().map(|platform| Platform { os_version: String::new(), ..platform.clone() });
    edition(one).zip(edition(other)).is_none_or(|(one, other)| one.matches(&other))
}

struct Comparison<'a> {
    scans: Scans<'a>,
    from: &'a Opened,
    to: &'a Opened,
    context: Context<'a>,
}

impl Comparison<'_> {
    fn pair(&mut self, was: &Image, is: &Image) -> Result<Compared> {
        let mut findings = Vec::new();
        for image in [was, is] {
            image.check_layers()?;
            image
                .contradictions()
                .into_iter()
                .chain(image.config.findings.iter().cloned())
                .for_each(|finding| tell(&mut findings, finding));
        }
        let (old, new) = (self.scan(was, &mut findings)?, self.scan(is, &mut findings)?);
        let digests = |scans: &Option<Vec<Arc<Scan>>>| -> Option<Vec<Digest>> {
            scans.as_ref().map(|scans| scans.iter().map(|scan| scan.content.clone()).collect())
        };
        let layers = layers((was, digests(&old).as_deref()), (is, digests(&new).as_deref()));
        let contents = match (old, new) {
            (Some(old), Some(new)) => {
                let merge = |scans: &[Arc<Scan>]| Merged::of(scans, Unpacker::Overlay);
                let (contents, more) = contents(&merge(&old)?, &merge(&new)?);
                findings.extend(more);
                Some(contents)
            }
            _ => None,
        };
        let base = BaseReport { from: self.base(self.from, was)?, to: self.base(self.to, is)? };
        let compared = Compared {
            platform: is.platform().or(was.platform()).cloned(),
            from: was.descriptor.digest.clone(),
            to: is.descriptor.digest.clone(),
            outcome: Outcome::Unknown,
            base,
            layers,
            config: settings(was, is),
            contents,
            findings,
        };
        Ok(compared.concluded())
    }

    /// The layers of an image; none, with the reason among the findings, if one of them cannot be read here.
    fn scan(&mut self, image: &Image, findings: &mut Vec<Finding>) -> Result<Option<Vec<Arc<Scan>>>> {
        match self.scans.of(image) {
            Ok(scans) => {
                other_contents(image, &scans).for_each(|finding| tell(findings, finding));
                Ok(Some(scans))
            }
            Err(error) if matches!(error.code(), Code::LayerNotConvertible | Code::BlobMissing) => {
                tell(findings, error.into_finding().severity(Severity::Warning));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What the image is based on, as far as its own source shows it.
    fn base(&self, opened: &Opened, image: &Image) -> Result<Option<String>> {
        let mut known = Bases::open(&Places::default(), self.context)?;
        known.also([&self.from.located.source, &self.to.located.source]);
        Ok(show_image(image, tree_index(&opened.tree), &known, None, self.context)?.0.base)
    }
}

/// What is true of both images is reported once.
fn tell(findings: &mut Vec<Finding>, finding: Finding) {
    if !findings.contains(&finding) {
        findings.push(finding);
    }
}
