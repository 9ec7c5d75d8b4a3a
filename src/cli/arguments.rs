//! The command line as clap sees it.

use clap::{Parser, Subcommand};

use super::command::{
    annotate, attach, base, batch, cat, collection, config, copy, demo, detach, diff, doctor, explain, fsck, generate, index, inspect,
    lifecycle, ls, outdated, prepare, rebase, rm, tag, untag, verdict, verify_sync, why,
};
use super::options::Global;
use crate::verbs;

/// Prove which base a container image has, and move it onto a newer one: offline, on layouts and archives.
///
/// An image is named by a reference: PATH[:NAME][@DIGEST], where PATH is an OCI layout directory or an oci-archive.
/// Without NAME and DIGEST the only image of the source is meant.
///
/// Exit status: 0 done, 1 findings or a negative verdict, 2 usage, 3 corrupt or unsafe input, 4 precondition not met or
/// ambiguous, 5 busy (retry), 6 input/output error and nothing changed, 7 the same after publication, 70 a bug.
#[derive(Debug, Parser)]
#[command(name = "airbase", version, max_term_width = 110, propagate_version = true)]
pub(in crate::cli) struct Line {
    /// Options of all commands.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Show what is in a layout, an archive or a folder of them
    Inspect(inspect::Arguments),
    /// List the files of an image
    Ls(ls::Arguments),
    /// Print a raw manifest, config, blob or file
    Cat(cat::Arguments),
    /// Show what differs between two images or bases: packages, files, users, libraries, settings, layers
    Diff(diff::Arguments),
    /// Tell which layer brought a file or a package, and what a move does to it
    Why(why::Arguments),
    /// Check a layout or an archive, and list everything that is wrong
    #[command(alias = "validate")]
    Fsck(fsck::Arguments),
    /// Find, prove and record bases
    #[command(subcommand)]
    Base(base::Command),
    /// List images whose base is outdated
    Outdated(outdated::Arguments),
    /// Move an image from its old base onto a new one
    Rebase(rebase::Arguments),
    /// Decide whether an image still runs after a move, and write nothing
    Verdict(verdict::Arguments),
    /// Move many images, in the order in which they are based on each other
    #[command(subcommand)]
    Batch(batch::Command),
    /// Copy an image, byte for byte
    #[command(alias = "cp")]
    Copy(copy::Arguments),
    /// Assemble one index from images of several platforms
    Index(index::Arguments),
    /// Give an image of a layout one more name
    Tag(tag::Arguments),
    /// Remove a name from a layout; the image stays
    Untag(untag::Arguments),
    /// Set annotations of an image
    Annotate(annotate::Arguments),
    /// Make, show and check an application as an index of its images
    #[command(subcommand)]
    Collection(collection::Command),
    /// Attach an SBOM, a report, anything to an image
    Attach(attach::Arguments),
    /// Show who refers to an image, and who to those
    Referrers(verbs::referrers::Query),
    /// Take what was attached away again
    Detach(detach::Arguments),
    /// Show which client sees which referrer, and fix what they do not see
    Doctor(doctor::Arguments),
    /// Say that an image is outdated, and ask what was said
    #[command(subcommand)]
    Lifecycle(lifecycle::Command),
    /// Remove an image from a layout, and what refers to it if asked to
    Rm(rm::Arguments),
    /// Show what nobody needs in a layout, and delete it if asked to
    Gc(verbs::gc::Request),
    /// Print what to push to a registry, with which commands, under which names and digests; and write what it wants
    Prepare(prepare::Arguments),
    /// Tell whether everything of a plan of `prepare` was pushed, from a listing that was brought back
    VerifySync(verify_sync::Arguments),
    /// Make a small old base, new base and app, and tell the whole story on them
    Demo(demo::Arguments),
    /// Show what is set in the environment and in files, and where
    Config(config::Arguments),
    /// Say what a code means and what to do
    Explain(explain::Arguments),
    /// Print completions for a shell: bash, zsh, fish, elvish, powershell
    #[command(alias = "completion")]
    Completions(generate::Completions),
    /// Print the man page, or write one of each command into a folder
    Man(generate::Man),
    /// Completions and man pages
    #[command(hide = true, subcommand)]
    Generate(generate::Generate),
}
