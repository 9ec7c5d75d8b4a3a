//! The documents of one rebased platform, and of the index above it.

use serde::Serialize;

use super::created::{CreatedPolicy, created};
use super::instructions::Instructions;
use super::{Decision, Kind, Preferences, annotations, config, history, triggers};
use crate::format::json::{Document, Value};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Limits, Result};
use crate::oci::buildpacks::RunImage;
use crate::oci::{Config, Descriptor, Manifest, Platform, Verified, annotation, media_type};
use crate::plan::annotate::{NewDocument, Pair, oci_name, replaced, update_base};
use crate::plan::docker;
use crate::read::{Image, ImageIndex};

/// Where BuildKit keeps its inline cache in a config.
const INLINE_CACHE: &str = "moby.buildkit.cache.v0";

/// What is the same for all platforms of one rebase.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who wins where app and new base both changed something.
    pub preferences: Preferences,
    /// Where the date of the result comes from.
    pub created: CreatedPolicy,
    /// Annotations that the user gave.
    pub annotations: Vec<(String, String)>,
    /// The codes of findings of the verdict that were accepted, with spaces between them.
    pub accepted: String,
    /// The name of the new base, if one is known.
    pub base_name: Option<String>,
    /// The digest that this name has: the index, or the manifest if there is none. `None` for an index whose platforms stand
    /// on different bases.
    pub base_digest: Option<Digest>,
    /// The digest of the old base, as it was recorded or found.
    pub old_base_digest: Option<Digest>,
    /// Whether the result goes into an archive for docker.
    pub for_docker: bool,
}

impl Options {
    /// What holds for the index above platforms with these options and with `other`: only what both say.
    pub fn in_common(mut self, other: &Self) -> Self {
        self.base_name = self.base_name.filter(|name| other.base_name.as_ref() == Some(name));
        self.base_digest = self.base_digest.filter(|digest| other.base_digest.as_ref() == Some(digest));
        self.old_base_digest = self.old_base_digest.filter(|digest| other.old_base_digest.as_ref() == Some(digest));
        self
    }
}

/// One platform to be moved.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The app.
    pub app: &'a Image,
    /// The old base, if it is there.
    pub old: Option<&'a Image>,
    /// The new base.
    pub new: &'a Image,
    /// How many of the app's layers belong to its base.
    pub seam: usize,
}

/// Where a layer of the result came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The new base.
    Base,
    /// The app.
    App,
}

/// Layers, and where each came from.
pub type Layers = Vec<(Origin, Descriptor)>;

/// One moved platform.
#[derive(Debug, Clone)]
pub struct Moved {
    /// The new config.
    pub config: NewDocument,
    /// The new manifest.
    pub manifest: NewDocument,
    /// Its layers, and where each came from.
    pub layers: Layers,
    /// Their diffIDs.
    pub diff_ids: Vec<Digest>,
    /// The `os.version` of its config, which is the new base's.
    pub os_version: Option<String>,
    /// What the merge decided.
    pub decisions: Vec<Decision>,
    /// What should be known about it.
    pub findings: Vec<Finding>,
}

