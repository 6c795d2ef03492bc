//! The event that the kernel side sends to the recorder for each finished operation. Its size and
//! layout are fixed and have a version. Fields that only some sources have belong in a second
//! record, not here.

/// Version of [`OperationEvent`]'s layout; the loader refuses a kernel object of another one.
pub const WIRE_VERSION: u32 = 2;

/// One finished operation, as written to the ring buffer.
///
/// Times are nanoseconds of `CLOCK_BOOTTIME`, sizes are bytes. A field is only meaningful where its
/// flag is set in [`OperationEvent::flags`]; otherwise it is 0 and must be read as missing.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperationEvent {
    /// Boot clock at the finish.
    pub finished_boot_ns: u64,
    /// Finish minus begin.
    pub duration_ns: u64,
    /// On-CPU time of the thread between begin and finish ([`flags::CPU`]).
    pub cpu_ns: u64,
    /// CPU user time ([`flags::CPU_SPLIT`]).
    pub cpu_user_ns: u64,
    /// CPU system time ([`flags::CPU_SPLIT`]).
    pub cpu_system_ns: u64,
    /// Resident memory of the process at the finish ([`flags::MEMORY`]).
    pub memory_bytes: u64,
    /// Its change since the begin ([`flags::MEMORY_DELTA`]).
    pub memory_delta_bytes: i64,
    /// The value that the operation returned, sign-extended from its declared width
    /// ([`flags::RETURN`]).
    pub return_value: i64,
    /// Size of the data that the operation processed, by its rule ([`flags::BYTES`]).
    pub bytes: u64,
    /// Id of the process that finished the operation, in the recorder's PID namespace; 0 for a
    /// process that this namespace does not have.
    pub pid: u32,
    /// Id of its thread, in the same namespace; 0 likewise.
    pub tid: u32,
    /// `floor(finished_boot_ns / interval length)`, assigned by the kernel.
    pub interval: u32,
    /// Index of the operation in the recorder's plan.
    pub operation: u16,
    /// Which fields are valid, and the success bit: see [`flags`].
    pub flags: u16,
    /// The source's own operation code with [`flags::SOURCE_TYPE`] (32 bits), or the id of the
    /// goroutine with [`flags::GOROUTINE`]; no event has both.
    pub detail: u64,
}

/// Bits of [`OperationEvent::flags`].
pub mod flags {
    /// `cpu_ns` is valid.
    pub const CPU: u16 = 1;
    /// `cpu_user_ns` and `cpu_system_ns` are valid.
    pub const CPU_SPLIT: u16 = 1 << 1;
    /// `memory_bytes` is valid.
    pub const MEMORY: u16 = 1 << 2;
    /// `memory_delta_bytes` is valid.
    pub const MEMORY_DELTA: u16 = 1 << 3;
    /// `return_value` is valid.
    pub const RETURN: u16 = 1 << 4;
    /// `bytes` is valid.
    pub const BYTES: u16 = 1 << 5;
    /// `detail` is the source's own operation code.
    pub const SOURCE_TYPE: u16 = 1 << 6;
    /// Success is known; [`SUCCESS`] holds it.
    pub const SUCCESS_KNOWN: u16 = 1 << 7;
    /// The operation succeeded.
    pub const SUCCESS: u16 = 1 << 8;
    /// `detail` is the id of a goroutine.
    pub const GOROUTINE: u16 = 1 << 9;
}

impl OperationEvent {
    /// `value` where all bits of `flag` are set, `None` (missing) otherwise.
    #[inline]
    pub fn optional<T>(&self, flag: u16, value: T) -> Option<T> {
        (self.flags & flag == flag).then_some(value)
    }

    /// Whether the operation succeeded, where that is known.
    #[inline]
    pub fn success(&self) -> Option<bool> {
        self.optional(flags::SUCCESS_KNOWN, self.flags & flags::SUCCESS != 0)
    }

    /// Reads an event from its bytes; `None` where the length is not that of an event.
    #[cfg(feature = "std")]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != size_of::<Self>() {
            return None;
        }
        // SAFETY: length checked; every bit pattern is a valid event; unaligned reads are allowed
        // here.
        Some(unsafe { core::ptr::read_unaligned(bytes.as_ptr().cast()) })
    }
}

const _: () = {
    use core::mem::{align_of, offset_of, size_of};
    assert!(size_of::<OperationEvent>() == 96);
    assert!(align_of::<OperationEvent>() == 8);
    assert!(offset_of!(OperationEvent, finished_boot_ns) == 0);
    assert!(offset_of!(OperationEvent, duration_ns) == 8);
    assert!(offset_of!(OperationEvent, cpu_ns) == 16);
    assert!(offset_of!(OperationEvent, cpu_user_ns) == 24);
    assert!(offset_of!(OperationEvent, cpu_system_ns) == 32);
    assert!(offset_of!(OperationEvent, memory_bytes) == 40);
    assert!(offset_of!(OperationEvent, memory_delta_bytes) == 48);
    assert!(offset_of!(OperationEvent, return_value) == 56);
    assert!(offset_of!(OperationEvent, bytes) == 64);
    assert!(offset_of!(OperationEvent, pid) == 72);
    assert!(offset_of!(OperationEvent, tid) == 76);
    assert!(offset_of!(OperationEvent, interval) == 80);
    assert!(offset_of!(OperationEvent, operation) == 84);
    assert!(offset_of!(OperationEvent, flags) == 86);
    assert!(offset_of!(OperationEvent, detail) == 88);
};
