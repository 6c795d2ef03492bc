//! Numbers of few bits as Parquet stores them: packed, in runs of equal ones, and as differences.
//! Pure: bytes are appended to a buffer of the caller.

/// Values of a block of differences, and of each of its parts, which have a width of their own.
const BLOCK: usize = 256;
const PART: usize = 64;
/// Values that are packed at once in runs.
const GROUP: usize = 8;

/// Bits that `largest` needs.
pub(super) fn width(largest: u64) -> u32 {
    u64::BITS - largest.leading_zeros()
}

/// Appends a number in groups of seven bits, the lowest first.
pub(super) fn variable(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The same for a number with a sign.
fn signed(number: i64, out: &mut Vec<u8>) {
    variable(((number << 1) ^ (number >> 63)).cast_unsigned(), out);
}

/// Appends `width` bits of each of `values`, the lowest first, and zeros up to a whole byte.
#[inline]
fn pack(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let (mut word, mut filled) = (0u64, 0);
    for value in values {
        word |= value << filled;
        filled += width;
        if filled >= u64::BITS {
            out.extend_from_slice(&word.to_le_bytes());
            filled -= u64::BITS;
            word = value.checked_shr(width - filled).unwrap_or(0);
        }
    }
    out.extend_from_slice(&word.to_le_bytes()[..filled.div_ceil(8) as usize]);
}

/// Appends `values` of `width` bits as Parquet's hybrid of runs and packed groups: the form of
/// indexes of a dictionary.
pub(super) fn hybrid(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let (mut packed, mut at) = (0, 0);
    while at < values.len() {
        let run = run_length(&values[at..]);
        if run < GROUP {
            at += GROUP;
            continue;
        }
        groups(&values[packed..at], width, out);
        variable((run as u64) << 1, out);
        let bytes = width.div_ceil(8) as usize;
        out.extend_from_slice(&values[at].to_le_bytes()[..bytes]);
        at += run;
        packed = at;
    }
    groups(&values[packed..], width, out);
}

fn run_length(values: &[u32]) -> usize {
    values
        .iter()
        .take_while(|value| **value == values[0])
        .count()
}

fn groups(values: &[u32], width: u32, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(GROUP);
    variable((groups as u64) << 1 | 1, out);
    let end = out.len() + groups * width as usize;
    pack(values.iter().map(|value| u64::from(*value)), width, out);
    out.resize(end, 0);
}

/// Appends the `rows` bits of `bitmap` in the same form: the levels of a column without nesting.
pub(super) fn levels(bitmap: &[u8], rows: usize, set: usize, out: &mut Vec<u8>) {
    if set == 0 || set == rows {
        variable((rows as u64) << 1, out);
        out.push(u8::from(set > 0));
    } else {
        variable((bitmap.len() as u64) << 1 | 1, out);
        out.extend_from_slice(bitmap);
    }
}

/// Appends `values` as Parquet's `DELTA_BINARY_PACKED`.
pub(super) fn differences(values: &[i64], out: &mut Vec<u8>) {
    let (first, rest) = match values {
        [first, rest @ ..] => (*first, rest),
        [] => (0, values),
    };
    variable(BLOCK as u64, out);
    variable((BLOCK / PART) as u64, out);
    variable(values.len() as u64, out);
    signed(first, out);
    let mut previous = first;
    for block in rest.chunks(BLOCK) {
        let mut steps = [0; BLOCK];
        let steps = &mut steps[..block.len()];
        let mut least = i64::MAX;
        for (step, value) in steps.iter_mut().zip(block) {
            *step = value.wrapping_sub(previous);
            previous = *value;
            least = least.min(*step);
        }
        signed(least, out);
        let widths = out.len();
        out.resize(widths + BLOCK / PART, 0);
        for (part, steps) in steps.chunks(PART).enumerate() {
            let above = |step: &i64| step.wrapping_sub(least).cast_unsigned();
            let bits = width(steps.iter().fold(0, |all, step| all | above(step)));
            out[widths + part] = bits as u8;
            let end = out.len() + PART / 8 * bits as usize;
            pack(steps.iter().map(above), bits, out);
            out.resize(end, 0);
        }
    }
}
