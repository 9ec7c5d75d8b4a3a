//! Servers with their settings.

use std::collections::BTreeSet;

use super::pattern::matching;
use super::script::is_there;
use super::{Argument, Caller, Trace, Use, one};
use crate::format::tar::Kind;
use crate::foundation::Code;
use crate::plan::verdict::languages::engines::javascript::joined;
use crate::plan::verdict::loader::shown;
use crate::plan::verdict::settings::{cron, nginx, supervisord};
use crate::plan::verdict::shell::{Script, Variables};
use crate::read::rootfs::{Entry, split};

/// How many files of settings one server reads.
const MOST_FILES: usize = 1000;

/// The value of the last option of this name.
fn option(arguments: &[Argument], names: &[&[u8]]) -> Option<Argument> {
    let is = |word: &Argument| word.as_ref().is_some_and(|word| names.contains(&word.as_slice()));
    let at = arguments.iter().rposition(is)?;
    Some(arguments.get(at + 1).cloned().flatten())
}

impl<'v> Trace<'v> {
    /// A server that reads settings, if it is one of those that are followed.
    pub(super) fn serves(&mut self, name: &[u8], program: Option<(&[u8], Entry<'v>)>, arguments: &[Argument], caller: Caller<'_>) -> bool {
        match (name, program) {
            (b"nginx" | b"nginx-debug", Some((path, entry))) => self.nginx(path, entry, arguments, caller),
            (b"haproxy", Some(_)) => self.haproxy(arguments, caller),
            (b"cron", Some(_)) => self.cron(&[b"/etc/cron.d"], &[b"/var/spool/cron/crontabs"], caller),
            (b"crond", Some(_)) => match option(arguments, &[b"-c"]) {
                Some(Some(folder)) => self.cron(&[], &[&folder], caller),
                Some(None) => self.unclear(caller.by, "the tables of cron that it reads are not known"),
                None => self.cron(&[b"/etc/cron.d"], &[b"/var/spool/cron/crontabs", b"/var/spool/cron"], caller),
            },
            (b"supervisord", _) => self.supervisord(arguments, caller),
            (b"runsvdir", Some(_)) => self.services(arguments, caller),
            _ => return false,
        }
        true
    }

    /// The text of a file of settings that has to be there.
    fn settings_in(&mut self, path: &[u8], by: &str, guarded: bool) -> Option<&'v [u8]> {
        if self.runs_made(path, by) {
            return None;
        }
        let Some(entry) = self.view.find(path) else {
            self.lack(Code::VerdictMissing, path, by, !guarded);
            return None;
        };
        self.uses(path, Use::Read, by, guarded);
        self.found.reached.insert(entry.path());
        let text = self.view.bytes(entry);
        if text.is_none() {
            self.unclear(&shown(path), "its settings cannot be read");
        }
        text
    }

    /// The files that a pattern matches, absolute or from a directory on.
    fn files_of(&mut self, pattern: &[u8], directory: &[u8], place: &str) -> Vec<Vec<u8>> {
        let whole = if pattern.starts_with(b"/") { pattern.to_vec() } else { [directory, b"/", pattern].concat() };
        let signs: Vec<(u8, bool)> = whole.iter().map(|byte| (*byte, matches!(byte, b'*' | b'?' | b'['))).collect();
        if !signs.iter().any(|(_, sign)| *sign) {
            return vec![whole];
        }
        let found: BTreeSet<Vec<u8>> = matching(self.view, directory, &signs).into_iter().collect();
        self.found.patterns.insert((place.to_owned(), shown(&whole)), found.clone());
        found.into_iter().collect()
    }

    fn note_user(&mut self, user: &[u8], group: bool, (by, guarded): (&str, bool)) {
        let names = if group { &mut self.found.groups } else { &mut self.found.users };
        if !user.is_empty() && !user.iter().all(u8::is_ascii_digit) {
            names.entry(user.to_vec()).or_insert_with(|| (by.to_owned(), guarded)).1 &= guarded;
        }
    }

