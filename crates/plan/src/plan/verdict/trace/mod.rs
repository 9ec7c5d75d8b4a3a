//! What an image does when it starts, followed from its entrypoint as far as bytes tell.

mod arguments;
mod arrays;
mod command;
mod commands;
mod conditions;
mod engines;
mod language;
mod libraries;
mod made;
mod pattern;
mod peculiar;
mod run;
mod script;
mod settings;
mod told;
mod wrap;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use self::arrays::{Lists, Set};
use self::made::{Branch, Made};
use super::languages::engines::Engine;
use super::loader::{Loading, shown};
use super::shell::{Construct, Family, PIPEFAIL, Understanding, Variables, Word, values};
use super::view::View;
use crate::format::tar::Kind;
use crate::foundation::{Code, Digest};

/// How deep programs may start each other before it is given up.
const DEEPEST: usize = 24;
/// How many programs and commands are followed.
const MOST_STEPS: usize = 20_000;
/// How many bytes of scripts are read, each as often as it is run.
const MOST_BYTES: usize = 64 << 20;

/// Something that is needed and not there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Need {
    pub(super) code: Code,
    pub(super) name: String,
}

/// A name in a module.
#[derive(Debug, Clone)]
pub(super) struct Attribute {
    /// Whether the module defines it.
    pub(super) there: bool,
    /// Who uses it.
    pub(super) by: String,
    /// Whether nothing goes on without it.
    pub(super) needed: bool,
    /// Whether the module makes names when it is loaded, so that one that it does not define may be there all the same.
    pub(super) made: bool,
}

/// Options of a command: by whom they are given, and whether the failure of the command is expected.
type Options = BTreeMap<Vec<u8>, (String, bool)>;

/// Files with their contents.
type Contents = BTreeMap<Vec<u8>, Option<Digest>>;

/// What of a user is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Identity {
    /// Its number: `id -u`.
    Number,
    /// Its name: `id -un`, `whoami`.
    Name,
    /// The number and name of its group: `id -gn`.
    Group,
    /// All groups: `id`, `groups`.
    All,
}

/// How a file is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// It is named.
    Named,
    /// What is in the directory is listed.
    Listed,
    /// What is in the directory, and below, is listed.
    Walked,
    /// All of it is read.
    Copied,
    /// It is given to a program, which reads it unless it is one itself.
    Taken,
    /// Its content is read.
    Read,
}

