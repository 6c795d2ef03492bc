//! The current task: its times, memory and ids. Members of kernel structures are read at offsets
//! that the recorder found in BTF; an absent member reads as `None`.

use core::ffi::c_void;

use aya_ebpf::bindings::{BPF_F_NO_PREALLOC, bpf_map_type, bpf_pidns_info, task_struct};
use aya_ebpf::helpers::generated::{
    bpf_get_current_task_btf, bpf_get_ns_current_pid_tgid, bpf_ktime_get_boot_ns,
    bpf_task_storage_get,
};
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_probe_read_kernel};
use aya_ebpf::macros::btf_map;
use soakbox_schemas::control::{ABSENT, NOT_KNOWN};

use crate::settings::setting;

/// Task-local storage, for which aya-ebpf has no type. The kernel frees it with the thread, and it
/// never fills up.
#[repr(C)]
pub struct TaskStorage<T> {
    r#type: *const [i32; bpf_map_type::BPF_MAP_TYPE_TASK_STORAGE as usize],
    key: *const i32,
    value: *const T,
    max_entries: *const [i32; 0],
    map_flags: *const [i32; BPF_F_NO_PREALLOC as usize],
}

unsafe impl<T> Sync for TaskStorage<T> {}

impl<T> TaskStorage<T> {
    pub const fn new() -> Self {
        Self {
            r#type: core::ptr::null(),
            key: core::ptr::null(),
            value: core::ptr::null(),
            max_entries: core::ptr::null(),
            map_flags: core::ptr::null(),
        }
    }

