//! Scripts of Node.js.

use super::super::{Argument, Caller, Input, Trace, Use};
use super::{Machine, UNKNOWN_SCRIPT, Words};
use crate::foundation::Code;
use crate::plan::verdict::languages::engines::{Engine, javascript};
use crate::plan::verdict::loader::shown;

impl<'v> Trace<'v> {
    pub(super) fn node(&mut self, machine: &Machine<'_, 'v>, words: &mut Words<'_>, caller: Caller<'_>) {
        const VALUED: [&[u8]; 9] = [
            b"--loader",
            b"--experimental-loader",
            b"--title",
            b"-C",
            b"--conditions",
            b"--icu-data-dir",
            b"--env-file",
            b"--input-type",
            b"--stack-trace-limit",
        ];
        let place = caller.by.to_owned();
        let mut first: Vec<Vec<u8>> = Vec::new();
        let preset = self.view.launch.variable(b"NODE_OPTIONS").unwrap_or_default().to_vec();
        let mut before = preset.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        while let Some(word) = before.next() {
            match word {
                b"-r" | b"--require" | b"--import" => first.extend(before.next().map(<[u8]>::to_vec)),
                word => {
                    first.extend([&b"--require="[..], b"--import="].iter().find_map(|flag| word.strip_prefix(*flag)).map(<[u8]>::to_vec));
                }
            }
        }
        let script = loop {
            let Some(word) = words.next() else { break None };
            let Some(word) = word else { return self.unclear(&place, UNKNOWN_SCRIPT) };
            match word.as_slice() {
                b"-r" | b"--require" | b"--import" => first.extend(words.value()),
                b"-v" | b"--version" | b"-h" | b"--help" => {
                    self.found.versions.entry(machine.path.to_vec()).or_insert_with(|| place.clone());
                    return;
                }
                b"-e" | b"--eval" | b"-p" | b"--print" | b"-pe" => match words.value() {
                    Some(text) => {
                        self.load_first(machine, first, caller.depth);
                        return self.javascript(machine, &text, (b"/[code]", "the code of an interpreter"), caller.depth);
                    }
                    None => return self.unclear(&place, "it runs code that is only known when it runs"),
                },
                b"--" => break words.next(),
                word if VALUED.contains(&word) => drop(words.next()),
                b"-" => break None,
                word if word.starts_with(b"-") => {
                    first.extend([&b"--require="[..], b"--import="].iter().find_map(|flag| word.strip_prefix(*flag)).map(<[u8]>::to_vec));
                    if word.starts_with(b"--test") || word == b"--run" {
                        return self.unclear(&place, "what node runs of itself is not followed");
                    }
                }
                _ => break Some(Some(word)),
            }
        };
        self.load_first(machine, first, caller.depth);
        match script {
            Some(Some(script)) => self.script_of_node(machine, &script, words.all.get(words.at..).unwrap_or_default(), caller),
            Some(None) => self.unclear(&place, UNKNOWN_SCRIPT),
            None => match std::mem::replace(&mut self.input, Input::Unknown) {
                Input::Nothing => {}
                Input::Known(text) => self.javascript(machine, &text, (b"/[code]", "the input of an interpreter"), caller.depth),
                Input::Unknown => self.unclear(&place, "it runs what it reads, which is not known"),
            },
        }
    }

    fn load_first(&mut self, machine: &Machine<'_, 'v>, names: Vec<Vec<u8>>, depth: usize) {
        let directory = self.directories.last().cloned().unwrap_or_default();
        for name in names {
            let script = [directory.as_slice(), b"/[code]"].concat();
            self.load_of_node(machine, vec![(name, script)], depth);
        }
    }

    fn script_of_node(&mut self, machine: &Machine<'_, 'v>, script: &[u8], rest: &[Argument], caller: Caller<'_>) {
        let view = self.view;
        let found = self.directories.iter().find_map(|directory| {
            let path = javascript::joined(directory, script);
            match javascript::resolve(view, &path, &path, &[]) {
                javascript::Found::Files(mut files) => files.pop(),
                _ => None,
            }
        });
        let Some(file) = found else {
            let path = self.view.absolute(script);
            if !self.runs_made(&path, caller.by) {
                self.lack(Code::VerdictMissing, &path, caller.by, !caller.guarded);
            }
            return;
        };
        let real = view.find(&file).map(|entry| [b"/".as_slice(), &entry.path()].concat()).unwrap_or_default();
        if real.ends_with(b"/npm/bin/npm-cli.js") {
            return self.npm(rest, caller);
        }
        // Links are followed, so that modules are looked for beside the file itself.
        self.load_of_node(machine, vec![(real.clone(), real)], caller.depth);
    }