/// The old base of an image that has none: no layers, no settings.
///
/// # Errors
/// Only those of documents that cannot be read again, which is a bug.
pub fn scratch(app: &Image, limits: &Limits) -> Result<Image> {
    let config_blob = Verified::authored(br#"{"config":{},"rootfs":{"type":"layers","diff_ids":[]},"history":[]}"#.to_vec());
    let config_entry = Descriptor::authored(media_type::OCI_CONFIG, &config_blob).raw.clone();
    let manifest = format!(r#"{{"schemaVersion":2,"mediaType":"{}","config":{config_entry},"layers":[]}}"#, media_type::OCI_MANIFEST);
    let manifest_blob = Verified::authored(manifest.into_bytes());
    Ok(Image {
        source: std::sync::Arc::clone(&app.source),
        descriptor: Descriptor::authored(media_type::OCI_MANIFEST, &manifest_blob),
        manifest: Manifest::parse(&manifest_blob, media_type::OCI_MANIFEST, limits)?,
        config: Config::parse(&config_blob, limits)?,
        manifest_blob,
        config_blob,
    })
}

/// Moves the layers of an app above the seam onto a new base.
///
/// The layers are split by position before anything else is looked at; the history is fitted to them afterwards.
///
/// # Errors
/// `config.type`, `platform.changed`, `image.diffid_count`, `base.empty`, `base.mismatch` if the seam lies above the app's layers.
pub fn rebase_image(input: &Input<'_>, options: &Options, limits: &Limits) -> Result<Moved> {
    input.check()?;
    let (layers, diff_ids) = input.layers()?;
    let config = config_of(input, &diff_ids, options, limits)?;
    let manifest = manifest_of(input, &layers, &config.document, options, limits)?;
    let mut moved = Moved {
        config: config.document,
        manifest: manifest.document,
        layers,
        diff_ids,
        os_version: os_version(input.new),
        decisions: config.decisions.into_iter().chain(manifest.decisions).collect(),
        findings: config.findings.into_iter().chain(manifest.findings).collect(),
    };
    moved.type_for(input.app, options, limits)?;
    Ok(moved)
}

/// A document of the result, and how it was decided.
struct Composed {
    document: NewDocument,
    decisions: Vec<Decision>,
    findings: Vec<Finding>,
}

impl Input<'_> {
    /// Refuses what cannot be put together.
    fn check(&self) -> Result<()> {
        self.app.check_layers()?;
        self.new.check_layers()?;
        for image in [Some(self.app), self.old, Some(self.new)].into_iter().flatten() {
            let place = |error: Error| error.at(format!("{}@{}", image.source.shown(), image.manifest.config.digest));
            image.config.check_types().map_err(place)?;
        }
        check_platform(self.app, self.new)
    }

    /// The layers of the result with where they came from, and their diffIDs.
    fn layers(&self) -> Result<(Layers, Vec<Digest>)> {
        let Self { app, new, seam, .. } = *self;
        let (Some(tail), Some(tail_diff_ids)) = (app.manifest.layers.get(seam..), app.config.diff_ids.get(seam..)) else {
            return Err(Error::new(Code::BaseMismatch, "the image has fewer layers than its base should have")
                .at(&app.descriptor.digest)
                .expected(Fact::new(format!("at least {seam} layers"), "the seam"))
                .found(Fact::new(format!("{} layers", app.manifest.layers.len()), "the manifest")));
        };
        if new.manifest.layers.is_empty() {
            return Err(Error::new(Code::BaseEmpty, "the new base has no layers").at(&new.descriptor.digest));
        }
        let of = |origin: Origin| move |layer: &Descriptor| (origin, layer.clone());
        let layers = new.manifest.layers.iter().map(of(Origin::Base)).chain(tail.iter().map(of(Origin::App))).collect();
        Ok((layers, new.config.diff_ids.iter().chain(tail_diff_ids).cloned().collect()))
    }
}

/// The config of the result: that of the app, merged with what the new base changed.
fn config_of(input: &Input<'_>, diff_ids: &[Digest], options: &Options, limits: &Limits) -> Result<Composed> {
    let Input { app, old, new, seam } = *input;
    let (old_history, app_history, new_history) = (old.map(|old| old.config.history()), app.config.history(), new.config.history());
    let histories = history::Input {
        old: old_history.as_deref(),
        app: &app_history,
        new: &new_history,
        old_layers: seam,
        app_layers: app.manifest.layers.len(),
        new_layers: new.manifest.layers.len(),
    };
    let own = Instructions::of(history::own(&histories).iter().copied());
    let merged = config::merge(old.map(|old| old.config.root()), app.config.root(), new.config.root(), &own, &options.preferences);
    let (mut document, mut decisions) = (merged.document, merged.decisions);
    let aligned = history::align(&histories);
    let of_app = merged.findings.into_iter().chain(triggers::finding(old, new)).chain(too_deep(diff_ids.len()));
    let mut findings: Vec<Finding> = of_app.map(|finding| finding.at(&app.descriptor.digest)).chain(aligned.notes).collect();

    let mut rootfs = app.config.root().get("rootfs").map_or_else(Value::object, Value::open);
    rootfs.set("type", Value::string("layers"));
    rootfs.set("diff_ids", Value::strings(diff_ids.iter().map(Digest::to_string)));
    document.set("rootfs", rootfs);
    decisions.extend(drop_inline_cache(app, &mut document));
    match aligned.entries {
        Some(entries) => document.set("history", Value::Array(entries)),
        None => document.remove("history"),
    }
    if let Some(created) = created(app.config.created.as_deref(), new.config.created.as_deref(), options.created) {
        document.set("created", Value::string(&created));
    }
    let mut labels = own_lineage_labels(old, app, options);
    match run_image_label(old, app, new, options, limits) {
        Some(Ok(label)) => labels.push((annotation::BUILDPACKS_METADATA, Some(label))),
        Some(Err(finding)) => findings.push(finding),
        None => {}
    }
    decisions.retain(|decision| !labels.iter().any(|(key, _)| decision.field == format!("Labels.{key}")));
    set_labels(&mut document, &labels, limits)?;
    Ok(Composed { document: NewDocument::new(media_type::OCI_CONFIG, &document, limits)?, decisions, findings })
}

/// BuildKit's inline cache speaks of layers by their number, and the numbers have changed: a build that imported it would take a layer
/// of the base for the result of a step of the app.
fn drop_inline_cache(app: &Image, document: &mut Value) -> Option<Decision> {
    let cache = app.config.root().get(INLINE_CACHE)?;
    document.remove(INLINE_CACHE);
    Some(Decision {
        field: format!("document.{INLINE_CACHE}"),
        kind: Kind::Merged,
        old: None,
        app: Some(cache.as_str().map_or_else(|| cache.raw().to_owned(), std::borrow::Cow::into_owned)),
        new: None,
        result: None,
    })
}

/// The manifest of the result: that of the app with other layers, another config, and a record of how it came to be.
fn manifest_of(
    input: &Input<'_>,
    layers: &[(Origin, Descriptor)],
    config: &NewDocument,
    options: &Options,
    limits: &Limits,
) -> Result<Composed> {
    let Input { app, old, new, .. } = *input;
    let old_annotations = old.map(|old| &old.manifest.annotations);
    let merged = annotations::merge(old_annotations, &app.manifest.annotations, &new.manifest.annotations, &options.preferences);
    let mut entry = app.manifest.config.to_value(limits)?;
    entry.set("mediaType", Value::string(media_type::OCI_CONFIG));
    entry.set("digest", Value::string(&config.blob.digest().to_string()));
    entry.set("size", Value::size(config.blob.size()));
    let mut document = Value::open(app.manifest.root());
    document.set("mediaType", Value::string(media_type::OCI_MANIFEST));
    document.set("config", entry);
    document.set("layers", Value::Array(layers.iter().map(|(_, layer)| layer_entry(layer, limits)).collect::<Result<_>>()?));
    document.set("annotations", annotation_value(app, &merged.annotations, &lineage(app, new, options)));
    let document = NewDocument::new(media_type::OCI_MANIFEST, &document, limits)?;
    Ok(Composed { document, decisions: merged.decisions, findings: Vec::new() })
}

impl Moved {
    /// Gives the documents Docker's types where the result goes to docker and says what only Docker's say; else tells that they were
    /// Docker's.
    fn type_for(&mut self, app: &Image, options: &Options, limits: &Limits) -> Result<()> {
        if options.for_docker
            && let Some(typed) = docker::typed(&self.manifest.blob, &Config::parse(&self.config.blob, limits)?, limits)?
        {
            self.config.media_type = media_type::DOCKER_CONFIG.into();
            self.manifest = typed;
            self.findings.push(docker::typed_finding().at(&app.descriptor.digest));
        } else if media_type::is_docker(&app.manifest.media_type)
            || self.layers.iter().any(|(_, layer)| media_type::is_docker(&layer.media_type))
        {
            let finding = Finding::new(Code::MediaTypesUnified, "Docker media types became OCI media types");
            self.findings.push(finding.at(&app.descriptor.digest));
        }
        Ok(())
    }
}

/// Some builders write the keys of `base.name` and `base.digest` as labels. Those of the app's own are brought up to date like
/// the annotations, or the next rebase would find them refuted. One that the app inherited speaks of the base of its base; the
/// merge has dealt with it.
fn own_lineage_labels(old: Option<&Image>, app: &Image, options: &Options) -> Vec<(&'static str, Option<String>)> {
    let now = [
        (annotation::BASE_NAME, options.base_name.clone()),
        (annotation::BASE_DIGEST, options.base_digest.as_ref().map(Digest::to_string)),
    ];
    let own = |key: &str| {
        let label = app.config.labels.get(key).filter(|label| !label.is_empty());
        label.is_some() && label != old.and_then(|old| old.config.labels.get(key))
    };
    now.into_iter().filter(|(key, _)| own(key)).collect()
}

/// The buildpacks metadata brought up to date, if the app has its own: their tools split the result where it says. One that
/// cannot be read is kept, and that is reported.
fn run_image_label(
    old: Option<&Image>,
    app: &Image,
    new: &Image,
    options: &Options,
    limits: &Limits,
) -> Option<std::result::Result<String, Finding>> {
    let read = app.config.run_image.as_ref()?;
    let label = app.config.labels.get(annotation::BUILDPACKS_METADATA)?;
    if old.is_some_and(|old| old.config.labels.get(annotation::BUILDPACKS_METADATA) == Some(label)) {
        return None;
    }
    let top = new.config.diff_ids.last()?;
    let moved = match read {
        Ok(_) => RunImage::moved(label, top, options.base_name.as_deref(), options.base_digest.as_ref(), limits)
            .map_err(|error| error.finding().message.clone()),
        Err(why) => Err(why.clone()),
    };
    Some(moved.map_err(|why| {
        Finding::new(Code::BaseLabelStale, "the buildpacks metadata still describes the old base")
            .at(&app.descriptor.digest)
            .found(Fact::new(why, format!("the label {}", annotation::BUILDPACKS_METADATA)))
    }))
}

/// Sets labels in a config document; one without a value is removed.
fn set_labels(document: &mut Value, labels: &[(&str, Option<String>)], limits: &Limits) -> Result<()> {
    if labels.is_empty() {
        return Ok(());
    }
    let text = document.render();
    let parsed = Document::parse(text.as_bytes(), limits)?;
    let Some(settings) = parsed.root().get("config") else { return Ok(()) };
    let mut map = settings.get("Labels").map_or_else(Value::object, Value::open);
    for (key, label) in labels {
        match label {
            Some(label) => map.set(key, Value::string(label)),
            None => map.remove(key),
        }
    }
    let mut settings = Value::open(settings);
    settings.set("Labels", map);
    document.set("config", settings);
    Ok(())
}

/// The version of the operating system that the new base says.
fn os_version(new: &Image) -> Option<String> {
    new.config.platform.as_ref().map(|platform| platform.os_version.clone()).filter(|version| !version.is_empty())
}

/// The most layers that docker mounts over each other.
const DOCKER_LAYERS: usize = 125;

/// A warning, if docker will not load the result.
fn too_deep(layers: usize) -> Option<Finding> {
    (layers > DOCKER_LAYERS).then(|| {
        Finding::new(Code::ImageDeep, "the result has more layers than docker loads")
            .expected(Fact::new(format!("at most {DOCKER_LAYERS} layers"), "docker"))
            .found(Fact::new(format!("{layers} layers"), "the new base and the app together"))
    })
}

/// Refuses a base for another platform: the architecture of an image never changes silently.
fn check_platform(app: &Image, new: &Image) -> Result<()> {
    match (app.platform(), new.platform()) {
        (Some(own), Some(below)) if own.matches(below) => Ok(()),
        (own, below) => {
            let shown = |platform: Option<&Platform>| platform.map_or_else(|| "no platform".to_owned(), Platform::to_string);
            Err(Error::new(Code::PlatformChanged, "image and new base are for different platforms")
                .at(&app.descriptor.digest)
                .expected(Fact::new(shown(own), "the config of the image"))
                .found(Fact::new(shown(below), "the config of the new base")))
        }
    }
}

fn layer_entry(layer: &Descriptor, limits: &Limits) -> Result<Value> {
    match (oci_name(&layer.media_type), &layer.data) {
        (None, None) => Ok(Value::Raw(layer.raw.to_string())),
        (name, _) => {
            let mut entry = layer.to_value(limits)?;
            if let Some(name) = name {
                entry.set("mediaType", Value::string(name));
            }
            Ok(entry)
        }
    }
}

/// What the result says about how it came to be (image-spec, annotations.md, and our own keys).
fn lineage(app: &Image, new: &Image, options: &Options) -> Vec<(String, Option<String>)> {
    let mut pairs = vec![
        (annotation::BASE_NAME.to_owned(), options.base_name.clone()),
        (annotation::BASE_DIGEST.to_owned(), options.base_digest.as_ref().map(Digest::to_string)),
        (annotation::BASE_MANIFEST_DIGEST.to_owned(), Some(new.descriptor.digest.to_string())),
        (annotation::BASE_LAYERS.to_owned(), Some(new.manifest.layers.len().to_string())),
        (annotation::OLD_BASE_DIGEST.to_owned(), options.old_base_digest.as_ref().map(Digest::to_string)),
        (annotation::REBASED_FROM.to_owned(), Some(app.descriptor.digest.to_string())),
        (annotation::ACCEPTED.to_owned(), Some(options.accepted.clone()).filter(|codes| !codes.is_empty())),
    ];
    pairs.extend(options.annotations.iter().map(|(key, value)| (key.clone(), Some(value.clone()))));
    pairs
}

/// The annotations of the result: the app's in their order and bytes where they stayed, then what the merge took over, then the
/// lineage. A pair without a value is removed.
fn annotation_value(app: &Image, merged: &std::collections::BTreeMap<String, String>, lineage: &[(String, Option<String>)]) -> Value {
    let old = app.manifest.root().get("annotations");
    let mut value = old.map_or_else(Value::object, Value::open);
    for (key, own) in &app.manifest.annotations {
        match merged.get(key) {
            None => value.remove(key),
            Some(text) if text != own => value.set(key, Value::string(text)),
            Some(_) => {}
        }
    }
    for (key, text) in merged {
        if !app.manifest.annotations.contains_key(key) {
            value.set(key, Value::string(text));
        }
    }
    for (key, text) in lineage {
        match text {
            Some(text) => value.set(key, Value::string(text)),
            None => value.remove(key),
        }
    }
    value
}

/// What becomes of one entry of an index.
#[derive(Debug, Clone)]
pub enum RebasedEntry {
    /// It is replaced by a new document.
    Replace(NewDocument),
    /// It is replaced by a moved image, which may have another `os.version`.
    Moved(NewDocument, Option<String>),
    /// It stays as it is.
    Keep,
    /// It is left out.
    Drop,
}

/// The entry of a moved image in an index or in `index.json`: all that the old entry says, with the new document. Runtimes choose by
/// the `os.version` of the entry, so it must not stay behind the config's.
///
/// # Errors
/// Only those of documents that cannot be read again, which is a bug.
pub fn moved_entry(descriptor: &Descriptor, authored: &NewDocument, os_version: Option<&str>, limits: &Limits) -> Result<Value> {
    let mut entry = replaced(descriptor, authored, limits)?;
    let old = descriptor.platform.as_ref().map(|platform| platform.os_version.as_str()).filter(|version| !version.is_empty());
    if let (Some(old), Some(new)) = (old, os_version)
        && old != new
    {
        let parsed = Document::parse(descriptor.raw.as_bytes(), limits)?;
        let mut platform = parsed.root().get("platform").map_or_else(Value::object, Value::open);
        platform.set("os.version", Value::string(new));
        entry.set("platform", platform);
    }
    Ok(entry)
}

/// What the result says of its base.
fn base_pairs(options: &Options) -> [Pair; 2] {
    [
        (annotation::BASE_NAME.to_owned(), options.base_name.clone()),
        (annotation::BASE_DIGEST.to_owned(), options.base_digest.as_ref().map(Digest::to_string)),
    ]
}

/// The new index: the old one's order, unknown fields and platforms, with the entries as decided.
///
/// # Errors
/// Only those of documents that cannot be read again, which is a bug.
pub fn rebase_index(index: &ImageIndex, entries: &[RebasedEntry], options: &Options, limits: &Limits) -> Result<NewDocument> {
    let mut manifests = Vec::new();
    for (descriptor, entry) in index.index.manifests.iter().zip(entries) {
        match entry {
            RebasedEntry::Replace(authored) => manifests.push(replaced(descriptor, authored, limits)?),
            RebasedEntry::Moved(authored, os_version) => {
                let mut entry = moved_entry(descriptor, authored, os_version.as_deref(), limits)?;
                update_base(&mut entry, descriptor, &base_pairs(options), limits)?;
                manifests.push(entry);
            }
            RebasedEntry::Keep => manifests.push(Value::Raw(descriptor.raw.to_string())),
            RebasedEntry::Drop => {}
        }
    }
    let mut value = Value::open(index.index.root());
    value.set("mediaType", Value::string(media_type::OCI_INDEX));
    value.set("manifests", Value::Array(manifests));
    let mut annotations = index.index.root().get("annotations").map_or_else(Value::object, Value::open);
    let mut pairs = vec![
        (annotation::BASE_NAME.to_owned(), options.base_name.clone()),
        (annotation::BASE_DIGEST.to_owned(), options.base_digest.as_ref().map(Digest::to_string)),
        (annotation::OLD_BASE_DIGEST.to_owned(), options.old_base_digest.as_ref().map(Digest::to_string)),
        (annotation::REBASED_FROM.to_owned(), Some(index.descriptor.digest.to_string())),
    ];
    pairs.extend(options.annotations.iter().map(|(key, value)| (key.clone(), Some(value.clone()))));
    for (key, text) in pairs {
        match text {
            Some(text) => annotations.set(&key, Value::string(&text)),
            None => annotations.remove(&key),
        }
    }
    value.set("annotations", annotations);
    NewDocument::new(media_type::OCI_INDEX, &value, limits)
}