/// Everything that was met.
#[derive(Debug, Default)]
pub(super) struct Traced {
    /// What is lacking: the file that needs it, and whether nothing goes on without it.
    pub(super) lacks: BTreeMap<Need, (String, bool)>,
    /// What was not understood: where and why.
    pub(super) unclear: BTreeSet<(String, String)>,
    /// Files that are used: how, by whom, and whether their absence is expected.
    pub(super) uses: BTreeMap<Vec<u8>, (Use, String, bool)>,
    /// Files that are made by what is followed.
    pub(super) made: BTreeMap<Vec<u8>, Made>,
    /// What files are put at, or into if it is a directory: by whom, and whether a failure is expected.
    pub(super) targets: BTreeMap<Vec<u8>, (String, bool)>,
    /// Files that the user of the image writes: by whom, and whether a failure is expected.
    pub(super) written: BTreeMap<Vec<u8>, (String, bool)>,
    /// Tests on files: by place and text, what they give, and whether the end of the script follows from it.
    pub(super) tests: BTreeMap<(String, String), (bool, bool)>,
    /// Programs that print what they are: the command, by the file that runs it.
    pub(super) versions: BTreeMap<Vec<u8>, String>,
    /// Commands with the options that they are given.
    pub(super) options: BTreeMap<Vec<u8>, Options>,
    /// What commands are given that other makers of them read in another way.
    pub(super) peculiar: BTreeMap<Vec<u8>, BTreeMap<String, String>>,
    /// Interpreters that scripts ask for their version: who asks, and what it may be.
    pub(super) releases: BTreeMap<Vec<u8>, (String, BTreeSet<Vec<u8>>)>,
    /// Names of parts of objects that the app's scripts of Python use.
    pub(super) parts: BTreeMap<Vec<u8>, String>,
    /// Modules of Python that are not the app's.
    pub(super) modules: BTreeSet<Vec<u8>>,
    /// Time zones, terminals and languages that scripts set.
    pub(super) settings: BTreeMap<(Vec<u8>, Vec<u8>), String>,
    /// Who prints all variables.
    pub(super) environment: BTreeSet<String>,
    /// Commands that print other things where they are busybox's.
    pub(super) printing: BTreeMap<Vec<u8>, String>,
    /// What is asked for of which user, and by whom.
    pub(super) identity: BTreeMap<(Identity, String), String>,
    /// Commands whose place is printed, and by whom.
    pub(super) places: BTreeMap<Vec<u8>, String>,
    /// What commands are given that is not plain text, by place and command.
    pub(super) words: BTreeMap<(String, String), BTreeSet<Vec<u8>>>,
    /// Who packs something, with the command, and who takes sums of what commands print.
    pub(super) packed: BTreeMap<String, Vec<u8>>,
    pub(super) summed: BTreeSet<String>,
    /// Links whose targets are asked for, and by whom.
    pub(super) links: BTreeMap<Vec<u8>, String>,
    /// Names that are looked up in a file of `/etc`: the file and the name, and by whom.
    pub(super) entries: BTreeMap<(&'static [u8], Vec<u8>), String>,
    /// What the release of an interpreter does in another way than others: by place and text, whether it is new enough.
    pub(super) manners: BTreeMap<(String, &'static str), bool>,
    /// The programs and libraries of interpreters, whose texts name what is built into them.
    pub(super) interpreters: BTreeSet<Vec<u8>>,
    /// Names that scripts of the app define themselves.
    pub(super) defined: BTreeSet<Vec<u8>>,
    /// What patterns for names of files match, by place and pattern.
    pub(super) patterns: BTreeMap<(String, String), BTreeSet<Vec<u8>>>,
    /// Names in modules that are not the app's, by module and name.
    pub(super) attributes: BTreeMap<(String, String), Attribute>,
    /// What scripts have that is not the same in each shell, by place: the shell that runs it, and whether nothing goes on without it.
    pub(super) shells: BTreeMap<(String, Construct), (Rc<Shell>, bool)>,
    /// Names of users and of groups that scripts use: by whom, and whether a failure is expected.
    pub(super) users: BTreeMap<Vec<u8>, (String, bool)>,
    pub(super) groups: BTreeMap<Vec<u8>, (String, bool)>,
    /// Commands that are looked for by name: where each is found, and who runs it.
    pub(super) commands: BTreeMap<Vec<u8>, (Vec<u8>, String)>,
    /// For interpreters that load code by names which they make: who does, and the code of the base.
    pub(super) worlds: BTreeMap<Engine, (String, Contents)>,
    /// Who starts programs whose names are only known when they run.
    pub(super) runs_any: BTreeSet<String>,
    /// Texts in classes of Java that may be names of commands.
    pub(super) constants: BTreeSet<Vec<u8>>,
    /// The real paths of files that are reached.
    pub(super) reached: BTreeSet<Vec<u8>>,
}

/// A word that may only be known when the script runs.
type Argument = Option<Vec<u8>>;

/// A shell that runs scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shell {
    pub(super) family: Family,
    /// The name of its file.
    pub(super) name: Vec<u8>,
    pub(super) digest: Option<Digest>,
    /// Whether it knows `set -o pipefail`, which is new in dash.
    pub(super) pipefail: bool,
}

impl Shell {
    /// What it makes of something in a script.
    pub(super) fn makes_of(&self, construct: Construct) -> Understanding {
        match self.family {
            Family::Dash if construct == PIPEFAIL && self.pipefail => Understanding::Same,
            family => construct.in_family(family),
        }
    }
}

/// Who runs something.
#[derive(Debug, Clone, Copy)]
struct Caller<'a> {
    /// The file, or the config.
    by: &'a str,
    /// Whether its failure is expected.
    guarded: bool,
    /// How many programs started each other up to here.
    depth: usize,
}

impl<'a> Caller<'a> {
    /// What is run by something that it runs itself.
    fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    /// The same, told of another file.
    fn at(self, by: &'a str) -> Self {
        Self { by, ..self }
    }
}

