//! The stable codes of all findings and errors, and what each means.
//!
//! A code is part of the contract: scripts compare it, `airbase explain CODE` prints its text, and it never changes its
//! meaning. New facts get new codes.

use serde::Serialize;

/// How bad a finding is when the work went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Probably harmless, and somebody should look.
    Warning,
    /// Something is wrong with the content.
    Damage,
    /// The input is unsafe or ambiguous: no verb that writes will take it.
    Refusal,
}

/// How the process ends; the numbers are the command line's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExitClass {
    /// 1: findings, or a negative verdict.
    Findings,
    /// 2: the command line is wrong.
    Usage,
    /// 3: corrupt or unsafe input; do not retry.
    Corrupt,
    /// 4: a precondition or a policy is not met, or the question is ambiguous.
    Precondition,
    /// 5: busy, or a conflicting writer; retry.
    Busy,
    /// 6: input or output failed; nothing changed.
    Io,
    /// 7: output failed after publication.
    IoAfterPublication,
    /// 70: a bug.
    Bug,
    /// 130: stopped from the keyboard; what was finished is kept.
    Interrupted,
    /// 143: asked to end; what was finished is kept.
    Terminated,
}

impl ExitClass {
    /// The exit status.
    pub fn status(self) -> u8 {
        match self {
            Self::Findings => 1,
            Self::Usage => 2,
            Self::Corrupt => 3,
            Self::Precondition => 4,
            Self::Busy => 5,
            Self::Io => 6,
            Self::IoAfterPublication => 7,
            Self::Bug => 70,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The worse of two ends, which is that of all: 70 > 7 > 6 > 5 > 3 > 4 > 1.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        let rank = |class: Self| match class {
            Self::Bug => 7,
            Self::IoAfterPublication => 6,
            Self::Io => 5,
            Self::Busy => 4,
            Self::Corrupt => 3,
            Self::Precondition => 2,
            _ => 1,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

macro_rules! codes {
    ($($variant:ident, $slug:literal, $exit:ident, $severity:ident, $meaning:literal, $next:literal;)*) => {
        /// A stable code. Its text form is [`Code::slug`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = concat!("`", $slug, "`")] $variant,)*
        }

        impl Code {
            /// Every code there is, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The text form: `blob.missing`.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)* }
            }

            /// How the process ends when this stops it.
            pub fn exit_class(self) -> ExitClass {
                match self { $(Self::$variant => ExitClass::$exit,)* }
            }

            /// How bad it is when the work goes on.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What it means.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// What to do about it.
            pub fn next(self) -> &'static str {
                match self { $(Self::$variant => $next,)* }
            }
        }
    };
}

codes! {
    // Layout directories.
    LayoutIndexMissing, "layout.index.missing", Corrupt, Refusal,
        "The directory has no index.json, so it is no OCI image layout.",
        "Check the path. `airbase inspect DIR` on the parent directory lists what is there.";
    LayoutIndexTruncated, "layout.index.truncated", Corrupt, Refusal,
        "index.json is empty or ends in the middle. Some tools write it in place and leave this when they are killed or the disk is full. The blobs are usually still there.",
        "Copy the layout again from where it came from. airbase never starts a new index over an unreadable one, because that would lose every tag.";
    LayoutIndexNoList, "layout.index.no_list", Corrupt, Refusal,
        "index.json is a JSON object without the list of manifests, so all names are lost. An empty list is `[]`, or null as umoci writes it.",
        "Copy the layout again from where it came from; its blobs are probably still whole.";
    LayoutMarkerMissing, "layout.marker.missing", Corrupt, Damage,
        "The file oci-layout is missing. The specification requires it, and some clients refuse the layout.",
        "Copy the image into a new layout with `airbase copy`, which writes the file.";
    LayoutMarkerInvalid, "layout.marker.invalid", Corrupt, Refusal,
        "The file oci-layout is not the JSON object that the specification asks for.",
        "Copy the layout again from where it came from.";
    LayoutVersionUnsupported, "layout.version.unsupported", Corrupt, Refusal,
        "imageLayoutVersion is not 1.0.0, the only version that exists.",
        "Make the layout again with a tool that writes version 1.0.0.";
    LayoutBlobsMissing, "layout.blobs.missing", Corrupt, Refusal,
        "The layout has no directory called blobs.",
        "Copy the layout again from where it came from.";
    LayoutStray, "layout.stray", Corrupt, Warning,
        "Under blobs lies something that cannot be a blob: its name is not a digest, or it is a directory. It is ignored and never deleted.",
        "Nothing, unless you want the space: a leftover of a killed writer can be removed by hand.";
    LayoutLeftover, "layout.leftover", Corrupt, Note,
        "A file or directory has a name that airbase gives to what it is still writing. Either somebody is writing now, or a writer was killed. Nobody reads it.",
        "Nothing: the next command that writes to the layout removes it when its writer is gone. `airbase gc PATH --apply` removes what stays, such as an index that another program wrote, when it is old enough.";
    PathSymlink, "path.symlink", Corrupt, Refusal,
        "A symbolic link leads out of the layout, to another link, or to nothing. A blob may be a link to a regular file inside the same layout (official busybox and Debian layouts have those); everything else could make a reader open a file that the layout does not own.",
        "Copy the layout with `cp -rL` if you trust it, so that links become files, and check it with `airbase fsck`.";
    PathNotRegular, "path.not_regular", Corrupt, Refusal,
        "A file of the layout is a FIFO, socket, device or directory where a regular file belongs.",
        "Copy the layout again from where it came from, and ask how this came to be.";
    PathNothing, "path.nothing", Precondition, Refusal,
        "No image was looked at: the folder is empty, holds other things than images, or its layouts list none. An answer about nothing would look like a good one.",
        "Check the path, and whether what should be there is mounted. Where nothing is expected, give --allow-empty to those commands that have it: they look through folders.";
    PathWritableByOthers, "path.writable_by_others", Corrupt, Warning,
        "A blob can be changed by other users after it was verified.",
        "Remove the write permission for others: `chmod -R o-w DIR`.";
    BlobMissing, "blob.missing", Precondition, Damage,
        "A document names a blob that is not there. Sparse layouts are legal, but nothing can be moved or proven that needs the bytes.",
        "Get the blob from where the image came from, or run fsck or gc with --allow-sparse if the layout is sparse on purpose.";
    BlobDigestMismatch, "blob.digest_mismatch", Corrupt, Damage,
        "The bytes of a blob do not have the digest under which they are stored.",
        "The blob is damaged or was changed. Copy it again from where it came from; nothing that uses it can be trusted.";
    BlobExternal, "blob.external", Precondition, Note,
        "The layer names web addresses to get it from and is not in the layout. It is never fetched.",
        "Nothing, if the target site has the layer already.";
    BlobChanged, "blob.changed_during_read", Corrupt, Damage,
        "A file changed its size while it was read.",
        "Wait until the other writer is done and run the command again.";
    DescriptorSizeMismatch, "descriptor.size_mismatch", Corrupt, Damage,
        "A descriptor and the blob that it names have different sizes.",
        "The blob or the document is damaged. Copy it again from where it came from.";
    DescriptorSizeInvalid, "descriptor.size.invalid", Corrupt, Refusal,
        "The size in a descriptor is not a whole number between 0 and 9223372036854775807.",
        "The document is damaged or made to confuse readers. Get the image again.";
    DescriptorConflict, "descriptor.conflict", Corrupt, Damage,
        "Two descriptors give the same digest different sizes. At most one can be true.",
        "Get the image again.";
    DescriptorIncomplete, "descriptor.incomplete", Corrupt, Damage,
        "A descriptor lacks its mediaType, digest or size.",
        "The document breaks the specification. Ask who made it, or make it again with another tool.";
    DescriptorDataMismatch, "descriptor.data_mismatch", Corrupt, Refusal,
        "The data embedded in a descriptor is not what its digest and size say.",
        "The document is damaged or made to confuse readers. Get the image again.";
    DigestSyntax, "digest.syntax", Corrupt, Refusal,
        "A digest is not written as the specification demands: algorithm, colon, lower-case hexadecimal digits of the right number.",
        "The document is damaged or made to confuse readers. Get the image again.";
    DigestAlgorithmUnknown, "digest.algorithm_unknown", Precondition, Warning,
        "The digest algorithm cannot be computed here, so the blob is unverifiable. sha256 and sha512 can.",
        "Make the image again with sha256.";

    // JSON.
    JsonSyntax, "json.syntax", Corrupt, Refusal,
        "A document is not JSON.",
        "The document is damaged. Copy it again from where it came from.";
    JsonDuplicateKey, "json.duplicate_key", Corrupt, Refusal,
        "An object has the same key twice. Readers disagree on which one counts, so one image could be checked and another one run.",
        "Do not use this image. Ask where it came from.";
    JsonCaseVariant, "json.case_variant", Corrupt, Refusal,
        "A key differs from one of the specification only in upper and lower case. Programs written in Go read it as that key, others do not, so one image could be checked and another one run.",
        "Ask who made the image; make it again with another tool.";
    JsonTrailing, "json.trailing", Corrupt, Refusal,
        "Something stands after the end of the JSON value. Some readers ignore it, some do not.",
        "Get the document again.";
    JsonEncoding, "json.encoding", Corrupt, Refusal,
        "A document is not UTF-8, starts with a byte order mark, or holds half of a surrogate pair.",
        "Get the document again.";
    JsonDepth, "json.depth", Corrupt, Refusal,
        "A document is nested deeper than the limit.",
        "No real image does this. Do not use it.";
    JsonType, "json.type", Corrupt, Refusal,
        "A field of a document has another JSON type than the specification gives it.",
        "Get the image again, or make it again with another tool.";
    DocTooLarge, "doc.too_large", Corrupt, Refusal,
        "A document is larger than the limit. Registries need not take manifests above 4 MiB.",
        "If you trust it, raise the limit with --max-document-bytes.";
    DocSchemaVersion, "doc.schema_version", Corrupt, Damage,
        "schemaVersion is missing or not 2.",
        "Make the image again with another tool.";
    DocNullArray, "doc.null_array", Corrupt, Damage,
        "A list that must be there is missing, or null instead of []. It is read as empty.",
        "Make the image again with a newer version of the tool that wrote it.";
    DocAmbiguous, "doc.ambiguous", Corrupt, Refusal,
        "A document has the fields of a manifest and of an index. Two readers would see two different images (CVE-2021-41190).",
        "Do not use this image. Ask where it came from.";
    DocMediaTypeMismatch, "doc.media_type_mismatch", Corrupt, Refusal,
        "The mediaType inside a document is not the one of the descriptor that led to it.",
        "Do not use this image until it is known why. Get it again.";
    DocTypeConflict, "doc.type_conflict", Corrupt, Refusal,
        "The same digest is named once as a manifest and once as an index.",
        "Do not use this image. Ask where it came from.";
    DocMediaTypeUnknown, "doc.media_type_unknown", Precondition, Note,
        "An entry is neither an image manifest nor an index. It is kept as it is.",
        "Nothing, if you know what it is.";
    AnnotationsType, "annotations.type", Corrupt, Damage,
        "An annotation or label has a value that is not text.",
        "Make the image again with another tool.";

    // Images and graphs.
    ImagePlatformMismatch, "image.platform_mismatch", Precondition, Damage,
        "The index and the config give the image different platforms, so it is unknown which base it needs.",
        "Say which one is right with --trust-platform descriptor or --trust-platform config.";
    PlatformAbsent, "platform.absent", Precondition, Note,
        "A platform of an index is not here. With `--sparse filter` it is left out, with `--sparse keep` the index goes on naming it.",
        "Nothing, if it is not needed where this goes. Else get it from where the image came from.";
    IndexNarrowed, "index.narrowed", Precondition, Note,
        "An index was made anew with some of its platforms, so it has another digest. Signatures and statements on the old one do not speak of it; those on its platforms do.",
        "Sign the new one, if a signature is asked for where it goes.";
    ImageSparse, "image.sparse", Precondition, Damage,
        "An index lists more platforms than are here. Docker with the containerd store and `ctr image export --platform` write such archives: the whole index, and the blobs of one platform.",
        "Get the other platforms from where the image came from, or run fsck with --allow-sparse if one is all that is wanted.";
    ImageLayerCount, "image.layer_count", Precondition, Warning,
        "The image has more layers than runtimes accept (127), or more than the limit.",
        "Build the image with fewer layers.";
    ImageDiffIdCount, "image.diffid_count", Corrupt, Damage,
        "The config lists another number of diffIDs than the manifest has layers.",
        "The image is broken. Get it again, or make it again with another tool.";
    NotForDocker, "image.not_for_docker", Precondition, Refusal,
        "A layer of the image cannot be in a docker-archive: it is no tar (squashfs, encrypted), or it is kept elsewhere and is not there. No reader of such archives loads the image.",
        "Write a layout or an oci-archive instead.";
    ConfigType, "config.type", Corrupt, Refusal,
        "A field of the image config has another JSON type than the specification gives it. Docker, podman, containerd and skopeo cannot read such an image.",
        "Get the image again from where it came from; its builder is at fault. `airbase cat --config IMAGE` prints the config.";
    ConfigEnv, "config.env", Corrupt, Warning,
        "An entry of Env has no equals sign, so it sets no variable. The specification asks for NAME=VALUE.",
        "Nothing need be done: runtimes pass over it.";
    ImageHistory, "image.history", Corrupt, Note,
        "The history does not fit the layers. History never decides which layers are kept; entries that cannot be matched are left out of the result.",
        "Nothing. The layers are right whatever the history says.";
    LayerAbsoluteName, "layer.absolute_name", Corrupt, Warning,
        "A member name in a layer begins with a slash. Runtimes take it for a name below the root of the image.",
        "Nothing, unless you unpack layers with other tools.";
    LayerDiffIdMismatch, "layer.diffid_mismatch", Corrupt, Damage,
        "A layer inflates to other bytes than its diffID in the config says.",
        "The config lies or the layer was exchanged. Do not use this image.";
    LayerCompression, "layer.compression_mismatch", Corrupt, Damage,
        "The bytes of a layer are not compressed as its media type says.",
        "Make the image again with another tool.";
    LayerTooLarge, "layer.too_large", Corrupt, Refusal,
        "A layer inflates to more bytes than the limit.",
        "If you trust it, raise the limit with --max-layer-bytes.";
    ArchiveTooLarge, "archive.too_large", Corrupt, Refusal,
        "A compressed archive inflates to more bytes than the limit.",
        "If you trust it, raise the limit with --max-archive-bytes, or decompress it first.";
    LayerHardlinkTarget, "layer.hardlink_target", Corrupt, Damage,
        "A layer has a hard link to a path that is neither earlier in the same layer nor in a layer below. Runtimes cannot unpack it.",
        "Make the image again with another tool.";
    LayerDuplicatePath, "layer.duplicate_path", Corrupt, Warning,
        "A layer has the same path twice. Runtimes keep the last one; some scanners read the first.",
        "Nothing, if you trust who made the image. Otherwise look at both with `tar -tvf`.";
    LayerWhiteout, "layer.whiteout", Corrupt, Damage,
        "A layer has a whiteout that names nothing to hide: no name follows `.wh.`, or it is . or .., or the whiteout is a directory with something in it. Runtimes disagree on what it removes.",
        "Make the image again with another tool.";
    StreamCorrupt, "stream.corrupt", Corrupt, Damage,
        "Compressed data is damaged.",
        "Copy the blob again from where it came from.";
    StreamTruncated, "stream.truncated", Corrupt, Damage,
        "Compressed data ends before its end.",
        "Copy the blob again from where it came from.";
    StreamTrailing, "stream.trailing", Corrupt, Warning,
        "Something else than zeros follows the compressed data of a layer. The digest covers it, and nobody who unpacks the layer sees it.",
        "Ask who made the image what it is. Where that does not matter, nothing.";
    ZstdWindow, "zstd.window", Corrupt, Refusal,
        "A layer or an archive was compressed with a zstd window above 128 MiB, so inflating it takes as much memory. The zstd command refuses it by default too.",
        "Ask for the image with its layers compressed with gzip, or by `zstd --long=27` at most.";
    XzDictionary, "xz.dictionary", Corrupt, Refusal,
        "An archive was compressed with an xz dictionary above 64 MiB, so inflating it takes as much memory. `xz -9` stays at 64 MiB.",
        "Decompress it first: `xz -dk FILE`.";
    GraphDepth, "graph.depth", Corrupt, Refusal,
        "Indexes are nested deeper than the limit.",
        "No real image does this. Do not use it.";
    GraphTooMany, "graph.too_many", Corrupt, Refusal,
        "There are more entries or documents than the limit.",
        "If you trust the input, raise the limit with --max-entries.";
    ReferrerOrphan, "referrer.orphan", Precondition, Warning,
        "A referrer names a subject that is not there. It is kept.",
        "Copy the subject too, or leave it.";

    // References.
    RefSyntax, "ref.syntax", Usage, Refusal,
        "A reference is not PATH[:NAME][@DIGEST].",
        "Write the path of a layout or an archive, then :NAME or @DIGEST where it holds several images.";
    RefPathMissing, "ref.path_missing", Usage, Refusal,
        "No file or directory exists at the path of the reference.",
        "Check the path; `ls` it.";
    RefNotFound, "ref.not_found", Precondition, Refusal,
        "The source holds no image of that name or digest.",
        "`airbase inspect PATH` lists the names.";
    RefNamesLeft, "ref.names_left", Precondition, Note,
        "An image was named by its place alone, it has several names there, and the result has the first of them.",
        "Give the others to the result with --tag or `airbase tag`, or copy everything with `airbase copy --all`.";
    RefAmbiguous, "ref.ambiguous", Precondition, Damage,
        "The reference fits several images.",
        "Name one of the candidates, or give its digest with @DIGEST.";
    RefTwoSplits, "ref.two_splits", Precondition, Refusal,
        "The reference can be split into path and name in two ways that both exist.",
        "Give the image by digest (PATH@DIGEST), or rename one of the two files.";
    RefStdin, "ref.stdin", Usage, Refusal,
        "An image cannot be read from standard input: archives are read by position, not as a stream.",
        "Write it to a file first: `cat > image.tar`, then give the path.";
    RefPlatform, "ref.platform", Precondition, Refusal,
        "The image has several platforms and the command needs one, or it lacks the one that was asked for.",
        "Name one with --platform OS/ARCHITECTURE[/VARIANT].";
    SourceUnknown, "source.unknown", Corrupt, Refusal,
        "The path is neither an image layout nor an archive that can be read.",
        "Give an OCI layout directory or an oci-archive.";
    SourceUnsupported, "source.unsupported", Corrupt, Refusal,
        "The kind of file is known but cannot be read by this version.",
        "Convert it first, as the message says.";

    DirVersion, "dir.version", Corrupt, Refusal,
        "The file version of a directory of skopeo's dir: is missing or says another version than 1.1, so the other files may be called otherwise. Where it is missing, 1.1 is assumed, as skopeo does.",
        "Convert it with the skopeo that wrote it: `skopeo copy --all dir:DIR oci:NEW`.";
    DirSignature, "dir.signature", Precondition, Warning,
        "Beside an image in skopeo's dir: lie signatures (signature-1 and so on). Layouts and archives have no place for them, so a copy does not have them; a rebased image is another one, of which they say nothing.",
        "Keep the directory as long as the signatures are needed, and sign what is made of it.";

    // Archives.
    ArchiveNotALayout, "archive.not_a_layout", Corrupt, Refusal,
        "The tar archive holds neither index.json nor manifest.json at its top.",
        "Pack it again from inside the layout: `tar -C DIR -cf image.tar oci-layout index.json blobs`.";
    ArchiveTruncated, "archive.truncated", Corrupt, Refusal,
        "The archive ends in the middle of a member.",
        "Copy the archive again; compare its size with the original.";
    ArchiveUnreferenced, "archive.unreferenced", Precondition, Warning,
        "The archive holds a blob that no document names. It is not copied.",
        "Nothing, unless you expected it: unlisted content is a way to smuggle data.";
    ArchiveViewsDisagree, "archive.views_disagree", Corrupt, Refusal,
        "The archive describes one image twice, for OCI readers (index.json) and for docker (manifest.json), and the two descriptions are of different images: one would be checked and the other one run.",
        "Do not use this archive. Ask where it came from.";
    DockerManifest, "docker.manifest", Corrupt, Refusal,
        "The manifest.json of a docker-archive is not what docker writes.",
        "Save the image again.";
    DockerConfigMismatch, "docker.config_mismatch", Corrupt, Refusal,
        "A config of a docker-archive is stored under the digest of something else.",
        "Save the image again; the archive is damaged or was changed.";
    DockerMissingEntry, "docker.missing_entry", Corrupt, Refusal,
        "The manifest.json of a docker-archive names a member that is not there.",
        "Save the image again, whole.";
    DockerLegacy, "docker.legacy", Corrupt, Refusal,
        "The archive is of a kind that docker wrote before version 1.10: it has no manifest.json.",
        "Load it into docker 1.10 to 27, which still reads it, and save it again.";
    DockerManifestMade, "docker.manifest_made", Precondition, Note,
        "A docker-archive has no image manifests. One was made from its manifest.json, always the same for the same archive.",
        "Nothing.";
    TarChecksum, "tar.checksum", Corrupt, Refusal,
        "The checksum of a tar header is wrong.",
        "Copy the archive again.";
    TarNumber, "tar.number", Corrupt, Refusal,
        "A number in a tar header cannot be read in one way only.",
        "Pack the archive again with GNU tar or bsdtar.";
    TarSizeConflict, "tar.size_conflict", Corrupt, Refusal,
        "Two headers give one member different sizes, so two readers would see different archives (CVE-2025-62518).",
        "Do not use this archive. Pack it again from its content.";
    TarMixedExtensions, "tar.mixed_extensions", Corrupt, Refusal,
        "A member has PAX and GNU extensions at once; readers disagree on them.",
        "Pack the archive again with one tool.";
    TarPaxDuplicate, "tar.pax_duplicate", Corrupt, Refusal,
        "A PAX header has the same record twice.",
        "Pack the archive again.";
    TarPaxMalformed, "tar.pax_malformed", Corrupt, Refusal,
        "A PAX header is not a list of well-formed records.",
        "Pack the archive again.";
    TarPaxGlobal, "tar.pax_global", Corrupt, Refusal,
        "A global PAX header changes names or sizes of members; readers disagree on it.",
        "Pack the archive again.";
    TarHeaderTooLarge, "tar.header_too_large", Corrupt, Refusal,
        "An extension header is larger than the limit.",
        "No real archive does this. Do not use it.";
    TarOrphanExtension, "tar.orphan_extension", Corrupt, Refusal,
        "An extension header belongs to no member, or a member has two of a kind.",
        "Pack the archive again.";
    TarSizeOnNonFile, "tar.size_on_nonfile", Corrupt, Refusal,
        "A member that is no file claims to have content.",
        "Do not use this archive. Pack it again from its content.";
    TarLink, "tar.link", Corrupt, Refusal,
        "A control file or a blob of the archive is a link that is not a plain link to a regular file inside the archive.",
        "Pack the archive again with `tar --dereference --hard-dereference`.";
    TarSparse, "tar.sparse", Corrupt, Refusal,
        "The archive holds a sparse file; readers disagree on those.",
        "Pack the archive again without `tar --sparse`.";
    TarDuplicateEntry, "tar.duplicate_entry", Corrupt, Refusal,
        "The archive holds the same name twice. Some readers take the first, some the last.",
        "Do not use this archive. Pack it again from its content.";
    TarName, "tar.name", Corrupt, Refusal,
        "A member name is absolute, climbs out with .., or differs from a control name only in its spelling.",
        "Do not use this archive. Pack it again from its content.";
    TarDataAfterEnd, "tar.data_after_end", Corrupt, Refusal,
        "Something stands after the end of the archive. Some readers go on there, some stop.",
        "Pack the archive again. Concatenated archives are not supported.";
    TarNoEnd, "tar.no_end", Corrupt, Warning,
        "The archive lacks its end marker. It may have been cut off at a member boundary.",
        "Compare its size with the original.";
    TarType, "tar.type", Corrupt, Refusal,
        "The archive holds a member of a type that does not belong into an image archive.",
        "Pack the archive again with regular files and directories only.";
    LimitNames, "limit.names", Corrupt, Refusal,
        "The names of the members of an archive or of a layer are longer, all together, than the limit.",
        "No builder makes such names. Pack it again from its content, if you trust that.";
    LimitRatio, "limit.ratio", Corrupt, Refusal,
        "A compressed archive holds a document, or a number of members, that is out of proportion to its own size: a bomb.",
        "If you trust it, decompress it first (`gunzip`, `zstd -d`) and give the plain archive.";
    JsonMembers, "json.members", Corrupt, Refusal,
        "An object of a document has more members than the limit.",
        "Real documents have a few hundred. Ask the producer.";
    TarTooMany, "tar.too_many", Corrupt, Refusal,
        "The archive has more members than the limit.",
        "If you trust it, raise the limit with --max-entries.";

    // Bases.
    BaseMismatch, "base.mismatch", Precondition, Damage,
        "The layers of the base are not the first layers of the image: it is not based on that image.",
        "`airbase base show IMAGE --bases DIR` searches all local images for the base that it really has.";
    BaseConflict, "base.conflict", Precondition, Damage,
        "The image names one base, and its layers prove another. What they prove may be a base of the base that the image names; moved from there, layers of the old base would stay in the image.",
        "Put the base that the image names beside the others, or name the old base yourself with --from. A base that is here under another name is settled with --map NAME=REFERENCE.";
    BaseUnknown, "base.unknown", Precondition, Damage,
        "No local image is a base of this image.",
        "Put the old base beside the others and name it with --bases or --from, or split by position with --seam-layers N.";
    BaseAmbiguous, "base.ambiguous", Precondition, Damage,
        "Several local images could be the base, and they are not the same. Of several images of one name the strictly newest is taken, if the old base is one of them or had the name, all have a date that can be true, the newest is not at its end, and its version is not lower.",
        "Name one with --from (the old base) or --onto (the new one), or decide by name or digest with --map.";
    BaseEmpty, "base.empty", Precondition, Damage,
        "The base has no layers. It would be the base of every image, so it proves nothing.",
        "Name a base that has layers, or use --seam-layers 0 to put layers under an image that has no base.";
    BaseNameUnknown, "base.name_unknown", Precondition, Warning,
        "It is not known under which name the base would be found, so no newer one can be looked for.",
        "Give the new base with --onto, or record the base with `airbase base set`.";
    BaseNameDropped, "base.name_dropped", Precondition, Warning,
        "The new base has no full name, and the old name names something else. The result carries the digest of its base and no name.",
        "Give the name with --base-name NAME.";
    BaseUnproven, "base.unproven", Precondition, Warning,
        "The boundary between base and app was given by position, by an annotation or by a label; no base was there to prove it.",
        "Put the old base beside the others and run again, if you can get it.";
    BaseNotRebasable, "base.not_rebasable", Precondition, Damage,
        "The image says of itself that its base must not be exchanged: the label io.buildpacks.rebasable is false. Its builder changed files of the base, or did not promise that another base fits.",
        "Build the image again. If you know that the new base fits, name the old one with --from, or the seam with --seam-layers N.";
    BaseLabelStale, "base.label_stale", Precondition, Warning,
        "The label io.buildpacks.lifecycle.metadata describes the base and could not be read, so it was kept. It still describes the old base.",
        "Build the image again with a newer lifecycle, and do not rebase the result with buildpacks tools.";
    BaseOtherDigest, "base.other_digest", Precondition, Warning,
        "The base was found under its recorded name, with another digest than the recorded one. Its layers are the image's lowest layers; what it sets may be of another edition with the same layers.",
        "Put the base with the recorded digest beside the others, if you can get it.";
    BaseOtherStack, "base.other_stack", Precondition, Damage,
        "Cloud Native Buildpacks built the image for one stack, and the new base is of another one (the labels io.buildpacks.stack.id, or name and version of the distribution). What buildpacks put into the app was built for the old stack.",
        "Build the image again on the new stack, or say with --force that it runs there.";
    BaseOlder, "base.older", Precondition, Warning,
        "The new base was created before the old one.",
        "Check that you gave the right one to --onto.";
    BaseSignature, "base.signature_present", Precondition, Note,
        "Signatures of the base are present. They were not verified.",
        "Verify them with the tool that made them.";

    // Rebase.
    PlatformMissing, "platform.missing", Precondition, Damage,
        "The new or the old base lacks a platform of the image.",
        "Get the base for this platform, or choose with --on-missing-platform keep-old|drop.";
    PlatformChanged, "platform.changed", Precondition, Damage,
        "The new base is for another platform than the image.",
        "Give the base for the right platform.";
    AttestationLeft, "attestation.left_behind", Precondition, Note,
        "An attestation describes the old bytes and stays with the old image.",
        "Make a new one for the new image.";
    MediaTypesDocker, "media_types.docker", Precondition, Note,
        "The image sets HEALTHCHECK, ONBUILD or SHELL and goes into a docker-archive, so its manifest was written with Docker's media types: podman takes these settings of no OCI manifest. Its digest is another one; config and layers are the same.",
        "Nothing need be done. An oci-archive or a layout keeps the OCI manifest, and podman runs it without its health check.";
    MediaTypesUnified, "media_types.unified", Precondition, Note,
        "Docker media types were changed to the equivalent OCI types, so that the result is of one kind. The layers are the same bytes.",
        "Nothing.";
    LayerNotConvertible, "layer.not_convertible", Precondition, Damage,
        "A layer has a media type that is no filesystem layer.",
        "Name an image, not an artifact.";
    ConfigOnBuild, "config.onbuild", Precondition, Warning,
        "The old or the new base has ONBUILD triggers. A build on the base would have run them; a rebase runs nothing and hands none down.",
        "Look at the triggers that the finding lists. Where they matter, build the image again on the new base.";
    ConfigDerived, "config.derived", Precondition, Warning,
        "A setting of the image contains a value of the old base that the new base has changed. A Dockerfile may have taken it from there (ENV LIB=$JAVA_HOME/lib), or have said it literally.",
        "Look at the setting. Where it came from the base, build the image again, or set it in the image.";
    ImageDeep, "image.deep", Precondition, Warning,
        "The image has more than 125 layers. Docker refuses to load such an image; containerd and podman may take more.",
        "Use a base with fewer layers, or build the image again with fewer.";
    RebaseNoAppLayers, "rebase.no_app_layers", Precondition, Damage,
        "The seam lies above the highest layer of the image, so nothing of the app would be in the result. A squashed image has one layer that holds base and app, and cannot be split.",
        "Give fewer layers with --seam-layers, or build the image again on the new base. If the app has only settings and no layer, say so with --force.";
    RebaseTwoWay, "rebase.two_way", Precondition, Warning,
        "The config of the old base is not there, so settings that the app inherited cannot be distinguished from its own. The app's settings were kept and the new base's were added where the app has none.",
        "Put the old base beside the others and run again, if you can get it.";
    NotAnImage, "image.not_an_image", Precondition, Damage,
        "The reference names an artifact, not a runnable image.",
        "Name an image.";

    // Referrers.
    ReferrerFallbackTag, "referrer.fallback_tag", Precondition, Warning,
        "The fallback tag of an image (`sha256-` and its digest) stands for something that is no index, so no list of referrers can be kept under it. Clients that look there see none.",
        "Look at what it is: `airbase inspect PATH:sha256-…`. If nobody needs the name, `airbase untag` it.";
    ReferrerStranger, "referrer.stranger", Precondition, Warning,
        "A list of referrers names something that does not refer to this image. regctl believes the list and copies it; others ask the manifest, as airbase does.",
        "`airbase doctor PATH --fix` takes it off the list, if it has an entry of its own; else it stays, since nothing would lead to it any more.";
    ReferrerGone, "referrer.gone", Precondition, Warning,
        "A referrer is listed and its manifest is not there. Copying the image with regctl fails on it, zot answers no question about referrers, and others stay silent.",
        "Get it from where the layout came from, or take it off the lists: `airbase detach IMAGE DIGEST`.";
    ReferrerSubject, "referrer.subject", Precondition, Warning,
        "A referrer describes its subject with another media type or size than the image has. With a wrong size oras refuses every image of the layout; with a wrong media type it does not see the referrer.",
        "It cannot be fixed without changing its digest: attach its content again with `airbase attach`, then `airbase detach` this one.";
    ReferrerSize, "referrer.size", Corrupt, Damage,
        "An entry gives a referrer another size or media type than its manifest has. oras and umoci refuse the whole layout because of it.",
        "`airbase doctor PATH --fix` writes the entry anew from the manifest.";
    ReferrerNoFallback, "referrer.no_fallback", Precondition, Warning,
        "The list under the fallback tag of an image does not name one of its referrers. regctl does not see it, and `regctl image copy --referrers` leaves it behind and reports success.",
        "`airbase doctor PATH --fix` puts it on the list.";
    ReferrerNoEntry, "referrer.no_entry", Precondition, Warning,
        "A referrer is on the list under the fallback tag and has no entry of its own in index.json. zot, when it is given this folder, does not see it.",
        "`airbase doctor PATH --fix` adds the entry.";
    ReferrerNotMirrored, "referrer.not_mirrored", Precondition, Warning,
        "The list under the fallback tag does not repeat the artifact type and all annotations of a referrer. regctl filters by what is there, and registries without the referrers API keep it so.",
        "`airbase doctor PATH --fix` writes it anew from the manifest.";
    ReferrerBlobOnly, "referrer.blob_only", Precondition, Note,
        "A manifest refers to an image and nothing lists it: cosign saves bundles so, and what was detached stays so until it is collected. No other client finds it, and the next one that collects garbage deletes it.",
        "`airbase doctor PATH --fix --adopt` lists it. If it was detached, leave it.";
    ReferrerRemovedType, "referrer.removed_type", Precondition, Warning,
        "A referrer is an artifact manifest, which the specification dropped. Copying its image with oras or regctl fails on most registries, the image included, and zot deletes it.",
        "`airbase doctor PATH --fix` writes it as an image manifest. That has another digest, so signatures of the old one do not speak of the new one.";
    ReferrerDangling, "referrer.dangling", Precondition, Note,
        "A referrer speaks of something that is not in the layout, or that nothing in it leads to any longer, as after `rm`. That is legal; `umoci gc` stops at it.",
        "Nothing, if the subject is on its way. `airbase gc PATH` shows it; `airbase tag PATH@DIGEST NAME` brings back a subject that is there.";
    ReferrerChildEntry, "referrer.child_entry", Precondition, Warning,
        "A platform of an image has referrers and no entry of its own in index.json. oras cannot be asked for them by digest, and zot may delete them.",
        "`airbase doctor PATH --fix` adds the entry.";
    CopyLeftOut, "copy.left_out", Precondition, Damage,
        "`copy --all` copies everything that has an entry. This one cannot be read whole, or the output has no place for it, so it stayed behind. Everything else was copied. Where the system could not read it, the status is 6.",
        "The details say why. Get what is missing from where the layout came from, and copy again.";
    ReferrerLeft, "referrer.left_out", Precondition, Note,
        "A referrer was not copied, because the output has no place for it, or because --type, --depth or --referrers none left it out. Without the statements on it an image looks better than it is.",
        "Copy the image into a layout or an oci-archive, without those options, to take it along.";

    RmOrphans, "rm.orphans", Precondition, Note,
        "An image was removed, and what refers to it was not: statements on it are still found by its digest, and `lifecycle trace` follows them, until `airbase gc` deletes them: what refers to nothing goes once it is older than `--grace`.",
        "Keep it, or take it away too: `airbase detach PATH@DIGEST REFERRER`; with `airbase rm PATH@DIGEST --referrers` both go at once. `airbase rm --dry-run` tells it before.";
    GcEmpty, "gc.empty", Precondition, Refusal,
        "index.json lists nothing and there are blobs: collecting would delete all of them. Some programs leave an empty list where they lost the full one.",
        "Copy index.json again from where the layout came from. If it is meant to be empty: `airbase gc PATH --allow-empty`.";
    RmStillNamed, "rm.still_named", Precondition, Note,
        "An image was removed under one name and has another one, so what refers to it was kept.",
        "Remove the other names too, or the digest: `airbase rm PATH@DIGEST --referrers`.";

    // Collections.
    CollectionMember, "collection.member", Precondition, Damage,
        "A member of a collection cannot be one, or cannot be distinguished from another: it has no name, its name is another member's too, it is a collection or a referrer itself, or a name is given that no member has.",
        "Give it a name of its own with `airbase tag`, and name members as `airbase collection show` lists them.";
    CollectionCycle, "collection.cycle", Precondition, Damage,
        "Members of a collection need each other in a circle, so that none of them can come first.",
        "Leave one of the dependencies away.";
    CollectionMoved, "collection.moved", Precondition, Warning,
        "The name of a member stands for another image now. The collection still means the one that it was made of.",
        "Make the collection again with `airbase collection create`, if it is to have the newer image.";
    CollectionNameKept, "collection.name_kept", Precondition, Warning,
        "A member was copied, and its name was not set, because in the output that name stands for another image.",
        "Name the member by its digest, or move the name with `airbase tag`.";

    // Registries.
    PrepareName, "prepare.name", Precondition, Warning,
        "An image cannot be pushed under its name: it has none, it does not say which repository it is of, or no registry takes it.",
        "Give it another name with `airbase tag`, or name the repository behind the registry.";
    PrepareLeft, "prepare.left_out", Precondition, Warning,
        "Something of the layout is not pushed: it has no name that says a repository, it belongs to something that is not pushed, or no client can push it.",
        "Give it a name with `airbase tag`; for images that never had one, name a repository: `airbase prepare --unnamed-into REPO`.";
    PrepareUntagged, "prepare.untagged", Precondition, Note,
        "An image that lost its name is pushed by its digest, so that who pinned that finds it. Some registries (zot, unless told otherwise) delete manifests without a tag, and the statements on them.",
        "`airbase prepare --keep-tag 'retired-{digest12}'` gives each of them a tag.";
    PrepareClient, "prepare.client", Precondition, Warning,
        "No client that is known here brings everything of an image there, or the one that was asked for with --client does not.",
        "Take another client, or do what the details say: `airbase prepare` without --client tells what each can do.";
    PrepareTwice, "prepare.twice", Precondition, Damage,
        "Two images have one name, in the layout or in the registry. Some clients take the first, some the last.",
        "Give one of them another name: `airbase tag PATH@DIGEST NAME`.";
    PrepareTagByTag, "prepare.tag_by_tag", Precondition, Note,
        "On registries without the referrers API the referrers of an image are listed under a tag. A program that pushes tag by tag writes its own list over that of the registry, and what was attached there is found no more.",
        "Push with regctl or oras as `airbase prepare` prints it; both join the lists.";
    PrepareSparse, "prepare.sparse", Precondition, Refusal,
        "An index was to be kept of which some platforms are not here. Registries look whether all that an index names is there, and refuse it.",
        "`airbase prepare --sparse filter -o DIR` makes an index of what is here; `--platform` takes one platform. `--registry-takes-sparse` says that this registry does not look.";
    PrepareSource, "prepare.source", Precondition, Refusal,
        "A docker-archive of the older kind holds no manifests, and a new index is nowhere yet, so nothing can be pushed from there.",
        "Write a layout with `airbase prepare -o DIR`, and push that.";
    SyncPlan, "sync.plan", Usage, Refusal,
        "The file is no plan of `airbase prepare`.",
        "Save one: `airbase prepare PATH --registry R --format json > plan.json`.";
    SyncShort, "sync.short_plan", Precondition, Damage,
        "`airbase prepare` had findings when it made the plan: something that was to be pushed may not be in it, so a registry that has all of the plan may lack it.",
        "Settle what `airbase prepare` said, and make the plan again.";
    SyncListing, "sync.listing", Usage, Refusal,
        "A listing cannot be understood, or it names no digests, or it does not say of which repository it is.",
        "Write lines `DIGEST NAME`, with - for the digest of what is not there. A listing that does not say its name is given as NAME=FILE.";
    SyncMissing, "sync.missing", Precondition, Damage,
        "Something of the plan is not in the registry, by the listing.",
        "Push it again with the command of the plan.";
    SyncOther, "sync.other_digest", Precondition, Damage,
        "A name of the plan stands for something else in the registry than was promised: another image was pushed under it, or the client changed this one on the way.",
        "Push it again with a command of the plan; skopeo keeps digests only as `skopeo copy --preserve-digests`.";
    SyncUntold, "sync.not_told", Precondition, Warning,
        "The listing does not say whether something of the plan is in the registry.",
        "Ask the registry for it and add the line: `regctl manifest head REFERENCE`.";

    // Life cycle.
    LifecycleDate, "lifecycle.date", Usage, Refusal,
        "A text that should be a date is none, or could mean several. Numbers of seconds, two-digit years and days that do not exist are not guessed at.",
        "Write YYYY-MM-DD, or YYYY-MM-DDThh:mm:ssZ.";
    LifecycleDialect, "lifecycle.dialect", Precondition, Note,
        "A time in a statement is not spelled as RFC 3339 has it. It was understood; other readers may not understand it.",
        "Nothing. What airbase writes is strict.";
    LifecycleUnreadable, "lifecycle.unreadable", Precondition, Damage,
        "A statement on the life cycle of an image has a value that cannot be understood, so it says less than its author meant.",
        "Ask its author, or make a new statement with `airbase lifecycle set` and remove this one.";
    LifecycleContradiction, "lifecycle.contradiction", Precondition, Warning,
        "A statement on the life cycle of an image says one thing in one place and another in another. Of a status and of a date the stricter one holds; of the rest our own key goes before the document, the document before the keys of others.",
        "Make a new statement with `airbase lifecycle set`.";
    LifecycleCreatedCopied, "lifecycle.created_copied", Precondition, Warning,
        "The creation time of a statement is that of the image, so it is not known when the statement was made. It counts as neither the oldest nor the latest: the strictest of such statements holds.",
        "Make a new statement with `airbase lifecycle set`, which carries its own time.";
    LifecycleProfile, "lifecycle.profile", Usage, Refusal,
        "The profile has no place for something that the statement is to say. Nothing was written.",
        "Use --profile combined or native, or leave that out.";
    LifecycleFuture, "lifecycle.future", Precondition, Warning,
        "A statement was made later than the time that is asked about. With --at it does not count. By the clock, its date cannot be right, so it counts as if it had none: it lifts nothing.",
        "Check the clock of this machine, or give the time with --at. If the clock is right, make a new statement with `airbase lifecycle set`.";
    LifecycleAmbiguous, "lifecycle.ambiguous", Precondition, Warning,
        "Statements on one image differ, and nothing says which one holds: they are of several issuers, or neither is later. The stricter one is taken.",
        "Of one issuer, say what holds with `airbase lifecycle set`. Of several, say whom to believe with --issuer, or override others with `airbase lifecycle set --override`.";

    LifecycleIssuerUnknown, "lifecycle.issuer_unknown", Precondition, Warning,
        "No statement that was read is of an issuer whose word was asked for with --issuer. Either nobody by that name said anything, or the name is misspelled; names are compared letter by letter.",
        "`airbase lifecycle history IMAGE` shows who said what.";
    LifecycleStopped, "lifecycle.stopped", Precondition, Warning,
        "Something new is made of an image that is withdrawn or at the end of its life. A new base does not make it better: what was wrong with the image itself is in the new one too.",
        "Ask who says so: `airbase lifecycle show IMAGE`.";
    LifecycleWithdrawn, "lifecycle.withdrawn", Precondition, Refusal,
        "The image is withdrawn: it must not be used, a batch makes nothing new of it, and nothing is moved onto it.",
        "Ask who says so with `airbase lifecycle show IMAGE`. If it may be used again, that issuer says `airbase lifecycle set IMAGE --status active`.";
    LifecycleSupersede, "lifecycle.supersede", Precondition, Refusal,
        "An image cannot be superseded by itself, by an index of itself, or by an older one. A note says that nobody had the name that --supersede was asked for.",
        "Exchange the two, or say --force if an older image is to be used again.";
    LifecycleImport, "lifecycle.import", Usage, Refusal,
        "The file is no list of ends of life that is known here.",
        "Give Microsoft's EolDigests, or a dump of endoflife.date: API v1, or the older one with --product.";

    // Packages and comparisons.
    PackagesUnread, "packages.unread", Precondition, Warning,
        "The image has a database of packages, or a list of users, that was not read, so what it says is not known.",
        "Databases of dpkg and apk are read, up to 64 MiB. Ask the program that wrote the database in a container of the image.";
    PackagesDamaged, "packages.damaged", Precondition, Damage,
        "A database of packages contradicts its own form, so the program that it belongs to refuses it, and so does airbase.",
        "Look at the line that is named. The image should be built again.";
    DiffPlatform, "diff.platform", Precondition, Warning,
        "The two images have no platform in common, so nothing was compared.",
        "Name images of the same platform; `airbase inspect` lists the platforms.";
    // Verdicts.
    VerdictMissing, "verdict.missing", Precondition, Damage,
        "A file that the image uses is not there after the move.",
        "Find out which package of the old base brought it, and add it to the new base or to the app.";
    VerdictAccess, "verdict.access", Precondition, Damage,
        "A file that the image runs is no file, or has no permission to be run, after the move; or its user may not read or write a file, or not go through a directory on the way to it.",
        "Compare the file with `airbase ls IMAGE PATH` in both images.";
    VerdictCommand, "verdict.command", Precondition, Damage,
        "A command that a script or the config runs is in no directory of PATH after the move.",
        "Add the package that brings the command to the new base or to the app.";
    VerdictScriptInterpreter, "verdict.script.interpreter", Precondition, Damage,
        "The interpreter in the first line of a script is not there after the move.",
        "Add the interpreter to the new base or to the app, or build the app again on the new base.";
    VerdictInterpreter, "verdict.elf.interpreter", Precondition, Damage,
        "The loader that a program asks for is not there, or is for another machine, after the move. Each C library has its own loader.",
        "Move the app onto a base of its own C library, or build it again on the new base.";
    VerdictNeeded, "verdict.elf.needed", Precondition, Damage,
        "The loader finds a library that a program needs in none of the places that it searches.",
        "Add the library to the new base or to the app, or build the app again on the new base.";
    VerdictVersion, "verdict.elf.version", Precondition, Damage,
        "A library is there, but lacks a version that a program needs: it is older than the one that the program was built with.",
        "Move the app onto a base whose library is at least as new, or build it again on this one.";
    VerdictSymbol, "verdict.elf.symbol", Precondition, Damage,
        "No library that is loaded defines a symbol that a program or a library needs. The program ends when it is bound: at the start, or when it is called.",
        "Build the app again on the new base.";
    VerdictModule, "verdict.module", Precondition, Damage,
        "A module that a script loads is in none of the directories where the interpreter looks after the move. Directories often carry the version of the interpreter.",
        "Build the app again on the new base, or add the module to it.";
    VerdictSyntax, "verdict.syntax", Precondition, Damage,
        "A script uses syntax that the interpreter of the new base is too old for, or that its shell does not understand.",
        "Move the app onto a base with an interpreter that is at least as new, or name the shell that the script is written for (`#!/bin/bash`) and add it to the app.";
    VerdictName, "verdict.name", Precondition, Damage,
        "A script takes a name from a module of the base that is not in the module after the move.",
        "Read what took its place in the notes of the new version, and change the script or build it on the new base.";
    VerdictUser, "verdict.user", Precondition, Damage,
        "A user or a group that the image runs as, or gives files to, is not there after the move, or has another number; or the image is run as another user, since the user is that of the base.",
        "Name the user by its number in the config of the app, or create it in the app's own layers.";
    VerdictTest, "verdict.test", Precondition, Warning,
        "A script tests whether a file is there, and the answer is another one after the move.",
        "Read what the script does then.";
    VerdictChanged, "verdict.changed", Precondition, Warning,
        "A script reads something of the base that is another one after the move, so what it prints or decides may change; or the app has something of its config from the base that is another one: what is started, the working directory, a variable. Where the app is certain to end with it, it is damage.",
        "Read what the script does with it. What the config should not have from the base, set in the image of the app itself.";
    VerdictOption, "verdict.option", Precondition, Warning,
        "A program is called with an option that the program of the new base may not have, or with words that it reads in another way. Where it is known to refuse the option, and nothing goes on without the command, it is damage.",
        "Try the command on the new base.";
    VerdictReference, "verdict.reference", Precondition, Warning,
        "A file of the app names a path, a time zone, a language or a library of the old base that is not there after the move.",
        "Find out whether the app needs it; then add it to the new base or to the app.";
    VerdictDepends, "verdict.package.depends", Precondition, Note,
        "A package that the app installed needs another one, by the database of packages, and the new base has none that does, or another version. What the app starts of the package was followed all the same, so that nothing is decided by this alone; it is a risk where files of what is needed were used and are not used any more.",
        "Add what is needed to the new base or to the app, if the app uses that part of the package; `apt-get check` or `apk fix -s` in the moved image says the same.";
    VerdictUnpack, "verdict.unpack", Precondition, Warning,
        "Unpackers make different files of a layer on the new base, or cannot unpack it.",
        "Build the layer again with an entry for the directory that is named.";
    VerdictUnclear, "verdict.unclear", Precondition, Warning,
        "Something that the image runs was not understood, so it is not known whether it still runs.",
        "Try the moved image. The report lists everything else that was found.";
    VerdictHiddenFix, "verdict.hidden_fix", Precondition, Warning,
        "The app has files of its own in the place of files that the new base changed, so fixes of the base do not reach the app, or it is not known whether they do. It is reported with --deny hidden-fix.",
        "Build the app again without its own copies, or accept each of them by a rule of the policy.";
    VerdictPolicy, "verdict.policy", Usage, Refusal,
        "The file given with --policy is no list of rules on findings of verdicts. A rule has `code`, `action` and `reason`, and where wanted `files` (a glob with * and ?) and `expires` (a date).",
        "Correct the line that is named; docs/verdict.md has an example.";
    VerdictPolicyExpired, "verdict.policy_expired", Precondition, Refusal,
        "A rule of the policy ended on the date that it has. Nothing was read, since what it accepted once may not be acceptable now.",
        "Decide again: remove the rule, or give it a later date.";
    VerdictOff, "verdict.off", Precondition, Note,
        "Nobody looked whether the image still runs on its new base: --verdict off was given.",
        "Run it without --verdict off, or ask `airbase verdict`.";
    VerdictSystem, "verdict.system", Precondition, Note,
        "The new base is another distribution, another version of it, or has another C library.",
        "Nothing follows from that alone; the other findings tell what does.";

    // Batches.
    BatchPlanVersion, "batch.plan_version", Precondition, Refusal,
        "The plan was made by another version of airbase, and says what this one does not understand.",
        "Make the plan again with this airbase.";
    BatchPlanInvalid, "batch.plan_invalid", Corrupt, Refusal,
        "The plan of a batch is damaged, cut off, or was edited in a way that leaves it without a meaning.",
        "Make the plan again. Whole lines between the first and the last may be deleted; nothing else may be edited.";
    BatchCollision, "batch.collision", Precondition, Damage,
        "Two different images of a batch would have the same name afterwards.",
        "Tell them apart with --name, such as --name '{file}:{tag}', or leave one of them out.";
    BatchCycle, "batch.cycle", Precondition, Damage,
        "Images of a batch are each other's new base, by their names.",
        "Correct the base that one of them records with `airbase base set`, or decide with --map.";
    BatchHeld, "batch.held", Precondition, Damage,
        "The new base of the image would be the result of another item, and that item was not done.",
        "Fix what stopped the base, then run the batch again.";
    BatchInputChanged, "batch.input_changed", Precondition, Damage,
        "An image or a base is no longer what the plan says: its source was changed, moved or replaced after planning.",
        "Make the plan again, or run where the inputs lie as they did (see --root).";
    BatchOutputDiffers, "batch.output_differs", Precondition, Damage,
        "What came out does not have the digest that the plan promises. The plan was edited, or made by another version of airbase.",
        "Make the plan again; nothing of this image was published.";
    BatchOutputTaken, "batch.output_taken", Precondition, Refusal,
        "The output holds another image under a name that the batch wants to give.",
        "Write to another place, or let the names move with --overwrite; the images that lose them stay, untagged.";
    BaseEndOfLife, "base.end_of_life", Precondition, Warning,
        "The new base is itself past the end of its life, by the statements beside it. The image is moved onto it all the same.",
        "Get a base that is still maintained; `airbase lifecycle show BASE` says who says so.";
    BaseSuperseded, "base.superseded", Precondition, Warning,
        "Another image takes the place of the new base, by what is said of it. Where the name of the base leads here, that image is not here.",
        "Get the image that takes its place, or name another base with --onto; `airbase lifecycle show BASE` says who says so.";
    BatchIncomplete, "batch.incomplete", Precondition, Refusal,
        "Items of the batch have no final status, so there is nothing to merge yet.",
        "Run the shards that are missing, then merge again.";

    // Writing.
    UsageOutput, "usage.output", Usage, Refusal,
        "The command does not say where the result goes, or names a place where it must not go.",
        "Give -o OUT, or --tag T to add it to the layout it came from.";
    UsageArgument, "usage.argument", Usage, Refusal,
        "An argument is wrong.",
        "Run the command with --help.";
    UsageEpoch, "usage.epoch", Usage, Refusal,
        "SOURCE_DATE_EPOCH is not a number of seconds.",
        "Unset it, or set it to a whole number.";
    OutputExists, "output.exists", Precondition, Refusal,
        "An archive of that name exists already.",
        "Choose another name, or replace it with --overwrite.";
    OutputTag, "output.tag", Usage, Refusal,
        "That text cannot be an image name here.",
        "Use letters, digits and . _ - / : @ +, and nothing that reads as a digest.";
    WriteConflict, "write.conflict", Busy, Refusal,
        "Another program keeps writing index.json without taking the lock.",
        "Run the programs one after another.";
    WriteBusy, "write.busy", Busy, Refusal,
        "Another writer holds the lock of the layout.",
        "Wait for it, or raise --lock-timeout.";
    BlobRepaired, "blob.repaired", Precondition, Warning,
        "A blob in the target had other bytes than its name says; it was replaced by the right ones.",
        "Find out what damaged the target: `airbase fsck` it.";
    Io, "io", Io, Refusal,
        "The operating system refused a file operation.",
        "The system's reason and the path say what to fix: a directory that is missing, a permission, a medium. Nothing was changed.";
    IoSpace, "io.space", Io, Refusal,
        "The disk or the quota is full, or has less room than what is to be written needs. The latter is found out before anything is written.",
        "Free some space. Nothing was changed.";
    IoAfterPublication, "io.after_publication", IoAfterPublication, Warning,
        "The result was published, but the last flush failed, so it may not survive a power cut.",
        "Run `sync`, and check the result with `airbase fsck`.";
    IoUntold, "io.untold", IoAfterPublication, Warning,
        "What was asked for is done, and standard output could not take the report of it.",
        "Look at the result with `airbase inspect` or `airbase fsck` before you run the command again, which may do it twice.";
    OutputName, "output.name", Precondition, Refusal,
        "The file of a result would have a longer name than file systems take.",
        "Give the results shorter names: `airbase batch plan --name PATTERN`.";
    OutputLimit, "output.limit", Precondition, Refusal,
        "What would be written is over a limit of the reader, so nobody could read it again. Nothing was written.",
        "Make it smaller: fewer or shorter annotations, fewer layers. The option that raises the limit (`--max-document-bytes`, `--max-index-bytes`, `--max-entries`) raises it for the reader too, and other clients have their own.";
    ReferrerListFull, "referrer.list_full", Precondition, Warning,
        "The list of the referrers of an image would be larger than a document may be. Annotations of the largest entries, and where that was not enough the oldest entries, were left out of it; statements on the life cycle come last. Their own entries in index.json are complete.",
        "Detach what nobody needs any more: `airbase referrers PATH` lists it.";
    InputChanged, "input.changed", Busy, Refusal,
        "An input changed while it was read.",
        "Wait until its writer is done and run again.";
    Bug, "bug", Bug, Refusal,
        "airbase contradicts itself. Nothing was published.",
        "Please report the command and the input.";
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.slug())
    }
}

impl Code {
    /// The code whose text form is `slug`.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.slug() == slug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_say_what_to_do() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.slug()), "{} twice", code.slug());
            assert_eq!(Code::from_slug(code.slug()), Some(*code));
            assert!(code.meaning().ends_with('.') && code.next().ends_with('.'), "{}", code.slug());
        }
    }
}
