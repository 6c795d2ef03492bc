//! Start and end of threads and processes: which processes are followed, and the operations that
//! end with a thread or process.

use core::ffi::c_void;
use core::sync::atomic::AtomicU64;

use aya_ebpf::bindings::{BPF_F_MMAPABLE, task_struct};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap};

use crate::settings::setting;
use crate::task::{FOLLOWED, IGNORED, Thread};
use crate::{counters, in_flight, stacks, target_cpu, task};

/// Processes of the followed tree, by thread-group id in the initial PID namespace.
#[map]
static TRACKED: HashMap<u32, u32> = HashMap::with_max_entries(1, 0);

/// Number of processes of the tree that did not fit into `TRACKED`.
#[map]
static UNFOLLOWED: Array<AtomicU64> = Array::with_max_entries(1, BPF_F_MMAPABLE);

#[inline(always)]
pub fn track_current() {
    track(task::process());
}

#[inline(always)]
fn track(process: u32) {
    if TRACKED.insert(process, 1, 0).is_err()
        && let Some(count) = UNFOLLOWED.get(0)
    {
        counters::increment(count);
    }
}

#[inline(always)]
fn is_tracked(process: u32) -> bool {
    unsafe { TRACKED.get(process) }.is_some()
}

/// Whether the operations of the current thread are observed; the answer is cached in `thread`.
#[inline(always)]
pub fn is_followed(thread: Option<&mut Thread>) -> bool {
    if setting!(follow_tree) == 0 {
        return true;
    }
    let Some(thread) = thread else {
        return is_tracked(task::process());
    };
    if thread.followed == 0 {
        thread.followed = if is_tracked(task::process()) {
            FOLLOWED
        } else {
            IGNORED
        };
    }
    thread.followed == FOLLOWED
}

#[inline(always)]
pub fn forked(parent: *mut task_struct, child: *mut task_struct) {
    let is_of_tree = setting!(follow_tree) != 0 && begins_in_tree(parent, child);
    target_cpu::forked(parent, child, is_of_tree);
}

/// Whether a new task is a process of the followed tree, which is noted.
#[inline(always)]
fn begins_in_tree(parent: *mut task_struct, child: *mut task_struct) -> bool {
    let process_of = |task: *mut task_struct| task::process_of(task.cast_const().cast());
    let (Some(parent), Some(child)) = (process_of(parent), process_of(child)) else {
        return false;
    };
    let begins = parent != child && is_tracked(parent);
    if begins {
        track(child);
    }
    begins
}

/// `binary`: the kernel's `linux_binprm` of what is executed.
#[inline(always)]
pub fn executed(binary: *const c_void) {
    abandon_thread();
    in_flight::abandon_process();
    if setting!(follow_tree) == 0 {
        target_cpu::executed(binary);
    }
}

#[inline(always)]
pub fn exited() {
    abandon_thread();
    if task::is_last_thread() {
        in_flight::abandon_process();
        if setting!(follow_tree) != 0 {
            // This fails for a process that did not fit into the map.
            let _ = TRACKED.remove(task::process());
        }
    }
}

/// Called when the current thread ends or runs another program: none of its operations can finish.
#[inline(always)]
fn abandon_thread() {
    if let Some(frames) = stacks::FUNCTIONS.get() {
        stacks::unwind_all(frames);
    }
    if let Some(frames) = stacks::MARKERS.get() {
        stacks::unwind_all(frames);
    }
}
