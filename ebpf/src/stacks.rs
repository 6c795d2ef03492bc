//! The operations in flight of each thread, and the counting of those that were removed because its
//! stack was unwound.

use aya_ebpf::macros::btf_map;
use soakbox_schemas::control::{MAX_DEPTH, MAX_OPERATIONS};

use crate::counters;
use crate::frames::{Frame, Frames, repeat};
use crate::switching::{self, Watched};
use crate::task::{self, TaskStorage};

/// Functions in flight on a thread whose stack is never switched: ordered by stack pointer.
#[btf_map]
pub static FUNCTIONS: TaskStorage<Frames> = TaskStorage::new();
/// Markers without a token in flight on a thread: last in, first out per operation.
#[btf_map]
pub static MARKERS: TaskStorage<Frames> = TaskStorage::new();

/// No operation.
const NONE: u16 = u16::MAX;

/// Removes the frames below `stack_pointer`: the stack was unwound past them (an exception, a
/// longjmp).
#[inline(always)]
pub fn unwind(frames: &mut Frames, stack_pointer: u64) {
    if frames
        .top()
        .is_some_and(|top| top.stack_pointer < stack_pointer)
    {
        unwind_frames(frames, stack_pointer, NONE, false);
    }
}

/// Removes the frames that were unwound, because `operation` begins at `entry`.
#[inline(always)]
pub fn unwind_before(frames: &mut Frames, operation: u16, entry: u64) {
    if frames
        .top()
        .is_some_and(|top| top.ended_before(operation, entry))
    {
        unwind_frames(frames, entry, operation, false);
    }
}

/// Removes every frame, because the thread ended or runs another program.
#[inline(always)]
pub fn unwind_all(frames: &mut Frames) {
    unwind_frames(frames, u64::MAX, NONE, true);
}

/// Removes all frames below `stack_pointer`, innermost first, and the overflow with the first of
/// them; also those at it that cannot be in flight where the operation `beginning` begins there.
/// `ended`: the thread is gone, so that none of them can have finished unseen.
#[inline(always)]
fn unwind_frames(frames: &mut Frames, stack_pointer: u64, beginning: u16, ended: bool) {
    let by_uretprobe = !ended && frames.top().is_some_and(Frame::never_unwinds);
    let mut unwinding = Unwinding {
        frames,
        stack_pointer,
        now: task::now(),
        by_uretprobe,
        ended,
        beginning,
    };
    if unsafe { (*unwinding.frames).overflow_depth } != 0 {
        repeat(MAX_OPERATIONS as u32, unwind_overflow_of, &mut unwinding);
        unsafe { (*unwinding.frames).overflow_depth = 0 };
    }
    repeat(MAX_DEPTH as u32, unwind_one, &mut unwinding);
}

struct Unwinding {
    frames: *mut Frames,
    stack_pointer: u64,
    now: u64,
    /// Whether uretprobes observe the finishes of the overflow.
    by_uretprobe: bool,
    ended: bool,
    /// The operation that begins at the stack pointer, or [`NONE`].
    beginning: u16,
}

#[inline(never)]
unsafe extern "C" fn unwind_one(_step: u32, unwinding: *mut Unwinding) -> i64 {
    let unwinding = unsafe { &*unwinding };
    let frames = unsafe { &mut *unwinding.frames };
    let Some(top) = frames.top() else {
        return 1;
    };
    let is_over = match unwinding.beginning {
        NONE => top.stack_pointer < unwinding.stack_pointer,
        operation => top.ended_before(operation, unwinding.stack_pointer),
    };
    if !is_over {
        return 1;
    }
    let by_uretprobe = !unwinding.ended && top.never_unwinds();
    count_frame(top.operation, top.begun_ns, by_uretprobe, unwinding.now);
    frames.pop();
    0
}

#[inline(never)]
unsafe extern "C" fn unwind_overflow_of(operation: u32, unwinding: *mut Unwinding) -> i64 {
    let unwinding = unsafe { &*unwinding };
    let frames = unsafe { &mut *unwinding.frames };
    let index = operation as usize & (MAX_OPERATIONS - 1);
    let in_flight = unsafe { frames.overflow_by_operation.get_unchecked_mut(index) };
    if *in_flight != 0 {
        count_unwound(
            operation as u16,
            unwinding.by_uretprobe,
            *in_flight as u64,
            unwinding.now,
        );
        *in_flight = 0;
    }
    0
}

/// Removes the overflow, which was unwound although the innermost frame was not.
#[inline(always)]
pub fn unwind_overflow(frames: &mut Frames, by_uretprobe: bool) {
    let mut unwinding = Unwinding {
        frames,
        stack_pointer: 0,
        now: task::now(),
        by_uretprobe,
        ended: false,
        beginning: NONE,
    };
    repeat(MAX_OPERATIONS as u32, unwind_overflow_of, &mut unwinding);
    unsafe { (*unwinding.frames).overflow_depth = 0 };
}

/// Counts an operation with a frame that was unwound without a finish.
#[inline(always)]
fn count_frame(operation: u16, begun_ns: u64, by_uretprobe: bool, now: u64) {
    match switching::watched(operation, begun_ns) {
        Watched::Always => count_unwound(operation, by_uretprobe, 1, now),
        _ => switching::count_left(operation, begun_ns, now),
    }
}

/// Counts operations that were unwound without a finish. A uretprobe is placed only where nothing
/// unwinds, so that its operations did finish, nested deeper than the kernel follows; all others
/// will never finish.
#[inline(always)]
fn count_unwound(operation: u16, by_uretprobe: bool, number: u64, now: u64) {
    counters::with_cell(operation, now, |cell| {
        if by_uretprobe {
            counters::add(&cell.finished, number);
            counters::add(&cell.lost_too_deep, number);
        } else {
            counters::add(&cell.abandoned, number);
        }
    });
}

/// Prepares the frames for the begin of a marker, so that a full stack of frames never prevents
/// later begins from being followed.
///
/// The stack pointer tells two cases apart. If it is below that of the innermost frame, the begin
/// is a recursion: nothing happens here, and the begin will be counted as overflow. Otherwise
/// earlier begins were unwound, by an exception for example: the overflow is counted as unwound,
/// and if every frame is in use, the oldest one is counted as abandoned and removed.
#[inline(always)]
pub fn make_room(frames: &mut Frames, stack_pointer: u64) {
    let Some(innermost) = frames.top() else {
        return;
    };
    if stack_pointer < innermost.stack_pointer {
        return;
    }
    let by_uretprobe = innermost.never_unwinds();
    if frames.overflow_depth != 0 {
        unwind_overflow(frames, by_uretprobe);
    }
    if let Some((oldest, begun_ns)) = frames.evict_oldest_of_full() {
        count_frame(oldest, begun_ns, by_uretprobe, task::now());
    }
}
