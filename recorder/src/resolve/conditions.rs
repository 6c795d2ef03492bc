//! What decides on a host which probes can be observed.

use anyhow::{Context, Result};

use crate::binary::{KernelVersion, NotCarriedOut};
use crate::host::Host;
use crate::kernel::lets_programs_write_registers;

/// The host that probes are resolved for.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// The host.
    pub host: Host,
    /// The version of its kernel.
    pub kernel: KernelVersion,
    /// Who does not carry out return instructions there; `None` where the program at one can.
    pub not_carried_out: Option<NotCarriedOut>,
}

impl Conditions {
    /// Asks the kernel, for which some answers need rights.
    ///
    /// # Errors
    /// Where its release has no version in it.
    pub fn of_this_host() -> Result<Self> {
        let host = Host::read();
        let release = &host.kernel;
        let kernel = KernelVersion::parse(release)
            .with_context(|| format!("the kernel's release '{release}' has no version in it"))?;
        Ok(Self {
            not_carried_out: not_carried_out(kernel),
            kernel,
            host,
        })
    }

    /// Whether programs can carry out return instructions.
    pub fn carries_out_returns(&self) -> bool {
        self.not_carried_out.is_none()
    }
}

fn not_carried_out(kernel: KernelVersion) -> Option<NotCarriedOut> {
    if !kernel.leaves_carried_out_returns() {
        return Some(NotCarriedOut::ByAny);
    }
    match lets_programs_write_registers() {
        Ok(true) => None,
        Ok(false) => Some(NotCarriedOut::ByAny),
        // It is not known, so that another recorder may do it.
        Err(_) => Some(NotCarriedOut::ByThis),
    }
}