/// Follows one view.
pub(super) struct Trace<'v> {
    view: &'v View,
    pub(super) found: Traced,
    seen: BTreeSet<(Vec<u8>, Vec<Argument>, Option<String>)>,
    closures: BTreeMap<Vec<u8>, Arc<Loading>>,
    steps: usize,
    bytes: usize,
    /// What variables of the scripts above may hold.
    inherited: Rc<Variables>,
    /// The directories that a script may be in, the last one that it went to at the end.
    directories: Vec<Vec<u8>>,
    /// Further directories with commands.
    paths: Vec<Vec<u8>>,
    /// Functions of the scripts above, and what they call; none if that is not known.
    functions: BTreeSet<Vec<u8>>,
    called: Option<BTreeSet<Vec<u8>>>,
    /// Those that were called for certain.
    ran: BTreeSet<Vec<u8>>,
    /// What functions are given.
    calls: BTreeMap<Vec<u8>, BTreeSet<Vec<Argument>>>,
    /// The lists of words that the script may have been given.
    given: Vec<Vec<Argument>>,
    input: Input,
    /// What arrays may hold, by function and name; and which commands of the scripts that are followed set some, with how far each is.
    arrays: BTreeMap<(Option<Vec<u8>>, Vec<u8>), Lists>,
    setting: Vec<(usize, Rc<[Set]>)>,
    /// What the script that is followed reads as its input.
    own_input: Input,
    /// The shell that runs the script that is followed, and how the text that is followed belongs to it.
    shell: Option<Rc<Shell>>,
    text: Text,
    /// Whether the shell was told to end the next text with the first command that fails.
    strict: bool,
    /// Where the command stands that is followed.
    branch: Branch,
    /// Whether the failure of what runs now is expected.
    guarded: bool,
    /// Whether nobody has its result. What a shell cannot read ends the script all the same.
    ignored: bool,
    /// Who runs what is followed, if that is known.
    user: Option<String>,
    /// Variables that something set before what is followed was started, and whether others may be set that nobody saw.
    tainted: BTreeSet<Vec<u8>>,
    open: bool,
}

/// How a text belongs to a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Text {
    /// It is the script, or a file that it reads in any case.
    Script,
    /// What it prints is a part of a command: the shell reads it with the script, and what ends it does not end the script.
    Part,
    /// The shell may never read it.
    Aside,
}

/// What a program reads as its input.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Input {
    Nothing,
    Known(Vec<u8>),
    Unknown,
}

impl Traced {
    /// What the image cannot start without, and does not have.
    pub(super) fn lacked_start(&self) -> Option<&Need> {
        self.lacks.iter().find(|(_, (by, fatal))| *fatal && by == Trace::CONFIG).map(|(need, _)| need)
    }
}

impl<'v> Trace<'v> {
    /// Who asks for what the image starts.
    pub(super) const CONFIG: &'static str = "the config";
    /// What gets the texts that programs give to the shell.
    pub(super) const SHELL: &'static str = "/bin/sh";

    pub(super) fn of(view: &'v View) -> Traced {
        let directory = if view.launch.directory.is_empty() { b"/".to_vec() } else { view.launch.directory.clone() };
        let mut trace = Self {
            view,
            found: Traced::default(),
            seen: BTreeSet::new(),
            closures: BTreeMap::new(),
            steps: 0,
            bytes: 0,
            inherited: Rc::default(),
            directories: vec![directory],
            paths: Vec::new(),
            functions: BTreeSet::new(),
            called: Some(BTreeSet::new()),
            ran: BTreeSet::new(),
            calls: BTreeMap::new(),
            given: Vec::new(),
            input: Input::Nothing,
            arrays: BTreeMap::new(),
            setting: Vec::new(),
            own_input: Input::Nothing,
            shell: None,
            text: Text::Script,
            strict: false,
            branch: Branch::default(),
            guarded: false,
            ignored: false,
            user: Some(view.launch.user.clone()),
            tainted: BTreeSet::new(),
            open: false,
        };
        for (arguments, guarded) in [(&view.launch.arguments, false), (&view.launch.health, true)] {
            if !arguments.is_empty() {
                let arguments: Vec<Argument> = arguments.iter().cloned().map(Some).collect();
                trace.spawn(&arguments, Caller { by: Self::CONFIG, guarded, depth: 0 });
            }
        }
        trace.found
    }

    fn unclear(&mut self, place: &str, reason: impl Into<String>) {
        self.found.unclear.insert((place.to_owned(), reason.into()));
    }

