//! Operations in flight on goroutines. The runtime moves stacks and runs a goroutine on any thread,
//! so that a begin is found by the goroutine, and by its distance from the top of the goroutine's
//! stack, which no move changes. The innermost operation of a goroutine has the goroutine's own key
//! in the hash; the operations around it are numbered.

use aya_ebpf::helpers::bpf_probe_read_user;

use crate::frames::{Frame, repeat};
use crate::in_flight::{self, Entry, Key};
use crate::switching;
use crate::task;

/// Offset of the highest address of the stack in a goroutine: the second member of its first.
const STACK_TOP: u64 = 8;
/// Most operations of one goroutine that are removed at once.
const MOST: u32 = 1 << 20;

/// A goroutine that runs an observed function now.
pub struct Goroutine {
    /// Its address.
    pub address: u64,
    /// Its id, which no other goroutine of the process ever has; its address is used again.
    pub id: u64,
    /// Bytes from the function's entry to the top of the stack.
    pub depth: u64,
}

impl Goroutine {
    /// Reads the goroutine at `address`, whose stack pointer is `entry` at the function's entry;
    /// `None` where its memory cannot be read.
    #[inline(always)]
    pub fn read(address: u64, id_offset: u16, entry: u64) -> Option<Self> {
        let member = |offset: u64| {
            let place = address.wrapping_add(offset) as *const u64;
            unsafe { bpf_probe_read_user(place) }.ok()
        };
        Some(Self {
            address,
            id: member(id_offset as u64)?,
            depth: member(STACK_TOP)?.wrapping_sub(entry),
        })
    }

    /// Stores a begin, with the number of the thread's switches so far. `Err` where the hash is full.
    #[inline(always)]
    pub fn push(&self, frame: &Frame, switches: u64) -> Result<(), ()> {
        let innermost = Key::goroutine(self.address);
        let mut entry = Entry {
            frame: *frame,
            goroutine: self.id,
            outer: 0,
            switches,
            jumped: 0,
        };
        if let Some(around) = in_flight::stored(&innermost) {
            entry.outer = around.outer + 1;
            in_flight::insert_entry(&innermost.around(entry.outer), around)?;
        }
        in_flight::insert_entry(&innermost, &entry).map(|_| ())
    }

    /// Removes and returns the innermost operation, where it is `operation` and began at this
    /// depth.
    #[inline(always)]
    pub fn take(&self, operation: u16) -> Option<Entry> {
        let innermost = Key::goroutine(self.address);
        let entry = in_flight::get(&innermost)?;
        if entry.frame.stack_pointer != self.depth || entry.frame.operation != operation {
            return None;
        }
        remove_innermost(&innermost, &entry);
        Some(entry)
    }

    /// Counts the operations that began at `depth` or deeper as abandoned, and removes them: a
    /// panic that was recovered further up has left them. So are all operations of an earlier
    /// goroutine at this address.
    #[inline(always)]
    pub fn abandon_from(&self, depth: u64) {
        let innermost = Key::goroutine(self.address);
        if let Some(entry) = in_flight::get(&innermost)
            && (entry.goroutine != self.id || entry.frame.stack_pointer >= depth)
        {
            abandon(innermost, self.id, depth);
        }
    }
}

/// Counts all operations of the goroutine at this address as abandoned: it ends.
#[inline(always)]
pub fn ended(address: u64) {
    abandon(Key::goroutine(address), 0, 0);
}

struct Abandoning {
    innermost: Key,
    goroutine: u64,
    depth: u64,
    now: u64,
}

#[inline(always)]
fn abandon(innermost: Key, goroutine: u64, depth: u64) {
    let mut abandoning = Abandoning {
        innermost,
        goroutine,
        depth,
        now: task::now(),
    };
    repeat(MOST, abandon_one, &mut abandoning);
}

#[inline(never)]
unsafe extern "C" fn abandon_one(_step: u32, abandoning: *mut Abandoning) -> i64 {
    let abandoning = unsafe { &*abandoning };
    let Some(entry) = in_flight::get(&abandoning.innermost) else {
        return 1;
    };
    let alive =
        entry.goroutine == abandoning.goroutine && entry.frame.stack_pointer < abandoning.depth;
    if alive {
        return 1;
    }
    remove_innermost(&abandoning.innermost, &entry);
    let frame = &entry.frame;
    switching::count_left(frame.operation, frame.begun_ns, abandoning.now);
    0
}

/// Removes the innermost operation, which is `entry`; the one around it takes its place.
#[inline(always)]
fn remove_innermost(innermost: &Key, entry: &Entry) {
    if entry.outer != 0 {
        let key = innermost.around(entry.outer);
        if let Some(around) = in_flight::stored(&key) {
            let replaced = in_flight::insert_entry(innermost, around);
            in_flight::remove(&key);
            if replaced.is_ok() {
                return;
            }
        }
    }
    in_flight::remove(innermost);
}
