//! Where Perl looks for modules.

use super::{Interpreter, is_file};
use crate::plan::verdict::view::View;

impl Interpreter {
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
