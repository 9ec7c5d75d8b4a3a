//! Scripts and settings of PHP.

use super::super::{Caller, Input, Trace, Use};
use super::{Machine, UNKNOWN_SCRIPT, Words};
use crate::format::tar::Kind;
use crate::foundation::Code;
use crate::plan::verdict::languages::engines::{Engine, javascript, php};
use crate::plan::verdict::loader::shown;
use crate::read::rootfs::split;

impl<'v> Trace<'v> {
    pub(super) fn php(&mut self, machine: &Machine<'_, 'v>, words: &mut Words<'_>, caller: Caller<'_>) {
        let place = caller.by.to_owned();
        let mut settings: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let (mut script, mut code, mut serves, mut without, mut tells) = (None, None, false, false, false);
        while let Some(word) = words.next() {
            let Some(word) = word else { return self.unclear(&place, UNKNOWN_SCRIPT) };
            match word.as_slice() {
                b"-f" | b"--file" | b"-F" => script = words.next(),
                b"-r" | b"-R" | b"--run" | b"-B" | b"-E" => code = Some(words.next().flatten()),
                b"-S" => {
                    serves = true;
                    words.next();
                }
                b"-t" if serves => drop(words.next()),
                b"-d" => settings.extend(words.value().iter().flat_map(|pair| php::settings(pair))),
                b"-c" | b"-y" | b"-p" | b"-z" => return self.unclear(&place, "settings that PHP is given are not followed"),
                b"-n" => without = true,
                b"-v" | b"--version" | b"-i" | b"-m" | b"--info" | b"--ini" => tells = true,
                b"--" => {
                    if script.is_none() && code.is_none() {
                        script = words.next();
                    }
                    break;
                }
                word if word.starts_with(b"-") && word.len() > 1 => {}
                _ => {
                    if script.is_none() && code.is_none() {
                        script = Some(Some(word));
                    }
                    break;
                }
            }
        }
        if !without {
            settings.extend(self.settings_of_php(machine, &place));
        }
        let mut waiting = self.extensions(machine, &settings, &place);
        if tells {
            self.found.versions.entry(machine.path.to_vec()).or_insert_with(|| place.clone());
            return;
        }
        if split(machine.path).1.starts_with(b"php-fpm") {
            return self.unclear(&place, "what php-fpm does with its settings is not followed");
        }
        if serves {
            waiting.extend(self.world(Engine::Php, &place));
        }
        match (script, code) {
            (Some(None), _) => return self.unclear(&place, UNKNOWN_SCRIPT),
            (_, Some(None)) => return self.unclear(&place, "it runs code that is only known when it runs"),
            (Some(Some(script)), _) => {
                let paths = self.meant(&script);
                {
                    if let Some(path) = paths.iter().find(|path| self.view.exists(path)) {
                        waiting.push(path.clone());
                    } else {
                        let path = self.view.absolute(&script);
                        if !self.runs_made(&path, caller.by) {
                            self.lack(Code::VerdictMissing, &path, caller.by, !caller.guarded);
                        }
                    }
                }
            }
            (None, Some(Some(text))) => {
                let directory = self.directories.last().cloned().unwrap_or_default();
                let file = [directory.as_slice(), b"/[code]"].concat();
                let said = php::read(&text, &file);
                let (loads, computes) = self.leads(machine, said, &text, ("the code of an interpreter", caller.depth));
                waiting.extend(loads.iter().filter_map(|name| self.included(name, &file)));
                if computes {
                    waiting.extend(self.world(Engine::Php, &place));
                }
            }
            (None, None) if !serves => match std::mem::replace(&mut self.input, Input::Unknown) {
                Input::Nothing => {}
                _ => self.unclear(&place, "it runs what it reads, which is not known"),
            },
            (None, None) => {}
        }
        self.load_of_php(machine, waiting, caller.depth);
    }

