//! Operations in flight that belong to a process rather than to a thread: functions on stacks that
//! may be switched, and markers with a token. Keyed by process and stack pointer, or process,
//! operation and token.

use core::ffi::c_void;
use core::sync::atomic::AtomicU64;

use aya_ebpf::helpers::generated::bpf_for_each_map_elem;
use aya_ebpf::macros::map;
use aya_ebpf::maps::HashMap;

use crate::counters;
use crate::frames::Frame;
use crate::switching::{self, Watched};
use crate::task;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Key {
    /// Stack pointer, token, or address of a goroutine.
    id: u64,
    process: u32,
    /// Operation + 1 of a token; 0 for a stack pointer; from [`TAIL_CALLS`] on the operation of a
    /// stack pointer that several operations may share; from [`GOROUTINE`] on for a goroutine.
    kind: u32,
}

/// [`Key::kind`] of operation 0 where it follows tail calls.
const TAIL_CALLS: u32 = 1 << 30;

/// [`Key::kind`] of a goroutine's innermost operation. The operations around it have the numbers
/// after this one, the outermost the first of them.
const GOROUTINE: u32 = 1 << 31;

/// An operation in flight.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Entry {
    pub frame: Frame,
    /// Id of the goroutine; 0 for other operations.
    pub goroutine: u64,
    /// Number of operations of the same goroutine around this one; 0 for other operations.
    pub outer: u64,
    /// Number of times that the thread had switched to a goroutine; 0 for other operations.
    pub switches: u64,
    /// Not 0 from a jump to a tail-called function until that function begins.
    pub jumped: u64,
}

impl Entry {
    #[inline(always)]
    fn of_process(frame: &Frame) -> Self {
        Self {
            frame: *frame,
            goroutine: 0,
            outer: 0,
            switches: 0,
            jumped: 0,
        }
    }
}

impl Key {
    #[inline(always)]
    pub fn stack(stack_pointer: u64) -> Self {
        Self {
            id: stack_pointer,
            process: task::process(),
            kind: 0,
        }
    }

    /// An operation that follows tail calls. Its function and those that it tail-calls begin with
    /// the same stack pointer, and each of them may be an operation of its own.
    #[inline(always)]
    pub fn tail_calls(operation: u16, stack_pointer: u64) -> Self {
        Self {
            id: stack_pointer,
            process: task::process(),
            kind: TAIL_CALLS | operation as u32,
        }
    }

    #[inline(always)]
    pub fn is_goroutine(&self) -> bool {
        self.kind & GOROUTINE != 0
    }

    #[inline(always)]
    fn is_stack(&self) -> bool {
        self.kind == 0 || self.kind & (GOROUTINE | TAIL_CALLS) == TAIL_CALLS
    }

    #[inline(always)]
    pub fn token(operation: u16, token: u64) -> Self {
        Self {
            id: token,
            process: task::process(),
            kind: operation as u32 + 1,
        }
    }

    /// The innermost operation of the goroutine at this address.
    #[inline(always)]
    pub fn goroutine(address: u64) -> Self {
        Self {
            id: address,
            process: task::process(),
            kind: GOROUTINE,
        }
    }

    /// The operation of the same goroutine that `outer` - 1 operations are around.
    #[inline(always)]
    pub fn around(&self, outer: u64) -> Self {
        Self {
            kind: GOROUTINE | outer as u32,
            ..*self
        }
    }
}

/// The recorder sets its size. If the map is full, begins are lost (and counted), but never the
/// finishes of other operations.
#[map]
static IN_FLIGHT: HashMap<Key, Entry> = HashMap::with_max_entries(1, 0);

/// Processes with entries in [`IN_FLIGHT`], and the number of their entries.
#[map]
static PROCESSES: HashMap<u32, u64> = HashMap::with_max_entries(1, 0);

#[inline(always)]
fn entry_count(process: u32) -> Option<&'static AtomicU64> {
    PROCESSES
        .get_ptr_mut(process)
        .map(|count| unsafe { AtomicU64::from_ptr(count) })
}

/// Stores a begin. An older entry with the same key can never finish any more: it is replaced and
/// returned. `Err` where the map is full.
#[inline(always)]
pub fn insert(key: &Key, frame: &Frame) -> Result<Option<Frame>, ()> {
    let stale = insert_entry(key, &Entry::of_process(frame))?;
    Ok(stale.map(|stale| stale.frame))
}

/// The same for a whole entry.
#[inline(always)]
pub fn insert_entry(key: &Key, entry: &Entry) -> Result<Option<Entry>, ()> {
    let stale = unsafe { IN_FLIGHT.get(key) }.copied();
    if stale.is_none() {
        if entry_count(key.process).is_none() {
            let _ = PROCESSES.insert(key.process, 0, 1);
        }
        // Without their number in `PROCESSES`, the end of the process would not remove the entries.
        let Some(count) = entry_count(key.process) else {
            return Err(());
        };
        counters::increment(count);
    }
    if IN_FLIGHT.insert(key, entry, 0).is_ok() {
        return Ok(stale);
    }
    if stale.is_none() {
        count_removed(key.process);
    }
    Err(())
}

/// Counts that one entry of `process` was removed.
#[inline(always)]
fn count_removed(process: u32) {
    if let Some(count) = entry_count(process) {
        counters::decrement(count);
    }
}

