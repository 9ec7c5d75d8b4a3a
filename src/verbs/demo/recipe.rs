//! What the images of the demonstration are made of.

use super::program::Architecture;

/// What an image is made of.
pub(super) struct Recipe {
    pub created: &'static str,
    pub env: Vec<String>,
    pub cmd: &'static str,
    pub labels: Vec<(&'static str, String)>,
    pub annotations: Vec<(&'static str, String)>,
    pub layers: Vec<Layer>,
}

/// One layer.
pub(super) struct Layer {
    pub created: &'static str,
    /// What made it.
    pub created_by: &'static str,
    pub files: Vec<File>,
}

/// One file of a layer.
pub(super) struct File {
    pub path: String,
    pub content: Vec<u8>,
    pub is_program: bool,
}

/// One edition of the base.
#[derive(Clone, Copy)]
pub(super) struct Edition {
    pub name: &'static str,
    created: &'static str,
    version: &'static str,
    /// The last part of the name of its libcrypto.
    crypto: &'static str,
    crypto_version: &'static str,
    tls: &'static str,
}

/// The edition that the applications are built on.
pub(super) const OLD: Edition = Edition {
    name: "registry.example/os:12",
    created: "2026-03-01T08:00:00Z",
    version: "12.4",
    crypto: "3",
    crypto_version: "3.0.1-1",
    tls: "1.2",
};

/// The patched one.
pub(super) const PATCHED: Edition = Edition {
    name: "registry.example/os:12",
    created: "2026-11-01T08:00:00Z",
    version: "12.5",
    crypto: "3",
    crypto_version: "3.0.9-1",
    tls: "1.3",
};

/// The next major version, whose library has another name.
pub(super) const NEXT: Edition = Edition {
    name: "registry.example/os:13",
    created: "2026-11-15T08:00:00Z",
    version: "13.0",
    crypto: "4",
    crypto_version: "4.0.0-1",
    tls: "1.3",
};

impl Edition {
    /// The image of this edition.
    pub(super) fn recipe(self, architecture: Architecture) -> Recipe {
        let library = format!("libcrypto.so.{}", self.crypto);
        let package = format!("libcrypto{}", self.crypto);
        let status = format!(
            "Package: {package}\nStatus: install ok installed\nArchitecture: {}\nVersion: {}\n\n",
            architecture.name, self.crypto_version
        );
        let crypto = architecture.library(&library, &format!("libcrypto {} for {}\n", self.crypto_version, architecture.name));
        let loader = architecture.library(architecture.loader.rsplit('/').next().unwrap_or_default(), "");
        Recipe {
            created: self.created,
            env: vec!["PATH=/usr/bin:/bin".into(), format!("TLS_MIN={}", self.tls)],
            cmd: "/bin/sh",
            labels: vec![("org.opencontainers.image.version", self.version.into())],
            annotations: Vec::new(),
            layers: vec![
                Layer {
                    created: self.created,
                    created_by: "ADD rootfs.tar /",
                    files: vec![
                        File::text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
                        File::program("bin/sh", architecture.static_program()),
                        File::program(architecture.loader, loader),
                    ],
                },
                Layer {
                    created: self.created,
                    created_by: "RUN install-updates",
                    files: vec![
                        File::text("etc/os-release", &format!("ID=example\nNAME=\"Example OS\"\nVERSION_ID={}\n", self.version)),
                        File { path: format!("lib/{library}"), content: crypto, is_program: false },
                        File::text("var/lib/dpkg/status", &status),
                        File::text(&format!("var/lib/dpkg/info/{package}.list"), &format!("/lib/{library}\n")),
                    ],
                },
            ],
        }
    }
}

/// An application on the old edition: a script that starts a program that needs the library of the base.
pub(super) fn application(architecture: Architecture, name: &str, annotations: &[(&'static str, String)]) -> Recipe {
    let mut recipe = OLD.recipe(architecture);
    recipe.created = "2026-04-01T08:00:00Z";
    recipe.env = vec!["PATH=/app:/usr/bin:/bin".into(), "TLS_MIN=1.2".into(), "APP_MODE=production".into()];
    recipe.cmd = "/app/start";
    recipe.labels.push(("org.opencontainers.image.title", name.into()));
    recipe.annotations = annotations.to_vec();
    let start = format!("#!/bin/sh\nexec /app/{name}\n");
    recipe.layers.push(Layer {
        created: recipe.created,
        created_by: "COPY app /app",
        files: vec![
            File::program("app/start", start.into_bytes()),
            File::program(&format!("app/{name}"), architecture.program("libcrypto.so.3")),
        ],
    });
    recipe
}

impl File {
    fn text(path: &str, content: &str) -> Self {
        Self { path: path.into(), content: content.into(), is_program: false }
    }

    fn program(path: &str, content: Vec<u8>) -> Self {
        Self { path: path.into(), content, is_program: true }
    }
}
