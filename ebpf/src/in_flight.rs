//! Operations in flight that belong to a process rather than to a thread: functions on stacks that may be switched,
//! and markers with a token. Keyed by process and stack pointer, or process, operation and token.

use core::ffi::c_void;
use core::sync::atomic::AtomicU64;

use aya_ebpf::helpers::generated::bpf_for_each_map_elem;
use aya_ebpf::macros::map;
use aya_ebpf::maps::HashMap;

use crate::counters;
use crate::frames::Frame;
use crate::task;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Key {
    /// Stack pointer, or token.
    id: u64,
    process: u32,
    /// Operation + 1 of a token; 0 for a stack pointer.
    kind: u32,
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

    #[inline(always)]
    pub fn token(operation: u16, token: u64) -> Self {
        Self {
            id: token,
            process: task::process(),
            kind: operation as u32 + 1,
        }
    }
}

/// The recorder sets its size; a full map loses begins (counted), never the finishes of others.
#[map]
static IN_FLIGHT: HashMap<Key, Frame> = HashMap::with_max_entries(1, 0);

/// Processes with entries in [`IN_FLIGHT`], and how many they have.
#[map]
static PROCESSES: HashMap<u32, u64> = HashMap::with_max_entries(1, 0);

#[inline(always)]
fn tally(process: u32) -> Option<&'static AtomicU64> {
    PROCESSES
        .get_ptr_mut(process)
        .map(|count| unsafe { AtomicU64::from_ptr(count) })
}

/// Remembers a begin. An entry under the same key can never finish any more: it is handed back. `Err` where the
/// map is full.
#[inline(always)]
pub fn insert(key: &Key, frame: &Frame) -> Result<Option<Frame>, ()> {
    let stale = unsafe { IN_FLIGHT.get(key) }.copied();
    if stale.is_none() {
        if tally(key.process).is_none() {
            let _ = PROCESSES.insert(key.process, 0, 1);
        }
        // Without a tally the process's end could not clean up.
        let Some(tally) = tally(key.process) else {
            return Err(());
        };
        counters::one(tally);
    }
    if IN_FLIGHT.insert(key, frame, 0).is_ok() {
        return Ok(stale);
    }
    if stale.is_none() {
        forget_one(key.process);
    }
    Err(())
}

/// One entry of `process` less.
#[inline(always)]
fn forget_one(process: u32) {
    if let Some(tally) = tally(process) {
        counters::one_less(tally);
    }
}

/// Takes the entry of `operation` under `key`; that of another operation stays.
#[inline(always)]
pub fn take(key: &Key, operation: u16) -> Option<Frame> {
    let frame = unsafe { IN_FLIGHT.get(key) }.copied()?;
    if frame.operation != operation || IN_FLIGHT.remove(key).is_err() {
        return None;
    }
    forget_one(key.process);
    Some(frame)
}

/// Makes room in a full map: what `thread` began below `stack_pointer` lies deeper than where it is now, and can
/// only be alive on another stack of the same thread. It is taken as abandoned.
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

/// The current process has ended or replaced itself: nothing of it can finish.
#[inline(always)]
pub fn abandon_process() {
    let process = task::process();
    let Some(tally) = tally(process) else { return };
    if unsafe { tally.as_ptr().read_volatile() } != 0 {
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
    unsafe {
        bpf_for_each_map_elem(
            (&raw const IN_FLIGHT).cast_mut().cast(),
            abandon_entry as *mut c_void,
            core::ptr::from_mut(sweep).cast(),
            0,
        );
    }
}

/// Which entries go.
struct Sweep {
    process: u32,
    /// 0: of every thread, tokens too.
    thread: u32,
    stack_pointer: u64,
    now: u64,
}

#[inline(never)]
unsafe extern "C" fn abandon_entry(
    _map: *mut c_void,
    key: *const Key,
    frame: *const Frame,
    sweep: *const Sweep,
) -> i64 {
    let (key, sweep) = unsafe { (*key, &*sweep) };
    let (operation, thread) = unsafe { ((*frame).operation, (*frame).thread) };
    let dead = sweep.thread == 0
        || (thread == sweep.thread && key.kind == 0 && key.id < sweep.stack_pointer);
    if key.process == sweep.process && dead && IN_FLIGHT.remove(key).is_ok() {
        forget_one(key.process);
        counters::with_cell(operation, sweep.now, |cell| counters::one(&cell.abandoned));
    }
    0
}