    /// The value of `task`; with the flag 1 it is created where there is none.
    #[inline(always)]
    #[allow(
        clippy::mut_from_ref,
        reason = "the value lies in the kernel, not behind self"
    )]
    pub fn lookup(&'static self, task: *mut task_struct, flags: u64) -> Option<&'static mut T> {
        let map = core::ptr::from_ref(self).cast_mut().cast();
        let value = unsafe { bpf_task_storage_get(map, task, core::ptr::null_mut(), flags) };
        unsafe { value.cast::<T>().as_mut() }
    }

    /// The value of `task`, if it has one.
    #[inline(always)]
    pub fn of(&'static self, task: *mut task_struct) -> Option<&'static T> {
        self.lookup(task, 0).map(|value| &*value)
    }

    /// The current thread's value, if it has one.
    #[inline(always)]
    pub fn get(&'static self) -> Option<&'static mut T> {
        self.lookup(current(), 0)
    }

    /// The current thread's value, zeroed at first; `None` where the kernel has no memory for it.
    #[inline(always)]
    pub fn get_or_create(&'static self) -> Option<&'static mut T> {
        self.lookup(current(), 1)
    }
}

/// The state of a thread that runs operations.
#[repr(C)]
pub struct Thread {
    /// Time that the thread has been off the CPU since it was first seen.
    pub off_cpu_ns: u64,
    /// Time when it was last switched out; 0 while it runs.
    pub switched_out_ns: u64,
    /// 0 unknown, otherwise [`FOLLOWED`] or [`IGNORED`].
    pub followed: u64,
    /// Time of this thread's last search for dead entries in a full map.
    pub swept_ns: u64,
    /// Number of times that it has switched to a goroutine, as far as that is observed.
    pub switches: u64,
    /// How much of its CPU time is counted as the target's, or never will be, ns.
    pub counted_ns: u64,
    /// One of [`part`](soakbox_schemas::target_cpu::part).
    pub part: u64,
}

pub const FOLLOWED: u64 = 1;
pub const IGNORED: u64 = 2;

#[btf_map]
pub static THREADS: TaskStorage<Thread> = TaskStorage::new();

#[inline(always)]
pub fn current() -> *mut task_struct {
    unsafe { bpf_get_current_task_btf() }
}

#[inline(always)]
pub fn now() -> u64 {
    unsafe { bpf_ktime_get_boot_ns() }
}

/// Thread-group id in the initial PID namespace: the key of a process.
#[inline(always)]
pub fn process() -> u32 {
    (bpf_get_current_pid_tgid() >> 32) as u32
}

/// Process and thread id as the recorder's PID namespace sees them; 0 where it does not see them.
#[inline(always)]
pub fn ids() -> (u32, u32) {
    let inode = setting!(namespace_inode);
    if inode != 0 {
        let mut seen = bpf_pidns_info { pid: 0, tgid: 0 };
        let size = core::mem::size_of::<bpf_pidns_info>() as u32;
        let device = setting!(namespace_device);
        let failed = unsafe { bpf_get_ns_current_pid_tgid(device, inode, &raw mut seen, size) };
        return if failed == 0 {
            (seen.tgid, seen.pid)
        } else {
            (0, 0)
        };
    }
    let both = bpf_get_current_pid_tgid();
    ((both >> 32) as u32, both as u32)
}

/// Reads a member of a kernel structure behind a trusted pointer; the offset is a constant to the
/// verifier.
#[inline(always)]
pub unsafe fn member<T: Copy>(structure: *const c_void, offset: u32) -> T {
    unsafe { core::ptr::read_volatile(structure.cast::<u8>().add(offset as usize).cast::<T>()) }
}

/// User and system time of the current thread, as the timer tick counts them.
#[inline(always)]
pub fn user_and_system_ns() -> Option<(u64, u64)> {
    let (user, system) = (setting!(offsets.task_utime), setting!(offsets.task_stime));
    if user == ABSENT || system == ABSENT {
        return None;
    }
    let task = current().cast_const().cast();
    Some(unsafe { (member(task, user), member(task, system)) })
}

/// Resident memory of the current process: file, anonymous and shared pages, without the changes
/// that are still in counters of single CPUs.
#[inline(always)]
pub fn resident_bytes() -> Option<u64> {
    let (mm, rss) = (setting!(offsets.task_mm), setting!(offsets.mm_rss));
    if mm == ABSENT || rss == ABSENT {
        return None;
    }
    let memory: *const c_void = unsafe { member(current().cast_const().cast(), mm) };
    if memory.is_null() {
        return None;
    }
    let stride = setting!(offsets.mm_rss_stride);
    // Counter 2 is swap entries, which are not resident.
    let pages: i64 = unsafe {
        counter(memory, rss, stride)
            + counter(memory, rss + stride, stride)
            + counter(memory, rss + 3 * stride, stride)
    };
    Some(if pages > 0 {
        pages as u64 * setting!(page_bytes) as u64
    } else {
        0
    })
}

/// A counter of memory. Before Linux 6.2 they are an array of plain numbers, from which the verifier
/// allows no direct read.
#[inline(always)]
unsafe fn counter(memory: *const c_void, offset: u32, stride: u32) -> i64 {
    if stride != size_of::<i64>() as u32 {
        return unsafe { member(memory, offset) };
    }
    let place = memory.cast::<u8>().wrapping_add(offset as usize);
    unsafe { bpf_probe_read_kernel(place.cast::<i64>()) }.unwrap_or(0)
}

/// Whether the current thread is the last of its process (its exit is under way).
#[inline(always)]
pub fn is_last_thread() -> bool {
    let (signal, live) = (setting!(offsets.task_signal), setting!(offsets.signal_live));
    if signal == ABSENT || live == ABSENT {
        return false;
    }
    let shared: *const c_void = unsafe { member(current().cast_const().cast(), signal) };
    !shared.is_null() && unsafe { member::<i32>(shared, live) } == 0
}

/// Whether the current thread may have a shadow stack: a second stack of return addresses, with
/// which the processor compares each return.
#[inline(always)]
pub fn may_have_shadow_stack() -> bool {
    const ENABLED: u64 = 1;
    match setting!(offsets.task_features) {
        ABSENT => false,
        NOT_KNOWN => true,
        features => unsafe {
            member::<u64>(current().cast_const().cast(), features) & ENABLED != 0
        },
    }
}

/// Thread-group id of another task, in the initial PID namespace.
#[inline(always)]
pub fn process_of(task: *const c_void) -> Option<u32> {
    let offset = setting!(offsets.task_tgid);
    (offset != ABSENT).then(|| unsafe { member(task, offset) })
}

/// The current thread goes on with a goroutine. Only the counts of threads that have run an
/// operation are used.
#[inline(always)]
pub fn switched_goroutine() {
    if let Some(thread) = THREADS.get() {
        thread.switches += 1;
    }
}

/// Number of times that the current thread has switched to a goroutine.
#[inline(always)]
pub fn goroutine_switches() -> u64 {
    THREADS.get().map_or(0, |thread| thread.switches)
}