/// Removes and returns the entry of `operation` under `key`; an entry of another operation stays.
#[inline(always)]
pub fn take(key: &Key, operation: u16) -> Option<Frame> {
    let frame = get(key)?.frame;
    if frame.operation == operation && remove(key) {
        Some(frame)
    } else {
        None
    }
}

/// The entry under `key` where it lies, for helpers that copy it: a copy on the stack takes a fifth of
/// the stack.
#[inline(always)]
pub fn stored(key: &Key) -> Option<&'static Entry> {
    unsafe { IN_FLIGHT.get(key) }
}

/// The entry of an operation that follows tail calls.
#[inline(always)]
fn following(key: &Key) -> Option<&'static mut Entry> {
    IN_FLIGHT
        .get_ptr_mut(key)
        .and_then(|entry| unsafe { entry.as_mut() })
}

/// Marks the operation under `key`, if there is one: control jumps to a tail-called function.
#[inline(always)]
pub fn mark_jump(key: &Key) {
    if let Some(entry) = following(key) {
        entry.jumped = 1;
    }
}

/// The begin of a function that was tail-called, or was not.
pub enum Entered {
    /// By the operation under the key, which goes on in it.
    Continued,
    /// No: the operation under the key was left, since another call has its place on the stack.
    Left,
    /// No such operation is in flight.
    Alone,
}

/// A function begins where the operation under `key` may be. `jumps`: with a jump to a further one.
#[inline(always)]
pub fn enter(key: &Key, jumps: bool) -> Entered {
    let Some(entry) = following(key) else {
        return Entered::Alone;
    };
    let frame = &entry.frame;
    let watched = switching::watched(frame.operation, frame.begun_ns);
    if entry.jumped == 0 || watched == Watched::ToItsMiddle {
        return Entered::Left;
    }
    entry.jumped = jumps as u64;
    Entered::Continued
}

/// Removes and returns the operation under `key`, if the function that returns is part of it.
#[inline(always)]
pub fn take_followed(key: &Key) -> Option<Frame> {
    let entry = get(key)?;
    if entry.jumped == 0 && remove(key) {
        Some(entry.frame)
    } else {
        None
    }
}

/// A copy of the entry under `key`.
#[inline(always)]
pub fn get(key: &Key) -> Option<Entry> {
    unsafe { IN_FLIGHT.get(key) }.copied()
}

/// Removes the entry under `key`; `false` where there is none.
#[inline(always)]
pub fn remove(key: &Key) -> bool {
    let removed = IN_FLIGHT.remove(key).is_ok();
    if removed {
        count_removed(key.process);
    }
    removed
}

/// Makes room in a full map: counts the operations that `thread` began below `stack_pointer` as
/// abandoned and removes them. They were nested deeper than the thread is now, so they could still
/// finish only on another stack of the same thread.
#[inline(always)]
pub fn abandon_below(stack_pointer: u64, thread: u32) {
    let process = task::process();
    let mut sweep = Sweep {
        process,
        thread,
        stack_pointer,
        now: task::now(),
    };
    each_entry(&mut sweep);
}

/// Called when the current process ends or runs another program: none of its operations can finish.
#[inline(always)]
pub fn abandon_process() {
    let process = task::process();
    let Some(count) = entry_count(process) else {
        return;
    };
    if unsafe { count.as_ptr().read_volatile() } != 0 {
        let now = task::now();
        let mut sweep = Sweep {
            process,
            thread: 0,
            stack_pointer: u64::MAX,
            now,
        };
        each_entry(&mut sweep);
    }
    let _ = PROCESSES.remove(process);
}

#[inline(always)]
fn each_entry(sweep: &mut Sweep) {
    visit(abandon_entry, core::ptr::from_mut(sweep));
}

/// What is called with each entry: the map, the key, the entry, and the context.
pub type Visitor<C> = unsafe extern "C" fn(*mut c_void, *const Key, *const Entry, *const C) -> i64;

/// Calls `visitor` with each entry.
#[inline(always)]
pub fn visit<C>(visitor: Visitor<C>, context: *mut C) {
    unsafe {
        bpf_for_each_map_elem(
            (&raw const IN_FLIGHT).cast_mut().cast(),
            visitor as *mut c_void,
            context.cast(),
            0,
        );
    }
}

/// The entries to remove.
struct Sweep {
    process: u32,
    /// If not 0, only entries of this thread, without those with a token; 0 for all entries of the
    /// process.
    thread: u32,
    stack_pointer: u64,
    now: u64,
}

#[inline(never)]
unsafe extern "C" fn abandon_entry(
    _map: *mut c_void,
    key: *const Key,
    entry: *const Entry,
    sweep: *const Sweep,
) -> i64 {
    let (key, sweep) = unsafe { (*key, &*sweep) };
    let frame = unsafe { &(*entry).frame };
    let (operation, thread, begun_ns) = (frame.operation, frame.thread, frame.begun_ns);
    let dead = sweep.thread == 0
        || (thread == sweep.thread && key.is_stack() && key.id < sweep.stack_pointer);
    if key.process == sweep.process && dead && IN_FLIGHT.remove(key).is_ok() {
        count_removed(key.process);
        switching::count_left(operation, begun_ns, sweep.now);
    }
    0
}
