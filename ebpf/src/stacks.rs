//! The operations in flight of each thread, and what becomes of those that its stack has been cut back past.

use aya_ebpf::macros::btf_map;
use soakbox_schemas::control::{MAX_DEPTH, MAX_OPERATIONS, mode};

use crate::counters;
use crate::frames::{Frame, Frames, repeat};
use crate::task::{self, TaskStorage};

/// Functions in flight on a thread whose stack is never switched: ordered by stack pointer.
#[btf_map]
pub static FUNCTIONS: TaskStorage<Frames> = TaskStorage::new();
/// Markers without a token in flight on a thread: last in, first out per operation.
#[btf_map]
pub static MARKERS: TaskStorage<Frames> = TaskStorage::new();
/// Drops the frames that lie below `stack_pointer`: the stack has been cut back past them.
#[inline(always)]
pub fn unwind(frames: &mut Frames, stack_pointer: u64) {
    if frames
        .top()
        .is_some_and(|top| top.stack_pointer < stack_pointer)
    {
        leave(frames, stack_pointer, false);
    }
}

/// Takes away all frames below `stack_pointer`, innermost first, and what is beyond the followed depth with the
/// first of them. `dead`: their thread is gone, so that none of them can have finished unseen.
#[inline(always)]
pub fn leave(frames: &mut Frames, stack_pointer: u64, dead: bool) {
    let now = task::now();
    let mode = if dead {
        0
    } else {
        frames.top().map_or(0, |top| top.mode)
    };
    let mut leaving = Leaving {
        frames,
        stack_pointer,
        now,
        mode,
        dead,
    };
    if unsafe { (*leaving.frames).beyond } != 0 {
        repeat(MAX_OPERATIONS as u32, leave_beyond, &mut leaving);
        unsafe { (*leaving.frames).beyond = 0 };
    }
    repeat(MAX_DEPTH as u32, leave_one, &mut leaving);
}

struct Leaving {
    frames: *mut Frames,
    stack_pointer: u64,
    now: u64,
    mode: u16,
    dead: bool,
}

#[inline(never)]
unsafe extern "C" fn leave_one(_step: u32, leaving: *mut Leaving) -> i64 {
    let leaving = unsafe { &*leaving };
    let frames = unsafe { &mut *leaving.frames };
    let Some(&Frame {
        stack_pointer,
        operation,
        mode,
        ..
    }) = frames.top()
    else {
        return 1;
    };
    if stack_pointer >= leaving.stack_pointer {
        return 1;
    }
    count_left(
        operation,
        if leaving.dead { 0 } else { mode },
        1,
        leaving.now,
    );
    frames.pop();
    0
}

#[inline(never)]
unsafe extern "C" fn leave_beyond(step: u32, leaving: *mut Leaving) -> i64 {
    let leaving = unsafe { &*leaving };
    let frames = unsafe { &mut *leaving.frames };
    let index = step as usize & (MAX_OPERATIONS - 1);
    let open = unsafe { frames.beyond_by_operation.get_unchecked_mut(index) };
    if *open != 0 {
        count_left(step as u16, leaving.mode, *open as u64, leaving.now);
        *open = 0;
    }
    0
}

/// What is beyond the followed depth has been left, although the innermost frame has not.
#[inline(always)]
pub fn leave_all_beyond(frames: &mut Frames, mode: u16) {
    let now = task::now();
    let mut leaving = Leaving {
        frames,
        stack_pointer: 0,
        now,
        mode,
        dead: false,
    };
    repeat(MAX_OPERATIONS as u32, leave_beyond, &mut leaving);
    unsafe { (*leaving.frames).beyond = 0 };
}

/// Operations that were left without a finish. Through a uretprobe, which is placed only where nothing unwinds,
/// they finished unseen, deeper than the kernel follows; otherwise they never will.
#[inline(always)]
fn count_left(operation: u16, mode: u16, number: u64, now: u64) {
    counters::with_cell(operation, now, |cell| {
        if mode & mode::URETPROBE != 0 {
            counters::add(&cell.finished, number);
            counters::add(&cell.lost_too_deep, number);
        } else {
            counters::add(&cell.abandoned, number);
        }
    });
}

/// Before a marker begins: where the thread's frames are all taken, tells a recursion (the stack pointer goes on
/// sinking; what is beyond is tallied) from begins that were left without a finish, an exception's for one (it does
/// not): then the oldest gives way and is taken as abandoned, so that a thread never stops being followed.
#[inline(always)]
pub fn make_room(frames: &mut Frames, stack_pointer: u64) {
    let Some(&Frame {
        stack_pointer: innermost,
        mode,
        ..
    }) = frames.top()
    else {
        return;
    };
    if stack_pointer < innermost {
        return;
    }
    if frames.beyond != 0 {
        leave_all_beyond(frames, mode);
    }
    if let Some(oldest) = frames.take_oldest_of_full() {
        count_left(oldest, mode, 1, task::now());
    }
}
