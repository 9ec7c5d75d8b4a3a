//! The lines of a plan while it is made. A hundred thousand of them are a hundred megabytes, and a fifth of that when packed.

use crate::foundation::{Code, Error, Result};

/// Where a line is.
#[derive(Debug, Clone)]
pub(super) enum Line {
    /// Here.
    Plain(String),
    /// In a block.
    Packed { block: u32, at: u32, length: u32 },
}

/// Blocks of lines, and the one that was read last.
#[derive(Debug, Default)]
pub(super) struct Lines {
    blocks: Vec<(Vec<u8>, usize)>,
    open: Option<(u32, Vec<u8>)>,
}

fn broken() -> Error {
    Error::new(Code::Bug, "lines of the plan were packed and cannot be unpacked")
}

impl Lines {
    /// Packs the lines of a block of images.
    ///
    /// # Errors
    /// `bug`.
    pub(super) fn pack<'l>(&mut self, lines: impl Iterator<Item = &'l mut Line>) -> Result<()> {
        let mut text = String::new();
        let block = u32::try_from(self.blocks.len()).map_err(|_| broken())?;
        for line in lines {
            if let Line::Plain(plain) = line {
                let (at, length) = (u32::try_from(text.len()), u32::try_from(plain.len()));
                let (Ok(at), Ok(length)) = (at, length) else { continue };
                text.push_str(plain);
                *line = Line::Packed { block, at, length };
            }
        }
        let mut packed = zstd::bulk::compress(text.as_bytes(), 1).map_err(|_| broken())?;
        // It has room for what could not be packed.
        packed.shrink_to_fit();
        self.blocks.push((packed, text.len()));
        Ok(())
    }

    /// The text of a line. Lines of one block after another are quick.
    ///
    /// # Errors
    /// `bug`.
    pub(super) fn text<'a>(&'a mut self, line: &'a Line) -> Result<&'a str> {
        let (block, at, length) = match line {
            Line::Plain(plain) => return Ok(plain),
            Line::Packed { block, at, length } => (*block, *at, *length),
        };
        if self.open.as_ref().is_none_or(|(open, _)| *open != block) {
            let place = usize::try_from(block).ok().and_then(|block| self.blocks.get(block)).ok_or_else(broken)?;
            let text = zstd::bulk::decompress(&place.0, place.1).map_err(|_| broken())?;
            self.open = Some((block, text));
        }
        let range = usize::try_from(at).ok().zip(usize::try_from(length).ok()).map(|(at, length)| at..at + length);
        let bytes = self.open.as_ref().zip(range).and_then(|((_, text), range)| text.get(range));
        bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).ok_or_else(broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_in_any_order() {
        let mut lines = Lines::default();
        let mut all: Vec<Line> = (0..10).map(|number| Line::Plain(format!("line {number}\n"))).collect();
        lines.pack(all[..4].iter_mut()).unwrap();
        lines.pack(all[4..8].iter_mut()).unwrap();
        for number in [7, 0, 9, 3, 4, 8] {
            assert_eq!(lines.text(&all[number]).unwrap(), format!("line {number}\n"));
        }
        assert!(matches!(all[0], Line::Packed { .. }) && matches!(all[9], Line::Plain(_)));
    }
}
