//! Which nodes of a graph lie on a cycle.

use super::Node;

/// Which nodes lie on a cycle: strongly connected components (Tarjan 1972) of more than one node,
/// or nodes that lead to themselves. Without recursion, since functions can be large.
pub(super) fn loops(graph: &[Node]) -> Vec<bool> {
    const UNSEEN: usize = usize::MAX;
    let mut in_loop = vec![false; graph.len()];
    let mut number = vec![UNSEEN; graph.len()];
    let mut lowest = vec![0; graph.len()];
    let mut is_open = vec![false; graph.len()];
    let mut open: Vec<usize> = Vec::new();
    let mut count = 0;
    for root in 0..graph.len() {
        if number[root] != UNSEEN {
            continue;
        }
        let mut path: Vec<(usize, usize)> = vec![(root, 0)];
        while let Some((index, position)) = path.last_mut() {
            let index = *index;
            if *position == 0 {
                number[index] = count;
                lowest[index] = count;
                count += 1;
                open.push(index);
                is_open[index] = true;
            }
            if let Some((after, _)) = graph[index].successors.get(*position) {
                *position += 1;
                in_loop[index] |= *after == index;
                if number[*after] == UNSEEN {
                    path.push((*after, 0));
                } else if is_open[*after] {
                    lowest[index] = lowest[index].min(number[*after]);
                }
                continue;
            }
            path.pop();
            if let Some((parent, _)) = path.last() {
                lowest[*parent] = lowest[*parent].min(lowest[index]);
            }
            if lowest[index] == number[index] {
                let first = open.iter().rposition(|node| *node == index).unwrap_or(0);
                let component = open.split_off(first);
                for node in &component {
                    is_open[*node] = false;
                    in_loop[*node] |= component.len() > 1;
                }
            }
        }
    }
    in_loop
}
