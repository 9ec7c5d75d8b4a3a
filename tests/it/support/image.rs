//! Makes images: layers from a few words, configs and manifests from JSON, layouts and archives from both.
//!
//! Nothing here calls the library: digests come from `sha2`, archives from `tar`, documents from `serde_json`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use sha2::Digest as _;

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// `sha256:` and the digest of `bytes`.
pub fn digest(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    /// Another level, so that the same content has another digest.
    GzipAgain,
    Zstd,
}

/// A layer: its blob, and what it inflates to.
#[derive(Debug, Clone)]
pub struct Layer {
    pub media_type: String,
    pub blob: Vec<u8>,
    pub tar: Vec<u8>,
}

impl Layer {
    pub fn digest(&self) -> String {
        digest(&self.blob)
    }

    pub fn diff_id(&self) -> String {
        digest(&self.tar)
    }

    pub fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest(), "size": self.blob.len()})
    }

    /// The same content, compressed in another way.
    pub fn compressed(&self, compression: Compression) -> Self {
        let (ending, blob) = match compression {
            Compression::None => ("", self.tar.clone()),
            Compression::Gzip | Compression::GzipAgain => {
                let level = if compression == Compression::Gzip { 6 } else { 1 };
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
                encoder.write_all(&self.tar).unwrap();
                ("+gzip", encoder.finish().unwrap())
            }
            Compression::Zstd => ("+zstd", zstd::encode_all(self.tar.as_slice(), 3).unwrap()),
        };
        Self { media_type: format!("{LAYER}{ending}"), blob, tar: self.tar.clone() }
    }
}

/// A layer of small files, `["etc/os-release=old", "bin/", "sh->bin/sh"]`, compressed with gzip.
pub fn layer(entries: &[&str]) -> Layer {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_ustar();
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        if let Some((path, target)) = entry.split_once("->") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_mode(0o777);
            header.set_size(0);
            builder.append_link(&mut header, path, target).unwrap();
        } else if let Some((path, content)) = entry.split_once('=') {
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content.as_bytes()).unwrap();
        } else {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            header.set_size(0);
            builder.append_data(&mut header, entry, std::io::empty()).unwrap();
        }
    }
    let tar = builder.into_inner().unwrap();
    Layer { media_type: LAYER.into(), blob: tar.clone(), tar }.compressed(Compression::Gzip)
}

/// A layer of regular files with mode, owner and content.
pub fn owned(files: &[(&str, u32, u64, Vec<u8>)]) -> Layer {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, mode, owner, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mtime(0);
        header.set_mode(*mode);
        header.set_uid(*owner);
        header.set_gid(0);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, content.as_slice()).unwrap();
    }
    let tar = builder.into_inner().unwrap();
    Layer { media_type: LAYER.into(), blob: tar.clone(), tar }
}

/// One image of one platform.
#[derive(Debug, Clone)]
pub struct Image {
    pub layers: Vec<Layer>,
    /// The config, without `rootfs`.
    pub config: Value,
    /// Further members of the manifest, such as `annotations`.
    pub manifest: Value,
    pub manifest_type: String,
    pub config_type: String,
}

impl Image {
    /// An image for linux/amd64 of these layers, with an ordinary history of one entry for each.
    pub fn of(layers: &[&Layer]) -> Self {
        let history: Vec<Value> = layers
            .iter()
            .map(|layer| json!({"created": "2024-01-01T00:00:00Z", "created_by": format!("layer {}", &layer.diff_id()[7..15])}))
            .collect();
        Self {
            layers: layers.iter().map(|layer| (*layer).clone()).collect(),
            config: json!({"created": "2024-01-01T00:00:00Z", "architecture": "amd64", "os": "linux", "config": {}, "history": history}),
            manifest: json!({}),
            manifest_type: MANIFEST.into(),
            config_type: CONFIG.into(),
        }
    }