    fn nginx(&mut self, path: &[u8], entry: Entry<'v>, arguments: &[Argument], caller: Caller<'_>) {
        let program = self.view.bytes(entry).unwrap_or_default();
        if arguments.iter().any(|word| word.as_ref().is_some_and(|word| [&b"-s"[..], b"-h", b"-?"].contains(&word.as_slice()))) {
            return;
        }
        let built = |option: &[u8]| nginx::built_with(program, option);
        let prefix = match option(arguments, &[b"-p"]) {
            Some(Some(prefix)) => prefix,
            None => built(b"--prefix").unwrap_or_else(|| b"/usr/local/nginx".to_vec()),
            Some(None) => return self.unclear(caller.by, "the settings that nginx is given are not known"),
        };
        let file = match option(arguments, &[b"-c"]) {
            Some(Some(file)) => joined(&prefix, &file),
            None => built(b"--conf-path").unwrap_or_else(|| joined(&prefix, b"conf/nginx.conf")),
            Some(None) => return self.unclear(caller.by, "the settings that nginx is given are not known"),
        };
        let guarded = caller.guarded || self.is_expected();
        for option in [&b"--error-log-path"[..], b"--http-log-path", b"--pid-path"] {
            if let Some(path) = built(option) {
                self.uses(split(&path).0, Use::Named, caller.by, guarded);
            }
        }
        if !self.view.is_own(entry) {
            let at = program.windows(6).position(|window| window == b"nginx/").map_or(0, |at| at + 6);
            let release: Vec<u8> =
                program.get(at..).unwrap_or_default().iter().copied().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').collect();
            let release = release.split(|byte| *byte == b'.').take(2).collect::<Vec<_>>().join(&b'.');
            self.found.releases.entry(path.to_vec()).or_insert_with(|| (shown(path), BTreeSet::from([release])));
        }
        let given = option(arguments, &[b"-g"]).flatten();
        if let Some(text) = given {
            self.directives(&text, (path, entry), (&prefix, split(&file).0), caller);
        }
        let mut waiting = vec![file.clone()];
        // What entrypoints make settings of.
        waiting.extend(self.files_of(b"/etc/nginx/templates/*.template", b"/", caller.by));
        let mut seen = BTreeSet::new();
        while let Some(next) = waiting.pop() {
            if !seen.insert(next.clone()) || seen.len() > MOST_FILES {
                continue;
            }
            let by = if next == file { caller.by.to_owned() } else { shown(&file) };
            let Some(text) = self.settings_in(&next, &by, guarded) else { continue };
            let place = shown(&next);
            waiting.extend(self.directives(text, (path, entry), (&prefix, split(&file).0), caller.at(&place)));
        }
        if seen.len() > MOST_FILES {
            self.unclear(caller.by, "nginx has more settings than are followed");
        }
    }

