//! The interface to the kernel: no other folder uses aya. It loads and attaches programs, drains
//! the ring and reads the counters; dropping a [`Kernel`] detaches everything.

mod abilities;
mod attach;
pub mod btf;
mod counters;
mod error;
mod facts;
mod load;
mod mapping;
mod observation;
mod offsets;
mod oldest;
mod point;
mod ring;
mod settings;
mod shared_maps;
mod statistics;
mod system_call;
mod target_cpu;
mod uprobe_multi;
mod walk;

pub use abilities::lets_programs_write_registers;
pub use attach::{own_file_offset, register_here};
pub use counters::Counters;
pub use error::KernelError;
pub use facts::{KERNEL_BTF, KernelFacts, PidNamespace};
pub use load::{Kernel, KernelSettings};
pub use observation::ObservedTimes;
pub use offsets::resolve_offsets;
pub use oldest::OldestInFlight;
pub use point::Scope;
pub use ring::{Drained, Ring};
pub use shared_maps::{OpenMaps, SharedMaps};
pub use statistics::Statistics;
pub use target_cpu::CountedCpu;
