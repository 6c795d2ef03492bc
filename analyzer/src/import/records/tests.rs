//! Tests of splitting: quotes, ends of lines, lines, bounds.

use super::*;
use proptest::prelude::*;

type Found = Result<Vec<(u64, Vec<Vec<u8>>)>, String>;

fn all(input: impl Read) -> Found {
    let mut records = Records::new(input);
    let mut all = Vec::new();
    while records.advance()? {
        let cells = (0..records.count()).map(|index| records.cell(index).to_vec());
        all.push((records.line, cells.collect()));
    }
    Ok(all)
}

/// Gives a few bytes at a time, as a pipe may.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.len().min(self.1).min(buffer.len());
        let (piece, rest) = self.0.split_at(bytes);
        buffer[..bytes].copy_from_slice(piece);
        self.0 = rest;
        Ok(bytes)
    }
}

fn of(records: &[(u64, &[&str])]) -> Found {
    let cells = |cells: &[&str]| cells.iter().map(|cell| cell.as_bytes().to_vec()).collect();
    Ok(records
        .iter()
        .map(|(line, all)| (*line, cells(all)))
        .collect())
}

#[test]
fn quotes_ends_of_lines_and_a_byte_order_mark_are_read_in_any_pieces() {
    for (text, expected) in [
        ("", of(&[])),
        ("\n\r\n", of(&[])),
        ("a", of(&[(1, &["a"])])),
        ("a,b\n1,2\n", of(&[(1, &["a", "b"]), (2, &["1", "2"])])),
        (
            "a,b\r\n1,2\r\n3,\r\n",
            of(&[(1, &["a", "b"]), (2, &["1", "2"]), (3, &["3", ""])]),
        ),
        ("\u{feff}a,b\n", of(&[(1, &["a", "b"])])),
        ("\u{feff}", of(&[])),
        ("\u{feff}\na", of(&[(2, &["a"])])),
        ("\u{feff}\"a,b\",c", of(&[(1, &["a,b", "c"])])),
        ("a\n\n\n\nb\n", of(&[(1, &["a"]), (5, &["b"])])),
        (
            "\"x\ny\",1\nz,2",
            of(&[(1, &["x\ny", "1"]), (3, &["z", "2"])]),
        ),
        (
            "\"b \"\"c\"\"\",5\" pipe\n",
            of(&[(1, &["b \"c\"", "5\" pipe"])]),
        ),
        ("a\n\"\"", of(&[(1, &["a"]), (2, &[""])])),
        ("a\n\"", Err("line 2: a quoted cell has no end".to_owned())),
        (
            "a,b\n1,\"2\n3,4\n",
            Err("line 2: a quoted cell has no end".to_owned()),
        ),
    ] {
        for piece in [1, 2, 3, 7, 1 << 20] {
            assert_eq!(
                all(Pieces(text.as_bytes(), piece)),
                expected,
                "{text:?} {piece}"
            );
        }
    }
}

#[test]
fn an_input_that_is_no_csv_file_is_not_read_into_memory() {
    let error = all(io::repeat(0)).unwrap_err();
    assert_eq!(error, "line 1: is longer than 1048576 bytes");
    let error = all(io::repeat(b',')).unwrap_err();
    assert_eq!(error, "line 1: has more than 16384 cells");
    let error = all(b"a\n\"b".chain(io::repeat(b'\n'))).unwrap_err();
    assert_eq!(error, "line 2: is longer than 1048576 bytes");
}

proptest! {
    #[test]
    fn records_that_are_written_with_quotes_come_back(
        records in proptest::collection::vec(proptest::collection::vec("[ -~\n\r]{0,6}", 1..4), 0..8),
        ending in prop_oneof!["\n", "\r\n"],
        piece in 1usize..40,
    ) {
        let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        let line = |cells: &Vec<String>| {
            cells.iter().map(quoted).collect::<Vec<_>>().join(",") + ending.as_str()
        };
        let text: String = records.iter().map(line).collect();
        let found = all(Pieces(text.as_bytes(), piece)).unwrap();
        let mut first = 1;
        for (record, (at, cells)) in records.iter().zip(&found) {
            prop_assert_eq!(*at, first);
            let written: Vec<Vec<u8>> =
                record.iter().map(|cell| cell.clone().into_bytes()).collect();
            prop_assert_eq!(cells, &written);
            first += line(record).matches('\n').count() as u64;
        }
        prop_assert_eq!(found.len(), records.len());
    }
}