    /// Whether nothing ends with the failure of what runs now.
    fn is_expected(&self) -> bool {
        self.guarded || self.ignored
    }

    fn lack(&mut self, code: Code, name: &[u8], by: &str, fatal: bool) {
        let fatal = fatal && !self.is_expected();
        let entry = self.found.lacks.entry(Need { code, name: shown(name) }).or_insert_with(|| (by.to_owned(), fatal));
        entry.1 |= fatal;
    }

    /// Whether who runs what is followed may do something with a path. Of another user than that of the image that is not looked at.
    fn may(&self, path: &[u8], wanted: u32) -> bool {
        self.user.as_ref() != Some(&self.view.launch.user) || self.view.may(path, wanted)
    }

    fn step(&mut self, place: &str, depth: usize) -> bool {
        self.steps += 1;
        if self.steps > MOST_STEPS || depth > DEEPEST {
            self.unclear(place, "it starts more programs than are followed");
            return false;
        }
        true
    }

    /// Whether there is room to read a script.
    fn room(&mut self, text: &[u8], place: &str) -> bool {
        self.bytes += text.len();
        if self.bytes > MOST_BYTES {
            self.unclear(place, "the scripts that it runs are longer than what is followed");
            return false;
        }
        true
    }

    /// A command with its arguments.
    fn spawn(&mut self, arguments: &[Argument], caller: Caller<'_>) {
        let Caller { by, guarded, depth } = caller;
        if !self.step(by, depth) {
            return;
        }
        let Some((first, rest)) = arguments.split_first() else { return };
        let Some(name) = first else {
            return self.unclear(by, "it runs a command whose name is only known when it runs");
        };
        let Some(path) = self.find(name) else {
            if self.runs_made(name, by) {
                return;
            }
            let code = if name.contains(&b'/') { Code::VerdictMissing } else { Code::VerdictCommand };
            return self.lack(code, name, by, !guarded);
        };
        if !name.contains(&b'/') {
            self.found.commands.entry(name.clone()).or_insert_with(|| (path.clone(), by.to_owned()));
        }
        self.arguments(&path, rest, caller);
        let before = self.guarded;
        self.guarded |= guarded;
        self.run(&path, rest, caller);
        self.guarded = before;
    }

    /// Where a command is found; scripts may name further directories.
    fn find(&self, name: &[u8]) -> Option<Vec<u8>> {
        let below = |directory: &Vec<u8>| [directory.as_slice(), name].join(&b'/');
        let runs = |path: &Vec<u8>| self.view.find(path).is_some_and(|entry| entry.kind() == Kind::File && entry.mode() & 0o111 != 0);
        self.view.command(name).or_else(|| {
            if name.contains(&b'/') {
                return self.directories.iter().map(below).find(runs);
            }
            self.paths.iter().map(below).find(runs)
        })
    }

    /// The paths that a word may mean.
    fn meant(&self, word: &[u8]) -> Vec<Vec<u8>> {
        let word = match word.iter().position(|byte| *byte == b'=') {
            Some(at) if word.get(at + 1) == Some(&b'/') => word.get(at + 1..).unwrap_or_default(),
            _ => word,
        };
        let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+' | b'@' | b':' | b',');
        if word.starts_with(b"/") && word.len() > 1 && !word.contains(&b'\n') {
            return vec![word.to_vec()];
        }
        if word.is_empty() || word.starts_with(b"-") || word.len() > 255 || !word.iter().all(named) {
            return Vec::new();
        }
        self.directories.iter().map(|directory| [directory.as_slice(), word].join(&b'/')).collect()
    }

    fn uses(&mut self, path: &[u8], how: Use, by: &str, guarded: bool) {
        let made = self.made(path, how);
        if made == Some(true) {
            return;
        }
        let guarded = guarded || self.is_expected() || made.is_some();
        let entry = self.found.uses.entry(path.to_vec()).or_insert_with(|| (how, by.to_owned(), guarded));
        entry.0 = entry.0.max(how);
        entry.2 &= guarded;
    }
}

/// The only value of a word.
fn one(word: &Word, variables: &Variables) -> Argument {
    values(word, variables).filter(|values| values.len() == 1).and_then(|mut values| values.pop())
}