    /// This image with further layers above, its config and its history continued, as a builder does.
    pub fn and(&self, layers: &[&Layer]) -> Self {
        let mut image = self.clone();
        for layer in layers {
            image.layers.push((*layer).clone());
            if let Some(history) = image.config.get_mut("history").and_then(Value::as_array_mut) {
                history.push(json!({"created": "2024-02-02T00:00:00Z", "created_by": format!("app {}", &layer.diff_id()[7..15])}));
            }
        }
        image
    }

    /// Sets a member of the inner `config`.
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.config["config"][field] = value;
        self
    }

    /// Sets a member of the config document; null removes it.
    pub fn with_top(mut self, field: &str, value: Value) -> Self {
        if value.is_null() {
            self.config.as_object_mut().unwrap().remove(field);
        } else {
            self.config[field] = value;
        }
        self
    }

    pub fn platform(self, architecture: &str) -> Self {
        self.with_top("architecture", json!(architecture))
    }

    pub fn annotated(mut self, key: &str, value: &str) -> Self {
        self.manifest["annotations"][key] = json!(value);
        self
    }

    /// The bytes of the config.
    pub fn config_bytes(&self) -> Vec<u8> {
        let mut config = self.config.clone();
        config["rootfs"] = json!({"type": "layers", "diff_ids": self.layers.iter().map(Layer::diff_id).collect::<Vec<_>>()});
        serde_json::to_vec(&config).unwrap()
    }

    /// The bytes of the manifest.
    pub fn manifest_bytes(&self) -> Vec<u8> {
        let config = self.config_bytes();
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": self.manifest_type,
            "config": {"mediaType": self.config_type, "digest": digest(&config), "size": config.len()},
            "layers": self.layers.iter().map(Layer::descriptor).collect::<Vec<_>>(),
        });
        for (key, value) in self.manifest.as_object().unwrap() {
            manifest[key] = value.clone();
        }
        serde_json::to_vec(&manifest).unwrap()
    }

    pub fn digest(&self) -> String {
        digest(&self.manifest_bytes())
    }
}

/// A layout in memory.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    pub blobs: BTreeMap<String, Vec<u8>>,
    pub entries: Vec<Value>,
}

impl Layout {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a blob; gives its digest.
    pub fn blob(&mut self, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        self.blobs.insert(digest.clone(), bytes.to_vec());
        digest
    }

    /// Adds the blobs of an image and gives its descriptor with the platform.
    pub fn store(&mut self, image: &Image) -> Value {
        for layer in &image.layers {
            self.blob(&layer.blob);
        }
        self.blob(&image.config_bytes());
        let manifest = image.manifest_bytes();
        self.blob(&manifest);
        json!({"mediaType": image.manifest_type, "digest": digest(&manifest), "size": manifest.len(),
               "platform": {"architecture": image.config["architecture"], "os": image.config["os"]}})
    }

    /// Adds an image under a name.
    pub fn image(mut self, name: &str, image: &Image) -> Self {
        let mut entry = self.store(image);
        entry.as_object_mut().unwrap().remove("platform");
        self.entry(name, entry);
        self
    }

    /// Adds an index of images under a name; `more` are further members of the index.
    pub fn index(mut self, name: &str, images: &[&Image], more: Value) -> Self {
        let manifests: Vec<Value> = images.iter().map(|image| self.store(image)).collect();
        let mut index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        for (key, value) in more.as_object().unwrap() {
            index[key] = value.clone();
        }
        let bytes = serde_json::to_vec(&index).unwrap();
        let digest = self.blob(&bytes);
        self.entry(name, json!({"mediaType": INDEX, "digest": digest, "size": bytes.len()}));
        self
    }

    /// Adds an entry of `index.json`; an empty name is none.
    pub fn entry(&mut self, name: &str, mut descriptor: Value) {
        if !name.is_empty() {
            descriptor["annotations"]["org.opencontainers.image.ref.name"] = json!(name);
        }
        self.entries.push(descriptor);
    }

