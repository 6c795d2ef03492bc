//! The rules by example, and walks through random graphs.

use super::*;
use proptest::prelude::*;

/// `plain`, `site`, `work`, `ret` and `leave`, each with its successors; of a site with two, the
/// first is the jump.
fn graph(nodes: &[(&str, &[usize])]) -> Vec<Node> {
    nodes
        .iter()
        .map(|(role, successors)| {
            let role = match *role {
                "plain" => Role::Plain,
                "site" => Role::Site,
                "work" => Role::Work,
                "ret" => Role::Return,
                _ => Role::Leaves,
            };
            let ways: &[Way] = match successors.len() {
                2 => &[Way::Taken, Way::Falls],
                _ => &[Way::Always; 8],
            };
            let successors = successors.iter().copied().zip(ways.iter().copied());
            Node {
                role,
                successors: successors.collect(),
            }
        })
        .collect()
}

fn exits(sites: &[(usize, Way)], returns: &[usize]) -> Exits {
    Exits {
        sites: sites.to_vec(),
        returns: returns.to_vec(),
    }
}

fn any(graph: &[Node], entries: &[usize]) -> Exits {
    Cut::new(graph, &Tail::of(graph), entries, |_, _| true).latest()
}

#[test]
fn both_ways_of_the_last_branch_finish_a_function() {
    // work; if … { plain; ret } ret
    let graph = graph(&[
        ("work", &[1]),
        ("site", &[4, 2]),
        ("plain", &[3]),
        ("ret", &[]),
        ("ret", &[]),
    ]);
    let both = exits(&[(1, Way::Taken), (1, Way::Falls)], &[]);
    assert_eq!(any(&graph, &[0]), both);
}

#[test]
fn a_return_right_after_a_call_keeps_its_own_probe() {
    let graph = graph(&[
        ("site", &[3, 1]),
        ("work", &[2]),
        ("ret", &[]),
        ("plain", &[4]),
        ("ret", &[]),
    ]);
    assert_eq!(any(&graph, &[0]), exits(&[(0, Way::Taken)], &[2]));
}

#[test]
fn the_jump_of_a_loop_is_no_site_and_a_jump_behind_it_is() {
    // do { work } while …; jmp out; out: ret
    let graph = graph(&[
        ("work", &[1]),
        ("site", &[0, 2]),
        ("site", &[3]),
        ("plain", &[4]),
        ("ret", &[]),
    ]);
    assert_eq!(any(&graph, &[0]), exits(&[(2, Way::Always)], &[]));
}

#[test]
fn of_two_jumps_in_a_row_the_last_is_chosen() {
    let graph = graph(&[("work", &[1]), ("site", &[2]), ("site", &[3]), ("ret", &[])]);
    assert_eq!(any(&graph, &[0]), exits(&[(2, Way::Always)], &[]));
}

#[test]
fn a_path_that_joins_behind_another_site_is_counted_once() {
    // An early exit jumps over the last branch to the same return.
    let graph = graph(&[
        ("work", &[1]),
        ("site", &[4, 2]),
        ("plain", &[3]),
        ("site", &[4, 4]),
        ("plain", &[5]),
        ("ret", &[]),
    ]);
    let found = any(&graph, &[0]);
    assert!(found.returns.is_empty());
    crosses_once(&graph, &[0], &found, &[0, 1, 0, 1, 0, 1, 1, 1, 0, 0]);
}

#[test]
fn a_jump_that_another_follows_on_some_paths_takes_its_place() {
    let graph = graph(&[
        ("work", &[1]),
        ("site", &[2]),
        ("plain", &[3, 4]),
        ("site", &[5]),
        ("plain", &[6]),
        ("ret", &[]),
        ("ret", &[]),
    ]);
    assert_eq!(any(&graph, &[0]), exits(&[(1, Way::Always)], &[]));
}

#[test]
fn of_two_jumps_the_first_or_the_second_is_chosen_by_what_lies_between() {
    // Between 1 and 3 a path leads past 3. Between 6 and 8 a path leads through work.
    let graph = graph(&[
        ("site", &[1, 6]),
        ("site", &[2]),
        ("plain", &[3, 4]),
        ("site", &[5]),
        ("plain", &[5]),
        ("ret", &[]),
        ("site", &[7]),
        ("plain", &[8, 9]),
        ("site", &[10]),
        ("work", &[8]),
        ("ret", &[]),
    ]);
    let chosen = exits(&[(1, Way::Always), (8, Way::Always)], &[]);
    assert_eq!(any(&graph, &[0]), chosen);
}

#[test]
fn a_landing_of_the_unwinder_is_an_entry_of_its_own() {
    // The landing jumps to the return that the normal path falls into.
    let graph = graph(&[
        ("work", &[1]),
        ("site", &[2]),
        ("ret", &[]),
        ("plain", &[2]),
    ]);
    assert_eq!(any(&graph, &[0, 3]), exits(&[], &[2]));
    assert_eq!(any(&graph, &[0]), exits(&[(1, Way::Always)], &[]));
}

#[test]
fn too_much_code_behind_a_jump_is_part_of_the_operation() {
    let mut nodes = vec![("site", vec![1])];
    for index in 1..=MOST_AFTER_SITE as usize {
        nodes.push(("plain", vec![index + 1]));
    }
    nodes.push(("ret", vec![]));
    let with = |nodes: &[(&str, Vec<usize>)]| {
        let nodes: Vec<(&str, &[usize])> = nodes
            .iter()
            .map(|(role, after)| (*role, &after[..]))
            .collect();
        any(&graph(&nodes), &[0])
    };
    assert_eq!(with(&nodes).returns.len(), 0);
    let last = nodes.len();
    nodes[last - 1] = ("plain", vec![last]);
    nodes.push(("ret", vec![]));
    assert_eq!(with(&nodes), exits(&[], &[last]));
}

