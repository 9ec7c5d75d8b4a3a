//! The JSON types of a config's fields (image-spec, config.md; Docker's own fields as moby's Go types have them).
//!
//! Readers written in Go refuse a whole config over one field of another type, so such an image runs nowhere. `null` is fine: it
//! is Go's spelling of nothing.

use crate::format::json::{Kind, Node};
use crate::foundation::{Code, Fact, Finding};

/// What a field holds.
#[derive(Debug)]
enum Shape {
    Text,
    Flag,
    Integer,
    Texts,
    TextMap,
    /// A set, written as an object whose values are empty objects.
    Set,
    Fields(&'static [(&'static str, Shape)]),
    List(&'static [(&'static str, Shape)]),
}

const DOCUMENT: &[(&str, Shape)] = &[
    ("created", Shape::Text),
    ("author", Shape::Text),
    ("architecture", Shape::Text),
    ("os", Shape::Text),
    ("os.version", Shape::Text),
    ("os.features", Shape::Texts),
    ("variant", Shape::Text),
    ("config", Shape::Fields(CONFIG)),
    ("rootfs", Shape::Fields(&[("type", Shape::Text)])),
    ("history", Shape::List(HISTORY)),
];
const HISTORY: &[(&str, Shape)] = &[
    ("created", Shape::Text),
    ("author", Shape::Text),
    ("created_by", Shape::Text),
    ("comment", Shape::Text),
    ("empty_layer", Shape::Flag),
];
const CONFIG: &[(&str, Shape)] = &[
    ("User", Shape::Text),
    ("ExposedPorts", Shape::Set),
    ("Env", Shape::Texts),
    ("Entrypoint", Shape::Texts),
    ("Cmd", Shape::Texts),
    ("Volumes", Shape::Set),
    ("WorkingDir", Shape::Text),
    ("Labels", Shape::TextMap),
    ("StopSignal", Shape::Text),
    ("ArgsEscaped", Shape::Flag),
    ("Memory", Shape::Integer),
    ("MemorySwap", Shape::Integer),
    ("CpuShares", Shape::Integer),
    ("Healthcheck", Shape::Fields(HEALTHCHECK)),
    ("OnBuild", Shape::Texts),
    ("Shell", Shape::Texts),
    ("StopTimeout", Shape::Integer),
    ("Hostname", Shape::Text),
    ("Domainname", Shape::Text),
    ("Image", Shape::Text),
    ("MacAddress", Shape::Text),
    ("AttachStdin", Shape::Flag),
    ("AttachStdout", Shape::Flag),
    ("AttachStderr", Shape::Flag),
    ("OpenStdin", Shape::Flag),
    ("StdinOnce", Shape::Flag),
    ("Tty", Shape::Flag),
    ("NetworkDisabled", Shape::Flag),
];
const HEALTHCHECK: &[(&str, Shape)] = &[
    ("Test", Shape::Texts),
    ("Interval", Shape::Integer),
    ("Timeout", Shape::Integer),
    ("StartPeriod", Shape::Integer),
    ("StartInterval", Shape::Integer),
    ("Retries", Shape::Integer),
];

/// A finding for each field of another type, and for each entry of `Env` that sets nothing.
pub(super) fn findings(document: Node<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    fields(document, DOCUMENT, "", &mut findings);
    let entries = document.get("config").and_then(|config| config.get("Env")).into_iter().flat_map(Node::items);
    for entry in entries.filter_map(|entry| entry.as_str().filter(|text| !text.contains('='))) {
        findings.push(
            Finding::new(Code::ConfigEnv, "an entry of Env sets no variable")
                .expected(Fact::new("NAME=VALUE", "image-spec, config.md"))
                .found(Fact::new(entry, "config.Env")),
        );
    }
    findings
}

fn fields(object: Node<'_>, known: &[(&str, Shape)], path: &str, findings: &mut Vec<Finding>) {
    for (name, shape) in known {
        let Some(node) = object.get(name) else { continue };
        let place = if path.is_empty() { (*name).to_owned() } else { format!("{path}.{name}") };
        match shape {
            Shape::Fields(inner) if node.kind() == Kind::Object => fields(node, inner, &place, findings),
            Shape::List(inner) if node.kind() == Kind::Array => {
                node.items().enumerate().for_each(|(at, item)| fields(item, inner, &format!("{place}[{at}]"), findings));
            }
            _ if shape.fits(node) => {}
            _ => findings.push(
                Finding::new(Code::ConfigType, format!("{place} has another type than the specification gives it"))
                    .expected(Fact::new(shape.name(), "image-spec, config.md"))
                    .found(Fact::new(node.raw(), "the config")),
            ),
        }
    }
}

