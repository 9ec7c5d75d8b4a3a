//! `airbase rebase`

use clap::ValueEnum;

use super::superseding::Superseding;
use crate::cli::options::{Destination, Gate};
use crate::cli::terminal::Terminal;
use crate::foundation::clock::Time;
use crate::foundation::{Code, Error, Result};
use crate::plan::lifecycle::time::Moment;
use crate::plan::rebase::Preferences;
use crate::plan::rebase::created::CreatedPolicy;
use crate::verbs::rebase::{MissingPlatform, Request, TrustPlatform, plan};
use crate::verbs::{Choice, Places, Verify};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The image
    #[arg(value_name = "REF")]
    image: String,
    /// The new base; without it, what the name of the image's base means now among --bases
    #[arg(long, alias = "new-base", visible_alias = "to", value_name = "REF")]
    onto: Option<String>,
    #[command(flatten)]
    places: Places,
    /// The old base, where the image does not say it or says it wrongly; scratch if it has none
    #[arg(long, alias = "old-base", value_name = "REF", conflicts_with = "seam_layers")]
    from: Option<String>,
    /// How many of the lowest layers belong to the old base, where the old base is gone
    #[arg(long, value_name = "N")]
    seam_layers: Option<usize>,
    /// Do it even if --seam-layers leaves no layer of the app, if the new base is of another stack of buildpacks, if its name leads back to
    /// an older one, or if it is withdrawn or may be
    #[arg(long)]
    force: bool,
    /// As of when statements on bases count: YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ; without it SOURCE_DATE_EPOCH or the clock
    #[arg(long, visible_alias = "now", value_name = "TIME", value_parser = Moment::strict)]
    at: Option<Moment>,
    #[command(flatten)]
    destination: Destination,
    /// Set an annotation of the result
    #[arg(long = "annotation", short = 'a', value_name = "K=V", value_parser = super::pair)]
    annotations: Vec<(String, String)>,
    /// Print the plan and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Who wins where app and new base both changed a setting: app, base, or FIELD=app|base (User, Env.JAVA_HOME, Labels.KEY)
    #[arg(long, value_name = "WHO", num_args = 1)]
    prefer: Vec<String>,
    /// What to do with a platform that the new base lacks
    #[arg(long, value_enum, default_value_t)]
    on_missing_platform: MissingPlatform,
    /// Whom to believe where index and config give different platforms
    #[arg(long, value_enum, value_name = "WHO")]
    trust_platform: Option<TrustPlatform>,
    #[command(flatten)]
    choice: Choice,
    /// The date of the result; newest is the later one of image and new base
    #[arg(long, value_enum, default_value_t = Created::Newest)]
    created: Created,
    /// Which layers are inflated before anything is written
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    verify: Verify,
    #[command(flatten)]
    gate: Gate,
    #[command(flatten)]
    superseding: Superseding,
    /// The full name of the new base, where the base itself has none
    #[arg(long, value_name = "NAME")]
    base_name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Created {
    /// The later one of image and new base
    Newest,
    /// The image's own
    Keep,
    /// SOURCE_DATE_EPOCH
    Epoch,
    /// The present; the result is another one each time
    Now,
}

pub(in crate::cli) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<u8> {
    let nowhere = arguments.destination.output.is_none() && arguments.destination.tag.is_empty();
    let (output, names) = if arguments.dry_run && nowhere {
        (None, Vec::new())
    } else {
        let (output, names) = super::destination(&arguments.image, &arguments.destination)?;
        (Some(output), names)
    };
    let created = match arguments.created {
        Created::Newest => CreatedPolicy::Newest,
        Created::Keep => CreatedPolicy::Keep,
        Created::Now => CreatedPolicy::At(Terminal::epoch()?.unwrap_or_else(Time::now)),
        Created::Epoch => CreatedPolicy::At(Terminal::epoch()?.ok_or_else(|| {
            Error::new(Code::UsageEpoch, "--created epoch needs SOURCE_DATE_EPOCH")
                .hint("Set SOURCE_DATE_EPOCH to a number of seconds since 1970.")
        })?),
    };
    let request = Request {
        image: arguments.image.clone(),
        onto: arguments.onto.clone(),
        places: terminal.site.places(&arguments.places)?,
        from: arguments.from.clone(),
        seam_layers: arguments.seam_layers,
        force: arguments.force,
        now: Some(super::now(arguments.at)?),
        choice: arguments.choice.clone(),
        on_missing_platform: arguments.on_missing_platform,
        trust_platform: arguments.trust_platform.unwrap_or_default(),
        verify: arguments.verify,
        prefer: Preferences::parse(&arguments.prefer)?,
        created,
        annotations: arguments.annotations.clone(),
        base_name: arguments.base_name.clone(),
        verdict: arguments.gate.gate(super::now(arguments.at)?)?,
        supersede: arguments.superseding.taking()?,
        output,
        names,
        mtime: Terminal::mtime()?,
    };
    let plan = plan(&request, terminal.context())?;
    let report = if arguments.dry_run { plan.report } else { plan.apply(terminal.context())? };
    terminal.answer(&report)
}
