//! Image configs (image-spec, config.md).

use std::collections::BTreeMap;

use super::buildpacks::RunImage;
use super::{Platform, Verified, annotation, config_type, document, manifest::too_many_layers};
use crate::format::json::{Kind, Node, Text};
use crate::foundation::{Code, Digest, Error, Finding, Limits, Result};

const KNOWN: &[&str] = &["created", "author", "architecture", "os", "os.version", "os.features", "variant", "config", "rootfs", "history"];
const KNOWN_CONFIG: &[&str] = &[
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "ArgsEscaped",
    "Memory",
    "MemorySwap",
    "CpuShares",
    "Healthcheck",
    "OnBuild",
    "Shell",
];

/// What an image runs with, and what its layers inflate to.
#[derive(Debug, Clone)]
pub struct Config {
    /// What it runs on.
    pub platform: Option<Platform>,
    /// When it was built, as written.
    pub created: Option<String>,
    /// The digests of the inflated layers, the lowest first. They are claims until somebody inflates the layers.
    pub diff_ids: Vec<Digest>,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The run image, if buildpacks built the image; or why their label cannot be read, which stops nobody who needs no base.
    pub run_image: Option<std::result::Result<RunImage, String>>,
    /// What is odd about it, but does not stop anyone.
    pub findings: Vec<Finding>,
    text: Text,
}

/// What an entry of the history says was done, whenever that was.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HistoryStep {
    /// Who made it with what, and what was said of it.
    words: [Option<String>; 3],
    /// Whether it says that it made no layer.
    is_empty: Option<bool>,
}

impl Config {
    /// Reads a config.
    ///
    /// # Errors
    /// `json.*`, `digest.syntax`.
    pub fn parse(blob: &Verified, limits: &Limits) -> Result<Self> {
        let text = Text::parse(blob.bytes().to_vec(), limits)?;
        let root = text.root().object("the config")?;
        root.refuse_case_variants(KNOWN)?;
        let mut findings = Vec::new();
        let mut labels = BTreeMap::new();
        if let Some(config) = root.get("config") {
            let config = config.object("config")?;
            config.refuse_case_variants(KNOWN_CONFIG)?;
            // A label that is not text is reported below, with the other types.
            labels = document::string_map(&config, "Labels", &mut Vec::new())?;
        }
        let run_image = labels
            .get(annotation::BUILDPACKS_METADATA)
            .filter(|label| !label.is_empty())
            .and_then(|label| RunImage::parse(label, limits).map_err(|error| error.finding().message.clone()).transpose());
        let mut diff_ids = Vec::new();
        if let Some(rootfs) = root.get("rootfs") {
            let rootfs = rootfs.object("rootfs")?;
            rootfs.refuse_case_variants(&["type", "diff_ids"])?;
            for node in document::list(&rootfs, "diff_ids", &mut findings)? {
                let text = node.expect(Kind::String, "a diffID")?.as_str().unwrap_or_default();
                if diff_ids.len() >= limits.layers {
                    return Err(too_many_layers("the config has too many diffIDs", limits));
                }
                diff_ids.push(text.parse()?);
            }
        }
        // What borrows the media type and describes no file system has fields of its own.
        if root.get("rootfs").is_some() {
            findings.extend(config_type::findings(text.root()));
        }
        if let Some(history) = root.get("history") {
            for entry in history.expect(Kind::Array, "history")?.items() {
                entry.expect(Kind::Object, "an entry of history")?;
            }
        }
        Ok(Self {
            platform: Platform::of(text.root()),
            created: root.get("created").and_then(Node::as_str).map(Into::into),
            diff_ids,
            labels,
            run_image,
            findings,
            text,
        })
    }

    /// The document.
    pub fn root(&self) -> Node<'_> {
        self.text.root()
    }

    /// Refuses a config that no runtime can read: what it means cannot be said.
    ///
    /// # Errors
    /// `config.type`
    pub fn check_types(&self) -> Result<()> {
        self.findings.iter().find(|finding| finding.code == Code::ConfigType).map_or(Ok(()), |finding| Err(Error::of(finding.clone())))
    }

    /// What made each layer, by the history; empty if the history tells of another number of layers.
    pub fn created_by(&self) -> Vec<Option<String>> {
        let filled = self.history().into_iter().filter(|entry| entry.get("empty_layer").and_then(Node::as_bool) != Some(true));
        let makers: Vec<_> = filled.map(|entry| entry.get("created_by").and_then(Node::as_str).map(Into::into)).collect();
        if makers.len() == self.diff_ids.len() { makers } else { Vec::new() }
    }

    /// What the entries of the history say was done, in their order.
    pub fn steps(&self) -> Vec<HistoryStep> {
        let step = |entry: Node<'_>| {
            let text = |key: &str| entry.get(key).and_then(Node::as_str).map(Into::into);
            HistoryStep {
                words: ["created_by", "comment", "author"].map(text),
                is_empty: entry.get("empty_layer").map(|empty| empty.raw() == "true"),
            }
        };
        self.history().into_iter().map(step).collect()
    }

    /// The entries of the history in their order.
    pub fn history(&self) -> Vec<Node<'_>> {
        self.root().get("history").map(|history| history.items().collect()).unwrap_or_default()
    }
}
