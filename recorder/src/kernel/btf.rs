//! Reads member offsets from BTF, the kernel's own description of its types. No I/O: it reads bytes
//! in memory.
//!
//! Rust cannot emit CO-RE relocations and aya keeps BTF members private, so offsets are looked up
//! here and passed to the kernel side as constants. Format: Linux, Documentation/bpf/btf.rst.

use thiserror::Error;

/// Why BTF could not be read.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("malformed BTF at byte {0}")]
pub struct MalformedBtf(usize);

const MAGIC: u16 = 0xeb9f;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
/// Chains of modifiers or anonymous members that are deeper than this are not followed, which also
/// ends cycles.
const MAX_DEPTH: u32 = 32;
/// Most members that one search examines. A kernel's `task_struct` has 300 with those of its
/// anonymous members; in damaged BTF, anonymous members may contain each other many times over.
const MAX_MEMBERS: u32 = 1 << 16;

/// A parsed BTF blob.
#[derive(Debug)]
pub struct Btf<'a> {
    bytes: &'a [u8],
    strings: &'a [u8],
    /// Byte offset of each type; type ids start at 1.
    types: Vec<usize>,
}

/// A struct member that was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Offset from the start of the outermost structure, bytes.
    pub offset: u32,
    /// Its type.
    type_id: u32,
}

