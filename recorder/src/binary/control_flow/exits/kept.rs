//! Why a function keeps probes on its return instructions, for statistics about many functions.

use super::super::super::exit_sites::{Cut, Node, Tail};
use super::super::Body;
use super::{ReturnUse, Search, node};

/// The reason that most limits a function whose returns are not all covered by jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeptBecause {
    /// A jump may lead to places that are not known.
    UnknownPaths,
    /// There are too many jumps on its ways out.
    TooManyJumps,
    /// All of its ways would finish at its begin.
    Leaf,
    /// At some jump the depth of the stack is not known, or the begin is no conditional jump.
    Unusable,
    /// Some return has no jump after the last call but those of loops.
    Loops,
    /// Some return has no jump at all after the last call.
    NoJump,
}

impl KeptBecause {
    /// The reason in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::UnknownPaths => "a jump may lead anywhere",
            Self::TooManyJumps => "too many jumps",
            Self::Leaf => "all ways would finish at the begin",
            Self::Unusable => {
                "the stack at a jump is not known, or its begin is no conditional jump"
            }
            Self::Loops => "only jumps of loops after the last call",
            Self::NoJump => "no jump after the last call",
        }
    }
}

impl Body {
    /// Why some return keeps its probe where no rule reads the return value; `None` where none
    /// does.
    pub fn kept_because(&self) -> Option<KeptBecause> {
        let exits = self.exits(ReturnUse::RECORDED);
        if exits.returns.is_empty() {
            return None;
        }
        let Some(paths) = &self.paths else {
            return Some(KeptBecause::UnknownPaths);
        };
        if exits.too_many_jumps.is_some() {
            return Some(KeptBecause::TooManyJumps);
        }
        let nodes: Vec<Node> = paths.steps.iter().map(node).collect();
        let tail = Tail::of(&nodes);
        let search = Search::new(self, paths, &nodes, &tail, ReturnUse::RECORDED);
        if search.cut(&tail, true).latest().returns.is_empty() {
            return Some(KeptBecause::Leaf);
        }
        let by_any_jump = |tail: &Tail| {
            let cut = Cut::new(&nodes, tail, &paths.entries, |_, _| true);
            cut.latest().returns.is_empty()
        };
        if by_any_jump(&tail) {
            return Some(KeptBecause::Unusable);
        }
        Some(if by_any_jump(&tail.with_sites_in_loops()) {
            KeptBecause::Loops
        } else {
            KeptBecause::NoJump
        })
    }
}
