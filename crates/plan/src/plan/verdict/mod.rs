//! Will the moved image still run? A decision over the files of the image before and after the move; nothing is run.
//!
//! Both images are followed from their entrypoints (`trace`): programs with their loaders and libraries (`loader`), scripts with
//! their commands (`shell`) and modules (`languages`). Only what resolved before and does not now is a finding. What was not
//! understood is said, and then the answer is never that it runs.

mod answer;
mod base;
mod compare;
mod dependencies;
mod environment;
mod fixes;
mod gate;
mod index;
mod languages;
mod launch;
mod loader;
mod lost;
mod memo;
mod owners;
mod policy;
mod references;
mod settings;
mod shell;
mod system;
#[cfg(test)]
mod tests;
mod tools;
mod trace;
mod users;
mod view;
mod worlds;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use self::answer::{Answer, Judgement, Patched, Side};
use self::compare::Comparison;
use self::fixes::{Fixes, unread};
pub use self::gate::{Gate, Strictness, one_line};
pub use self::memo::Memo;
pub use self::owners::Hidden;
use self::owners::Owners;
pub use self::policy::{Rule, parse as policy};
use self::trace::Trace;
use self::view::{Launch, View};
use crate::foundation::{Code, Result, Severity};
use crate::read::rootfs::Unpacker;

/// How many commands a shell script has.
///
/// # Errors
/// Why it cannot be followed.
pub fn read_script(text: &[u8]) -> std::result::Result<usize, &'static str> {
    let script = shell::Script::parse_knowing(text, false, Some(&shell::Known::nothing()));
    script.unclear.map_or(Ok(script.commands.len()), Err)
}

/// Reads a text as all settings and languages that are followed: how much each has in it.
pub fn read_code(text: &[u8]) -> [usize; 6] {
    use self::languages::engines::{java, javascript, php};
    use self::settings::{cron, nginx, supervisord};
    [
        nginx::directives(text).map_or(0, |all| all.len()),
        cron::table(text, true).jobs.len(),
        supervisord::sections(text).map_or(0, |all| all.len()),
        javascript::read(text).loads.len(),
        php::read(text, b"/a.php").loads.len(),
        java::archive(text, 1 << 20).map_or(0, |all| all.classes.paths.len()),
    ]
}

/// Decides one platform. What it finds out of programs it leaves in `memo` for others.
///
/// # Errors
/// `tar.too_many`.
pub fn judge(before: &Side<'_>, after: &Side<'_>, old_base_is_known: bool, memo: &Arc<Memo>) -> Result<Judgement> {
    let decided = decide(before, after, Unpacker::Overlay, memo)?;
    let mut judgement = decided;
    let differing = judgement.findings.iter().any(|finding| finding.code == Code::VerdictUnpack);
    if differing {
        let other = decide(before, after, Unpacker::Merged, memo)?;
        if other.answer != judgement.answer {
            // Each family of unpackers gets another image; none of the two answers is the one.
            judgement.answer = Answer::Risks;
            for finding in &mut judgement.findings {
                finding.severity = finding.severity.min(Severity::Warning);
            }
        }
    }
    if !old_base_is_known {
        judgement.patched = Patched::Unknown;
    }
    Ok(judgement)
}

fn decide(before: &Side<'_>, after: &Side<'_>, unpacker: Unpacker, memo: &Arc<Memo>) -> Result<Judgement> {
    let old = View::of(before.layers, before.seam, Launch::of(before.config), unpacker, Arc::clone(memo))?;
    let new = View::of(after.layers, after.seam, Launch::of(after.config), unpacker, Arc::clone(memo))?;
    Ok(compare(&old, &new))
}

fn compare(old: &View, new: &View) -> Judgement {
    let comparison = Comparison { from: Trace::of(old), to: Trace::of(new), old, new, owners: Owners::new(old, new) };
    let mut findings = comparison.findings();
    let system = system::differences(old, new);
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.code == Code::VerdictUnclear, finding.message.clone()));
    findings.dedup();
    let mut findings: Vec<_> = findings.into_iter().map(|finding| comparison.owners.name(finding)).collect();
    findings.splice(0..0, system);
    let answer = findings.iter().map(Answer::of).max().unwrap_or(Answer::Runs);
    let Fixes { hidden, none_arrives } = Fixes::of(old, new, &comparison.owners);
    let unread = unread(old, new);
    let all_read = unread.is_empty();
    findings.extend(unread);
    let reached = &comparison.to.reached;
    let patched = match answer {
        _ if none_arrives => Patched::No,
        _ if !hidden.is_empty() => Patched::Partly,
        _ if !all_read => Patched::Unknown,
        Answer::Unknown => Patched::Unknown,
        _ if reached.is_empty() || carries_libraries(new, reached) => Patched::Unknown,
        _ => Patched::Yes,
    };
    Judgement { answer, patched, hidden, findings, reached: comparison.to.reached.len() }
}

/// Whether a program of the app that is reached needs nothing of any base.
fn carries_libraries(view: &View, reached: &BTreeSet<Vec<u8>>) -> bool {
    let own = reached.iter().filter_map(|path| view.find(path)).filter(|entry| view.is_own(*entry));
    own.filter_map(|entry| view.elf(entry)).any(|elf| elf.interpreter.is_none() && elf.needed.is_empty())
}