    /// What the files of settings say that PHP reads by itself.
    fn settings_of_php(&mut self, machine: &Machine<'_, 'v>, by: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut places = php::places(self.view.bytes(machine.entry).unwrap_or_default());
        const FURTHER: [&[u8]; 2] = [b"PHP_INI_SCAN_DIR", b"PHPRC"];
        let further = FURTHER.iter().filter_map(|name| self.view.launch.variable(name));
        places
            .extend(further.flat_map(|value| value.split(|byte| *byte == b':')).filter(|path| path.starts_with(b"/")).map(<[u8]>::to_vec));
        let mut found = Vec::new();
        for place in places {
            let Some(folder) = self.view.find(&place).filter(|entry| entry.kind() == Kind::Directory) else { continue };
            let files = folder.children().map(|child| child.name().to_vec()).filter(|name| name.ends_with(b".ini"));
            let files: Vec<Vec<u8>> = files.map(|name| [place.as_slice(), b"/", &name].concat()).collect();
            if !files.is_empty() {
                self.uses(&place, Use::Listed, by, true);
            }
            for file in files {
                self.uses(&file, Use::Read, by, true);
                let Some(entry) = self.view.find(&file) else { continue };
                self.found.reached.insert(entry.path());
                match self.view.bytes(entry) {
                    Some(text) => found.extend(php::settings(text)),
                    None => self.unclear(&shown(&file), "its settings cannot be read"),
                }
            }
        }
        found
    }

    /// Loads extensions, and looks at paths that settings name; gives the scripts that are read before or behind all others.
    fn extensions(&mut self, machine: &Machine<'_, 'v>, settings: &[(Vec<u8>, Vec<u8>)], by: &str) -> Vec<Vec<u8>> {
        let mut folders: Vec<Vec<u8>> =
            settings.iter().filter(|(name, _)| name == b"extension_dir").map(|(_, value)| value.clone()).collect();
        folders.extend(php::places(self.view.bytes(machine.entry).unwrap_or_default()));
        let mut scripts = Vec::new();
        for (name, value) in settings.iter().filter(|(_, value)| !value.is_empty()) {
            match name.as_slice() {
                b"extension" | b"zend_extension" => {
                    let file = if value.ends_with(b".so") { value.clone() } else { [value.as_slice(), b".so"].concat() };
                    let mut all: Vec<Vec<u8>> = folders.iter().map(|folder| [folder.as_slice(), b"/", &file].concat()).collect();
                    if value.starts_with(b"/") {
                        all = vec![value.clone()];
                    }
                    match all.into_iter().find(|path| self.view.exists(path)) {
                        Some(path) => drop(self.closure(machine.path, machine.entry, &[path], true)),
                        None => self.lack(Code::VerdictMissing, &file, by, false),
                    }
                }
                b"auto_prepend_file" | b"auto_append_file" => scripts.push(value.clone()),
                _ if value.starts_with(b"/") => self.uses(value, Use::Taken, by, true),
                _ => {}
            }
        }
        scripts
    }

    /// The file that a script at a path means by a name: beside where it is started, beside itself, or where all look.
    fn included(&self, name: &[u8], script: &[u8]) -> Option<Vec<u8>> {
        if name.starts_with(b"/") {
            return Some(name.to_vec()).filter(|path| self.view.exists(path));
        }
        let own = split(script).0.to_vec();
        let further = [&b"/usr/share/php"[..], b"/usr/local/lib/php"].map(<[u8]>::to_vec);
        let all = self.directories.iter().chain([&own]).chain(&further);
        all.map(|directory| javascript::joined(directory, name)).find(|path| self.view.exists(path))
    }

    fn load_of_php(&mut self, machine: &Machine<'_, 'v>, waiting: Vec<Vec<u8>>, depth: usize) {
        let mut waiting = waiting;
        while let Some(file) = waiting.pop() {
            let Some(text) = self.code_of(machine, &file, false) else { continue };
            let place = shown(&file);
            let said = php::read(text, &file);
            let apps = self.is_apps(&file);
            let (loads, computes) = if apps {
                if !self.step(&place, depth) || !self.room(text, &place) {
                    return;
                }
                self.leads(machine, said, text, (&place, depth))
            } else {
                (said.loads, false)
            };
            if computes {
                waiting.extend(self.world(Engine::Php, &place));
            }
            for name in loads {
                match self.included(&name, &file) {
                    Some(path) => waiting.push(path),
                    None if apps => self.lack(Code::VerdictModule, &name, &place, false),
                    None => {}
                }
            }
        }
    }
}
