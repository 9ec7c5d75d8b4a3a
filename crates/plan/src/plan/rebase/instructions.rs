//! Which settings the builder of the app made itself, as its history says.
//!
//! A value that equals the old base's may be inherited, or the Dockerfile may have set it again; a rebuild takes the new base's
//! in the first case and keeps it in the second. Only the history tells the two apart. It is read as evidence *for* a setting;
//! that it is silent proves nothing, since many builders write none.

use crate::format::json::Node;

/// How classic builders mark an instruction that runs nothing: `/bin/sh -c #(nop) USER app`.
const NO_OPERATION: &str = "#(nop)";
/// The instructions of a Dockerfile that set a field of the config.
const FIELDS: [(&str, &str); 11] = [
    ("CMD", "Cmd"),
    ("ENTRYPOINT", "Entrypoint"),
    ("ENV", "Env"),
    ("EXPOSE", "ExposedPorts"),
    ("HEALTHCHECK", "Healthcheck"),
    ("LABEL", "Labels"),
    ("SHELL", "Shell"),
    ("STOPSIGNAL", "StopSignal"),
    ("USER", "User"),
    ("VOLUME", "Volumes"),
    ("WORKDIR", "WorkingDir"),
];

/// The settings that a history names: each the field of the config, and the rest of the instruction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instructions(Vec<(&'static str, String)>);

impl Instructions {
    /// Those in these entries of a history.
    pub fn of<'a>(entries: impl IntoIterator<Item = Node<'a>>) -> Self {
        Self(entries.into_iter().filter_map(|entry| setting(&entry.get("created_by")?.as_str()?)).collect())
    }

    /// Whether one of them sets `field`.
    pub fn set(&self, field: &str) -> bool {
        self.0.iter().any(|(own, _)| *own == field)
    }

    /// Whether the last one that sets `field` stands before every one that sets `other`.
    pub(crate) fn sets_before(&self, field: &str, other: &str) -> bool {
        let last = self.0.iter().rposition(|(own, _)| *own == field);
        let first = self.0.iter().position(|(own, _)| *own == other);
        last.is_some_and(|last| first.is_none_or(|first| last < first))
    }

    /// Whether one of them sets the part of `field` called `key`: a variable, a label, a port, a volume.
    pub(crate) fn set_key(&self, field: &str, key: &str) -> bool {
        let port = key.strip_suffix("/tcp").filter(|_| field == "ExposedPorts");
        self.0.iter().any(|(own, rest)| *own == field && (names(rest, key) || port.is_some_and(|port| names(rest, port))))
    }
}

fn setting(created_by: &str) -> Option<(&'static str, String)> {
    let text = created_by.split_once(NO_OPERATION).map_or(created_by, |(_, instruction)| instruction).trim();
    let (word, rest) = text.split_once(char::is_whitespace)?;
    let (_, field) = FIELDS.iter().find(|(instruction, _)| *instruction == word)?;
    Some((field, rest.trim().to_owned()))
}

/// Whether `key` is in `text` as a word of its own, on the left of an equals sign if it has one beside it.
fn names(text: &str, key: &str) -> bool {
    let begins = |before: Option<char>| before.is_none_or(|character| character.is_whitespace() || "\"'[,".contains(character));
    let ends = |after: Option<char>| after.is_none_or(|character| character.is_whitespace() || "\"'=],:".contains(character));
    !key.is_empty()
        && text.match_indices(key).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + key.len()..]);
            begins(before.chars().next_back()) && ends(after.chars().next())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::json::Document;
    use crate::foundation::Limits;

    fn of(texts: &[&str]) -> Instructions {
        let entries: Vec<String> = texts.iter().map(|text| format!(r#"{{"created_by":{}}}"#, crate::format::json::quote(text))).collect();
        let text = format!("[{}]", entries.join(","));
        Instructions::of(Document::parse(text.as_bytes(), &Limits::STANDARD).unwrap().root().items())
    }

    /// The spellings of docker's classic builder, BuildKit and buildah.
    #[test]
    fn instructions_are_read_as_builders_write_them() {
        let own = of(&[
            "/bin/sh -c #(nop)  USER root",
            "WORKDIR /app",
            "/bin/sh -c #(nop) ENV A=1 \"B\"=\"x y\"",
            "ENV C 1",
            "EXPOSE map[80/tcp:{}]",
            "/bin/sh -c #(nop)  EXPOSE 8080 53/udp",
            "VOLUME [/data /var/lib/x]",
            "/bin/sh -c #(nop) LABEL org.x.version=1 other=2",
            "cmd /S /C #(nop) CMD [\"serve\"]",
        ]);
        assert!(own.set("User") && own.set("WorkingDir") && own.set("Cmd"));
        assert!(!own.set("Entrypoint") && !own.set("Shell"));
        for key in ["A", "B", "C"] {
            assert!(own.set_key("Env", key), "{key}");
        }
        for key in ["80/tcp", "8080/tcp", "53/udp"] {
            assert!(own.set_key("ExposedPorts", key), "{key}");
        }
        for key in ["53/tcp", "0/tcp", "808/tcp", "80/udp"] {
            assert!(!own.set_key("ExposedPorts", key), "{key}");
        }
        assert!(own.set_key("Volumes", "/data") && own.set_key("Volumes", "/var/lib/x") && !own.set_key("Volumes", "/var/lib"));
        assert!(own.set_key("Labels", "org.x.version") && !own.set_key("Labels", "version") && !own.set_key("Labels", "org.x"));
    }

    #[test]
    fn commands_that_were_run_set_nothing() {
        let own = of(&[
            "/bin/sh -c echo USER root",
            "RUN /bin/sh -c echo #(nope) ENV A=1 # buildkit",
            "|1 A=b /bin/sh -c true",
            "COPY USER /USER # buildkit",
            "user root",
            "USER",
            "",
        ]);
        assert_eq!(own, Instructions::default());
    }
}
