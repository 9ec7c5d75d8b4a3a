//! What a package needs and what it stands for: `Depends` and `Provides` of dpkg (deb-control(5)), `D:` and `p:` of apk.

use std::cmp::Ordering;

use super::{version, word};

/// What a package needs: one of its alternatives is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The alternatives, of which apk has one.
    pub alternatives: Vec<Alternative>,
}

/// A package by name, or what packages provide under that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// The name.
    pub name: String,
    /// Which of its versions do; without it, all.
    pub version: Option<(Operator, String)>,
}

/// How a version compares with the one that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `<<` of dpkg, `<` of apk.
    Earlier,
    /// `<=`
    NotLater,
    /// `=`
    Equal,
    /// `>=`
    NotEarlier,
    /// `>>` of dpkg, `>` of apk.
    Later,
    /// `~` of apk: it begins with the parts that are named.
    Begins,
    /// `><` of apk: the package has that checksum. It is not compared.
    Checksum,
}

impl Operator {
    /// Whether a version fits that compares so with the one that is named.
    fn allows(self, order: Ordering) -> bool {
        match self {
            Self::Earlier => order.is_lt(),
            Self::NotLater => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::NotEarlier => order.is_ge(),
            Self::Later => order.is_gt(),
            Self::Begins | Self::Checksum => true,
        }
    }

    /// As it is written.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Earlier => "<",
            Self::NotLater => "<=",
            Self::Equal => "=",
            Self::NotEarlier => ">=",
            Self::Later => ">",
            Self::Begins => "~",
            Self::Checksum => "><",
        }
    }
}

impl std::fmt::Display for Relation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, Alternative { name, version }) in self.alternatives.iter().enumerate() {
            let or = if at > 0 { " | " } else { "" };
            write!(formatter, "{or}{name}")?;
            if let Some((operator, version)) = version {
                write!(formatter, " ({} {version})", operator.sign())?;
            }
        }
        Ok(())
    }
}

/// A name that a package stands for, with the version that it has under that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    /// The name.
    pub name: String,
    /// The version; without it no particular one is provided.
    pub version: Option<String>,
}

/// What a package needs, and what it provides beside itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relations {
    /// All of these are needed.
    pub needs: Vec<Relation>,
    /// It does for those who need these.
    pub provides: Vec<Provided>,
    /// Whether it does for packages of other architectures: `Multi-Arch: foreign` or `allowed`.
    pub for_all: bool,
}

impl Alternative {
    /// Whether a version of dpkg does; none is that of a name that is provided without a version.
    pub fn fits_dpkg(&self, version: Option<&str>) -> bool {
        let Some((operator, wanted)) = &self.version else { return true };
        version.and_then(|version| version::dpkg(version, wanted)).is_some_and(|order| operator.allows(order))
    }

    /// Whether a version of apk does.
    pub fn fits_apk(&self, version: Option<&str>) -> bool {
        match (&self.version, version) {
            (None | Some((Operator::Checksum, _)), _) => true,
            (Some(_), None) => false,
            (Some((Operator::Begins, wanted)), Some(version)) => version::apk_begins(version, wanted),
            (Some((operator, wanted)), Some(version)) => version::apk(version, wanted).is_some_and(|order| operator.allows(order)),
        }
    }
}

/// Reads `Depends` or `Pre-Depends`: `NAME[:ARCHITECTURE] [(OPERATOR VERSION)]`, alternatives between bars, relations between commas.
/// None if it is none of that.
pub(crate) fn dpkg_needs(value: &[u8]) -> Option<Vec<Relation>> {
    let relation = |text: &[u8]| {
        let alternatives = text.split(|byte| *byte == b'|').map(alternative).collect::<Option<Vec<_>>>()?;
        Some(Relation { alternatives })
    };
    listed(value).map(relation).collect()
}

/// Reads `Provides`.
pub(crate) fn dpkg_provides(value: &[u8]) -> Option<Vec<Provided>> {
    let provided = |text: &[u8]| match alternative(text)? {
        Alternative { name, version: None } => Some(Provided { name, version: None }),
        Alternative { name, version: Some((Operator::Equal, version)) } => Some(Provided { name, version: Some(version) }),
        Alternative { .. } => None,
    };
    listed(value).map(provided).collect()
}

/// What stands between commas; nothing may stand after the last.
fn listed(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|text| !text.is_empty())
}