impl<'a> Btf<'a> {
    /// Indexes the types of a blob such as `/sys/kernel/btf/vmlinux`.
    ///
    /// # Errors
    /// [`MalformedBtf`] where the header or a type does not fit into the bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MalformedBtf> {
        let header_length = word(bytes, 4)? as usize;
        if half(bytes, 0)? != MAGIC {
            return Err(MalformedBtf(0));
        }
        let section = |at: usize| -> Result<(usize, usize), MalformedBtf> {
            let start = header_length
                .checked_add(word(bytes, at)? as usize)
                .ok_or(MalformedBtf(at))?;
            let end = start
                .checked_add(word(bytes, at + 4)? as usize)
                .ok_or(MalformedBtf(at))?;
            if end > bytes.len() {
                Err(MalformedBtf(at))
            } else {
                Ok((start, end))
            }
        };
        let (types_start, types_end) = section(8)?;
        let (strings_start, strings_end) = section(16)?;
        let mut types = vec![0];
        let mut at = types_start;
        while at < types_end {
            types.push(at);
            at += type_length(bytes, at)?;
        }
        Ok(Self {
            bytes,
            strings: &bytes[strings_start..strings_end],
            types,
        })
    }

    /// Finds a member by its path, such as `["se", "sum_exec_runtime"]`, looking through anonymous
    /// structs and unions. `None` where this kernel has no such structure or member.
    pub fn member(&self, structure: &str, path: &[&str]) -> Option<Member> {
        let mut current = Member {
            offset: 0,
            type_id: self.structure(structure)?,
        };
        for name in path {
            let found = self.find(current.type_id, name, 0, &mut { MAX_MEMBERS })?;
            current = Member {
                offset: current.offset.checked_add(found.offset)?,
                type_id: found.type_id,
            };
        }
        Some(current)
    }

    /// Size of a structure or union in bytes.
    pub fn size(&self, structure: &str) -> Option<u32> {
        word(
            self.bytes,
            self.types[self.structure(structure)? as usize] + 8,
        )
        .ok()
    }

    /// Whether the member's type (through modifiers) is an array.
    pub fn is_array(&self, member: Member) -> bool {
        const ARRAY: u32 = 3;
        self.strip(member.type_id)
            .is_some_and(|id| self.kind(id) == Some(ARRAY))
    }

    fn structure(&self, name: &str) -> Option<u32> {
        let found = (1..self.types.len() as u32).find(|&id| {
            self.kind(id) == Some(STRUCT) && self.name_at(self.types[id as usize]) == Some(name)
        })?;
        Some(found)
    }

    /// `budget`: number of members that may still be examined.
    fn find(&self, type_id: u32, name: &str, depth: u32, budget: &mut u32) -> Option<Member> {
        if depth > MAX_DEPTH {
            return None;
        }
        let type_id = self.strip(type_id)?;
        if !matches!(self.kind(type_id)?, STRUCT | UNION) {
            return None;
        }
        let start = *self.types.get(type_id as usize)?;
        let info = word(self.bytes, start + 4).ok()?;
        let has_bitfields = info >> 31 == 1;
        for index in 0..(info & 0xffff) as usize {
            *budget = budget.checked_sub(1)?;
            let at = start + 12 + 12 * index;
            let member_type = word(self.bytes, at + 4).ok()?;
            let raw = word(self.bytes, at + 8).ok()?;
            let offset = if has_bitfields {
                raw & 0x00ff_ffff
            } else {
                raw
            } / 8;
            match self.name_at(at)? {
                found if found == name => {
                    return Some(Member {
                        offset,
                        type_id: member_type,
                    });
                }
                "" => {
                    if let Some(inner) = self.find(member_type, name, depth + 1, budget) {
                        let offset = offset.checked_add(inner.offset)?;
                        return Some(Member {
                            offset,
                            type_id: inner.type_id,
                        });
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Follows typedefs and qualifiers.
    fn strip(&self, mut type_id: u32) -> Option<u32> {
        for _ in 0..MAX_DEPTH {
            match self.kind(type_id)? {
                // typedef, volatile, const, restrict, type tag
                8..=11 | 18 => type_id = word(self.bytes, self.types[type_id as usize] + 8).ok()?,
                _ => return Some(type_id),
            }
        }
        None
    }

    fn kind(&self, type_id: u32) -> Option<u32> {
        let start = *self.types.get(type_id as usize).filter(|_| type_id != 0)?;
        Some(word(self.bytes, start + 4).ok()? >> 24 & 0x1f)
    }

    /// The name whose string offset is stored at byte `at`.
    fn name_at(&self, at: usize) -> Option<&'a str> {
        let start = word(self.bytes, at).ok()? as usize;
        let rest = self.strings.get(start..)?;
        let end = rest.iter().position(|&byte| byte == 0)?;
        std::str::from_utf8(&rest[..end]).ok()
    }
}

/// Length of the type record at `at`, by its kind.
fn type_length(bytes: &[u8], at: usize) -> Result<usize, MalformedBtf> {
    let info = word(bytes, at + 4)?;
    let count = (info & 0xffff) as usize;
    let extra = match info >> 24 & 0x1f {
        1 | 14 | 17 => 4,
        2 | 7 | 8..=12 | 16 | 18 => 0,
        3 => 12,
        4 | 5 | 15 | 19 => 12 * count,
        6 | 13 => 8 * count,
        _ => return Err(MalformedBtf(at)),
    };
    Ok(12 + extra)
}

fn half(bytes: &[u8], at: usize) -> Result<u16, MalformedBtf> {
    let field = bytes.get(at..at + 2).ok_or(MalformedBtf(at))?;
    field
        .try_into()
        .map(u16::from_le_bytes)
        .map_err(|_| MalformedBtf(at))
}

fn word(bytes: &[u8], at: usize) -> Result<u32, MalformedBtf> {
    let field = at
        .checked_add(4)
        .and_then(|end| bytes.get(at..end))
        .ok_or(MalformedBtf(at))?;
    field
        .try_into()
        .map(u32::from_le_bytes)
        .map_err(|_| MalformedBtf(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// struct outer { int plain; struct { int hidden; }; } with member offsets in bits.
    fn blob() -> Vec<u8> {
        let strings = b"\0int\0outer\0plain\0hidden\0";
        let name = |text: &str| {
            let found = strings
                .windows(text.len() + 1)
                .position(|w| w == [text.as_bytes(), b"\0"].concat());
            found.unwrap() as u32
        };
        let structure = |members: u32| 4 << 24 | members;
        let types: Vec<u32> = [
            vec![name("int"), 1 << 24, 4, 32],
            vec![0, structure(1), 4, name("hidden"), 1, 0],
            vec![
                name("outer"),
                structure(2),
                8,
                name("plain"),
                1,
                0,
                0,
                2,
                32,
            ],
        ]
        .concat();
        let header = [
            0x0001_eb9f,
            24,
            0,
            4 * types.len() as u32,
            4 * types.len() as u32,
            strings.len() as u32,
        ];
        let words = header
            .iter()
            .chain(&types)
            .flat_map(|word| word.to_le_bytes());
        words.chain(strings.iter().copied()).collect()
    }

    #[test]
    fn a_member_of_an_anonymous_struct_is_found_through_it() {
        let bytes = blob();
        let btf = Btf::parse(&bytes).unwrap();
        assert_eq!(btf.member("outer", &["hidden"]).unwrap().offset, 4);
        assert_eq!(btf.member("outer", &["plain"]).unwrap().offset, 0);
        assert_eq!(btf.member("outer", &["missing"]), None);
        assert_eq!(btf.member("nothing", &["plain"]), None);
        assert_eq!(btf.size("outer"), Some(8));
    }

    #[test]
    fn anonymous_members_that_contain_each_other_end_the_search() {
        // Three structures with three anonymous members each, of each other.
        let structure = || [0, 4 << 24 | 3, 8, 0, 1, 0, 0, 2, 0, 0, 3, 0];
        let mut types: Vec<u32> = (0..3).flat_map(|_| structure()).collect();
        types[0] = 1;
        let strings = b"\0outer\0";
        let length = 4 * types.len() as u32;
        let header = [0x0001_eb9f, 24, 0, length, length, strings.len() as u32];
        let bytes = header.into_iter().chain(types).flat_map(u32::to_le_bytes);
        let bytes: Vec<u8> = bytes.chain(*strings).collect();
        let btf = Btf::parse(&bytes).unwrap();
        assert_eq!(btf.member("outer", &["missing"]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(cut in 0usize..200, place in 0usize..200, value: u8) {
            let mut bytes = blob();
            bytes.truncate(bytes.len().saturating_sub(cut % 100));
            if let Some(byte) = bytes.get_mut(place) {
                *byte = value;
            }
            if let Ok(btf) = Btf::parse(&bytes) {
                let _ = btf.member("outer", &["hidden"]);
                let _ = btf.size("outer");
            }
        }
    }
}
