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

/// The role of a node in the choice of the places where an operation finishes.
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
    /// Its role.
    pub role: Role,
    /// Where control goes from it: none for [`Role::Return`] and [`Role::Leaves`].
    pub successors: Vec<(usize, Way)>,
}

/// Where the finishes are observed. Each list is in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exits {
    /// Nodes, each with the way from it that finishes the operation. A node of which all ways
    /// finish it is listed once for each.
    pub sites: Vec<(usize, Way)>,
    /// Returns that no set of sites covers: each needs a probe of its own.
    pub returns: Vec<usize>,
}

/// Most instructions between a site and the return: they are not part of the measured duration.
pub const MOST_AFTER_SITE: u32 = 64;

/// All ways to choose the sites of a function.
///
/// A choice is a set of nodes in which the operation counts as finished. No edge leaves it, so that
/// each path crosses into it once at most; the edges that lead into it are the sites. Intersections
/// and unions of such sets are such sets too, so that there is a smallest and a largest one.
pub struct Cut<'a> {
    graph: &'a [Node],
    /// Nodes that some entry leads to.
    reached: Vec<bool>,
    /// The nodes before each, with the position of the edge.
    before: Vec<Vec<(usize, usize)>>,
    /// Whether the edge to each successor may be a site, by node.
    candidate: Vec<Vec<bool>>,
    /// The largest set.
    largest: Vec<bool>,
}

impl<'a> Cut<'a> {
    /// The choices in the `tail` of a function that is entered at `entries` (its first instruction,
    /// and those where the unwinder may land). `usable` tells whether the edge from a node to the
    /// successor at a position may be a site.
    pub fn new(
        graph: &'a [Node],
        tail: &Tail,
        entries: &[usize],
        usable: impl Fn(usize, usize) -> bool,
    ) -> Self {
        let reached = reached(graph, entries);
        let mut before = vec![Vec::new(); graph.len()];
        for (index, node) in graph
            .iter()
            .enumerate()
            .filter(|(index, _)| reached[*index])
        {
            for (position, (after, _)) in node.successors.iter().enumerate() {
                before[*after].push((index, position));
            }
        }
        let mut cut = Self {
            candidate: candidates(graph, tail, usable),
            graph,
            largest: Vec::new(),
            before,
            reached,
        };
        cut.largest = cut.largest(tail, entries);
        cut
    }

    /// The sites as late as possible, so that little of the operation lies behind them.
    pub fn latest(&self) -> Exits {
        let returns = self.returns().filter(|index| self.largest[*index]);
        let mut finished = vec![false; self.graph.len()];
        let mut waiting: Vec<usize> = returns.collect();
        while let Some(index) = waiting.pop() {
            if std::mem::replace(&mut finished[index], true) {
                continue;
            }
            let successors = self.graph[index].successors.iter();
            waiting.extend(successors.map(|(after, _)| *after));
            let uncrossed = self.before[index].iter();
            let uncrossed = uncrossed.filter(|(node, position)| !self.candidate[*node][*position]);
            waiting.extend(uncrossed.map(|(node, _)| *node));
        }
        self.exits(&finished)
    }

    /// The sites as early as possible: there may be fewer of them.
    pub fn earliest(&self) -> Exits {
        self.exits(&self.largest)
    }

    /// All reached nodes but those that cannot be in any such set: nodes outside of the tail,
    /// entries, nodes to which one of these leads by an edge that is no candidate, and nodes that
    /// lead to one of these.
    fn largest(&self, tail: &Tail, entries: &[usize]) -> Vec<bool> {
        let mut possible = self.reached.clone();
        let outside = (0..self.graph.len()).filter(|index| !tail.contains[*index]);
        let mut waiting: Vec<usize> = outside.chain(entries.iter().copied()).collect();
        while let Some(index) = waiting.pop() {
            if !std::mem::replace(&mut possible[index], false) {
                continue;
            }
            waiting.extend(self.before[index].iter().map(|(node, _)| *node));
            let edges = self.graph[index].successors.iter();
            let edges = edges.zip(&self.candidate[index]);
            let uncrossed = edges.filter(|(_, candidate)| !**candidate);
            waiting.extend(uncrossed.map(|((after, _), _)| *after));
        }
        possible
    }

    fn returns(&self) -> impl Iterator<Item = usize> {
        let nodes = self.graph.iter().enumerate();
        nodes
            .filter(|(index, node)| self.reached[*index] && node.role == Role::Return)
            .map(|(index, _)| index)
    }

    /// The sites and the other returns, where `finished` is such a set.
    fn exits(&self, finished: &[bool]) -> Exits {
        let mut sites = Vec::new();
        for (index, node) in self.graph.iter().enumerate() {
            if !self.reached[index] || finished[index] {
                continue;
            }
            let edges = node.successors.iter();
            let crossing = edges.filter(|(after, _)| finished[*after]);
            sites.extend(crossing.map(|(_, way)| (index, *way)));
        }
        let returns = self.returns().filter(|index| !finished[*index]);
        Exits {
            sites,
            returns: returns.collect(),
        }
    }
}

/// The nodes that control reaches from `entries`.
fn reached(graph: &[Node], entries: &[usize]) -> Vec<bool> {
    let mut seen = vec![false; graph.len()];
    let mut waiting = entries.to_vec();
    while let Some(index) = waiting.pop() {
        if !std::mem::replace(&mut seen[index], true) {
            waiting.extend(graph[index].successors.iter().map(|(after, _)| *after));
        }
    }
    seen
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
    /// The tail of `graph`.
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

    /// The same where jumps in loops may be sites too, to tell whether only loops are in the way.
    pub fn with_sites_in_loops(mut self) -> Self {
        self.in_loop.fill(false);
        self
    }

    /// Its nodes, each after all of its successors.
    pub fn nodes(&self) -> &[usize] {
        &self.order
    }
}

#[cfg(test)]
mod tests;