fn alternative(text: &[u8]) -> Option<Alternative> {
    let text = text.trim_ascii();
    let (name, version) = match text.iter().position(|byte| *byte == b'(') {
        Some(at) => {
            let inner = text.get(at + 1..)?.strip_suffix(b")")?.trim_ascii();
            let signs = inner.iter().take_while(|byte| matches!(byte, b'<' | b'=' | b'>')).count();
            let (sign, version) = inner.split_at_checked(signs)?;
            let operator = match sign {
                b"<<" => Operator::Earlier,
                // A single angle is an old spelling.
                b"<=" | b"<" => Operator::NotLater,
                b"=" | b"" => Operator::Equal,
                b">=" | b">" => Operator::NotEarlier,
                b">>" => Operator::Later,
                _ => return None,
            };
            (text.get(..at)?.trim_ascii(), Some((operator, word(version.trim_ascii())?.to_owned())))
        }
        None => (text, None),
    };
    let name = word(name)?.split(':').next().filter(|name| !name.is_empty())?;
    Some(Alternative { name: name.to_owned(), version })
}

/// Reads `D:`: names with what their versions have to be, between blanks. What must not be there (`!NAME`) is nothing that is needed.
pub(crate) fn apk_needs(value: &[u8]) -> Option<Vec<Relation>> {
    let all = value.split(u8::is_ascii_whitespace).filter(|text| !text.is_empty() && !text.starts_with(b"!"));
    all.map(|text| Some(Relation { alternatives: vec![apk_name(text)?] })).collect()
}

/// Reads `p:`.
pub(crate) fn apk_provides(value: &[u8]) -> Option<Vec<Provided>> {
    let all = value.split(u8::is_ascii_whitespace).filter(|text| !text.is_empty());
    let provided = |text: &[u8]| {
        let Alternative { name, version } = apk_name(text)?;
        Some(Provided { name, version: version.map(|(_, version)| version) })
    };
    all.map(provided).collect()
}

