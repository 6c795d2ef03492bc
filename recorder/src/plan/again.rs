//! How the probes of a plan are resolved again, in files that have taken the place of observed ones.

use std::fmt;
use std::sync::Arc;

use super::{ObservedFile, PlannedOperation};

/// The probes of a recording in the files that are at their paths now.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// The operations that can be observed. They are those of the plan by their names; their numbers may
    /// differ.
    pub operations: Vec<PlannedOperation>,
    /// The files that they are in, each once.
    pub files: Vec<ObservedFile>,
}

/// Resolves, or tells why that is impossible.
type Resolve = dyn Fn() -> Result<Resolution, String> + Send + Sync;

/// Resolves the probes of a plan again.
#[derive(Clone)]
pub struct Again(Arc<Resolve>);

impl Again {
    /// By this function, which reads the files.
    pub fn new(resolve: impl Fn() -> Result<Resolution, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(resolve))
    }

    /// Reads the files, which takes up to seconds.
    ///
    /// # Errors
    /// With the reason for which the recording would be refused now.
    pub fn resolve(&self) -> Result<Resolution, String> {
        (self.0)()
    }
}

impl fmt::Debug for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Again")
    }
}