/// Walks through the graph by `choices` and checks what the walk crosses.
fn crosses_once(graph: &[Node], entries: &[usize], exits: &Exits, choices: &[usize]) {
    for entry in entries {
        let (mut at, mut crossed) = (*entry, 0);
        for choice in choices {
            let node = &graph[at];
            if node.successors.is_empty() {
                break;
            }
            assert!(
                crossed == 0 || node.role != Role::Work,
                "work behind a site"
            );
            let (after, way) = node.successors[choice % node.successors.len()];
            crossed += usize::from(exits.sites.contains(&(at, way)));
            at = after;
        }
        match graph[at].role {
            Role::Return => {
                let own = exits.returns.contains(&at);
                assert_eq!(
                    crossed,
                    usize::from(!own),
                    "to {at}: {exits:?} in {graph:?}"
                );
            }
            Role::Leaves => assert_eq!(crossed, 0, "a site before a tail call"),
            _ => {}
        }
    }
}

fn any_graph() -> impl Strategy<Value = Vec<Node>> {
    (2..24usize).prop_flat_map(|count| {
        let near = 0..count * 2;
        let node = (0..12u8, near.clone(), near);
        proptest::collection::vec(node, count).prop_map(move |nodes| {
            let last = nodes.len() - 1;
            // Mostly forward, as code goes; now and then back.
            let to = |index: usize, jump: usize| match jump {
                far if far < count / 3 => far,
                near => (index + 1 + near % 4).min(last),
            };
            nodes
                .into_iter()
                .enumerate()
                .map(|(index, (kind, first, second))| {
                    let (role, ways) = match kind {
                        _ if index == last => (Role::Return, 0),
                        0 => (Role::Return, 0),
                        1 => (Role::Leaves, 0),
                        2 | 3 => (Role::Work, 1),
                        4 | 5 => (Role::Plain, 1),
                        6 => (Role::Plain, 2),
                        7 => (Role::Site, 1),
                        _ => (Role::Site, 2),
                    };
                    let ways: &[(Way, usize)] = match ways {
                        0 => &[],
                        1 => &[(Way::Always, first)],
                        _ => &[(Way::Taken, first), (Way::Falls, second)],
                    };
                    let successors = ways.iter().map(|(way, jump)| (to(index, *jump), *way));
                    Node {
                        role,
                        successors: successors.collect(),
                    }
                })
                .collect()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn every_walk_to_a_return_is_counted_exactly_once(
        graph in any_graph(),
        pad in 0..24usize,
        unusable in 0..8usize,
        walks in proptest::collection::vec(proptest::collection::vec(0..2usize, 60), 40),
    ) {
        let entries = [0, pad % graph.len()];
        let usable = |node: usize, way: usize| (3 * node + way) % 8 != unusable;
        let cut = Cut::new(&graph, &Tail::of(&graph), &entries, usable);
        for exits in [cut.latest(), cut.earliest()] {
            for choices in &walks {
                crosses_once(&graph, &entries, &exits, choices);
            }
        }
        prop_assert_eq!(cut.latest().returns, cut.earliest().returns);
    }

    #[test]
    fn no_other_choice_leaves_fewer_returns(graph in any_graph(), unusable in 0..8usize) {
        let tail = Tail::of(&graph);
        let usable = |node: usize, way: usize| (3 * node + way) % 8 != unusable;
        let cut = Cut::new(&graph, &tail, &[0], usable);
        let edges = candidates(&graph, &tail, usable);
        let edges = edges.iter().enumerate();
        let edges: Vec<(usize, usize)> = edges
            .filter(|(node, _)| cut.reached[*node])
            .flat_map(|(node, edges)| {
                let edges = edges.iter().enumerate().filter(|(_, candidate)| **candidate);
                edges.map(move |(position, _)| (node, position))
            })
            .take(12)
            .collect();
        let fewest = (0..1usize << edges.len()).filter_map(|choice| {
            let chosen = edges.iter().enumerate();
            let chosen = chosen.filter(|(index, _)| choice >> index & 1 == 1);
            kept(&graph, &chosen.map(|(_, edge)| *edge).collect::<Vec<_>>())
        });
        prop_assert!(cut.latest().returns.len() <= fewest.min().unwrap());
    }
}

/// How many returns keep a probe where the edges `chosen` are sites; `None` where some path crosses
/// two of them, or one and then something that is no return, or where two paths to a return differ.
fn kept(graph: &[Node], chosen: &[(usize, usize)]) -> Option<usize> {
    // Of each node: whether some path to it crosses none, and whether some path crosses one.
    let mut seen = vec![[false; 2]; graph.len()];
    let mut waiting = vec![(0, 0)];
    while let Some((at, crossed)) = waiting.pop() {
        if std::mem::replace(&mut seen[at][crossed], true) {
            continue;
        }
        for (position, (after, _)) in graph[at].successors.iter().enumerate() {
            let crossed = crossed + usize::from(chosen.contains(&(at, position)));
            if crossed > 1 {
                return None;
            }
            waiting.push((*after, crossed));
        }
    }
    let mut kept = 0;
    for (node, seen) in graph.iter().zip(seen) {
        let is_return = node.role == Role::Return;
        let works = matches!(node.role, Role::Work | Role::Leaves);
        if seen[1] && (works || is_return && seen[0]) {
            return None;
        }
        kept += usize::from(is_return && seen[0]);
    }
    Some(kept)
}
