//! Operations in flight on one thread: a bounded stack in task-local storage, and the number of
//! begins that were nested too deep for it. It uses no probe, clock or counter.

use core::ffi::c_void;
use core::hint::black_box;

use aya_ebpf::helpers::generated::bpf_loop;
use soakbox_schemas::control::{MAX_DEPTH, MAX_OPERATIONS, Uretprobe};

/// The state of a thread at an operation's begin.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Frame {
    /// Stack pointer at the function's entry, or at the call of the marker.
    pub stack_pointer: u64,
    pub begun_ns: u64,
    pub off_cpu_ns: u64,
    pub user_ns: u64,
    pub system_ns: u64,
    pub memory_bytes: u64,
    pub thread: u32,
    pub operation: u16,
    /// An [`Uretprobe`], as a number: a smaller type would leave padding, which the verifier does
    /// not allow in a map.
    pub uretprobe: u16,
}

impl Frame {
    /// Whether a uretprobe observes the finish, which therefore is only missing where the call was
    /// nested too deep.
    #[inline(always)]
    pub fn never_unwinds(&self) -> bool {
        self.uretprobe == Uretprobe::NothingUnwinds as u16
    }

    /// Whether it may still be in flight where `operation` begins at the same stack pointer: its
    /// function may have ended in a tail call. None with a uretprobe ends in one of itself.
    #[inline(always)]
    fn may_end_in(&self, operation: u16) -> bool {
        self.uretprobe != Uretprobe::No as u16 && self.operation != operation
    }

    /// Whether it was unwound if `operation` begins at `entry`.
    #[inline(always)]
    pub fn ended_before(&self, operation: u16, entry: u64) -> bool {
        self.stack_pointer < entry || self.stack_pointer == entry && !self.may_end_in(operation)
    }
}

#[repr(C)]
pub struct Frames {
    /// Frames in use, at most [`MAX_DEPTH`].
    pub depth: u32,
    /// Begins in flight that were nested deeper than [`MAX_DEPTH`] and have no frame.
    pub overflow_depth: u32,
    pub frames: [Frame; MAX_DEPTH],
    /// `overflow_depth` by operation.
    pub overflow_by_operation: [u32; MAX_OPERATIONS],
}

const MASK: usize = MAX_DEPTH - 1;
const _: () = assert!(MAX_DEPTH.is_power_of_two() && MAX_OPERATIONS.is_power_of_two());

impl Frames {
    /// The innermost frame.
    #[inline(always)]
    pub fn top(&self) -> Option<&Frame> {
        let depth = self.depth as usize;
        if depth == 0 || depth > MAX_DEPTH {
            return None;
        }
        Some(unsafe { self.frames.get_unchecked((depth - 1) & MASK) })
    }

    /// Whether a frame is free.
    #[inline(always)]
    pub fn has_room(&self) -> bool {
        (self.depth as usize) < MAX_DEPTH
    }

    /// Adds a frame. Where no frame is free, the begin is only counted in `overflow_depth`, and the
    /// result is `false`.
    #[inline(always)]
    pub fn push(&mut self, frame: &Frame) -> bool {
        let depth = self.depth as usize;
        if depth >= MAX_DEPTH {
            self.overflow_depth += 1;
            let operation = frame.operation as usize & (MAX_OPERATIONS - 1);
            unsafe { *self.overflow_by_operation.get_unchecked_mut(operation) += 1 };
            return false;
        }
        // The compiler would leave out the mask, without which older verifiers follow a path
        // that there is not.
        let place = black_box(depth) & MASK;
        unsafe { *self.frames.get_unchecked_mut(place) = *frame };
        self.depth = depth as u32 + 1;
        true
    }

    /// Removes the innermost frame.
    #[inline(always)]
    pub fn pop(&mut self) {
        if self.depth > 0 {
            self.depth -= 1;
        }
    }

    /// Counts the finish of a begin that was nested too deep; `false` where none of `operation` is
    /// in flight.
    #[inline(always)]
    pub fn finish_overflow(&mut self, operation: u16) -> bool {
        if self.overflow_depth == 0 {
            return false;
        }
        let index = operation as usize & (MAX_OPERATIONS - 1);
        let in_flight = unsafe { self.overflow_by_operation.get_unchecked_mut(index) };
        if *in_flight == 0 {
            return false;
        }
        *in_flight -= 1;
        self.overflow_depth -= 1;
        true
    }

    /// If every frame is in use: removes the outermost one, and returns its operation and begin.
    #[inline(always)]
    pub fn evict_oldest_of_full(&mut self) -> Option<(u16, u64)> {
        let depth = self.depth;
        if depth < MAX_DEPTH as u32 {
            return None;
        }
        let Frame {
            operation,
            begun_ns,
            ..
        } = self.frames[0];
        let mut shift = Search {
            frames: self,
            depth,
            operation,
            found: 0,
        };
        repeat(MAX_DEPTH as u32, shift_one, &mut shift);
        self.pop();
        Some((operation, begun_ns))
    }

    /// Removes and returns the latest frame of `operation`, wherever it is.
    #[inline(always)]
    pub fn take_latest(&mut self, operation: u16) -> Option<Frame> {
        let top = *self.top()?;
        if top.operation == operation {
            self.pop();
            return Some(top);
        }
        self.take_from_the_middle(operation)
    }

    #[inline(always)]
    fn take_from_the_middle(&mut self, operation: u16) -> Option<Frame> {
        let depth = self.depth;
        let mut search = Search {
            frames: self,
            depth,
            operation,
            found: MAX_DEPTH as u32,
        };
        repeat(MAX_DEPTH as u32, search_one, &mut search);
        let found = search.found as usize;
        if found >= MAX_DEPTH {
            return None;
        }
        let frame = unsafe { *self.frames.get_unchecked(found & MASK) };
        let mut shift = Search {
            frames: self,
            depth,
            operation,
            found: found as u32,
        };
        repeat(MAX_DEPTH as u32, shift_one, &mut shift);
        self.pop();
        Some(frame)
    }
}

/// Runs `step` with 0, 1, 2, … until it returns 1, at most `times`. The verifier checks `step`
/// once; in a loop it would follow each iteration.
#[inline(always)]
pub fn repeat<C>(times: u32, step: unsafe extern "C" fn(u32, *mut C) -> i64, context: &mut C) {
    let context: *mut C = context;
    unsafe { bpf_loop(times, step as *mut c_void, context.cast(), 0) };
}

struct Search {
    frames: *mut Frames,
    depth: u32,
    operation: u16,
    found: u32,
}

/// Searches from the innermost frame outwards.
#[inline(never)]
unsafe extern "C" fn search_one(step: u32, search: *mut Search) -> i64 {
    let search = unsafe { &mut *search };
    if step >= search.depth {
        return 1;
    }
    let index = (search.depth - 1 - step) as usize & MASK;
    if unsafe { (*search.frames).frames.get_unchecked(index) }.operation != search.operation {
        return 0;
    }
    search.found = index as u32;
    1
}

/// Moves the frames above `found` down by one.
#[inline(never)]
unsafe extern "C" fn shift_one(step: u32, shift: *mut Search) -> i64 {
    let shift = unsafe { &mut *shift };
    let index = shift.found + step;
    if index + 1 >= shift.depth {
        return 1;
    }
    let frames = unsafe { &mut (*shift.frames).frames };
    let above = unsafe { *frames.get_unchecked((index as usize + 1) & MASK) };
    unsafe { *frames.get_unchecked_mut(index as usize & MASK) = above };
    0
}
