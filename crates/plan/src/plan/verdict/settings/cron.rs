//! Tables of cron: when, as whom, and the text that a shell is given.

/// A line that runs something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plan::verdict) struct Job {
    /// In the tables of the system.
    pub(in crate::plan::verdict) user: Option<Vec<u8>>,
    pub(in crate::plan::verdict) text: Vec<u8>,
}

/// A table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::plan::verdict) struct Table {
    pub(in crate::plan::verdict) jobs: Vec<Job>,
    /// `SHELL` and `PATH` and others, with what they are set to.
    pub(in crate::plan::verdict) variables: Vec<(Vec<u8>, Vec<u8>)>,
    /// Lines that are not understood.
    pub(in crate::plan::verdict) lost: Vec<usize>,
}

/// A word at the beginning, and what follows it.
fn first(line: &[u8]) -> (&[u8], &[u8]) {
    let line = line.trim_ascii_start();
    let (word, rest) = line.split_at(line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len()));
    (word, rest.trim_ascii_start())
}

/// Reads a table, with users if it is one of the system.
pub(in crate::plan::verdict) fn table(text: &[u8], of_system: bool) -> Table {
    let mut found = Table::default();
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let name = line.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        if let Some(value) = line.get(name..).map(<[u8]>::trim_ascii_start).and_then(|rest| rest.strip_prefix(b"=")).filter(|_| name > 0) {
            let value = value.trim_ascii();
            let inner = [b"\"", b"'"].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
            found.variables.push((line.get(..name).unwrap_or_default().to_vec(), inner.unwrap_or(value).to_vec()));
            continue;
        }
        let mut rest = line;
        let times = if line.starts_with(b"@") { 1 } else { 5 };
        let mut fits = true;
        for _ in 0..times {
            let (time, after) = first(rest);
            let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'/' | b',' | b'-' | b'@' | b'~');
            fits &= !time.is_empty() && time.iter().all(plain);
            rest = after;
        }
        let user = if of_system {
            let (user, after) = first(rest);
            rest = after;
            Some(user.to_vec())
        } else {
            None
        };
        if !fits || rest.is_empty() {
            found.lost.push(number + 1);
            continue;
        }
        found.jobs.push(Job { user, text: command(rest) });
    }
    found
}

/// What follows a `%` is what the command reads.
fn command(text: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if bytes.peek() == Some(&b'%') => found.extend(bytes.next()),
            b'%' => break,
            byte => found.push(byte),
        }
    }
    found
}
