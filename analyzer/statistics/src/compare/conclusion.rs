//! The conclusion of a comparison about the builds.

use crate::compare::effect::Comparison;
use crate::compare::verdict::{Scope, Verdict};

/// The verdict on the builds, or on two runs where nothing is known about the builds.
///
/// Runs of one build differ, so that one run may be worse than another one of an equal build. Such
/// a result has a word of its own and is no regression of the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Conclusion {
    /// A verdict on the builds.
    Builds(Verdict),
    /// A verdict on the two runs that were compared.
    Runs(Verdict),
}

impl Comparison {
    /// The conclusion about the builds, or about two runs if the scope is only these.
    pub fn conclusion(&self) -> Conclusion {
        match self.scope {
            Scope::Runs => Conclusion::Builds(self.verdict),
            Scope::Pair => Conclusion::Runs(self.verdict),
        }
    }
}

impl Conclusion {
    /// The word: that of the verdict for builds, and `worse_run`, `better_run`, `like_run` or
    /// `inconclusive` for two runs.
    pub const fn name(self) -> &'static str {
        match self {
            Conclusion::Builds(verdict) => verdict.name(),
            Conclusion::Runs(Verdict::Regressed) => "worse_run",
            Conclusion::Runs(Verdict::Improved) => "better_run",
            Conclusion::Runs(Verdict::Pass) => "like_run",
            Conclusion::Runs(Verdict::Inconclusive) => Verdict::Inconclusive.name(),
        }
    }

    /// True for a regression of the build.
    pub const fn is_regression(self) -> bool {
        matches!(self, Conclusion::Builds(Verdict::Regressed))
    }
}
