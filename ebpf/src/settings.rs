//! What the recorder sets before loading. The map behind these is frozen, so the verifier sees constants: an offset
//! read here may be added to a kernel pointer.

use soakbox_schemas::control::globals::ABSENT;

#[unsafe(no_mangle)]
static INTERVAL_NS: u64 = 1_000_000_000;
#[unsafe(no_mangle)]
static OPERATION_COUNT: u32 = 1;
#[unsafe(no_mangle)]
static FOLLOW_TREE: u32 = 0;
#[unsafe(no_mangle)]
static NAMESPACE_DEVICE: u64 = 0;
#[unsafe(no_mangle)]
static NAMESPACE_INODE: u64 = 0;
#[unsafe(no_mangle)]
static RING_HALF: u64 = 1 << 20;
#[unsafe(no_mangle)]
static TASK_UTIME: u32 = ABSENT;
#[unsafe(no_mangle)]
static TASK_STIME: u32 = ABSENT;
#[unsafe(no_mangle)]
static TASK_MM: u32 = ABSENT;
#[unsafe(no_mangle)]
static TASK_SIGNAL: u32 = ABSENT;
#[unsafe(no_mangle)]
static TASK_TGID: u32 = ABSENT;
#[unsafe(no_mangle)]
static SIGNAL_LIVE: u32 = ABSENT;
#[unsafe(no_mangle)]
static MM_RSS: u32 = ABSENT;
#[unsafe(no_mangle)]
static MM_RSS_STRIDE: u32 = 0;
#[unsafe(no_mangle)]
static PAGE_BYTES: u32 = 4096;

macro_rules! getters {
    ($($getter:ident = $global:ident: $type:ty;)*) => {
        $(#[inline(always)]
        pub fn $getter() -> $type {
            unsafe { core::ptr::read_volatile(&raw const $global) }
        })*
    };
}

getters! {
    interval_ns = INTERVAL_NS: u64;
    operation_count = OPERATION_COUNT: u32;
    follow_tree = FOLLOW_TREE: u32;
    namespace_device = NAMESPACE_DEVICE: u64;
    namespace_inode = NAMESPACE_INODE: u64;
    ring_half = RING_HALF: u64;
    task_utime = TASK_UTIME: u32;
    task_stime = TASK_STIME: u32;
    task_mm = TASK_MM: u32;
    task_signal = TASK_SIGNAL: u32;
    task_tgid = TASK_TGID: u32;
    signal_live = SIGNAL_LIVE: u32;
    mm_rss = MM_RSS: u32;
    mm_rss_stride = MM_RSS_STRIDE: u32;
    page_bytes = PAGE_BYTES: u32;
}