impl Shape {
    fn fits(&self, node: Node<'_>) -> bool {
        let empty = |node: Node<'_>| node.kind() == Kind::Null;
        let text = |node: Node<'_>| empty(node) || node.kind() == Kind::String;
        match self {
            Self::Text => text(node),
            Self::Flag => node.kind() == Kind::Bool,
            Self::Integer => node.kind() == Kind::Number && node.raw().bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'),
            Self::Texts => node.kind() == Kind::Array && node.items().all(text),
            Self::TextMap => node.kind() == Kind::Object && node.members().all(|(_, value)| text(value)),
            Self::Set => node.kind() == Kind::Object && node.members().all(|(_, value)| empty(value) || value.kind() == Kind::Object),
            Self::Fields(_) | Self::List(_) => false,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Flag => "true or false",
            Self::Integer => "a whole number",
            Self::Texts => "a list of strings",
            Self::TextMap => "an object of strings",
            Self::Set => "an object of empty objects",
            Self::Fields(_) => "an object",
            Self::List(_) => "a list of objects",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::json::Document;
    use crate::foundation::Limits;

    fn of(config: &str) -> Vec<(Code, String)> {
        let text = format!(r#"{{"config":{config}}}"#);
        let document = Document::parse(text.as_bytes(), &Limits::STANDARD).unwrap();
        findings(document.root()).into_iter().map(|finding| (finding.code, finding.message)).collect()
    }

    #[test]
    fn every_field_has_its_type() {
        for (config, field) in [
            (r#"{"Env":[7353]}"#, "config.Env"),
            (r#"{"Env":"A=1"}"#, "config.Env"),
            (r#"{"Env":{}}"#, "config.Env"),
            (r#"{"User":1000}"#, "config.User"),
            (r#"{"Cmd":"/bin/sh"}"#, "config.Cmd"),
            (r#"{"Entrypoint":[["/bin/sh"]]}"#, "config.Entrypoint"),
            (r#"{"Volumes":["/data"]}"#, "config.Volumes"),
            (r#"{"Volumes":[]}"#, "config.Volumes"),
            (r#"{"ExposedPorts":{"80/tcp":1}}"#, "config.ExposedPorts"),
            (r#"{"Labels":["a=b"]}"#, "config.Labels"),
            (r#"{"Labels":{"a":1}}"#, "config.Labels"),
            (r#"{"WorkingDir":1}"#, "config.WorkingDir"),
            (r#"{"StopSignal":9}"#, "config.StopSignal"),
            (r#"{"Healthcheck":["CMD","true"]}"#, "config.Healthcheck"),
            (r#"{"Healthcheck":{"Test":"true"}}"#, "config.Healthcheck.Test"),
            (r#"{"Healthcheck":{"Interval":"30s"}}"#, "config.Healthcheck.Interval"),
            (r#"{"Healthcheck":{"Retries":1.5}}"#, "config.Healthcheck.Retries"),
            (r#"{"OnBuild":"RUN x"}"#, "config.OnBuild"),
            (r#"{"Shell":{}}"#, "config.Shell"),
            (r#"{"ArgsEscaped":"true"}"#, "config.ArgsEscaped"),
            (r#"{"StopTimeout":"10"}"#, "config.StopTimeout"),
        ] {
            assert_eq!(of(config), [(Code::ConfigType, format!("{field} has another type than the specification gives it"))], "{config}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_readers_take() {
        for config in [
            "{}",
            r#"{"Env":null,"Cmd":null,"User":null,"Volumes":null,"Labels":null,"Healthcheck":null}"#,
            r#"{"Env":[],"Cmd":[],"Volumes":{"/a":null,"/b":{}},"Labels":{"a":null},"OnBuild":[]}"#,
            r#"{"Healthcheck":{"Test":["NONE"],"Interval":30000000000},"Shell":["/bin/sh","-c"],"Vendor":7,"ArgsEscaped":false}"#,
        ] {
            assert_eq!(of(config), [], "{config}");
        }
        assert_eq!(of(r#"{"Env":["A=1","=C:","foo"]}"#), [(Code::ConfigEnv, "an entry of Env sets no variable".to_owned())]);
    }
}
