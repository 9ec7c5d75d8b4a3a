//! Writes xz as far as a fuzzer does not get by itself: headers and checks that are right (The .xz File Format 1.2.1).

const MAGIC: &[u8] = b"\xfd7zXZ\0";
/// Checked by CRC32.
const FLAGS: [u8; 2] = [0, 1];
/// A block of unknown sizes with the filter LZMA2 and a dictionary of 1 MiB.
const HEADER: [u8; 8] = [2, 0, 0x21, 1, 16, 0, 0, 0];

/// Whether `bytes` begin as xz does.
pub fn is_xz(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The beginning of a stream, then `chunks` as the chunks of its first block, and perhaps their end mark.
pub fn block(chunks: &[u8], ends: bool) -> Vec<u8> {
    let mut out = start();
    out.extend_from_slice(chunks);
    if ends {
        out.extend([0; 8]);
    }
    out
}

/// A whole stream around `content`, which is not compressed.
pub fn stored(content: &[u8]) -> Vec<u8> {
    let mut out = start();
    let mut length = HEADER.len() + 4;
    for (at, chunk) in content.chunks(1 << 12).enumerate() {
        out.push(if at == 0 { 1 } else { 2 });
        out.extend(u16::try_from(chunk.len() - 1).expect("a short chunk").to_be_bytes());
        out.extend_from_slice(chunk);
        length += 3 + chunk.len();
    }
    out.push(0);
    length += 1;
    pad(&mut out);
    out.extend(crc(content));
    let mut index = vec![0, 1];
    number(&mut index, length + 4);
    number(&mut index, content.len());
    pad(&mut index);
    let backward = [&u32::try_from(index.len() / 4).expect("a short index").to_le_bytes()[..], &FLAGS].concat();
    for part in [&index[..], &crc(&index), &crc(&backward), &backward, b"YZ"] {
        out.extend_from_slice(part);
    }
    out
}

fn start() -> Vec<u8> {
    [MAGIC, &FLAGS, &crc(&FLAGS), &HEADER, &crc(&HEADER)].concat()
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn number(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(0x80 | (value & 0x7f) as u8);
        value >>= 7;
    }
    out.push(value as u8);
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}
