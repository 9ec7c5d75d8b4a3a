//! Writes the inputs that fuzzing starts from: `seeds DIRECTORY` makes `DIRECTORY/TARGET/NAME`.

use std::fs;
use std::path::Path;

use airbase_fuzz::describe;

#[path = "../documents.rs"]
mod documents;
#[path = "../../../tests/it/support/elf.rs"]
mod program;

// Everything is built with coverage counters here, and they are counted by libFuzzer.
libfuzzer_sys::fuzz_target!(|_data: &[u8]| {});

type Seeds = Vec<(&'static str, Vec<u8>)>;

fn main() {
    let directory = std::env::args_os().nth(1).expect("a directory");
    let targets = [
        ("docker_archive", docker_archive()),
        ("compressed", compressed()),
        ("layer", layer()),
        ("json", texts(JSON)),
        ("index_edit", texts(INDEX_EDIT)),
        ("reference", texts(REFERENCE)),
        ("packages", texts(PACKAGES)),
        ("pax", pax()),
        ("manifest", texts(documents::MANIFEST)),
        ("merge", texts(documents::MERGE)),
        ("statement", texts(documents::STATEMENT)),
        ("plan", vec![("demo", include_bytes!("../../seeds/plan.jsonl").to_vec())]),
        ("journal", texts(documents::JOURNAL)),
        ("elf", elf()),
        ("script", texts(documents::SCRIPT)),
        ("xz", xz()),
    ];
    for (target, seeds) in targets {
        let directory = Path::new(&directory).join(target);
        fs::create_dir_all(&directory).expect("a directory");
        for (name, bytes) in seeds {
            fs::write(directory.join(name), bytes).expect("a file");
        }
    }
}

fn texts(seeds: &[(&'static str, &str)]) -> Seeds {
    seeds.iter().map(|(name, text)| (*name, text.as_bytes().to_vec())).collect()
}

/// The first byte says how the target packs what follows.
fn xz() -> Seeds {
    // What `xz -0` makes of a tar archive of one small file: one LZMA2 chunk.
    const CHUNK: &[u8] =
        b"\xe0\x07\xff\x00\x38\x5d\x00\x30\x80\x33\x50\x18\x68\x89\x82\xed\xa7\x80\x69\xfa\xda\x6d\xf2\xb6\xa6\xdf\x1c\x9e\xfd\x21\
        \xca\x25\x8e\x1a\xde\xa0\x37\x76\x0a\x20\x92\x81\x73\xd3\x66\xf0\x61\x5d\xf4\x0e\x9e\x6e\x2f\x9e\xc7\x0b\x4d\x8f\xc4\xab\
        \xa2\xde\x00\x00";
    let stored = [b"\x01", describe(CLASSIC.as_bytes()).as_slice()].concat();
    vec![("compressed", [b"\x00", CHUNK].concat()), ("unfinished", [b"\x02", CHUNK].concat()), ("stored", stored)]
}

const PACKAGES: &[(&str, &str)] = &[
    (
        "status",
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+deb12u4\nDepends: a,\n b\n\nPackage: b\nStatus: deinstall ok config-files\n\n",
    ),
    (
        "installed",
        "C:Q1x=\nP:musl\nV:1.2.5-r0\nA:x86_64\nF:lib\nM:0:0:755\nR:ld-musl-x86_64.so.1\na:0:0:755\nZ:Q1x=\n\nP:b\nV:1_rc2-r3\n\n",
    ),
    ("diversions", "/bin/sh\n/bin/sh.distrib\ndash\n/usr/bin/x\n/usr/bin/x.real\n:\n"),
    ("list", "/.\n/etc\n/etc/passwd\nd41d8cd98f00b204e9800998ecf8427e  usr/lib/a\n"),
    ("versions of dpkg", "1:2.36-9+deb12u4\n2.36~rc1-1\n0:1.0+dfsg\n1.0-0"),
    ("versions of apk", "1.2.4_git20230717-r4\n1.01a_rc2\n1.2.5~abcdef-r10\n20240226-r0"),
];

/// Docker before version 25: uncompressed layers, one of them a link to another image's.
const CLASSIC: &str = "t 1/layer.tar
etc/
etc/os=12
%%
t 2/layer.tar
app=1
.wh.old=
%%
l 3/layer.tar ../1/layer.tar
%%
f config.json
{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:~0~\",\"sha256:~1~\"]}}
%%
f manifest.json
[{\"Config\":\"config.json\",\"RepoTags\":[\"a.example/b:1\"],\"Layers\":[\"3/layer.tar\",\"2/layer.tar\"]}]
%%
f repositories
{\"a.example/b\":{\"1\":\"2\"}}";

/// A compressed layer, a config named by its digest, and an image without a name.
const COMPRESSED_LAYER: &str = "z @.@.tar.gz
a=1
b/c=2
%%
f @.@.json
{\"architecture\":\"arm64\",\"os\":\"linux\",\"config\":{\"Env\":[\"A=1\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:~0~\"]}}
%%
f manifest.json
[{\"Config\":\"@1@.json\",\"RepoTags\":null,\"Layers\":[\"@0@.tar.gz\"],\"LayerSources\":{}},{\"Config\":\"@1@.json\",\"RepoTags\":[\"x:1\",\"x:2\"],\"Layers\":[\"@0@.tar.gz\"]}]";

/// Docker from version 25 on: a layout and manifest.json, with an index and an attestation in it.
const HYBRID: &str = "z blobs/sha256/@.@
a=1
hard=
%%
f blobs/sha256/@.@
{\"architecture\":\"amd64\",\"os\":\"linux\",\"history\":[{\"created_by\":\"x\"}],\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:~0~\"]}}
%%
f blobs/sha256/@.@
{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:@1@\",\"size\":#1#},\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"sha256:@0@\",\"size\":#0#}]}
%%
f blobs/sha256/@.@
{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:@2@\",\"size\":#2#,\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"}},{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:@2@\",\"size\":#2#,\"platform\":{\"architecture\":\"unknown\",\"os\":\"unknown\"},\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}}]}
%%
f index.json
{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"digest\":\"sha256:@3@\",\"size\":#3#,\"annotations\":{\"io.containerd.image.name\":\"docker.io/library/a:1\",\"org.opencontainers.image.ref.name\":\"1\"}}]}
%%
f manifest.json
[{\"Config\":\"blobs/sha256/@1@\",\"RepoTags\":[\"a:1\"],\"Layers\":[\"blobs/sha256/@0@\"]}]
%%
f oci-layout
{\"imageLayoutVersion\":\"1.0.0\"}
%%
d blobs/
%%
h again blobs/sha256/@0@";

fn docker_archive() -> Seeds {
    texts(&[("classic", CLASSIC), ("compressed-layer", COMPRESSED_LAYER), ("hybrid", HYBRID)])
}

fn compressed() -> Seeds {
    let archive = describe(CLASSIC.as_bytes());
    let steps: [(&'static str, &[u8]); 9] = [
        ("gzip", &[0, 255]),
        ("zstd", &[1, 255]),
        ("two-members", &[0, 40, 0, 255]),
        ("two-frames", &[1, 40, 1, 255]),
        ("skippable-first", &[2, 0, 1, 255]),
        ("header-fields", &[27, 30, 0, 255]),
        ("padded", &[0, 255, 5, 200]),
        ("cut", &[0, 255, 6, 20]),
        ("changed", &[1, 255, 7, 90]),
    ];
    let count = |steps: &[u8]| u8::try_from(steps.len() / 2).expect("few steps");
    steps.map(|(name, steps)| (name, [&[count(steps)], steps, &archive].concat())).to_vec()
}

fn layer() -> Seeds {
    let deep = "deep/".repeat(30) + "name";
    let members = |gnu: bool| {
        let mut builder = tar::Builder::new(Vec::new());
        let new = if gnu { tar::Header::new_gnu } else { tar::Header::new_ustar };
        for (name, flag, content) in [("dir/", b'5', ""), ("dir/file", b'0', "content"), ("fifo", b'6', ""), (&*deep, b'0', "x")] {
            if gnu && flag == b'0' {
                builder.append_pax_extensions([("SCHILY.xattr.user.a", &b"1"[..])]).expect("memory");
            }
            let mut header = new();
            header.set_entry_type(tar::EntryType::new(flag));
            header.set_mode(0o755);
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, content.as_bytes()).expect("memory");
        }
        for (name, kind) in [("symbolic", tar::EntryType::Symlink), ("hard", tar::EntryType::Link)] {
            let mut header = new();
            header.set_entry_type(kind);
            header.set_size(0);
            builder.append_link(&mut header, name, "dir/file").expect("memory");
        }
        builder.into_inner().expect("memory")
    };
    let pax = {
        let mut builder = tar::Builder::new(Vec::new());
        let records: [(&str, &[u8]); 4] = [("path", deep.as_bytes()), ("size", b"3"), ("mtime", b"1.5"), ("uid", b"7")];
        builder.append_pax_extensions(records).expect("memory");
        let mut header = tar::Header::new_ustar();
        header.set_size(3);
        header.set_path("short").expect("a short name");
        header.set_cksum();
        builder.append(&header, &b"abc"[..]).expect("memory");
        builder.into_inner().expect("memory")
    };
    let mut seeds = Seeds::new();
    for (name, flags, archive) in [
        ("gnu", 0, members(true)),
        ("ustar", 0, members(false)),
        ("pax", 0, pax.clone()),
        ("pax-outer", 1, pax),
        ("narrow", 2, members(false)),
        ("unrepaired", 5, describe(CLASSIC.as_bytes())),
        ("empty", 0, vec![0; 1024]),
    ] {
        seeds.push((name, [&[flags], archive.as_slice()].concat()));
    }
    seeds
}

/// Records as `LENGTH KEY=VALUE` with a newline, of which the length counts itself.
fn pax() -> Seeds {
    let record = |text: &str| {
        (text.len()..)
            .map(|length| format!("{length} {text}"))
            .find(|whole| whole.len().to_string() == whole[..whole.find(' ').unwrap_or(0)])
            .expect("a length")
    };
    let usual = ["path=a/long/name\n", "size=12\n", "mtime=1.5\n", "uid=7\n", "SCHILY.xattr.user.a=b\n"].map(record).concat();
    let link = ["linkpath=x\n", "comment=\n", "GNU.sparse.major=1\n"].map(record).concat();
    vec![
        ("usual", format!("\0{usual}").into_bytes()),
        ("global", format!("\x04{}\n%%\n{usual}", record("uname=a\n")).into_bytes()),
        ("archive", format!("\x01{link}").into_bytes()),
        ("narrow", format!("\x02{usual}").into_bytes()),
    ]
}

fn elf() -> Seeds {
    let program = program::Program {
        interpreter: "/lib64/ld-linux-x86-64.so.2",
        needed: &["libc.so.6"],
        runpath: "$ORIGIN/../lib",
        undefined: &["main"],
        needs_version: Some(("libc.so.6", "GLIBC_2.34")),
        ..program::Program::default()
    };
    let library = program::Program { soname: "libx.so.1", defined: &["f"], defines_version: "X_1", ..program::Program::default() };
    vec![("program", program.bytes()), ("library", library.bytes()), ("narrow", [&b"\x7fELF\x01\x02"[..], &[0; 80]].concat())]
}

const JSON: &[(&str, &str)] = &[
    ("object", r#"{"a":1,"b":[true,false,null],"c":{"d":"e"}}"#),
    ("escapes", r#"["\u00e9\ud83d\ude00\n\"\\\/\b\f\r\t","é"]"#),
    ("numbers", "[0,-0,1.5,1e9,-1E-2,9223372036854775807,9223372036854775808,123456789012345678901234567890]"),
    ("blanks", " {\t\"a\" :\r\n [ ] , \"\" : { } }\n"),
    ("same", r#"{"a":1,"\u0061":2}"#),
];

/// What is called `1` or `2` in an edit is the digest of that digit.
const INDEX_EDIT: &[(&str, &str)] = &[
    ("empty", "+a 1\n\n{\"schemaVersion\":2,\"manifests\":[]}"),
    ("none", "*1\n\n{}"),
    ("null", "+a 1\n\n{\"manifests\":null,\"x\":1}"),
    (
        "named",
        "+a 1\n-b\n\n{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:0\",\"annotations\":{\"org.opencontainers.image.ref.name\":\"a\"}},{\"digest\":\"sha256:0\",\"x\":1,\"annotations\":{\"k\":\"v\",\"org.opencontainers.image.ref.name\":\"b\"}}]}",
    ),
    (
        "indented",
        "-b\n\n{\n  \"manifests\": [\n    {\n      \"digest\": \"sha256:1\",\n      \"annotations\": {\n        \"org.opencontainers.image.ref.name\": \"b\",\n        \"io.containerd.image.name\": \"x/b\"\n      }\n    },\n    {\n      \"digest\": \"sha256:2\"\n    }\n  ],\n  \"annotations\": {}\n}\n",
    ),
    (
        "replaced",
        "=a 2\n\n{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b\",\"size\":1,\"annotations\":{\"org.opencontainers.image.ref.name\":\"a\"}},{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b\",\"size\":1,\"x\":1}]}",
    ),
    (
        "replaced-twice-named",
        "=a 2a\n\n{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b\",\"size\":1,\"annotations\":{\"org.opencontainers.image.ref.name\":\"a\"}},{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35\",\"size\":1},{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35\",\"size\":1,\"annotations\":{\"org.opencontainers.image.ref.name\":\"a\"}}]}",
    ),
    (
        "replaced-new",
        "=a 1\n\n{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35\",\"size\":1,\"annotations\":{\"org.opencontainers.image.ref.name\":\"b\"}}]}",
    ),
    (
        "emptied",
        "~a\n\n{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b\",\"size\":1,\"annotations\":{\"org.opencontainers.image.ref.name\":\"b\"}},{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35\",\"size\":1,\"annotations\":{\"org.opencontainers.image.ref.name\":\"a\"}},{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35\",\"size\":1}]}",
    ),
    (
        "removed",
        "!1\n\n{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b\",\"size\":1,\"annotations\":{\"org.opencontainers.image.ref.name\":\"a\"}},{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35\",\"size\":1,\"annotations\":{\"org.opencontainers.image.ref.name\":\"b\"}},{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b\",\"size\":1}]}",
    ),
    (
        "removed-last",
        "!1\n\n{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b\",\"size\":1}]}",
    ),
    (
        "in-turn",
        "+a 1\n=a 2\n*1\n!2\n~b\n-a\n\n{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35\",\"size\":1,\"annotations\":{\"org.opencontainers.image.ref.name\":\"b\"}},{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b\",\"size\":1}]}",
    ),
];

const REFERENCE: &[(&str, &str)] = &[
    ("path", "a"),
    ("name", "a:b:c:registry.example:5000/x/y:1"),
    ("digest", "oci:d@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("output", "docker-archive:d/new.tar:docker.io/library/x:1"),
    ("at", "d/g@h:1"),
    ("inside", "ocidir://d/e:f/i"),
    ("bare-digest", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
];
