//! The seam to the kernel: the only files that know aya. Load, attach, drain, take the counts;
//! dropping detaches everything.

mod attach;
pub mod btf;
mod counters;
mod error;
mod facts;
mod load;
mod offsets;
mod point;
mod ring;
mod settings;

pub use counters::Counters;
pub use error::KernelError;
pub use facts::{KERNEL_BTF, KernelFacts, PidNamespace};
pub use load::{Kernel, KernelSettings};
pub use offsets::resolve_offsets;
pub use point::Scope;
pub use ring::{Drained, Ring};

use error::chain;