    /// `npm start`, `npm run NAME`: a text of `package.json` is given to a shell.
    fn npm(&mut self, rest: &[Argument], caller: Caller<'_>) {
        let directory = self.directories.last().cloned().unwrap_or_default();
        let words: Vec<Vec<u8>> = rest.iter().flatten().filter(|word| !word.starts_with(b"-")).cloned().collect();
        let name = match words.iter().map(Vec::as_slice).collect::<Vec<_>>().as_slice() {
            [b"start" | b"test" | b"stop" | b"restart", ..] => words.first().cloned(),
            [b"run" | b"run-script", ..] => words.get(1).cloned(),
            _ => None,
        };
        let path = [directory.as_slice(), b"/package.json"].concat();
        let package: Option<serde_json::Value> = self.view.text(&path).and_then(|text| serde_json::from_slice(text).ok());
        let known = name.zip(package).and_then(|(name, package)| {
            let name = String::from_utf8(name).ok()?;
            let script = |name: &str| package.get("scripts")?.get(name)?.as_str().map(|text| text.as_bytes().to_vec());
            let main = script(&name).or_else(|| (name == "start").then(|| b"node server.js".to_vec()))?;
            Some([script(&format!("pre{name}")), Some(main), script(&format!("post{name}"))])
        });
        let Some(scripts) = known.filter(|_| !rest.iter().any(Option::is_none)) else {
            return self.unclear(caller.by, "what npm does is not followed");
        };
        self.uses(&path, Use::Read, caller.by, true);
        let paths = self.paths.clone();
        self.paths.push([directory.as_slice(), b"/node_modules/.bin"].concat());
        for text in scripts.into_iter().flatten() {
            self.shell_text(&text, &shown(&path), caller.depth + 1);
        }
        self.paths = paths;
    }

    /// Names that scripts at paths load, with all that these load.
    fn load_of_node(&mut self, machine: &Machine<'_, 'v>, waiting: Vec<(Vec<u8>, Vec<u8>)>, depth: usize) {
        let mut global: Vec<Vec<u8>> =
            self.view.launch.variable(b"NODE_PATH").unwrap_or_default().split(|byte| *byte == b':').map(<[u8]>::to_vec).collect();
        global.retain(|path| !path.is_empty());
        for folder in
            [&b"/usr/share/nodejs"[..], b"/usr/lib/nodejs", b"/usr/lib/x86_64-linux-gnu/nodejs", b"/usr/lib/aarch64-linux-gnu/nodejs"]
        {
            global.push(folder.to_vec());
        }
        let mut waiting = waiting;
        while let Some((name, script)) = waiting.pop() {
            match javascript::resolve(self.view, &script, &name, &global) {
                javascript::Found::Files(files) => {
                    for file in files {
                        let Some(text) = self.code_of(machine, &file, false).filter(|_| !file.ends_with(b".json")) else { continue };
                        waiting.extend(self.loads_of_node(machine, text, &file, depth).into_iter().map(|name| (name, file.clone())));
                    }
                }
                javascript::Found::Unknown => waiting.extend(self.world_of_node(machine, &shown(&script))),
                javascript::Found::Nothing if self.is_apps(&script) => {
                    self.lack(Code::VerdictModule, &name, &shown(&script), false);
                }
                javascript::Found::Nothing | javascript::Found::Inside => {}
            }
        }
    }

    fn world_of_node(&mut self, machine: &Machine<'_, 'v>, by: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let _ = machine;
        self.world(Engine::Node, by).into_iter().map(|file| (file.clone(), file)).collect()
    }

    /// What a file of code loads.
    fn loads_of_node(&mut self, machine: &Machine<'_, 'v>, text: &[u8], file: &[u8], depth: usize) -> Vec<Vec<u8>> {
        let place = shown(file);
        let said = javascript::read(text);
        // What a distribution brings fits together.
        if !self.is_apps(file) {
            return said.loads;
        }
        if !self.step(&place, depth) || !self.room(text, &place) {
            return Vec::new();
        }
        let (mut loads, computes) = self.leads(machine, said, text, (&place, depth));
        if computes {
            loads.extend(self.world(Engine::Node, &place));
        }
        loads
    }

    /// A text that is no file.
    fn javascript(&mut self, machine: &Machine<'_, 'v>, text: &[u8], (file, place): (&[u8], &str), depth: usize) {
        let (mut loads, computes) = self.leads(machine, javascript::read(text), text, (place, depth));
        if computes {
            loads.extend(self.world(Engine::Node, place));
        }
        let directory = self.directories.last().cloned().unwrap_or_default();
        let script = [directory.as_slice(), file].concat();
        self.load_of_node(machine, loads.into_iter().map(|name| (name, script.clone())).collect(), depth);
    }
}
