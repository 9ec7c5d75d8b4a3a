//! Programs and libraries of a few hundred bytes: all that a loader asks of a file, by the System V ABI, and no code behind it.

/// One architecture.
#[derive(Clone, Copy)]
pub(super) struct Architecture {
    /// As platforms name it.
    pub name: &'static str,
    /// The number of the machine (`e_machine`).
    machine: u64,
    /// Where glibc's loader is.
    pub loader: &'static str,
}

/// The architectures of the demonstration.
pub(super) const ARCHITECTURES: [Architecture; 2] = [
    Architecture { name: "amd64", machine: 62, loader: "lib64/ld-linux-x86-64.so.2" },
    Architecture { name: "arm64", machine: 183, loader: "lib/ld-linux-aarch64.so.1" },
];

const FILE_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const LOAD: u64 = 1;
const DYNAMIC: u64 = 2;
const INTERPRETER: u64 = 3;
/// The tags of the dynamic section.
const NEEDED: u64 = 1;
const STRINGS: u64 = 5;
const STRINGS_SIZE: u64 = 10;
const SONAME: u64 = 14;

impl Architecture {
    /// A program that the loader starts and that needs `library`.
    pub(super) fn program(self, library: &str) -> Vec<u8> {
        self.file(&format!("/{}", self.loader), &[(NEEDED, library)])
    }

    /// A program that needs nothing.
    pub(super) fn static_program(self) -> Vec<u8> {
        self.file("", &[])
    }

    /// A library by its own name. `content` is somewhere in it, so that two editions of it are not the same file.
    pub(super) fn library(self, name: &str, content: &str) -> Vec<u8> {
        let mut file = self.file("", &[(SONAME, name)]);
        file.extend_from_slice(content.as_bytes());
        file
    }

    /// A file that is mapped as it is, at address 0: headers, interpreter, names, dynamic section.
    fn file(self, interpreter: &str, names: &[(u64, &str)]) -> Vec<u8> {
        let mut strings = vec![0];
        let mut entries = Vec::new();
        for (tag, name) in names {
            entries.push((*tag, strings.len()));
            strings.extend_from_slice(name.as_bytes());
            strings.push(0);
        }
        let segments = 1 + usize::from(!names.is_empty()) + usize::from(!interpreter.is_empty());
        let interpreter_at = FILE_HEADER + segments * PROGRAM_HEADER;
        let strings_at = interpreter_at + interpreter.len() + 1;
        let dynamic_at = (strings_at + strings.len()).next_multiple_of(8);
        entries.extend([(STRINGS, strings_at), (STRINGS_SIZE, strings.len()), (0, 0)]);
        let end = dynamic_at + entries.len() * 16;

        let mut file = self.header(segments);
        segment(&mut file, LOAD, 0, end);
        if !names.is_empty() {
            segment(&mut file, DYNAMIC, dynamic_at, entries.len() * 16);
        }
        if !interpreter.is_empty() {
            segment(&mut file, INTERPRETER, interpreter_at, interpreter.len() + 1);
        }
        file.extend_from_slice(interpreter.as_bytes());
        file.push(0);
        file.extend_from_slice(&strings);
        file.resize(dynamic_at, 0);
        for (tag, value) in entries {
            put(&mut file, tag, 8);
            put(&mut file, value as u64, 8);
        }
        file
    }

    fn header(self, segments: usize) -> Vec<u8> {
        // 64 bits, little endian, version 1; ET_DYN, as position-independent programs and libraries are.
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        header.resize(16, 0);
        let start = FILE_HEADER as u64;
        let fields = [(3, 2), (self.machine, 2), (1, 4), (0, 8), (start, 8), (0, 8), (0, 4), (start, 2), (PROGRAM_HEADER as u64, 2)];
        for (number, size) in fields {
            put(&mut header, number, size);
        }
        put(&mut header, segments as u64, 2);
        header.resize(FILE_HEADER, 0);
        header
    }
}

fn segment(file: &mut Vec<u8>, kind: u64, offset: usize, size: usize) {
    put(file, kind, 4);
    // To be read.
    put(file, 4, 4);
    for number in [offset, offset, offset, size, size, 8] {
        put(file, number as u64, 8);
    }
}

fn put(file: &mut Vec<u8>, number: u64, size: usize) {
    file.extend_from_slice(&number.to_le_bytes()[..size]);
}
