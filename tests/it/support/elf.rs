//! ELF files of a few hundred bytes, put together by the specification (System V ABI, and the symbol versions of the LSB).

/// What a file says to a loader.
#[derive(Debug, Clone, Copy, Default)]
pub struct Program<'a> {
    pub interpreter: &'a str,
    pub needed: &'a [&'a str],
    pub soname: &'a str,
    pub runpath: &'a str,
    pub undefined: &'a [&'a str],
    pub defined: &'a [&'a str],
    /// A library and the version that it must have.
    pub needs_version: Option<(&'a str, &'a str)>,
    pub defines_version: &'a str,
    pub bind_now: bool,
    /// Bytes that stand somewhere in the file.
    pub text: &'a str,
}

/// A string table.
struct Strings(Vec<u8>);

impl Strings {
    fn add(&mut self, text: &str) -> u64 {
        let at = self.0.len() as u64;
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        at
    }
}

fn put(bytes: &mut Vec<u8>, number: u64, size: usize) {
    bytes.extend_from_slice(&number.to_le_bytes()[..size]);
}

impl Program<'_> {
    /// A file for x86-64 that is mapped as it is, at address 0.
    pub fn bytes(&self) -> Vec<u8> {
        const HEADERS: usize = 64 + 3 * 56;
        let mut strings = Strings(vec![0]);
        let mut dynamic: Vec<(u64, u64)> = self.needed.iter().map(|name| (1, strings.add(name))).collect();
        for (tag, text) in [(14, self.soname), (29, self.runpath)] {
            if !text.is_empty() {
                dynamic.push((tag, strings.add(text)));
            }
        }
        let mut symbols: Vec<(u64, bool)> = self.undefined.iter().map(|name| (strings.add(name), false)).collect();
        symbols.extend(self.defined.iter().map(|name| (strings.add(name), true)));
        let need = self.needs_version.map(|(file, version)| (strings.add(file), strings.add(version)));
        let defines = (!self.defines_version.is_empty()).then(|| strings.add(self.defines_version));
        let mut file = vec![0; HEADERS];
        let interpreter = file.len();
        file.extend_from_slice(self.interpreter.as_bytes());
        file.push(0);
        let table = file.len() as u64;
        file.extend_from_slice(&strings.0);
        file.resize(file.len().next_multiple_of(8), 0);
        dynamic.push((5, table));
        dynamic.push((6, file.len() as u64));
        file.resize(file.len() + 24, 0);
        for (name, defined) in &symbols {
            put(&mut file, *name, 4);
            // A global function.
            file.extend_from_slice(&[0x12, 0]);
            put(&mut file, u64::from(*defined), 2);
            put(&mut file, if *defined { 64 } else { 0 }, 8);
            put(&mut file, 0, 8);
        }
        dynamic.push((4, file.len() as u64));
        put(&mut file, 1, 4);
        put(&mut file, symbols.len() as u64 + 1, 4);
        put(&mut file, 0, 8);
        if let Some((library, version)) = need {
            dynamic.extend([(0x6fff_fffe, file.len() as u64), (0x6fff_ffff, 1)]);
            for (number, size) in [(1, 2), (1, 2), (library, 4), (16, 4), (0, 4), (0, 4), (0, 2), (2, 2), (version, 4), (0, 4)] {
                put(&mut file, number, size);
            }
        }
        if let Some(version) = defines {
            dynamic.extend([(0x6fff_fffc, file.len() as u64), (0x6fff_fffd, 1)]);
            for (number, size) in [(1, 2), (0, 2), (2, 2), (1, 2), (0, 4), (20, 4), (0, 4), (version, 4), (0, 4)] {
                put(&mut file, number, size);
            }
        }
        if self.bind_now {
            dynamic.push((24, 0));
        }
        dynamic.push((0, 0));
        let start = file.len() as u64;
        for (tag, value) in &dynamic {
            put(&mut file, *tag, 8);
            put(&mut file, *value, 8);
        }
        file.extend_from_slice(self.text.as_bytes());
        file.push(0);
        let length = file.len() as u64;
        let mut head = b"\x7fELF\x02\x01\x01".to_vec();
        head.resize(16, 0);
        let is_static = self.interpreter.is_empty() && self.soname.is_empty();
        let count = if is_static { 1 } else { 2 + u64::from(!self.interpreter.is_empty()) };
        for (number, size) in [(3, 2), (62, 2), (1, 4), (0, 8), (64, 8), (0, 8), (0, 4), (64, 2), (56, 2), (count, 2), (0, 6)] {
            put(&mut head, number, size.min(8));
        }
        for (kind, offset, size) in
            [(1, 0, length), (2, start, 16 * dynamic.len() as u64), (3, interpreter as u64, self.interpreter.len() as u64 + 1)]
        {
            put(&mut head, kind, 4);
            put(&mut head, 4, 4);
            for number in [offset, offset, offset, size, size, 8] {
                put(&mut head, number, 8);
            }
        }
        file[..HEADERS].copy_from_slice(&head[..HEADERS]);
        file
    }
}
