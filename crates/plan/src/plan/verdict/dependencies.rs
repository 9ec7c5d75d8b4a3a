//! What packages of the app need, and the new base does not have.

use super::compare::Comparison;
use super::loader::shown;
use crate::format::packages::relation::{Relation, Relations};
use crate::foundation::{Code, Fact, Finding, Severity};
use crate::plan::packages::{Installed, Packages, Providers, System};

/// A package of the app, with what it needs.
type Own<'p> = (&'p Installed, &'p Relations);

impl Comparison<'_> {
    /// What packages of the app had before the move, and do not have after it.
    ///
    /// The database of the app lies over that of the new base and still lists what the old base had, so the packages of the moved image
    /// are those that the new base lists by itself, and those that the app added.
    pub(super) fn dependencies(&self, findings: &mut Vec<Finding>) {
        if self.old.shared_packages().is_some() {
            return;
        }
        let (image, old_base, new_base) = (self.old.packages(), self.old.base_packages(), self.new.base_packages());
        // Of what was not read nobody knows what it lacks.
        if ![image, old_base, new_base].into_iter().all(Packages::is_complete) {
            return;
        }
        let own = own(image, old_base);
        let (mut before, mut after) = (Providers::default(), Providers::default());
        image.related().for_each(|(package, relations)| before.add(package, relations));
        new_base.related().chain(own.iter().copied()).for_each(|(package, relations)| after.add(package, relations));
        for system in [System::Dpkg, System::Apk] {
            let lacking = own.iter().filter(|(package, _)| package.system == system).filter_map(|(package, relations)| {
                let lost = |need: &&Relation| before.satisfying(package, need).is_some() && after.satisfying(package, need).is_none();
                let needs: Vec<&Relation> = relations.needs.iter().filter(lost).collect();
                (!needs.is_empty()).then_some(Lacking { package, needs })
            });
            let lacking: Vec<Lacking<'_>> = lacking.collect();
            if new_base.databases.contains_key(&system) {
                findings.extend(lacking.iter().map(|lacking| self.lacking(lacking, &before, &after)));
            } else {
                findings.extend(self.without_system(system, &lacking));
            }
        }
    }

    fn lacking(&self, lacking: &Lacking<'_>, before: &Providers<'_>, after: &Providers<'_>) -> Finding {
        let Lacking { package, needs } = lacking;
        let list = |packages: Vec<&Installed>| packages.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let all = needs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let had = needs.iter().filter_map(|need| before.satisfying(package, need)).collect();
        let mut has: Vec<&Installed> = needs.iter().flat_map(|need| after.named(package, need)).collect();
        has.dedup();
        let found = if has.is_empty() { "none of that name".to_owned() } else { list(has) };
        let used = needs.iter().filter_map(|need| before.satisfying(package, need)).any(|had| self.is_left(had));
        Finding::new(Code::VerdictDepends, format!("a package of the app needs what the new base does not have: {package} needs {all}"))
            .severity(if used { Severity::Warning } else { Severity::Note })
            .at(self.database(package))
            .expected(Fact::new(list(had), "the image"))
            .found(Fact::new(found, "the new base"))
    }

    /// Where the new base has no packages of that kind at all.
    fn without_system(&self, system: System, lacking: &[Lacking<'_>]) -> Option<Finding> {
        let Lacking { package, needs } = lacking.first()?;
        let need = needs.first()?;
        let (name, count) = (system.name(), lacking.len());
        let packages = if count == 1 { "package" } else { "packages" };
        let message = format!(
            "packages of the app need others, and the new base has no packages of {name}: {count} {packages}, of which {package} needs {need}"
        );
        Some(
            Finding::new(Code::VerdictDepends, message)
                .at(self.database(package))
                .expected(Fact::new(format!("packages of {name}"), "the image"))
                .found(Fact::new("none", "the new base")),
        )
    }

    /// Whether the image used files of a package, and the moved image uses none of them.
    fn is_left(&self, package: &Installed) -> bool {
        let mut used = self.old.packages().files(package).filter(|path| self.from.reached.contains(*path)).peekable();
        let still = |path: &[u8]| self.new.find(path).is_some_and(|entry| self.to.reached.contains(&entry.path()));
        used.peek().is_some() && !used.any(still)
    }

    /// The database that lists a package of the image.
    fn database(&self, package: &Installed) -> String {
        let places: &[&str] = match package.system {
            System::Dpkg => &["/var/lib/dpkg/status"],
            System::Apk => &["/lib/apk/db/installed", "/usr/lib/apk/db/installed"],
        };
        let there = places.iter().find(|path| self.old.exists(path.as_bytes()));
        there.map_or_else(|| format!("/var/lib/dpkg/status.d/{}", shown(package.name.as_bytes())), ToString::to_string)
    }
}

/// A package of the app, and what it does not have any more.
struct Lacking<'p> {
    package: &'p Installed,
    needs: Vec<&'p Relation>,
}

/// The packages of an image that its base does not list.
fn own<'p>(image: &'p Packages, base: &Packages) -> Vec<Own<'p>> {
    let is_of_base = |package: &Installed| {
        base.named(&package.name).any(|known| known.system == package.system && known.architecture == package.architecture)
    };
    image.related().filter(|(package, _)| !is_of_base(package)).collect()
}
