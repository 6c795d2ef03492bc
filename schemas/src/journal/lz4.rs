//! Decompresses the LZ4 frames in which the buffers of a batch are stored. Columns that hardly
//! change are one long match that repeats its own first bytes; it is copied in pieces that double,
//! not byte by byte. Reads plain frames only: for all others the caller has Arrow's reader.

pub(super) const MAGIC: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
/// Version 1 in the flags of a frame.
const VERSION: u8 = 0b0100_0000;
const VERSION_MASK: u8 = 0b1100_0000;
/// Flag: blocks do not refer to each other. They are read the same way.
const INDEPENDENT: u8 = 0b0010_0000;
/// Flag: the header has the size of the content.
const CONTENT_SIZE: u8 = 0b0000_1000;
/// A block that is stored as it is.
pub(super) const STORED: u32 = 1 << 31;
/// Literals that are copied at once where there is room.
pub(super) const WIDE: usize = 16;
/// Matches that are copied in pieces; the output has as much room behind its end.
const SHORT: usize = 64;
const PIECE: usize = 8;
/// Least length of a match.
pub(super) const SHORTEST_MATCH: usize = 4;
/// More bytes than one byte of a frame can stand for.
pub(super) const LARGEST_RATIO: usize = 256;

/// The `length` bytes in `frame`; `None` where it is not a plain frame of as many bytes.
pub(super) fn decompress(frame: &[u8], length: usize) -> Option<Vec<u8>> {
    // A false length costs no more memory than a true one.
    if length > frame.len().checked_mul(LARGEST_RATIO)? {
        return None;
    }
    let mut blocks = Blocks::of(frame)?;
    let mut output = Output {
        bytes: vec![0; length.checked_add(SHORT)?],
        length,
        at: 0,
    };
    while let Some((stored, block)) = blocks.next()? {
        if stored {
            output.append(block, 0, block.len())?;
        } else {
            output.block(block)?;
        }
    }
    output.bytes.truncate(length);
    (output.at == length).then_some(output.bytes)
}

/// The blocks of a frame.
struct Blocks<'a>(&'a [u8]);

impl<'a> Blocks<'a> {
    /// `None` where the header has anything that is checked or looked up.
    fn of(frame: &'a [u8]) -> Option<Self> {
        let rest = frame.strip_prefix(&MAGIC)?;
        let (&[flags, _block_size], rest) = rest.split_first_chunk()?;
        if flags & !(VERSION_MASK | INDEPENDENT | CONTENT_SIZE) != 0
            || flags & VERSION_MASK != VERSION
        {
            return None;
        }
        let size = if flags & CONTENT_SIZE == 0 { 0 } else { 8 };
        // The last byte of the header is its checksum: the journal has its own.
        Some(Self(rest.get(size + 1..)?))
    }

    /// The next block and whether it is stored; `Some(None)` at the end of the frame.
    fn next(&mut self) -> Option<Option<(bool, &'a [u8])>> {
        let (size, rest) = self.0.split_first_chunk::<4>()?;
        let size = u32::from_le_bytes(*size);
        if size == 0 {
            return rest.is_empty().then_some(None);
        }
        let (block, rest) = rest.split_at_checked((size & !STORED) as usize)?;
        self.0 = rest;
        Some(Some((size & STORED != 0, block)))
    }
}

/// Bytes so far, and room for the rest.
struct Output {
    /// Longer than `length` by [`SHORT`].
    bytes: Vec<u8>,
    length: usize,
    at: usize,
}

impl Output {
    /// Decompresses a block: literals and a match in turn, literals at the end.
    fn block(&mut self, block: &[u8]) -> Option<()> {
        let mut place = 0;
        loop {
            let token = *block.get(place)?;
            place += 1;
            let literals = long(usize::from(token >> 4), block, &mut place)?;
            self.append(block, place, literals)?;
            place += literals;
            if place == block.len() {
                return Some(());
            }
            let offset = block.get(place..place + 2)?;
            let offset = usize::from(u16::from_le_bytes(offset.try_into().ok()?));
            place += 2;
            let length = long(usize::from(token & 15), block, &mut place)? + SHORTEST_MATCH;
            self.repeat(offset, length)?;
        }
    }

    /// Appends `length` bytes of `from`.
    #[inline]
    fn append(&mut self, from: &[u8], start: usize, length: usize) -> Option<()> {
        let rest = from.get(start..)?;
        if length > rest.len() || length > self.length - self.at {
            return None;
        }
        match rest.first_chunk::<WIDE>() {
            Some(wide) if length <= WIDE => {
                *self.bytes.get_mut(self.at..)?.first_chunk_mut()? = *wide;
            }
            _ => self.bytes[self.at..self.at + length].copy_from_slice(&rest[..length]),
        }
        self.at += length;
        Some(())
    }

    /// Appends `length` bytes, which are those from `offset` bytes before the end on.
    #[inline]
    fn repeat(&mut self, offset: usize, length: usize) -> Option<()> {
        if offset == 0 || offset > self.at || length > self.length - self.at {
            return None;
        }
        let start = self.at - offset;
        if length <= SHORT && offset >= PIECE {
            // The last piece may be too long: there is room for it.
            let window = self.bytes.get_mut(start..self.at + SHORT)?;
            copy_piece(window, 0, offset)?;
            let mut done = PIECE;
            while done < length {
                copy_piece(window, done, offset + done)?;
                done += PIECE;
            }
            self.at += length;
            return Some(());
        }
        // All from `start` on repeats with the period `offset`, so that each piece can be as long as
        // what is there already.
        let end = self.at + length;
        while self.at < end {
            let piece = (self.at - start).min(end - self.at);
            self.bytes.copy_within(start..start + piece, self.at);
            self.at += piece;
        }
        Some(())
    }
}

/// Copies a piece inside `window`.
#[inline]
fn copy_piece(window: &mut [u8], from: usize, to: usize) -> Option<()> {
    let piece: [u8; PIECE] = *window.get(from..)?.first_chunk()?;
    *window.get_mut(to..)?.first_chunk_mut()? = piece;
    Some(())
}

/// A length whose first part is in a token: each byte after it adds to the largest such part, up to
/// one that is not 255.
#[inline]
fn long(first: usize, block: &[u8], place: &mut usize) -> Option<usize> {
    let mut length = first;
    if first == 15 {
        loop {
            let more = *block.get(*place)?;
            *place += 1;
            length += usize::from(more);
            if more != u8::MAX {
                break;
            }
        }
    }
    Some(length)
}
