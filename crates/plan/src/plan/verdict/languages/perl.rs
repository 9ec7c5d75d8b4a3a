//! Where Perl looks for modules.

use super::{Interpreter, is_file};
use crate::plan::verdict::view::View;

/// The newest Perl that a text asks for with `use v5.36` or `use 5.036`: the 36 of it.
pub(in crate::plan::verdict) fn wanted(text: &[u8]) -> Option<u32> {
    let number = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse::<u32>().ok();
    let statements = text.split(|byte| matches!(byte, b'\n' | b';')).map(<[u8]>::trim_ascii);
    let versions =
        statements.filter_map(|line| line.strip_prefix(b"use ").or_else(|| line.strip_prefix(b"require "))).map(<[u8]>::trim_ascii);
    let minor = |version: &[u8]| {
        let (tuple, rest) = version.strip_prefix(b"v").map_or((false, version), |rest| (true, rest));
        let mut parts = rest.strip_prefix(b"5.")?.split(|byte| *byte == b'.');
        let first: Vec<u8> = parts.next()?.iter().copied().filter(|byte| *byte != b'_').collect();
        if first.is_empty() || !first.iter().all(u8::is_ascii_digit) {
            return None;
        }
        // 5.036 is v5.36, and so is 5.36.0; 5.36 is v5.360.
        if tuple || parts.next().is_some() { number(&first) } else { number([first.as_slice(), b"00"].concat().get(..3)?) }
    };
    versions.filter_map(minor).max()
}

/// The directories that `use lib` names in a script of a directory; none if one of them is only known when it runs.
pub(in crate::plan::verdict) fn use_lib(text: &[u8], directory: &[u8]) -> Option<Vec<Vec<u8>>> {
    // The forms of "the directory of this script".
    const HERE: [&[u8]; 9] = [
        b"$FindBin::Bin",
        b"$FindBin::RealBin",
        b"$Bin",
        b"$RealBin",
        b"dirname(abs_path($0))",
        b"dirname(abs_path(__FILE__))",
        b"dirname(__FILE__)",
        b"dirname($0)",
        b"dirname(Cwd::abs_path($0))",
    ];
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.starts_with(b"#"));
    let named = lines.filter_map(|line| line.strip_prefix(b"use lib ")).map(|rest| {
        let rest = rest.trim_ascii_start();
        let rest = rest.get(..rest.iter().position(|byte| *byte == b';')?)?.trim_ascii();
        let rest = rest.strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")")).unwrap_or(rest);
        let quote = rest.first().filter(|byte| matches!(byte, b'"' | b'\''));
        let inner = quote.and_then(|quote| rest.get(1..)?.strip_suffix(&[*quote]));
        let here = |text: &[u8]| HERE.iter().find_map(|form| Some((form.len(), text.strip_prefix(*form)?.to_vec())));
        let (from, path) = match inner {
            Some(inner) if inner.starts_with(b"/") => (&b""[..], inner.to_vec()),
            Some(inner) => (directory, here(inner)?.1),
            None => {
                let after = here(rest)?.1;
                let after = after.trim_ascii_start();
                let after = if after.is_empty() { b"" } else { after.strip_prefix(b".")?.trim_ascii_start() };
                let quoted = after.strip_prefix(b"\"").and_then(|after| after.strip_suffix(b"\""));
                let quoted = quoted.or_else(|| after.strip_prefix(b"'").and_then(|after| after.strip_suffix(b"'")));
                (directory, if after.is_empty() { Vec::new() } else { quoted?.to_vec() })
            }
        };
        let is_plain = path.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(byte));
        (is_plain && (path.is_empty() || path.starts_with(b"/"))).then(|| [from, &path].concat())
    });
    named.collect()
}

impl Interpreter {
    /// The Perl that a text asks for, if this one is older; nothing if it does not say which it is.
    pub(in crate::plan::verdict) fn older_than(&self, text: &[u8]) -> Option<String> {
        let wanted = wanted(text)?;
        let own = self
            .release
            .iter()
            .filter_map(|release| std::str::from_utf8(release).ok()?.strip_prefix("5.")?.split('.').next()?.parse::<u32>().ok());
        own.max().filter(|own| *own < wanted).map(|_| format!("Perl 5.{wanted}"))
    }

    pub(super) fn perl_module(&self, view: &View, name: &[u8]) -> Option<Vec<Vec<u8>>> {
        let parts: Vec<&[u8]> = name.split(|byte| *byte == b':').filter(|part| !part.is_empty()).collect();
        let path = [parts.join(&b'/').as_slice(), b".pm"].concat();
        let found = |path: &[u8]| {
            let below = |directory: &Vec<u8>| [directory.as_slice(), b"/", path].concat();
            self.directories.iter().map(below).find(|path| is_file(view, path))
        };
        let module = found(&path)?;
        let last = parts.last().copied().unwrap_or_default();
        let library = [b"auto/", parts.join(&b'/').as_slice(), b"/", last, b".so"].concat();
        // A module with a compiled part says so; what it says is in its text.
        let loads = view.text(&module).is_some_and(|text| {
            [&b"XSLoader"[..], b"DynaLoader"].iter().any(|word| text.windows(word.len()).any(|window| window == *word))
        });
        match (found(&library), loads) {
            (Some(found), _) => Some(vec![module, found]),
            // The name of what is missing.
            (None, true) => Some(vec![module, library]),
            (None, false) => Some(vec![module]),
        }
    }
}