    /// The digest of the entry called `name`.
    pub fn digest_of(&self, name: &str) -> String {
        let entry = self.entries.iter().find(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] == name).unwrap();
        entry["digest"].as_str().unwrap().to_owned()
    }

    pub fn index_json(&self) -> Vec<u8> {
        serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.entries})).unwrap()
    }

    /// Its files by path, `oci-layout` first.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files =
            vec![("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()), ("index.json".to_owned(), self.index_json())];
        files.extend(self.blobs.iter().map(|(digest, bytes)| (format!("blobs/{}", digest.replace(':', "/")), bytes.clone())));
        files
    }

    /// Writes it as a directory.
    pub fn write(&self, path: &Path) {
        std::fs::create_dir_all(path.join("blobs/sha256")).unwrap();
        for (name, bytes) in self.files() {
            std::fs::write(path.join(name), bytes).unwrap();
        }
    }

    /// Writes its first entry as skopeo's `dir:` has it (containers-transports(5)).
    pub fn write_skopeo(&self, path: &Path) {
        std::fs::create_dir_all(path).unwrap();
        std::fs::write(path.join("version"), "Directory Transport Version: 1.1\n").unwrap();
        for (digest, bytes) in &self.blobs {
            let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
            let name = match digest.split_once(':').unwrap().1 {
                _ if self.entries[0]["digest"] == *digest => "manifest.json".to_owned(),
                hex if document["schemaVersion"].is_u64() => format!("{hex}.manifest.json"),
                hex => hex.to_owned(),
            };
            std::fs::write(path.join(name), bytes).unwrap();
        }
    }

    /// Writes it as an archive.
    pub fn write_archive(&self, path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, archive(&self.files())).unwrap();
    }
}

/// These bytes as one member of gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tar archive of these files, in this order.
pub fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

/// What a layout directory holds, read back without the library.
#[derive(Debug)]
pub struct ReadBack {
    path: std::path::PathBuf,
}

impl ReadBack {
    pub fn open(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// A blob, whose digest is checked.
    pub fn blob(&self, wanted: &str) -> Vec<u8> {
        let bytes = std::fs::read(self.path.join("blobs").join(wanted.replace(':', "/"))).unwrap();
        assert_eq!(digest(&bytes), wanted);
        bytes
    }

    /// Whether the layout has it.
    pub fn has(&self, wanted: &str) -> bool {
        self.path.join("blobs").join(wanted.replace(':', "/")).exists()
    }

    pub fn json(&self, wanted: &str) -> Value {
        serde_json::from_slice(&self.blob(wanted)).unwrap()
    }

    pub fn index_json(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.path.join("index.json")).unwrap()).unwrap()
    }

    /// The document of the entry called `name`.
    pub fn named(&self, name: &str) -> Value {
        serde_json::from_slice(&self.bytes_of(name)).unwrap()
    }

    /// The bytes of that document.
    pub fn bytes_of(&self, name: &str) -> Vec<u8> {
        let index = self.index_json();
        let entries: Vec<&Value> = index["manifests"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] == name)
            .collect();
        assert_eq!(entries.len(), 1, "{name} in {index:#}");
        self.blob(entries[0]["digest"].as_str().unwrap())
    }

    /// The only document of the layout.
    pub fn only(&self) -> Value {
        let index = self.index_json();
        assert_eq!(index["manifests"].as_array().unwrap().len(), 1, "{index:#}");
        self.json(index["manifests"][0]["digest"].as_str().unwrap())
    }

    /// The config of a manifest.
    pub fn config(&self, manifest: &Value) -> Value {
        self.json(manifest["config"]["digest"].as_str().unwrap())
    }
}

/// The texts of a list.
pub fn texts(list: &Value) -> Vec<&str> {
    list.as_array().map(|list| list.iter().map(|item| item.as_str().unwrap()).collect()).unwrap_or_default()
}
