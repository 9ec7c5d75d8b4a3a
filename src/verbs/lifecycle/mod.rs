//! The life cycle of images: `set`, `supersede`, `compact`, `import` write statements, `show`, `history`, `trace`, `check` and
//! `report` say what follows from them.
//!
//! `reader` reads what is said of an image and of each of its platforms (`subject`); what that means is decided in `plan::lifecycle`. The
//! time is always an argument, so that a question can be asked again as of another day.

mod above;
mod beside;
mod brought;
mod check;
mod compact;
mod import;
mod inherited;
mod reader;
mod set;
mod show;
mod stated;
mod stopped;
mod strange;
mod subject;
mod supersede;
mod taking;
mod trace;
mod words;

pub(super) use brought::{BroughtDown, bringer, brought_along, brought_down};
pub use check::{Check, check, report};
pub(super) use compact::replaced;
pub use compact::{Compact, compact};
pub use import::{Import, import};
pub(super) use reader::Reader;
pub use set::{Clear, Set, set};
pub use show::{History, Show, history, show};
pub(super) use stated::{Speaking, Statements};
pub(super) use stopped::{Stopped, stopped};
pub(super) use strange::Strange;
pub(super) use supersede::{Successor, superseding};
pub use supersede::{Supersede, supersede};
pub use taking::Taking;
pub(super) use taking::{Holders, Marked, Taker, layout_at, taken_over};
pub use trace::{Trace, trace};
#[cfg(feature = "cli")]
pub(super) use words::present;
#[cfg(feature = "cli")]
pub(crate) use words::said;
pub use words::{Authorship, End, Words};
