//! airbase: the offline toolkit for the base of your container images.
//!
//! It works on OCI image layouts and on archives of them. It proves which base an image is based on, tells whether that base
//! is outdated, and moves the app layers onto the newer base. It contains no network code, runs no external program, and
//! has no `unsafe`.
//!
//! # Map
//!
//! ```text
//! foundation  digests, limits, codes, findings, events, time; foundation::fsys alone touches files
//! format      strict lossless JSON, tar framing, gzip in blocks, ELF as a loader reads it: bytes in, values out
//! oci         descriptors, manifests, indexes, configs, platforms: views of verified bytes
//! read        sources (layout, archive, skopeo's directory), references, images, the catalogue of local images, layers, the files of an image
//! plan        decisions as values: which base, which layers, which config, whether it still runs
//! write       layouts and archives: stage, verify, flush, publish, exchange the index
//! report      the JSON contract and its rendering for users
//! verbs       read, plan, write, in this order: one function for each verb
//! ocipkg      the traits of the crate ocipkg over our sources and our store (feature `ocipkg`, off by default)
//! cli         arguments, terminal, exit status (feature `cli`, on by default)
//! ```
//!
//! A folder imports only folders above it in this list; a test checks that. `plan` and `write` do not know each other. The first three are
//! the crate `airbase-format`, `read` and `write` are `airbase-store`, `plan` is `airbase-plan`: they are handed on here, and no program
//! needs to name them.
//!
//! # What holds everywhere
//!
//! * A byte that was not hashed against its descriptor reaches no plan and no output. [`oci::Verified`] is the only way from
//!   bytes to a document, and [`write::Payload`] gets a name only after it was hashed from the buffer that was written.
//! * The same inputs and options give the same plan and the same output, whatever the number of threads, the umask, the
//!   locale or the time zone. Nothing depends on the order of a hash map.
//! * Documents that we did not make lose nothing: unknown fields survive, and what did not change is copied as bytes.
//! * Writing can be killed anywhere: a reader sees the old index or the new one, whole. An archive appears whole or not at all.
//! * Memory does not grow with the size of blobs.
//! * Text from documents and file names is escaped before it reaches a terminal.
//! * Nothing is deleted, re-pointed or repaired unless the caller asked for exactly that. (A blob whose content is not what its
//!   name says is replaced when the right content is written, and that is reported.)
//!
//! # As a library
//!
//! ```no_run
//! use airbase::oci::media_type::Compression;
//! use airbase::verbs::rebase::{Request, plan};
//! use airbase::verbs::{Context, Form, Output, Places};
//!
//! # fn main() -> airbase::foundation::Result<()> {
//! let context = Context::standard();
//! let request = Request {
//!     onto: Some("bases/debian-12.tar".into()),
//!     places: Places::of(["bases"]),
//!     output: Some(Output::Archive {
//!         path: "app-new.tar.gz".into(),
//!         form: Form::Oci,
//!         compression: Compression::Gzip,
//!         overwrite: false,
//!     }),
//!     ..Request::of("app.tar")
//! };
//! // Everything is decided here, and nothing is written.
//! let decided = plan(&request, context)?;
//! assert!(decided.report.written.is_none());
//! // This does what the plan says.
//! let report = decided.apply(context)?;
//! # let _ = report;
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "ocipkg")]
pub mod ocipkg;
pub mod report;
pub mod verbs;

#[doc(inline)]
pub use airbase_format::{format, foundation, oci};
#[doc(inline)]
pub use airbase_plan::plan;
#[doc(inline)]
pub use airbase_store::{read, write};
