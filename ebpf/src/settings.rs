//! The settings that the recorder writes before loading. The map behind them is frozen, so that the
//! verifier sees constants: an offset read here may be added to a kernel pointer.

use soakbox_schemas::control::{KernelOffsets, Settings, places};

/// The recorder overwrites these values. They are valid ones, so that the object can also be loaded
/// without them being set.
#[unsafe(no_mangle)]
pub static SETTINGS: Settings = Settings {
    interval_ns: 1_000_000_000,
    wake_bytes: 1 << 20,
    namespace_device: 0,
    namespace_inode: 0,
    operations: 1,
    follow_tree: 0,
    page_bytes: 4096,
    duration_slices: 1,
    in_flight: places::THREADS | places::HASH,
    switched: 0,
    counts_cpu: 0,
    offsets: KernelOffsets::ABSENT,
};

/// Reads a setting, such as `setting!(offsets.task_mm)`. Each member is read by itself, and
/// volatile, because otherwise the compiler would insert the values above.
macro_rules! setting {
    ($($member:ident).+) => {
        unsafe { core::ptr::read_volatile(&raw const $crate::settings::SETTINGS.$($member).+) }
    };
}
pub(crate) use setting;
