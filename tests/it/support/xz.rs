//! Writes xz streams whose content is not compressed (The .xz File Format 1.2.1, sections 2 to 5). The fuzz targets use it too.

const MAGIC: &[u8] = b"\xfd7zXZ\0";
/// The type of the check CRC32, the only one that is written.
pub const CRC32: u8 = 1;

/// One stream around `content`. `check` is the type that its header names, and `dictionary` the coded size of its dictionary.
pub fn stream(content: &[u8], check: u8, dictionary: u8) -> Vec<u8> {
    let mut out = start(check, dictionary);
    let begin = out.len();
    for (at, chunk) in content.chunks(1 << 16).enumerate() {
        // The first chunk resets the dictionary.
        out.push(if at == 0 { 1 } else { 2 });
        out.extend(u16::try_from(chunk.len() - 1).expect("a chunk of 64 KiB at most").to_be_bytes());
        out.extend_from_slice(chunk);
    }
    out.push(0);
    let length = HEADER_BYTES + out.len() - begin + 4;
    pad(&mut out);
    out.extend(crc(content));
    let mut index = vec![0, 1];
    number(&mut index, length);
    number(&mut index, content.len());
    pad(&mut index);
    let size = u32::try_from(index.len() / 4).expect("an index of one block").to_le_bytes();
    let ending = [&size[..], &[0, check]].concat();
    for part in [&index[..], &crc(&index), &crc(&ending), &ending, b"YZ"] {
        out.extend_from_slice(part);
    }
    out
}

const HEADER_BYTES: usize = 12;

/// The header of a stream, and that of its first block: of sizes that it does not tell, with the filter LZMA2.
pub fn start(check: u8, dictionary: u8) -> Vec<u8> {
    let flags = [0, check];
    let header = [2, 0, 0x21, 1, dictionary, 0, 0, 0];
    [MAGIC, &flags, &crc(&flags), &header, &crc(&header)].concat()
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// Seven bits in each byte, the lowest first (section 1.2).
fn number(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        out.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return;
        }
    }
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}
