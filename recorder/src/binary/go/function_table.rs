//! The function table (`pclntab`) in the layouts of Go 1.18 and 1.20: every function with its name,
//! its extent, its source file and the depth of its stack at each instruction.

use std::ops::Range;

use super::super::elf::Elf;
use super::super::error::Reason;
use super::build_info::varint;
use super::module;
use super::table_place::{self, GO_1_18, GO_1_20, TablePlace};

/// The table of a file.
#[derive(Clone, Debug)]
pub struct FunctionTable<'e, 'a> {
    elf: &'e Elf<'a>,
    /// The table from its first byte.
    data: &'a [u8],
    /// Address that the table's offsets are counted from.
    text: u64,
    count: usize,
    /// Offsets of the parts of the table.
    names: usize,
    units: usize,
    files: usize,
    values: usize,
    functions: usize,
    /// Offset of a function's kind in its record, bytes.
    kind: usize,
}

/// A function of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Name as the table has it: dots in the last part of a package's path are `%2e`, and type
    /// arguments are `[...]`.
    pub name: &'a str,
    /// First address.
    pub start: u64,
    /// One past the last byte that is no padding.
    pub end: u64,
    /// Offset of its record in the table.
    record: usize,
}

/// Longest name that is read, bytes: type arguments can make names long.
const LONGEST_NAME: usize = 64 << 10;
/// Flag of a function that is written in assembly.
const ASSEMBLY: u8 = 4;
/// The byte that fills the space between functions: a breakpoint.
const PADDING: u8 = 0xcc;

