//! Settings of supervisord: sections of names and values.

/// A section.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in crate::plan::verdict) struct Section {
    pub(in crate::plan::verdict) name: Vec<u8>,
    pub(in crate::plan::verdict) values: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Section {
    pub(in crate::plan::verdict) fn value(&self, name: &[u8]) -> Option<&[u8]> {
        self.values.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }
}

/// The sections of a file; the number of a line that is not understood.
pub(in crate::plan::verdict) fn sections(text: &[u8]) -> Result<Vec<Section>, super::Lost> {
    let mut found: Vec<Section> = Vec::new();
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let trimmed = line.trim_ascii();
        if trimmed.is_empty() || trimmed.starts_with(b"#") || trimmed.starts_with(b";") {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix(b"[") {
            let end = name.iter().position(|byte| *byte == b']').ok_or(number + 1)?;
            found.push(Section { name: name.get(..end).unwrap_or_default().to_vec(), values: Vec::new() });
            continue;
        }
        let section = found.last_mut().ok_or(number + 1)?;
        // A comment stands behind a space.
        let end = line.windows(2).position(|pair| pair == b" ;" || pair == b"\t;").unwrap_or(line.len());
        let value = line.get(..end).unwrap_or_default().trim_ascii();
        if line.first().is_some_and(u8::is_ascii_whitespace) {
            let (_, before) = section.values.last_mut().ok_or(number + 1)?;
            before.push(b'\n');
            before.extend_from_slice(value);
            continue;
        }
        let at = value.iter().position(|byte| matches!(byte, b'=' | b':')).ok_or(number + 1)?;
        let (name, rest) = value.split_at(at);
        section.values.push((name.trim_ascii().to_vec(), rest.get(1..).unwrap_or_default().trim_ascii().to_vec()));
    }
    Ok(found)
}

/// A value in which others are named: `%(here)s`, `%(ENV_NAME)s`, `%(program_name)s`, `%%`. None if one is not known.
pub(in crate::plan::verdict) fn expanded(value: &[u8], known: &dyn Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let (before, after) = rest.split_at(at);
        found.extend_from_slice(before);
        if let Some(after) = after.strip_prefix(b"%%") {
            found.push(b'%');
            rest = after;
            continue;
        }
        let inner = after.strip_prefix(b"%(")?;
        let end = inner.iter().position(|byte| *byte == b')')?;
        found.extend(known(inner.get(..end)?)?);
        // `s`, or a number with its width: `02d`.
        let format = inner.get(end + 1..)?;
        let width = format.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest = format.get(width..)?.strip_prefix(b"s").or_else(|| format.get(width..)?.strip_prefix(b"d"))?;
    }
    found.extend_from_slice(rest);
    Some(found)
}
