//! Users and groups: whether the config's user is there, and whose the app's files are.

use std::collections::BTreeSet;

use super::compare::{Comparison, finding};
use super::loader::shown;
use super::trace::{Identity, Trace};
use super::view::View;
use crate::foundation::{Code, Fact, Finding};
use crate::read::rootfs::Entry;

/// A line of `/etc/passwd` or `/etc/group`: the name and the number.
fn number(text: &[u8], name: &[u8]) -> Option<u64> {
    text.split(|byte| *byte == b'\n').find_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        if fields.next() != Some(name) {
            return None;
        }
        std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()
    })
}

/// The number of a user.
pub(super) fn user(view: &View, name: &[u8]) -> Option<u64> {
    number(view.text(b"/etc/passwd").unwrap_or_default(), name)
}

/// The names of all users.
pub(super) fn names(view: &View) -> Vec<&[u8]> {
    let lines = view.text(b"/etc/passwd").unwrap_or_default().split(|byte| *byte == b'\n');
    lines.filter_map(|line| line.split(|byte| *byte == b':').next()).filter(|name| !name.is_empty()).collect()
}

/// All users with the directories where they are at home.
pub(super) fn homes(view: &View) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lines = view.text(b"/etc/passwd").unwrap_or_default().split(|byte| *byte == b'\n');
    lines.filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        Some((fields.next()?, fields.nth(4)?))
    })
}

/// Where a user is at home, by name or number.
pub(super) fn home(view: &View, user: &[u8]) -> Option<Vec<u8>> {
    entry(view, b"/etc/passwd", user)?.get(5).map(|home| home.to_vec())
}

/// The shell of a user, which is empty if its line names none.
pub(super) fn login_shell(view: &View, user: &[u8]) -> Option<Vec<u8>> {
    entry(view, b"/etc/passwd", user)?.get(6).map(|shell| shell.to_vec())
}

/// The names of all numbers in a file of users or groups.
pub(super) fn numbers<'v>(view: &'v View, file: &[u8]) -> BTreeSet<(&'v [u8], &'v [u8])> {
    let lines = view.text(file).unwrap_or_default().split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b':');
            Some((fields.next()?, fields.nth(1)?))
        })
        .collect()
}

/// What the line of a user says of it beside its password and its full name.
pub(super) fn told(view: &View, user: &[u8]) -> Option<Vec<Vec<u8>>> {
    let line = entry(view, b"/etc/passwd", user)?;
    Some([0, 2, 3, 5, 6].iter().filter_map(|at| line.get(*at).map(|field| field.to_vec())).collect())
}

/// The name and the number of a group.
pub(super) fn team(view: &View, group: &[u8]) -> Option<Vec<Vec<u8>>> {
    let line = entry(view, b"/etc/group", group)?;
    Some([0, 2].iter().filter_map(|at| line.get(*at).map(|field| field.to_vec())).collect())
}

/// The line of a file that has a name or a number, in its fields.
fn entry<'v>(view: &'v View, file: &[u8], name: &[u8]) -> Option<Vec<&'v [u8]>> {
    let fields = |line: &'v [u8]| line.split(|byte| *byte == b':');
    let is_it = |line: &&'v [u8]| fields(line).next() == Some(name) || fields(line).nth(2) == Some(name);
    view.text(file)?.split(|byte| *byte == b'\n').find(is_it).map(|line| fields(line).collect())
}

/// The number of a group.
pub(super) fn group(view: &View, name: &[u8]) -> Option<u64> {
    number(view.text(b"/etc/group").unwrap_or_default(), name)
}

/// The user of a config, as far as programs tell of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UserFacts {
    /// Its number, by itself or by its line.
    number: Vec<u8>,
    /// Its line of `/etc/passwd` up to the groups.
    line: Vec<Vec<u8>>,
    /// The number of its group, and the names that group has.
    group: (Vec<u8>, Vec<Vec<u8>>),
    /// The names of all its groups.
    groups: Vec<Vec<u8>>,
}

impl UserFacts {
    /// Whether what is asked for is not the same.
    fn differs(&self, other: &Self, asked: Identity) -> bool {
        match asked {
            Identity::Number => self.number != other.number,
            Identity::Name => self.line.first() != other.line.first(),
            Identity::Group => self.group != other.group,
            Identity::All => self != other,
        }
    }
}

/// The user of a config.
pub(super) fn identity(view: &View, user: &str) -> UserFacts {
    let (name, team) = user.split_once(':').unwrap_or((user, ""));
    let name: &[u8] = if name.is_empty() { b"0" } else { name.as_bytes() };
    let lines = |path: &[u8]| view.text(path).unwrap_or_default().split(|byte| *byte == b'\n');
    let fields = |line: &[u8]| -> Vec<Vec<u8>> { line.split(|byte| *byte == b':').map(<[u8]>::to_vec).collect() };
    let own = lines(b"/etc/passwd").map(fields).find(|fields| [0, 2].iter().any(|at| fields.get(*at).is_some_and(|field| field == name)));
    let own = own.unwrap_or_default();
    let (login, first) = (own.first().cloned().unwrap_or_default(), own.get(3).cloned().unwrap_or_default());
    let number = if name.iter().all(u8::is_ascii_digit) { name.to_vec() } else { own.get(2).cloned().unwrap_or_default() };
    let team = if team.is_empty() { first } else { team.as_bytes().to_vec() };
    let is_own = |group: &Vec<Vec<u8>>| [0, 2].iter().any(|at| group.get(*at) == Some(&team));
    let member = |group: &Vec<Vec<u8>>| {
        is_own(group) || group.get(3).is_some_and(|members| members.split(|byte| *byte == b',').any(|member| *member == login))
    };
    let named = |fits: &dyn Fn(&Vec<Vec<u8>>) -> bool| {
        lines(b"/etc/group").map(fields).filter(|group| fits(group)).filter_map(|group| group.first().cloned()).collect()
    };
    UserFacts { number, line: own.get(..4).unwrap_or_default().to_vec(), group: (team.clone(), named(&is_own)), groups: named(&member) }
}

