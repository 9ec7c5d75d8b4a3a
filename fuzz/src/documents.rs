//! Documents that fuzzing starts from.

/// Manifests, indexes and configs.
pub const MANIFEST: &[(&str, &str)] = &[
    (
        "manifest",
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"a/b","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2,"data":"e30="},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0,"urls":["https://example.org/x"],"annotations":{"k":"v"}}],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0},"annotations":{"org.opencontainers.image.base.name":"os:1"}}"#,
    ),
    (
        "index",
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":7,"platform":{"architecture":"arm","os":"linux","variant":"v7","os.version":"1","os.features":["x"]},"artifactType":"a/b","annotations":{"org.opencontainers.image.ref.name":"a:1"}}],"annotations":{"k":"v"}}"#,
    ),
    (
        "docker",
        r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#,
    ),
    (
        "config",
        r#"{"architecture":"amd64","os":"linux","created":"2024-01-01T00:00:00Z","config":{"Env":["A=1"],"Entrypoint":["/a"],"Cmd":null,"Labels":{"k":"v"}},"rootfs":{"type":"layers","diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},"history":[{"created_by":"COPY a"},{"created_by":"ENV A=1","empty_layer":true}]}"#,
    ),
    ("null", r#"{"schemaVersion":2,"manifests":null}"#),
];

/// The configs of an old base, an app and a new base.
pub const MERGE: &[(&str, &str)] = &[
    (
        "usual",
        r#"{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin","A=1"],"Cmd":["/bin/sh"],"Labels":{"v":"1"}},"rootfs":{"type":"layers","diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},"history":[{"created_by":"ADD rootfs"},{"created_by":"ENV A=1","empty_layer":true}]}
%%
{"architecture":"amd64","os":"linux","created":"2024-01-01T00:00:00Z","config":{"Env":["PATH=/app:/bin","A=1","B=2"],"Entrypoint":["/app/run"],"User":"app","ExposedPorts":{"80/tcp":{}},"Labels":{"v":"1","app":"x"}},"rootfs":{"type":"layers","diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"]},"history":[{"created_by":"ADD rootfs"},{"created_by":"ENV A=1","empty_layer":true},{"created_by":"COPY app /app"},{"created_by":"ENTRYPOINT [\"/app/run\"]","empty_layer":true}]}
%%
{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/usr/bin","A=2","C=3"],"Cmd":["/bin/bash"],"StopSignal":"SIGINT","Labels":{"v":"2"},"OnBuild":["RUN x"]},"rootfs":{"type":"layers","diff_ids":["sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"]},"history":[{"created_by":"ADD rootfs"}]}"#,
    ),
    (
        "unknown",
        r#"none
%%
{"architecture":"amd64","os":"linux","config":{"Healthcheck":{"Test":["CMD","x"],"Interval":1},"Volumes":{"/v":{}},"Shell":["a"],"x":[1,{"y":null}]},"rootfs":{"type":"layers","diff_ids":[]}}
%%
{"architecture":"arm64","os":"linux","variant":"v8","config":{},"rootfs":{"type":"layers","diff_ids":[]},"more":1}"#,
    ),
];

/// Statements on the life cycle.
pub const STATEMENT: &[(&str, &str)] = &[
    (
        "two",
        "application/vnd.microsoft.artifact.lifecycle\nvnd.microsoft.artifact.lifecycle.end-of-life.date=2027-01-01\norg.opencontainers.image.created=2026-01-01T00:00:00Z\n%%\napplication/vnd.dev.airbase.lifecycle.v1+json\ndev.airbase.lifecycle.status=withdrawn\ndev.airbase.lifecycle.recorded=2026-02-01T00:00:00Z\ndev.airbase.lifecycle.issuer=site\ndev.airbase.lifecycle.sequence=2\ndev.airbase.lifecycle.cleared=end-of-life",
    ),
    (
        "document",
        "application/vnd.dev.airbase.lifecycle.v1+json\ndev.airbase.lifecycle.replaces=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n{\"schema\":\"airbase.lifecycle/v1\",\"status\":\"deprecated\",\"endOfLife\":\"2030-01-01\",\"issuer\":\"vendor\",\"recorded\":\"2025-01-01T00:00:00Z\"}\n%%\napplication/vnd.dev.airbase.lifecycle.v1+json\ndev.airbase.lifecycle.overrides=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\ndev.airbase.lifecycle.status=supported\ndev.airbase.lifecycle.recorded=2031-01-01T00:00:00Z",
    ),
];

/// Journals of a batch.
pub const JOURNAL: &[(&str, &str)] = &[
    (
        "lines",
        "{\"item\":\"4ee64ed7c5fc8bd0\",\"status\":\"done\",\"digest\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"name\":\"a:1\"}\n{\"item\":\"0d810b467b542c1f\",\"status\":\"failed\",\"code\":\"blob.missing\",\"message\":\"x\"}\n{\"blob\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"size\":1,\"inode\":2,\"modified\":[3,4],\"changed\":[5,6]}\n{\"item\":\"0d810b467b542c1f\",\"status\":\"done\"}\n",
    ),
    ("torn", "{\"item\":\"a\",\"status\":\"held\"}\n{\"item\":\"b\",\"sta"),
];

/// Shell scripts.
pub const SCRIPT: &[(&str, &str)] = &[
    (
        "entrypoint",
        "#!/bin/sh\nset -eu\nif [ \"${1:-}\" = 'serve' ] && test -x /usr/bin/env; then\n  exec gosu \"$USER\" \"$@\"\nfi\ncase \"$1\" in\n  -*) set -- app \"$@\" ;;\n  *) command -v app >/dev/null 2>&1 || exit 1 ;;\nesac\nfor name in a b; do . \"/etc/$name.sh\"; done\nwhile read -r line; do echo \"$line\"; done <<EOF\nx $(date)\nEOF\nrun() { python3 -m \"$1\" | grep -q x; }\nrun main &\nexec \"$@\"\n",
    ),
    ("words", "a=${b##*/} c=$((1+2)) d=`e f` \"g$h\"'i' j\\ k; { l && ! m || n; } 2>&1 >>o\n"),
];
