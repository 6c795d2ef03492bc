//! Where a function's finish can be observed before its RET: a set of jumps such that every path to
//! a return crosses exactly one of them, with no call, loop or other exit behind it. Pure: a graph
//! in, edges out. It knows no instruction set.
//!
//! A RET must be single-stepped by the kernel and costs thirty times a jump, which is emulated.

mod loops;

use loops::loops;

/// How control leaves a node for a successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// The only way on.
    Always,
    /// The jump is taken.
    Taken,
    /// The conditional jump is not taken.
    Falls,
}

/// What a node is for the question of where an operation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Takes no time worth counting, and a probe there is of no use.
    Plain,
    /// The same, and a cheap probe on it sees which way control goes on.
    Site,
    /// Work of the operation: a call, a system call, a string instruction, a trap.
    Work,
    /// A return to the caller.
    Return,
    /// Leaves the function by other means: a tail call, a jump that cannot be followed.
    Leaves,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub role: Role,
    /// Where control goes from it: none for [`Role::Return`] and [`Role::Leaves`].
    pub successors: Vec<(usize, Way)>,
}

/// Where the finishes are observed. Each list is in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exits {
    /// Nodes with the way that finishes the operation. A node whose every way does has each of
    /// them.
    pub sites: Vec<(usize, Way)>,
    /// Returns that no set of sites covers: each needs a probe of its own.
    pub returns: Vec<usize>,
}

/// Most instructions between a site and the return: they are not part of the measured duration.
pub const MOST_AFTER_SITE: u32 = 64;

/// Chooses the sites in the `tail` of a function that is entered at `entries` (its first
/// instruction, and those where the unwinder may land). As late as possible, so that little of the operation lies behind
/// them. `usable` tells whether the edge from a node to the successor at a position may be one.
pub fn choose(
    graph: &[Node],
    tail: &Tail,
    entries: &[usize],
    usable: impl Fn(usize, usize) -> bool,
) -> Exits {
    let candidates = candidates(graph, tail, usable);
    let [later, earlier] = [Conflict::DropLater, Conflict::DropEarlier].map(|conflict| {
        Search {
            graph,
            entries,
            tail,
            candidate: candidates.clone(),
        }
        .run(conflict)
    });
    let order = |exits: &Exits| (exits.returns.len(), exits.sites.len());
    if order(&earlier) < order(&later) {
        earlier
    } else {
        later
    }
}

fn candidates(
    graph: &[Node],
    tail: &Tail,
    usable: impl Fn(usize, usize) -> bool,
) -> Vec<Vec<bool>> {
    let of_node = |(index, node): (usize, &Node)| {
        let site = node.role == Role::Site && !tail.in_loop[index];
        let edges = node.successors.iter().enumerate();
        edges
            .map(|(position, (after, _))| site && tail.contains[*after] && usable(index, position))
            .collect()
    };
    graph.iter().enumerate().map(of_node).collect()
}

/// The nodes from which nothing but returns is reached, by a bounded number of plain instructions
/// and without a loop.
pub struct Tail {
    /// Each comes after all of its successors.
    order: Vec<usize>,
    contains: Vec<bool>,
    /// Nodes that control can come back to.
    in_loop: Vec<bool>,
}

impl Tail {
    /// That of `graph`.
    pub fn of(graph: &[Node]) -> Self {
        let in_loop = loops(graph);
        let mut length: Vec<Option<u32>> = vec![None; graph.len()];
        let mut missing: Vec<usize> = graph.iter().map(|node| node.successors.len()).collect();
        let mut predecessors: Vec<Vec<usize>> = vec![Vec::new(); graph.len()];
        for (index, node) in graph.iter().enumerate() {
            for (successor, _) in &node.successors {
                predecessors[*successor].push(index);
            }
        }
        let is_return = |index: &usize| graph[*index].role == Role::Return;
        let mut order: Vec<usize> = (0..graph.len()).filter(is_return).collect();
        for index in &order {
            length[*index] = Some(0);
        }
        let mut next = 0;
        while let Some(&index) = order.get(next) {
            next += 1;
            for &before in &predecessors[index] {
                missing[before] -= 1;
                let plain = matches!(graph[before].role, Role::Plain | Role::Site);
                if missing[before] > 0 || !plain || in_loop[before] {
                    continue;
                }
                let longest = graph[before].successors.iter();
                let longest = longest.filter_map(|(after, _)| length[*after]).max();
                if let Some(longest) = longest.filter(|longest| *longest < MOST_AFTER_SITE) {
                    length[before] = Some(longest + 1);
                    order.push(before);
                }
            }
        }
        Self {
            order,
            contains: length.iter().map(Option::is_some).collect(),
            in_loop,
        }
    }

    /// Its nodes, each after all of its successors.
    pub fn nodes(&self) -> &[usize] {
        &self.order
    }
}

/// What to do where one site may be followed by another on some paths but not on all.
#[derive(Clone, Copy)]
enum Conflict {
    /// Keep the first.
    DropLater,
    /// Keep the second.
    DropEarlier,
}

