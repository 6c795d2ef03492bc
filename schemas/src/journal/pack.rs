//! Compresses columns of a fixed width as LZ4 frames, which any reader of LZ4 decompresses. It looks
//! for matches of whole words of eight bytes, and of the high bytes that a number shares with the
//! number before it: a fraction of the places where a compressor of texts looks.

use super::lz4::{MAGIC, SHORTEST_MATCH, STORED, WIDE};

/// Flags of a frame: version 1, blocks that do not refer to each other, no checksums.
const FLAGS: u8 = 0x60;
/// Largest size of a block, its code in the header, and the checksum of that header.
const BLOCK_SIZES: [(usize, u8, u8); 4] = [
    (64 << 10, 0x40, 0x82),
    (256 << 10, 0x50, 0xfb),
    (1 << 20, 0x60, 0x51),
    (4 << 20, 0x70, 0x73),
];
/// Bytes of a number.
const WORD: usize = 8;
/// Words at the end of a block that are never part of a match, as LZ4 demands.
const LAST_WORDS: usize = 2;
/// Numbers whose last place is kept (a power of two).
const PLACES: usize = 1 << 10;
/// Farthest match, words.
const FARTHEST: usize = u16::MAX as usize / WORD;
/// Spreads words that differ in few bits (2^64 divided by the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Appends `bytes` as a frame.
pub(super) fn compress(bytes: &[u8], out: &mut Vec<u8>) {
    let [.., largest] = BLOCK_SIZES;
    let fits = BLOCK_SIZES.iter().find(|(size, ..)| bytes.len() <= *size);
    let (size, code, checksum) = *fits.unwrap_or(&largest);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[FLAGS, code, checksum]);
    for block in bytes.chunks(size) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        let compressed = Block::new(block, out).compress();
        let mut header = (out.len() - start - 4) as u32;
        if compressed.is_none() || header as usize >= block.len() {
            out.truncate(start + 4);
            out.extend_from_slice(block);
            header = block.len() as u32 | STORED;
        }
        out[start..start + 4].copy_from_slice(&header.to_le_bytes());
    }
    out.extend_from_slice(&[0; 4]);
}

/// A block that is being compressed.
struct Block<'a> {
    input: &'a [u8],
    words: &'a [[u8; WORD]],
    out: &'a mut Vec<u8>,
    /// Where the next byte of `out` goes. There is room for the largest result behind it.
    at: usize,
    /// Where the bytes start that are in no match so far.
    literals: usize,
}

impl<'a> Block<'a> {
    fn new(input: &'a [u8], out: &'a mut Vec<u8>) -> Self {
        let at = out.len();
        // A match is at least as long as its sequence is without literals but for one byte.
        let most = input.len() + input.len() / 4 + 2 * WIDE;
        out.resize(at + most, 0);
        Self {
            input,
            words: input.as_chunks().0,
            out,
            at,
            literals: 0,
        }
    }

    /// `None` where there is no room, which leaves the end of `out` undefined.
    fn compress(mut self) -> Option<()> {
        let end = self.words.len().saturating_sub(LAST_WORDS);
        let mut places = [0u32; PLACES];
        let mut previous = 0;
        let mut index = 0;
        while index < end {
            let word = self.word(index)?;
            if index > 0 && word == previous {
                let equal = self.equal(index - 1, index, end);
                self.sequence(index * WORD, WORD, equal * WORD)?;
                index += equal;
                continue;
            }
            let place = &mut places[(word.wrapping_mul(SPREAD) >> 54) as usize];
            // A place of 0 may be that of the first word, or of none: the words are compared.
            let candidate = std::mem::replace(place, index as u32) as usize;
            let distance = index - candidate;
            if distance > 0 && distance <= FARTHEST && self.word(candidate)? == word {
                let equal = self.equal(candidate, index, end);
                self.sequence(index * WORD, distance * WORD, equal * WORD)?;
                index += equal;
                previous = self.word(index - 1)?;
                continue;
            }
            let shared = (word ^ previous).leading_zeros() as usize / 8;
            if index > 0 && shared >= SHORTEST_MATCH {
                self.sequence((index + 1) * WORD - shared, WORD, shared)?;
            }
            previous = word;
            index += 1;
        }
        self.finish()
    }

    #[inline]
    fn word(&self, index: usize) -> Option<u64> {
        self.words.get(index).map(|word| u64::from_le_bytes(*word))
    }

    /// The number of words from `index` on, before `end`, that are those from `candidate` on.
    #[inline]
    fn equal(&self, candidate: usize, index: usize, end: usize) -> usize {
        let distance = index - candidate;
        let mut next = index;
        while next < end && self.word(next) == self.word(next - distance) {
            next += 1;
        }
        next - index
    }

    /// Appends the literals up to `start`, and a match of `length` bytes from there on.
    #[inline]
    fn sequence(&mut self, start: usize, offset: usize, length: usize) -> Option<()> {
        let more = length - SHORTEST_MATCH;
        self.literals_up_to(start, more.min(15) as u8)?;
        let room: &mut [u8; 2] = self.out.get_mut(self.at..)?.first_chunk_mut()?;
        *room = (offset as u16).to_le_bytes();
        self.at += 2;
        if more >= 15 {
            self.long(more - 15)?;
        }
        self.literals = start + length;
        Some(())
    }

    /// Appends a token and the literals up to `end`.
    #[inline]
    fn literals_up_to(&mut self, end: usize, low: u8) -> Option<()> {
        let length = end - self.literals;
        *self.out.get_mut(self.at)? = (length.min(15) as u8) << 4 | low;
        self.at += 1;
        if length >= 15 {
            self.long(length - 15)?;
        }
        let room = self.out.get_mut(self.at..)?;
        let rest = self.input.get(self.literals..)?;
        match (rest.first_chunk::<WIDE>(), room.first_chunk_mut::<WIDE>()) {
            (Some(from), Some(to)) if length <= WIDE => *to = *from,
            _ => room.get_mut(..length)?.copy_from_slice(&rest[..length]),
        }
        self.at += length;
        Some(())
    }

    /// Appends the rest of a length that does not fit into a token.
    fn long(&mut self, mut rest: usize) -> Option<()> {
        while rest >= 255 {
            *self.out.get_mut(self.at)? = 255;
            self.at += 1;
            rest -= 255;
        }
        *self.out.get_mut(self.at)? = rest as u8;
        self.at += 1;
        Some(())
    }

    fn finish(mut self) -> Option<()> {
        self.literals_up_to(self.input.len(), 0)?;
        self.out.truncate(self.at);
        Some(())
    }
}
