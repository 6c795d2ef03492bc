//! Reads a histogram as its non-empty buckets. Bounded whatever the bytes are.

use std::io::{self, BufReader, Read};

use flate2::read::ZlibDecoder;

use super::layout::{COMPRESSED, Layout, PLAIN, WIDTH};

/// The most buckets that are not empty.
const MOST_BUCKETS: usize = 1 << 20;

/// The bits of the ratio 1 of whole numbers: as a number with a point, and as hdr-histogram-js writes it.
const WHOLE: u64 = 1f64.to_bits();
const WHOLE_OF_JS: u64 = 1;

/// The values of one bucket, in the unit of the histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// The middle of its values.
    pub(crate) middle: u64,
    pub(crate) count: u64,
}

/// The buckets that are not empty, in the order of their values.
///
/// # Errors
/// The reason why the bytes are no histogram of whole numbers.
pub(crate) fn buckets(bytes: &[u8]) -> Result<Vec<Bucket>, String> {
    let mut outer = bytes;
    if word(&mut outer)? & !WIDTH != COMPRESSED {
        return Err("is no compressed histogram of version 2".to_owned());
    }
    let length = word(&mut outer)? as usize;
    let data = outer.get(..length).ok_or("is cut off")?;
    let mut input = BufReader::new(ZlibDecoder::new(data));
    if word(&mut input)? & !WIDTH != PLAIN {
        return Err("is no histogram of version 2".to_owned());
    }
    let length = word(&mut input)?;
    // The offset is where the writer keeps its counts in memory; those of the file are in the order of
    // their values whatever it is.
    let (_offset, digits) = (word(&mut input)?, word(&mut input)?);
    let (lowest, _highest) = (long(&mut input)?, long(&mut input)?);
    let ratio = long(&mut input)?;
    if ratio != WHOLE && ratio != WHOLE_OF_JS {
        return Err("has fractions, which this version does not read".to_owned());
    }
    let layout = Layout::new(digits, lowest)?;
    let mut counts = input.take(length.into());
    let mut found = Vec::new();
    let mut index = 0u64;
    while let Some(number) = number(&mut counts)? {
        let Ok(count) = u64::try_from(number) else {
            index = index.saturating_add(number.unsigned_abs());
            continue;
        };
        if count > 0 {
            let middle = layout.middle(index).ok_or("has values beyond 2^63")?;
            if found.len() == MOST_BUCKETS {
                return Err(format!("has more than {MOST_BUCKETS} buckets"));
            }
            found.push(Bucket { middle, count });
        }
        index = index.saturating_add(1);
    }
    match counts.limit() {
        0 => Ok(found),
        _ => Err("is cut off".to_owned()),
    }
}

fn word(input: &mut impl Read) -> Result<u32, String> {
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes).map_err(cut_off)?;
    Ok(u32::from_be_bytes(bytes))
}

fn long(input: &mut impl Read) -> Result<u64, String> {
    let mut bytes = [0; 8];
    input.read_exact(&mut bytes).map_err(cut_off)?;
    Ok(u64::from_be_bytes(bytes))
}

/// The next number; `None` at the end.
fn number(input: &mut impl Read) -> Result<Option<i64>, String> {
    let mut value = 0u64;
    for place in 0..9 {
        let mut byte = [0];
        match input.read(&mut byte).map_err(cut_off)? {
            0 if place == 0 => return Ok(None),
            0 => return Err("is cut off".to_owned()),
            _ => {}
        }
        let [byte] = byte;
        // The ninth byte has eight bits of the number.
        let is_last = place == 8 || byte < 0x80;
        let bits = if place == 8 { byte } else { byte & 0x7f };
        value |= u64::from(bits) << (7 * place);
        if is_last {
            break;
        }
    }
    Ok(Some(
        (value >> 1).cast_signed() ^ -(value & 1).cast_signed(),
    ))
}

fn cut_off(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "is cut off".to_owned(),
        _ => "has damaged zlib data".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    /// By the package `hdrhistogram` for Python: base64, then middle and count of each bucket.
    const WRITTEN: &str = include_str!("../../tests/data/hdr/histograms.txt");

    fn written() -> impl Iterator<Item = (Vec<u8>, Vec<Bucket>)> {
        WRITTEN.lines().map(|line| {
            let mut words = line.split(' ');
            let bytes = STANDARD.decode(words.next().unwrap()).unwrap();
            let buckets = words.map(|pair| {
                let (middle, count) = pair.split_once(':').unwrap();
                Bucket {
                    middle: middle.parse().unwrap(),
                    count: count.parse().unwrap(),
                }
            });
            (bytes, buckets.collect())
        })
    }

    #[test]
    fn the_buckets_are_those_of_the_writer() {
        assert_eq!(written().count(), 15);
        for (bytes, expected) in written() {
            assert_eq!(buckets(&bytes), Ok(expected));
            for end in 0..bytes.len() {
                assert!(buckets(&bytes[..end]).is_err(), "{end}");
            }
        }
    }

    /// A histogram around these counts, as they are encoded.
    fn encoded(counts: &[u8], length: u32, digits: u32, lowest: u64) -> Vec<u8> {
        use std::io::Write;
        let mut plain = (PLAIN | 0x10).to_be_bytes().to_vec();
        for number in [length, 0, digits] {
            plain.extend(number.to_be_bytes());
        }
        for number in [lowest, u64::MAX, 1f64.to_bits()] {
            plain.extend(number.to_be_bytes());
        }
        plain.extend(counts);
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&plain).unwrap();
        let data = zlib.finish().unwrap();
        let mut bytes = (COMPRESSED | 0x10).to_be_bytes().to_vec();
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn a_small_input_does_not_become_a_large_one() {
        // A count of 1 in each bucket, in some kilobytes of zlib data.
        let many = vec![2; MOST_BUCKETS + 1];
        let bytes = encoded(&many, many.len() as u32, 5, 1);
        assert!(bytes.len() < 1 << 14);
        assert_eq!(
            buckets(&bytes),
            Err("has more than 1048576 buckets".to_owned())
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            counts in prop::collection::vec(any::<u8>(), 0..300), digits in 0u32..7, lowest: u64,
            shift in 0u32..64, lie in -2i32..3, at in any::<prop::sample::Index>(), byte: u8,
        ) {
            let length = (counts.len() as u32).saturating_add_signed(lie);
            if let Ok(found) = buckets(&encoded(&counts, length, digits, lowest >> shift)) {
                prop_assert!(found.is_sorted_by_key(|bucket| bucket.middle));
            }
            for (mut bytes, _) in written() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                let _ = buckets(&bytes);
            }
        }
    }
}
