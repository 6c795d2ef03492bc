//! A program around given bytes: a valid ELF file whose sections hold them, so that arbitrary bytes
//! reach the parser of one section instead of failing at the file's header.
#![allow(dead_code, reason = "each user needs its own part")]

/// One section: its name, whether it holds code, its bytes.
pub(crate) type Content<'c> = (&'c str, bool, &'c [u8]);

const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const SECTION_HEADER: usize = 64;
const PAGE: u64 = 4096;

/// The address of the section at this place in the list.
pub(crate) fn address(contents: &[Content<'_>], index: usize) -> u64 {
    contents[..index]
        .iter()
        .fold(PAGE, |at, (_, _, bytes)| at + pages(bytes))
}

fn pages(bytes: &[u8]) -> u64 {
    (bytes.len() as u64).div_ceil(PAGE).max(1) * PAGE
}

/// The file. Each section is a segment of its own, whose address equals its file offset; each is
/// writable or executable.
pub(crate) fn program(contents: &[Content<'_>]) -> Vec<u8> {
    let mut file = vec![0; HEADER];
    file[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
    for (index, (_, code, bytes)) in contents.iter().enumerate() {
        let at = address(contents, index);
        let length = bytes.len() as u64;
        let flags = if *code { 5 } else { 6 };
        words32(&mut file, &[1, flags]);
        words64(&mut file, &[at, at, at, length, length, PAGE]);
    }
    let mut names = vec![0];
    let mut headers = vec![0; SECTION_HEADER];
    for (index, (name, code, bytes)) in contents.iter().enumerate() {
        let at = address(contents, index);
        file.resize(at as usize, 0);
        file.extend_from_slice(bytes);
        words32(&mut headers, &[names.len() as u32, 1]);
        let flags = if *code { 6 } else { 3 };
        words64(&mut headers, &[flags, at, at, bytes.len() as u64, 0, 4, 0]);
        names.extend(name.bytes().chain([0]));
    }
    let strings = file.len() as u64;
    words32(&mut headers, &[0, 3]);
    words64(&mut headers, &[0, 0, strings, names.len() as u64, 0, 1, 0]);
    file.append(&mut names);
    let sections = file.len() as u64;
    let count = (headers.len() / SECTION_HEADER) as u16;
    file.append(&mut headers);

    let mut header = Vec::new();
    header.extend([3u16, 62].map(u16::to_le_bytes).concat());
    words32(&mut header, &[1]);
    words64(&mut header, &[PAGE, HEADER as u64, sections]);
    words32(&mut header, &[0]);
    let segments = contents.len() as u16;
    let counts = [64, PROGRAM_HEADER as u16, segments, 64, count, count - 1];
    header.extend(counts.map(u16::to_le_bytes).concat());
    file[16..HEADER].copy_from_slice(&header);
    file
}

fn words32(to: &mut Vec<u8>, words: &[u32]) {
    to.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}

fn words64(to: &mut Vec<u8>, words: &[u64]) {
    to.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}