impl<'e, 'a> FunctionTable<'e, 'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// Where there is no such table, or its layout is not known.
    pub(super) fn parse(elf: &'e Elf<'a>) -> Result<Self, Reason> {
        let damaged = |why: &str| Reason::GoTables(why.to_owned());
        let TablePlace { address, data } = table_place::find(elf)?;
        let kind = match word(data, 0) {
            Some(GO_1_18) => 36,
            Some(GO_1_20) => 40,
            _ => return Err(damaged("the layout of its function table is not known")),
        };
        if data.get(6..8) != Some(&[1, 8]) {
            return Err(damaged("its function table is for another architecture"));
        }
        let number = |index: usize| {
            let bytes = data.get(8 + 8 * index..16 + 8 * index)?.try_into().ok()?;
            usize::try_from(u64::from_le_bytes(bytes)).ok()
        };
        let part = |index: usize| {
            let offset = number(index).filter(|offset| *offset <= data.len());
            offset.ok_or_else(|| damaged("a part of its function table lies outside of it"))
        };
        let table = Self {
            elf,
            data,
            text: module::text(elf, address)?,
            count: number(0).unwrap_or_default(),
            names: part(3)?,
            units: part(4)?,
            files: part(5)?,
            values: part(6)?,
            functions: part(7)?,
            kind,
        };
        let size = table
            .count
            .checked_mul(8)
            .and_then(|size| size.checked_add(4));
        if size.is_none_or(|size| size > data.len() - table.functions) {
            return Err(damaged("its function table is cut off"));
        }
        Ok(table)
    }

    /// All functions by address, without those whose record cannot be read.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'a>> + '_ {
        (0..self.count).filter_map(|index| self.entry(index))
    }

    /// Addresses from the first function to the end of the last one.
    pub(super) fn code(&self) -> Option<Range<u64>> {
        let address = |index| self.text.checked_add(self.start_of(index)?.into());
        Some(address(0)?..address(self.count)?)
    }

    /// The function that starts at the address.
    pub fn starting_at(&self, address: u64) -> Option<Entry<'a>> {
        let wanted = u32::try_from(address.checked_sub(self.text)?).ok()?;
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.start_of(middle)? {
                start if start < wanted => low = middle + 1,
                _ => high = middle,
            }
        }
        let found = self.entry(low)?;
        (found.start == address).then_some(found)
    }

    fn start_of(&self, index: usize) -> Option<u32> {
        word(self.data, self.functions + 8 * index)
    }

    fn entry(&self, index: usize) -> Option<Entry<'a>> {
        let offset = word(self.data, self.functions + 8 * index + 4)?;
        let record = self.functions.checked_add(usize::try_from(offset).ok()?)?;
        let start = self.text.checked_add(self.start_of(index)?.into())?;
        let next = self.text.checked_add(self.start_of(index + 1)?.into())?;
        let code = self.elf.bytes_at(start, next.checked_sub(start)?)?;
        // The last byte of the code may look like the padding that follows it.
        let padding = code.iter().rev();
        let padding = padding.take_while(|byte| **byte == PADDING).count();
        let padded = next - padding as u64..=next;
        let end = self.end(record, start).filter(|end| padded.contains(end));
        let name = word(self.data, record.checked_add(4)?)?;
        Some(Entry {
            name: self.text_at(self.names, name)?,
            start,
            end: end.unwrap_or(*padded.start()),
            record,
        })
    }

    /// One past the last byte of a function's code: the end of the list of its source files.
    fn end(&self, record: usize, start: u64) -> Option<u64> {
        let offset = word(self.data, record.checked_add(20)?)?;
        let (end, _) = self.values(offset, start).last()?;
        (offset != 0).then_some(end)
    }

    /// The text at `offset` of a part, up to its zero byte.
    fn text_at(&self, part: usize, offset: u32) -> Option<&'a str> {
        let start = part.checked_add(usize::try_from(offset).ok()?)?;
        let bytes = self.data.get(start..)?;
        let bytes = &bytes[..bytes.len().min(LONGEST_NAME)];
        let end = bytes.iter().position(|byte| *byte == 0)?;
        let text = std::str::from_utf8(&bytes[..end]).ok()?;
        (!text.is_empty()).then_some(text)
    }

    /// Whether the function is written in assembly; also where that cannot be read.
    pub fn is_assembly(&self, entry: &Entry<'_>) -> bool {
        let flags = self.data.get(entry.record + self.kind + 1);
        flags.is_none_or(|flags| flags & ASSEMBLY != 0)
    }

    /// Whether the compiler made the function to call another one: for an embedded type, a pointer,
    /// an instance of a generic function.
    pub fn is_wrapper(&self, entry: &Entry<'_>) -> bool {
        self.source(entry) == Some("<autogenerated>")
    }

    /// The source file of the function's first line.
    fn source(&self, entry: &Entry<'_>) -> Option<&'a str> {
        let offset = word(self.data, entry.record.checked_add(20)?)?;
        let (_, file) = self.values(offset, entry.start).next()?;
        let unit = word(self.data, entry.record.checked_add(32)?)?;
        let index = unit.checked_add_signed(file)?;
        let index = usize::try_from(index).ok()?.checked_mul(4)?;
        let place = word(self.data, self.units.checked_add(index)?)?;
        self.text_at(self.files, place)
    }

    /// Bytes that the function has on the stack before the instruction at `address`, without the
    /// return address.
    pub fn stack_depth(&self, entry: &Entry<'_>, address: u64) -> Option<i32> {
        let offset = word(self.data, entry.record.checked_add(16)?)?;
        if offset == 0 || !(entry.start..entry.end).contains(&address) {
            return None;
        }
        let mut values = self.values(offset, entry.start);
        values
            .find(|(end, _)| address < *end)
            .map(|(_, depth)| depth)
    }

    /// A list of values along the code: each with the first address that it does not hold for.
    fn values(&self, offset: u32, start: u64) -> impl Iterator<Item = (u64, i32)> + 'a {
        let at = usize::try_from(offset).ok();
        let at = at.and_then(|offset| self.values.checked_add(offset));
        let mut rest = at.and_then(|at| self.data.get(at..)).unwrap_or_default();
        let (mut address, mut value, mut first) = (start, -1i32, true);
        std::iter::from_fn(move || {
            let (change, after) = varint(rest)?;
            if change == 0 && !std::mem::take(&mut first) {
                return None;
            }
            first = false;
            let (distance, after) = varint(after)?;
            rest = after;
            let change = u32::try_from(change).ok()?;
            // The lowest bit is the sign.
            let change = (change >> 1).cast_signed() ^ -((change & 1).cast_signed());
            value = value.wrapping_add(change);
            address = address.checked_add(distance)?;
            Some((address, value))
        })
    }
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at.checked_add(4)?)?;
    bytes.try_into().map(u32::from_le_bytes).ok()
}
