//! How the probes of a plan are resolved again, in files that have taken the place of observed ones.

use std::fmt;
use std::sync::Arc;

use soakbox_schemas::recording::footer::LeftOut;

use super::{ObservedFile, PlannedOperation};

/// The probes of a recording in the files that are at their paths now.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// The operations that can be observed. They are those of the plan by their names; their numbers may
    /// differ.
    pub operations: Vec<PlannedOperation>,
    /// The files that they are in, each once by each path that was typed.
    pub files: Vec<ObservedFile>,
    /// Those that cannot be observed, with the reasons.
    pub refused: Vec<LeftOut>,
}

/// Reads the files.
type Resolve = dyn Fn() -> Resolution + Send + Sync;

/// Resolves the probes of a plan again.
#[derive(Clone)]
pub struct Again {
    resolve: Arc<Resolve>,
    /// Whether operations that cannot be observed are left out; otherwise the others of their files are
    /// not observed either.
    pub skip_refused: bool,
}

impl Again {
    /// By this function, which reads the files.
    pub fn new(
        resolve: impl Fn() -> Resolution + Send + Sync + 'static,
        skip_refused: bool,
    ) -> Self {
        Self {
            resolve: Arc::new(resolve),
            skip_refused,
        }
    }

    /// Reads the files, which takes up to seconds.
    pub fn resolve(&self) -> Resolution {
        (self.resolve)()
    }
}

impl fmt::Debug for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Again")
    }
}
