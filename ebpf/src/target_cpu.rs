//! The CPU time of the target, for the limit of overhead: of its threads, from switch to switch, by CPU.
//! A thread is one of the target from its begin, where the one that created it is; from when it
//! executes an observed file; from its first observed operation; or from when the recorder finds its
//! process. Each keeps that to itself, so that nothing has to be removed when it ends, and what it
//! used before is never counted. Where the setting `counts_cpu` is 0, the verifier removes all of this.

use core::ffi::c_void;
use core::sync::atomic::AtomicU64;

use aya_ebpf::bindings::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, task_struct};
use aya_ebpf::helpers::generated::bpf_get_smp_processor_id;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap};
use soakbox_schemas::target_cpu::{CpuTime, FileKey, part};

use crate::counters;
use crate::settings::setting;
use crate::task::{self, THREADS, Thread, member};
use crate::walk::Step;

const NONE: u64 = part::NONE as u64;
const TARGET: u64 = part::TARGET as u64;

/// By CPU.
#[map]
static TARGET_CPU: Array<CpuTime> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// The files that are observed now. The recorder writes it.
#[map]
static OBSERVED_FILES: HashMap<FileKey, u32> = HashMap::with_max_entries(1, BPF_F_NO_PREALLOC);

/// Processes that the recorder has found, each with what its threads are ([`part`]).
#[map]
static FOUND: HashMap<u32, u32> = HashMap::with_max_entries(1, BPF_F_NO_PREALLOC);

/// This CPU's time; `None` where none is counted.
#[inline(always)]
fn of_this_cpu() -> Option<&'static CpuTime> {
    if setting!(counts_cpu) == 0 {
        return None;
    }
    TARGET_CPU.get(unsafe { bpf_get_smp_processor_id() })
}

#[inline(always)]
fn read(time: &AtomicU64) -> u64 {
    unsafe { time.as_ptr().read_volatile() }
}

#[inline(always)]
fn write(time: &AtomicU64, ns: u64) {
    unsafe { time.as_ptr().write_volatile(ns) }
}

/// CPU time of a thread: exact where it is switched out, otherwise as of the last tick.
#[inline(always)]
fn used_ns(task: *mut task_struct) -> u64 {
    let offset = setting!(offsets.task_used);
    unsafe { member(task.cast_const().cast(), offset) }
}

/// What the thread uses from now on is counted, or never is.
#[inline(always)]
fn join(thread: &mut Thread, task: *mut task_struct, part: u64) {
    // Another CPU may switch it out meanwhile.
    unsafe {
        (&raw mut thread.counted_ns).write_volatile(used_ns(task));
        (&raw mut thread.part).write_volatile(part);
    }
}

#[inline(always)]
pub fn switched_out(thread: &mut Thread, task: *mut task_struct) {
    if let Some(time) = of_this_cpu()
        && thread.part == TARGET
    {
        // First this one: a reader in between counts too little, and never twice.
        write(&time.since_ns, 0);
        let used_ns = used_ns(task);
        counters::add(&time.used_ns, used_ns.saturating_sub(thread.counted_ns));
        thread.counted_ns = used_ns;
    }
}

#[inline(always)]
pub fn switched_in(thread: Option<&Thread>) {
    let Some(time) = of_this_cpu() else {
        return;
    };
    // Whatever the one before was: it may have become one of the recorder meanwhile.
    match thread {
        Some(thread) if thread.part == TARGET => write(&time.since_ns, task::now()),
        _ => write(&time.since_ns, 0),
    }
}

/// The current thread runs an observed operation.
#[inline(always)]
pub fn runs_operation(thread: &mut Thread) {
    let Some(time) = of_this_cpu() else {
        return;
    };
    if thread.part == NONE {
        join(thread, task::current(), TARGET);
    }
    // It came onto this CPU before it was known.
    if thread.part == TARGET && read(&time.since_ns) == 0 {
        write(&time.since_ns, task::now());
    }
}

/// `is_of_tree`: the new task is a process of the followed tree.
#[inline(always)]
pub fn forked(parent: *mut task_struct, child: *mut task_struct, is_of_tree: bool) {
    if setting!(counts_cpu) == 0 {
        return;
    }
    let part = if is_of_tree {
        TARGET
    } else {
        THREADS.of(parent).map_or(NONE, |thread| thread.part)
    };
    if part != NONE
        && let Some(thread) = THREADS.lookup(child, 1)
    {
        join(thread, child, part);
    }
}

/// The current process executes another program. `binary`: the kernel's `linux_binprm`.
#[inline(always)]
pub fn executed(binary: *const c_void) {
    let Some(time) = of_this_cpu() else {
        return;
    };
    if is_observed(binary) {
        if let Some(thread) = THREADS.get_or_create() {
            runs_operation(thread);
        }
    } else if let Some(thread) = THREADS.get()
        && thread.part == TARGET
    {
        // Up to now, by the clock: the thread's own time is that of the last tick.
        let since_ns = read(&time.since_ns);
        write(&time.since_ns, 0);
        if since_ns != 0 {
            counters::add(&time.used_ns, task::now().saturating_sub(since_ns));
        }
        thread.part = NONE;
    }
}

#[inline(always)]
fn is_observed(binary: *const c_void) -> bool {
    let follow = |structure: *const c_void, offset: u32| -> *const c_void {
        if structure.is_null() {
            return structure;
        }
        unsafe { member(structure, offset) }
    };
    let file = follow(binary, setting!(offsets.binprm_file));
    let inode = follow(file, setting!(offsets.file_inode));
    let superblock = follow(inode, setting!(offsets.inode_superblock));
    if superblock.is_null() {
        return false;
    }
    let number = setting!(offsets.inode_number);
    let device = setting!(offsets.superblock_device);
    let key = unsafe {
        FileKey {
            inode: member(inode, number),
            device: member(superblock, device),
            zero: 0,
        }
    };
    unsafe { OBSERVED_FILES.get(key) }.is_some()
}

/// A step of the recorder's walk over all threads, after it has found processes.
#[inline(always)]
pub fn step(step: &Step) -> i32 {
    let task = step.task;
    if task.is_null() || setting!(counts_cpu) == 0 {
        return 0;
    }
    let Some(process) = task::process_of(task.cast_const().cast()) else {
        return 0;
    };
    let Some(&part) = (unsafe { FOUND.get(process) }) else {
        return 0;
    };
    if let Some(thread) = THREADS.lookup(task, 1)
        && (thread.part == NONE || part == part::RECORDER)
    {
        join(thread, task, part as u64);
    }
    0
}