/// The user that runs an image, in numbers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user: u64,
    pub(super) group: u64,
    /// Its further groups; those of root give it nothing that it has not.
    groups: BTreeSet<u64>,
}

impl Account {
    /// That of a config; none for a user or a group that is not there.
    pub(super) fn of(view: &View) -> Option<Self> {
        let (name, team) = view.launch.user.split_once(':').unwrap_or((&view.launch.user, ""));
        let name = if name.is_empty() { "0" } else { name };
        let parse = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<u64>().ok();
        let line = entry(view, b"/etc/passwd", name.as_bytes());
        let field = |at: usize| line.as_ref().and_then(|line| parse(line.get(at)?));
        let user = if is_number(name) { name.parse().ok() } else { field(2).or((name == "root").then_some(0)) }?;
        let group = match team {
            // Runtimes give a number without a line the group of root.
            "" => field(3).unwrap_or(0),
            team if is_number(team) => team.parse().ok()?,
            team => group(view, team.as_bytes())?,
        };
        let mut account = Self { user, group, groups: BTreeSet::new() };
        let login = line.as_ref().and_then(|line| line.first().copied()).filter(|_| user != 0);
        for line in view.text(b"/etc/group").unwrap_or_default().split(|byte| *byte == b'\n') {
            let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
            let member = |members: &[u8]| members.split(|byte| *byte == b',').any(|member| Some(member) == login);
            if fields.get(3).copied().is_some_and(member) {
                account.groups.extend(fields.get(2).copied().and_then(parse));
            }
        }
        Some(account)
    }
}

/// The number of the user of an image and those of its groups; none for root, and for a user that is not there.
pub(super) fn ids(view: &View) -> Option<(u64, BTreeSet<u64>)> {
    let Account { user, group, mut groups } = Account::of(view).filter(|account| account.user != 0)?;
    groups.insert(group);
    Some((user, groups))
}

/// Whether a text is a number, which needs no line.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The first file of the app that belongs to a user.
pub(super) fn owned(view: &View, user: u64) -> Option<Entry<'_>> {
    view.rootfs().own().into_iter().find(|entry| entry.owner().0 == user && view.is_own(*entry))
}

impl Comparison<'_> {
    pub(super) fn users(&self, findings: &mut Vec<Finding>) {
        let text = &self.new.launch.user;
        let (name, team) = text.split_once(':').unwrap_or((text, ""));
        if !name.is_empty() && !is_number(name) {
            match (user(self.old, name.as_bytes()), user(self.new, name.as_bytes())) {
                (_, None) => {
                    findings.push(finding(Code::VerdictUser, true, format!("the user is not in /etc/passwd: {name}"), Trace::CONFIG));
                }
                (Some(old), Some(new)) if old != new => {
                    if let Some(file) = owned(self.new, old) {
                        let private = file.mode().trailing_zeros() >= 6;
                        let message = format!("the user {name} has another number, and files of the app belong to the old one");
                        findings.push(
                            finding(Code::VerdictUser, private, message, &format!("/{}", shown(&file.path())))
                                .expected(Fact::new(old, "/etc/passwd of the image"))
                                .found(Fact::new(new, "/etc/passwd of the moved image")),
                        );
                    }
                }
                _ => {}
            }
        }
        if !team.is_empty() && !is_number(team) && group(self.new, team.as_bytes()).is_none() {
            findings.push(finding(Code::VerdictUser, true, format!("the group is not in /etc/group: {team}"), Trace::CONFIG));
        }
        let differs = |asked: Identity, user: &str| identity(self.old, user).differs(&identity(self.new, user), asked);
        let other = self.to.identity.iter().find(|((asked, user), _)| differs(*asked, user));
        if let Some((_, by)) = other {
            findings.push(finding(Code::VerdictChanged, false, "the names of the user and its groups are other ones".to_owned(), by));
        }
        for (name, (by, guarded)) in &self.to.users {
            if user(self.old, name).is_some() && user(self.new, name).is_none() {
                findings.push(finding(Code::VerdictUser, !guarded, format!("the user is not in /etc/passwd: {}", shown(name)), by));
            }
        }
        for (name, (by, guarded)) in &self.to.groups {
            match (group(self.old, name), group(self.new, name)) {
                (Some(_), None) => {
                    findings.push(finding(Code::VerdictUser, !guarded, format!("the group is not in /etc/group: {}", shown(name)), by));
                }
                (Some(old), Some(new)) if old != new => {
                    let changed = finding(Code::VerdictChanged, false, format!("the group has another number: {}", shown(name)), by);
                    findings.push(
                        changed.expected(Fact::new(old, "/etc/group of the image")).found(Fact::new(new, "/etc/group of the moved image")),
                    );
                }
                _ => {}
            }
        }
    }
}
