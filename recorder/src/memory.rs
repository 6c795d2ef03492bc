//! The memory of this process: freed memory goes back to the system, so that a recorder of weeks
//! needs no more than its largest moment, and that little. No other allocator, and no own one.

/// The heaps that threads share. Each keeps what was freed in it, and with one for each thread the
/// buffers that one thread makes and another one frees are kept in several of them.
const HEAPS: libc::c_int = 2;
/// Free bytes at the end of a heap that are given back at once.
const FREE_BYTES: libc::c_int = 256 << 10;
/// Size from which on an allocation has pages of its own, which are given back when it is freed.
/// Larger than the buffer of a page of a segment, which is needed again and again.
const OWN_PAGES_BYTES: libc::c_int = 512 << 10;

/// Sets up the allocator, whose own limits grow with the largest allocation that was ever freed.
/// Call it before the first thread is started.
pub fn set_up() {
    #[cfg(target_env = "gnu")]
    for (setting, value) in [
        (libc::M_ARENA_MAX, HEAPS),
        (libc::M_TRIM_THRESHOLD, FREE_BYTES),
        (libc::M_MMAP_THRESHOLD, OWN_PAGES_BYTES),
    ] {
        // SAFETY: sets a number of the allocator; no other thread runs yet.
        unsafe {
            // Where it is refused, the recorder only needs more memory.
            libc::mallopt(setting, value);
        }
    }
}

/// Gives freed memory back to the system. Takes about a millisecond: call it after work that needed
/// much, such as a start or a seal.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: may be called at any time by any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