struct Search<'a> {
    graph: &'a [Node],
    entries: &'a [usize],
    tail: &'a Tail,
    /// Whether the edge to each successor is still a candidate, by node.
    candidate: Vec<Vec<bool>>,
}

impl Search<'_> {
    /// Drops candidates until every path to a covered return crosses exactly one, and no path to
    /// any other return crosses any. Each round drops at least one, so that it ends.
    fn run(mut self, conflict: Conflict) -> Exits {
        loop {
            let (open, later) = self.open_and_later();
            let dropped = self.drop_covered(&open) || self.resolve(conflict, &open, &later);
            if dropped {
                continue;
            }
            let returns = self.uncovered();
            if !self.drop_leading_to(&returns) {
                return self.exits(returns);
            }
        }
    }

    /// Of each node in the tail: whether a path from it to a return crosses no candidate, and
    /// whether one crosses some.
    fn open_and_later(&self) -> (Vec<bool>, Vec<bool>) {
        let mut open = vec![false; self.graph.len()];
        let mut later = vec![false; self.graph.len()];
        for &index in &self.tail.order {
            open[index] = self.graph[index].role == Role::Return;
            for (position, (after, _)) in self.graph[index].successors.iter().enumerate() {
                let candidate = self.candidate[index][position];
                open[index] |= !candidate && open[*after];
                later[index] |= candidate || later[*after];
            }
        }
        (open, later)
    }

    fn drop_where(&mut self, drop: impl Fn(usize) -> bool) -> bool {
        let mut dropped = false;
        for (node, candidates) in self.graph.iter().zip(&mut self.candidate) {
            for ((after, _), candidate) in node.successors.iter().zip(candidates) {
                if *candidate && drop(*after) {
                    *candidate = false;
                    dropped = true;
                }
            }
        }
        dropped
    }

    /// Drops candidates after which every path crosses another.
    fn drop_covered(&mut self, open: &[bool]) -> bool {
        self.drop_where(|after| !open[after])
    }

    /// Drops one side of each pair of which the second follows the first on some paths.
    fn resolve(&mut self, conflict: Conflict, open: &[bool], later: &[bool]) -> bool {
        let mixed = |after: usize| open[after] && later[after];
        match conflict {
            Conflict::DropEarlier => self.drop_where(mixed),
            Conflict::DropLater => {
                let starts: Vec<usize> = self.candidates().map(|(_, after)| after).collect();
                let starts = starts.into_iter().filter(|after| mixed(*after));
                let behind = self.reached(starts, false);
                let mut dropped = false;
                for (index, candidates) in self.candidate.iter_mut().enumerate() {
                    for candidate in candidates.iter_mut().filter(|_| behind[index]) {
                        dropped |= std::mem::take(candidate);
                    }
                }
                dropped
            }
        }
    }

    fn candidates(&self) -> impl Iterator<Item = (usize, usize)> {
        self.graph.iter().enumerate().flat_map(|(index, node)| {
            let edges = node.successors.iter().zip(&self.candidate[index]);
            edges
                .filter(|(_, candidate)| **candidate)
                .map(move |((after, _), _)| (index, *after))
        })
    }

    /// The nodes that control reaches from `starts`, without crossing candidates where `avoiding`.
    fn reached(&self, starts: impl Iterator<Item = usize>, avoiding: bool) -> Vec<bool> {
        let mut seen = vec![false; self.graph.len()];
        let mut stack: Vec<usize> = starts.collect();
        while let Some(index) = stack.pop() {
            if std::mem::replace(&mut seen[index], true) {
                continue;
            }
            let edges = self.graph[index].successors.iter();
            let edges = edges.zip(&self.candidate[index]);
            stack.extend(
                edges
                    .filter(|(_, candidate)| !(avoiding && **candidate))
                    .map(|((after, _), _)| *after),
            );
        }
        seen
    }

    /// Returns that some path reaches without crossing a candidate.
    fn uncovered(&self) -> Vec<usize> {
        let seen = self.reached(self.entries.iter().copied(), true);
        let returns = seen.iter().enumerate();
        returns
            .filter(|(index, seen)| **seen && self.graph[*index].role == Role::Return)
            .map(|(index, _)| index)
            .collect()
    }

    /// Drops the candidates from which any of `returns` is reached.
    fn drop_leading_to(&mut self, returns: &[usize]) -> bool {
        let mut leads = vec![false; self.graph.len()];
        for index in returns {
            leads[*index] = true;
        }
        for &index in &self.tail.order {
            let mut after = self.graph[index].successors.iter();
            leads[index] |= after.any(|(after, _)| leads[*after]);
        }
        self.drop_where(|after| leads[after])
    }

    fn exits(&self, returns: Vec<usize>) -> Exits {
        let reachable = self.reached(self.entries.iter().copied(), false);
        let mut sites = Vec::new();
        for (index, node) in self.graph.iter().enumerate() {
            let edges = node.successors.iter().zip(&self.candidate[index]);
            sites.extend(
                edges
                    .filter(|(_, candidate)| **candidate && reachable[index])
                    .map(|((_, way), _)| (index, *way)),
            );
        }
        Exits { sites, returns }
    }
}

#[cfg(test)]
mod tests;