fn apk_name(text: &[u8]) -> Option<Alternative> {
    let text = word(text)?;
    // What stands behind an at sign is a repository.
    let text = text.split('@').next()?;
    let Some(at) = text.find(['<', '=', '>', '~']).filter(|at| *at > 0) else {
        return (!text.is_empty() && !text.starts_with(['<', '=', '>', '~'])).then(|| Alternative { name: text.to_owned(), version: None });
    };
    let (name, rest) = text.split_at(at);
    let version = rest.trim_start_matches(['<', '=', '>', '~']);
    let operator = match rest.strip_suffix(version)? {
        "<" => Operator::Earlier,
        "<=" => Operator::NotLater,
        "=" => Operator::Equal,
        ">=" => Operator::NotEarlier,
        ">" => Operator::Later,
        "~" | "~=" | "=~" => Operator::Begins,
        "><" => Operator::Checksum,
        _ => return None,
    };
    (!version.is_empty()).then(|| Alternative { name: name.to_owned(), version: Some((operator, version.to_owned())) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(relations: Option<Vec<Relation>>) -> Option<Vec<String>> {
        relations.map(|relations| relations.iter().map(ToString::to_string).collect())
    }

    /// From the status file of Debian 12 and deb-control(5).
    #[test]
    fn what_dpkg_writes_is_read() {
        let value = b"libc6 (>= 2.36), python3:any (<< 3.12), debconf (>= 0.5) | debconf-2.0, libx11-6 (=2:1.8.4-2), old (> 1), mta,";
        let expected =
            ["libc6 (>= 2.36)", "python3 (< 3.12)", "debconf (>= 0.5) | debconf-2.0", "libx11-6 (= 2:1.8.4-2)", "old (>= 1)", "mta"];
        assert_eq!(shown(dpkg_needs(value)).unwrap(), expected);
        assert_eq!(shown(dpkg_needs(b"")).unwrap(), [""; 0]);
        for wrong in [&b"a (>= 1"[..], b"a | ", b"a b", b"(>= 1)", b"a (>= )", b"a (!= 1)", b":any"] {
            assert_eq!(dpkg_needs(wrong), None, "{}", String::from_utf8_lossy(wrong));
        }
        let provided = |name: &str, version: Option<&str>| Provided { name: name.to_owned(), version: version.map(str::to_owned) };
        let expected = [provided("libssl3", Some("3.5.0-1")), provided("mail-transport-agent", None)];
        assert_eq!(dpkg_provides(b"libssl3 (= 3.5.0-1), mail-transport-agent").unwrap(), expected);
        assert_eq!(dpkg_provides(b"a (>= 1)"), None);
    }

    /// From the database of Alpine 3.20.
    #[test]
    fn what_apk_writes_is_read() {
        let value = b"so:libc.musl-x86_64.so.1 zlib>=1.3 busybox=1.36.1-r29 python3~3.12 !uclibc b<2 c><Q1abc= d@edge e~=1";
        let expected = [
            "so:libc.musl-x86_64.so.1",
            "zlib (>= 1.3)",
            "busybox (= 1.36.1-r29)",
            "python3 (~ 3.12)",
            "b (< 2)",
            "c (>< Q1abc=)",
            "d",
            "e (~ 1)",
        ];
        assert_eq!(shown(apk_needs(value)).unwrap(), expected);
        assert_eq!(shown(apk_needs(b"")).unwrap(), [""; 0]);
        for wrong in [&b">=1"[..], b"a>=", b"a<>1", b"a==1"] {
            assert_eq!(apk_needs(wrong), None, "{}", String::from_utf8_lossy(wrong));
        }
        let expected = [
            Provided { name: "so:libz.so.1".to_owned(), version: Some("1.3.1".to_owned()) },
            Provided { name: "/bin/sh".to_owned(), version: None },
        ];
        assert_eq!(apk_provides(b"so:libz.so.1=1.3.1 /bin/sh").unwrap(), expected);
    }

    /// `dpkg --compare-versions` says the same of each.
    #[test]
    fn versions_of_dpkg_fit_as_dpkg_compares_them() {
        let fits = |wanted: &str, version: Option<&str>| dpkg_needs(wanted.as_bytes()).unwrap()[0].alternatives[0].fits_dpkg(version);
        for (wanted, version) in [
            ("a (>= 2.36)", "2.36-9+deb12u4"),
            ("a (>= 1.0)", "1:0.1"),
            ("a (<< 1.0)", "1.0~rc1"),
            ("a (= 1.0)", "0:1.0"),
            ("a (<= 1.0-1)", "1.0-1"),
            ("a (>> 1.9)", "1.10"),
            ("a", "1"),
        ] {
            assert!(fits(wanted, Some(version)), "{wanted} {version}");
        }
        for (wanted, version) in [
            ("a (>= 2.38)", "2.36-9+deb12u4"),
            ("a (<< 1.0)", "1.0"),
            ("a (= 1.0)", "1.0-1"),
            ("a (>> 1.10)", "1.9"),
            ("a (<= 1.0)", "1.0+b1"),
            ("a (>= 1)", "no version"),
        ] {
            assert!(!fits(wanted, Some(version)), "{wanted} {version}");
        }
        // deb-control(5): what is provided without a version does for nobody who wants one.
        assert!(fits("a", None) && !fits("a (>= 1)", None));
    }

    /// apk-tools compares in this way: `apk version -t`, and for `~` as many parts as are named.
    #[test]
    fn versions_of_apk_fit_as_apk_compares_them() {
        let fits = |wanted: &str, version: Option<&str>| apk_needs(wanted.as_bytes()).unwrap()[0].alternatives[0].fits_apk(version);
        for (wanted, version) in [
            ("a>=1.2", "1.10-r0"),
            ("a~3.12", "3.12.8-r1"),
            ("a~3.12", "3.12-r0"),
            ("a~3.12.8", "3.12.8-r1"),
            ("a~1.2-r3", "1.2-r3"),
            ("a=1.2-r0", "1.2-r0"),
            ("a<2", "2_rc1"),
            ("a><Q1abc=", "1"),
        ] {
            assert!(fits(wanted, Some(version)), "{wanted} {version}");
        }
        for (wanted, version) in
            [("a~3.1", "3.12-r0"), ("a~3.12.8", "3.12.9-r0"), ("a~3.12", "3-r0"), ("a>1.2", "1.2"), ("a=1", "1.0"), ("a=1", "x")]
        {
            assert!(!fits(wanted, Some(version)), "{wanted} {version}");
        }
        assert!(fits("a", None) && !fits("a>=1", None));
    }
}
