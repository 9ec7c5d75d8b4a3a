//! References as a user types them: `[transport:]PATH[:NAME][@DIGEST]`.

use std::path::{Path, PathBuf};

use super::View;
use crate::foundation::fsys::{File, shown};
use crate::foundation::{Code, Digest, Error, Fact, Result, TypedDigest, text};

/// The transport that a reference may begin with, spelled as skopeo and regctl do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// `oci:` or `ocidir:`
    Layout,
    /// `oci-archive:`
    Archive,
    /// `docker-archive:`
    DockerArchive,
    /// `dir:`
    SkopeoDirectory,
}

/// A reference taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The text as it was given.
    pub text: String,
    /// The transport, if one was named.
    pub transport: Option<Transport>,
    /// The layout or archive.
    pub path: PathBuf,
    /// The name inside it.
    pub name: Option<String>,
    /// The digest, or the beginning of one that the source has.
    pub digest: Option<TypedDigest>,
    /// Further splits into path and name that also exist, the longer path first.
    pub other_splits: Vec<(PathBuf, String)>,
}

const TRANSPORTS: &[(&str, Transport)] = &[
    ("oci-archive:", Transport::Archive),
    ("docker-archive:", Transport::DockerArchive),
    ("ocidir://", Transport::Layout),
    ("ocidir:", Transport::Layout),
    ("oci:", Transport::Layout),
    ("dir:", Transport::SkopeoDirectory),
];

impl Reference {
    /// The manifest, index or artifact of a digest in a source, listed or not.
    pub fn of_digest(path: &Path, digest: &Digest) -> Self {
        Self {
            text: format!("{}@{digest}", path.display()),
            transport: None,
            path: path.to_owned(),
            name: None,
            digest: Some(TypedDigest::Whole(digest.clone())),
            other_splits: Vec::new(),
        }
    }

    /// Takes the reference to something that exists apart: the longest prefix that is a path wins.
    ///
    /// # Errors
    /// `ref.stdin`, `ref.syntax`, `ref.path_missing`.
    pub fn existing(input: &str) -> Result<Self> {
        let (transport, rest, digest) = split(input)?;
        let mut splits = Vec::new();
        if exists(Path::new(rest)) {
            splits.push((PathBuf::from(rest), None));
        }
        for (colon, _) in rest.rmatch_indices(':') {
            let (path, name) = (rest.get(..colon).unwrap_or_default(), rest.get(colon + 1..).unwrap_or_default());
            if !path.is_empty() && !name.is_empty() && exists(Path::new(path)) {
                splits.push((PathBuf::from(path), Some(name.to_owned())));
            }
        }
        let mut splits = splits.into_iter();
        let Some((path, name)) = splits.next() else {
            return Err(Error::new(Code::RefPathMissing, format!("no such file or directory: {}", text::escape(rest)))
                .expected(Fact::new("PATH[:NAME][@DIGEST] with a path that exists", "the command line"))
                .found(Fact::new(input, "the command line")));
        };
        let other_splits = splits.filter_map(|(path, name)| name.map(|name| (path, name))).collect();
        Ok(Self { text: input.to_owned(), transport, path, name, digest, other_splits })
    }

    /// Takes the reference to a result apart: the longest prefix that exists is the path. If none does, the first colon
    /// behind the longest directory that exists divides, because a name may hold slashes and colons of its own.
    ///
    /// # Errors
    /// `ref.stdin`, `ref.syntax`.
    pub fn output(input: &str) -> Result<Self> {
        match Self::existing(input) {
            Err(error) if error.code() == Code::RefPathMissing => {}
            other => return other,
        }
        let (transport, rest, digest) = split(input)?;
        let inside =
            rest.rmatch_indices('/').map(|(slash, _)| slash + 1).find(|end| rest.get(..*end).is_some_and(|path| exists(Path::new(path))));
        let inside = inside.unwrap_or(0);
        let colon = rest.get(inside..).and_then(|last| last.find(':')).map(|colon| inside + colon);
        let (path, name) = match colon {
            Some(colon) => (rest.get(..colon).unwrap_or_default(), rest.get(colon + 1..).map(str::to_owned)),
            None => (rest, None),
        };
        if path.is_empty() || name.as_deref() == Some("") {
            return Err(syntax(input));
        }
        Ok(Self { text: input.to_owned(), transport, path: path.into(), name, digest, other_splits: Vec::new() })
    }

    /// Whether it means one thing in its source, by name or by digest, and not all that is there.
    pub fn names_one(&self) -> bool {
        self.name.is_some() || self.digest.is_some()
    }

    /// Which description of an archive the transport asks for.
    pub fn view(&self) -> View {
        match self.transport {
            Some(Transport::Archive) => View::Oci,
            Some(Transport::DockerArchive) => View::Docker,
            Some(Transport::Layout | Transport::SkopeoDirectory) | None => View::Whole,
        }
    }

    /// The path for users.
    pub fn shown_path(&self) -> String {
        shown(&self.path)
    }
}

fn split(input: &str) -> Result<(Option<Transport>, &str, Option<TypedDigest>)> {
    if input == "-" {
        return Err(Error::new(Code::RefStdin, "an image cannot be read from standard input")
            .hint("Write it to a file first: `cat > image.tar`, then give the path."));
    }
    // A layout that is called dir is more than a word of skopeo's: its images are `dir:NAME`.
    let is_path = |transport| transport == Transport::SkopeoDirectory && exists(Path::new("dir"));
    let (transport, rest) = TRANSPORTS
        .iter()
        .filter(|(_, transport)| !is_path(*transport))
        .find_map(|(prefix, transport)| input.strip_prefix(prefix).map(|rest| (Some(*transport), rest)))
        .unwrap_or((None, input));
    // A digest is only what looks like one: a path may hold an @ of its own.
    let (rest, digest) = match rest.rsplit_once('@') {
        Some((before, after)) if ["sha256:", "sha512:"].iter().any(|prefix| after.starts_with(prefix)) => {
            let digest = after.parse().map_err(|_| {
                Error::new(Code::RefSyntax, "the digest of the reference is not one")
                    .expected(Fact::new(
                        "sha256: and 64 lower-case hexadecimal digits, or at least the first 12",
                        "image-spec, descriptor.md",
                    ))
                    .found(Fact::new(after, "the command line"))
            })?;
            (before, Some(digest))
        }
        _ => (rest, None),
    };
    if rest.is_empty() || rest == "-" {
        return Err(syntax(input));
    }
    Ok((transport, rest, digest))
}

fn syntax(input: &str) -> Error {
    Error::new(Code::RefSyntax, "this is not a reference")
        .expected(Fact::new("PATH[:NAME][@DIGEST]", "airbase"))
        .found(Fact::new(input, "the command line"))
}

fn exists(path: &Path) -> bool {
    // A FIFO exists too, and so does what may not be read now; opening it says what is wrong with it.
    File::open(path).map_or_else(|error| !error.is_not_found(), |_| true)
}