    /// What directives name; gives the files that they include.
    fn directives(
        &mut self,
        text: &[u8],
        program: (&[u8], Entry<'v>),
        (prefix, folder): (&[u8], &[u8]),
        caller: Caller<'_>,
    ) -> Vec<Vec<u8>> {
        const READ: [&[u8]; 9] = [
            b"ssl_certificate",
            b"ssl_certificate_key",
            b"ssl_dhparam",
            b"ssl_client_certificate",
            b"ssl_trusted_certificate",
            b"ssl_crl",
            b"ssl_password_file",
            b"proxy_ssl_trusted_certificate",
            b"geoip_country",
        ];
        const CODE: [&[u8]; 6] = [b"js_", b"lua_", b"perl_", b"njs_", b"wasm_", b"passenger_"];
        let place = caller.by;
        let directives = match nginx::directives(text) {
            Ok(directives) => directives,
            Err(line) => {
                self.unclear(&format!("{place}:{line}"), "its settings are not understood");
                return Vec::new();
            }
        };
        let guarded = caller.guarded || self.is_expected();
        let mut included = Vec::new();
        for nginx::Directive { name, words } in directives {
            let made = |word: &Vec<u8>| word.contains(&b'$');
            let first = words.first().cloned().unwrap_or_default();
            match name.as_slice() {
                b"include" if made(&first) => self.unclear(place, "settings that it includes by a name that is made are not followed"),
                b"include" => included.extend(self.files_of(&first, folder, place)),
                b"load_module" => {
                    let file = joined(prefix, &first);
                    if self.view.exists(&file) {
                        self.closure(program.0, program.1, &[file], guarded);
                    } else {
                        self.lack(Code::VerdictMissing, &file, place, !guarded);
                    }
                }
                b"user" => {
                    self.note_user(&first, false, (place, guarded));
                    self.note_user(words.get(1).unwrap_or(&first), true, (place, guarded));
                }
                b"error_log" | b"access_log" | b"pid" if first.starts_with(b"/") && !made(&first) => {
                    self.uses(split(&first).0, Use::Named, place, guarded);
                }
                name if READ.contains(&name) && !made(&first) && !first.starts_with(b"data:") && !first.starts_with(b"engine:") => {
                    self.uses(&joined(folder, &first), Use::Taken, place, guarded);
                }
                name if CODE.iter().any(|start| name.starts_with(start)) || name.windows(8).any(|part| part == b"_by_lua_") => {
                    self.unclear(place, format!("what nginx does with {} is not followed", shown(name)));
                }
                b"location" | b"rewrite" | b"return" | b"if" | b"server_name" | b"proxy_pass" | b"add_header" | b"try_files" | b"map" => {}
                _ => {
                    for word in words.iter().filter(|word| word.starts_with(b"/") && word.len() > 1 && !made(word)) {
                        self.uses(word, Use::Taken, place, true);
                    }
                }
            }
        }
        included
    }

    /// `haproxy -f FILE`
    fn haproxy(&mut self, arguments: &[Argument], caller: Caller<'_>) {
        const CODE: [&[u8]; 5] = [b"lua-load", b"lua-load-per-thread", b"program", b"external-check", b"spoe-agent"];
        let guarded = caller.guarded || self.is_expected();
        let is_file = |word: &Argument| word.as_deref() == Some(b"-f");
        let files: Vec<Argument> =
            arguments.windows(2).filter(|pair| pair.first().is_some_and(is_file)).filter_map(|pair| pair.get(1).cloned()).collect();
        for file in files {
            let Some(file) = file else { return self.unclear(caller.by, "the settings that haproxy is given are not known") };
            let path = self.view.absolute(&file);
            let folder = self.view.find(&path).filter(|entry| entry.kind() == Kind::Directory);
            let all = match folder {
                Some(_) => self.files_of(b"*.cfg", &path, caller.by),
                None => vec![path],
            };
            for path in all {
                let Some(text) = self.settings_in(&path, caller.by, guarded) else { continue };
                let place = shown(&path);
                for line in text.split(|byte| *byte == b'\n') {
                    let script = Script::parse(line);
                    let Some(command) = script.commands.first() else { continue };
                    let words: Vec<Vec<u8>> = command.words.iter().filter_map(|word| one(word, &Variables::new())).collect();
                    let Some((first, rest)) = words.split_first() else { continue };
                    match first.as_slice() {
                        name if CODE.contains(&name) => {
                            self.unclear(&place, format!("what haproxy does with {} is not followed", shown(name)));
                        }
                        b"user" | b"group" => {
                            let name = rest.first().cloned().unwrap_or_default();
                            self.note_user(&name, first == b"group", (&place, guarded));
                        }
                        b"chroot" | b"errorfile" | b"bind" | b"server" | b"default-server" | b"ca-base" | b"crt-base" => {
                            for word in rest.iter().filter(|word| word.starts_with(b"/")) {
                                self.uses(word, Use::Taken, &place, guarded);
                            }
                        }
                        _ => {
                            for word in rest.iter().filter(|word| word.starts_with(b"/") && word.len() > 1) {
                                self.uses(word, Use::Taken, &place, true);
                            }
                        }
                    }
                }
            }
        }
    }

    /// The tables of cron: those of the system have users.
    fn cron(&mut self, of_system: &[&[u8]], of_users: &[&[u8]], caller: Caller<'_>) {
        let mut tables: Vec<(Vec<u8>, bool)> = Vec::new();
        if !of_system.is_empty() && self.view.exists(b"/etc/crontab") {
            tables.push((b"/etc/crontab".to_vec(), true));
        }
        for (folder, system) in of_system.iter().map(|folder| (*folder, true)).chain(of_users.iter().map(|folder| (*folder, false))) {
            let Some(entry) = self.view.find(folder) else { continue };
            let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            let named = entry.children().map(|child| child.name().to_vec()).filter(|name| !system || name.iter().all(plain));
            tables.extend(named.take(MOST_FILES).map(|name| ([folder, b"/", name.as_slice()].concat(), system)));
        }
        let mut done = BTreeSet::new();
        for (path, system) in tables {
            let Some(entry) = self.view.find(&path).filter(|entry| entry.kind() == Kind::File) else { continue };
            // What the base brings fits together.
            if !self.view.is_own(entry) || !done.insert(entry.path()) {
                continue;
            }
            let place = shown(&path);
            let Some(text) = self.settings_in(&path, caller.by, true) else { continue };
            let found = cron::table(text, system);
            for line in found.lost {
                self.unclear(&format!("{place}:{line}"), "a line of a table of cron is not understood");
            }
            let value = |name: &[u8]| found.variables.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            let shell = value(b"SHELL").unwrap_or_else(|| Self::SHELL.as_bytes().to_vec());
            let paths = self.paths.clone();
            self.paths.extend(value(b"PATH").unwrap_or_else(|| b"/usr/bin:/bin".to_vec()).split(|byte| *byte == b':').map(<[u8]>::to_vec));
            // It does not hand on the variables of the image.
            let open = std::mem::replace(&mut self.open, true);
            for job in found.jobs {
                let user = job.user.or_else(|| (!system).then(|| split(&path).1.to_vec())).unwrap_or_default();
                self.note_user(&user, false, (&place, true));
                let words = [Some(shell.clone()), Some(b"-c".to_vec()), Some(job.text)];
                let name = String::from_utf8(user).ok();
                let before = std::mem::replace(&mut self.user, name);
                self.input = super::Input::Nothing;
                self.spawn(&words, Caller { by: &place, guarded: true, depth: caller.depth + 1 });
                self.user = before;
            }
            (self.open, self.paths) = (open, paths);
        }
    }

    /// `run-parts DIRECTORY`: what the app has put there.
    pub(super) fn parts(&mut self, arguments: &[Argument], caller: Caller<'_>) {
        let folders: Vec<&Argument> = arguments.iter().filter(|word| word.as_ref().is_none_or(|word| !word.starts_with(b"-"))).collect();
        let [Some(folder)] = folders.as_slice() else {
            return self.unclear(caller.by, "what is run through run-parts is not followed");
        };
        for folder in self.meant(folder) {
            let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            let children = self.view.find(&folder).into_iter().flat_map(Entry::children).filter(|child| child.name().iter().all(plain));
            let own = |path: &Vec<u8>| self.view.find(path).is_some_and(|entry| self.view.is_own(entry) && entry.mode() & 0o111 != 0);
            let files: Vec<Vec<u8>> =
                children.map(|child| [folder.as_slice(), b"/", child.name()].concat()).filter(own).take(MOST_FILES).collect();
            for file in files {
                self.spawn(&[Some(file)], Caller { guarded: true, ..caller.deeper() });
            }
        }
    }

    /// `runsvdir DIRECTORY`: what is in `run` of each service.
    fn services(&mut self, arguments: &[Argument], caller: Caller<'_>) {
        let folder = arguments.iter().find(|word| word.as_ref().is_none_or(|word| !word.starts_with(b"-"))).cloned().flatten();
        let Some(folder) = folder else { return self.unclear(caller.by, "the services that it runs are not known") };
        let folder = self.view.absolute(&folder);
        self.uses(&folder, Use::Listed, caller.by, caller.guarded);
        let children = self.view.find(&folder).into_iter().flat_map(Entry::children);
        let files: Vec<Vec<u8>> =
            children.map(|child| [folder.as_slice(), b"/", child.name(), b"/run"].concat()).take(MOST_FILES).collect();
        for file in files.into_iter().filter(|file| self.view.exists(file)) {
            self.spawn(&[Some(file)], caller.deeper());
        }
    }

    fn supervisord(&mut self, arguments: &[Argument], caller: Caller<'_>) {
        const PLACES: [&[u8]; 3] = [b"/etc/supervisord.conf", b"/etc/supervisor/supervisord.conf", b"/usr/local/etc/supervisord.conf"];
        let joined_option = arguments.iter().flatten().find_map(|word| word.strip_prefix(b"--configuration=")).map(<[u8]>::to_vec);
        let file = match (option(arguments, &[b"-c", b"--configuration"]), joined_option) {
            (Some(Some(file)), _) | (None, Some(file)) => Some(self.view.absolute(&file)),
            (Some(None), _) => return self.unclear(caller.by, "the settings that supervisord is given are not known"),
            (None, None) => {
                let here = [&b"supervisord.conf"[..], b"etc/supervisord.conf"].map(|name| self.view.absolute(name));
                here.into_iter().chain(PLACES.map(<[u8]>::to_vec)).find(|path| is_there(self.view, path))
            }
        };
        let Some(file) = file else { return self.unclear(caller.by, "the settings of supervisord are not found") };
        let mut waiting = vec![file];
        let mut seen = BTreeSet::new();
        while let Some(path) = waiting.pop() {
            if !seen.insert(path.clone()) || seen.len() > MOST_FILES {
                continue;
            }
            let Some(text) = self.settings_in(&path, caller.by, caller.guarded) else { continue };
            let place = shown(&path);
            match supervisord::sections(text) {
                Err(line) => self.unclear(&format!("{place}:{line}"), "its settings are not understood"),
                Ok(sections) => {
                    for section in sections {
                        if section.name == b"include" {
                            let folder = split(&path).0.to_vec();
                            for pattern in
                                section.value(b"files").unwrap_or_default().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
                            {
                                waiting.extend(self.files_of(pattern, &folder, &place));
                            }
                        } else {
                            self.supervised(&section, &path, caller);
                        }
                    }
                }
            }
        }
    }

    /// One section of its settings.
    fn supervised(&mut self, section: &supervisord::Section, path: &[u8], caller: Caller<'_>) {
        let place = shown(path);
        let runs = [&b"program:"[..], b"eventlistener:", b"fcgi-program:"].iter().find_map(|start| section.name.strip_prefix(*start));
        if let Some(user) = section.value(b"user") {
            self.note_user(user, false, (&place, caller.guarded));
        }
        let Some(name) = runs else { return };
        let view = self.view;
        let known = |asked: &[u8]| match asked {
            b"here" => Some(split(path).0.to_vec()),
            b"program_name" | b"group_name" => Some(name.to_vec()),
            b"process_num" => Some(b"0".to_vec()),
            b"numprocs" => Some(b"1".to_vec()),
            asked => asked.strip_prefix(b"ENV_").and_then(|name| view.launch.variable(name)).map(<[u8]>::to_vec),
        };
        let Some(command) = section.value(b"command").and_then(|command| supervisord::expanded(command, &known)) else {
            return self.unclear(&place, format!("the command of {} is not known", shown(name)));
        };
        // Words as a shell splits them, of which none is replaced.
        let quoted = command.iter().any(|byte| matches!(byte, b'$' | b'`' | b';' | b'|' | b'&' | b'<' | b'>' | b'*' | b'?' | b'('));
        let words: Vec<Argument> = if quoted {
            plain_words(&command).into_iter().map(Some).collect()
        } else {
            let text: Vec<u8> = command.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect();
            let script = Script::parse(&text);
            script.commands.first().into_iter().flat_map(|command| &command.words).map(|word| one(word, &Variables::new())).collect()
        };
        if let Some(directory) = section.value(b"directory").filter(|path| path.starts_with(b"/")) {
            self.uses(directory, Use::Named, &place, caller.guarded);
        }
        let starts = section.value(b"autostart") != Some(b"false");
        let open = self.open;
        self.open |= section.value(b"environment").is_some();
        let user = section.value(b"user").and_then(|user| String::from_utf8(user.to_vec()).ok());
        let before = self.user.clone();
        self.user = user.or(before.clone());
        let directories = self.directories.clone();
        if let Some(directory) = section.value(b"directory").filter(|path| path.starts_with(b"/")) {
            self.directories = vec![directory.to_vec()];
        }
        self.input = super::Input::Nothing;
        self.spawn(&words, Caller { by: &place, guarded: caller.guarded || !starts, depth: caller.depth + 1 });
        (self.open, self.user, self.directories) = (open, before, directories);
    }
}

/// The words of a text, with quotes obeyed and nothing else.
fn plain_words(text: &[u8]) -> Vec<Vec<u8>> {
    let (mut found, mut word, mut quote, mut begun) = (Vec::new(), Vec::new(), 0_u8, false);
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if quote != b'\'' => {
                word.extend(bytes.next());
                begun = true;
            }
            b'"' | b'\'' if quote == 0 => (quote, begun) = (byte, true),
            byte if byte == quote && quote != 0 => quote = 0,
            byte if byte.is_ascii_whitespace() && quote == 0 => {
                if begun {
                    found.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            byte => {
                word.push(byte);
                begun = true;
            }
        }
    }
    if begun {
        found.push(word);
    }
    found
}
