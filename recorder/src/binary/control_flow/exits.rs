//! The finishes of a function: jumps on its ways out, and the returns that have none.

use soakbox_schemas::control::{Base, Condition, Returned, WayOut, When};

use super::super::disassembly::{Next, Value};
use super::super::exit_sites::{self, Node, Role, Tail, Way};
use super::paths::{Paths, Step, frame_by};
use super::{Body, Walk};

/// A jump (or another instruction that is cheap to probe) after which a function only returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Virtual address.
    pub address: u64,
    /// Bytes to add to the register [`WayOut::base`] there to get the stack pointer at the
    /// function's entry.
    pub stack_delta: i16,
    /// Which way from it is out, and where the return value is.
    pub way_out: WayOut,
}

/// Most jumps at which the finishes of one function are observed: each is a probe to attach.
pub const MOST_JUMPS: usize = 64;

/// Where the finishes of a function are observed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exits {
    /// Ascending; a jump whose two ways differ in the place of the return value is there twice.
    pub jumps: Vec<Exit>,
    /// Addresses of the return instructions that need a probe of their own, ascending.
    pub returns: Vec<u64>,
    /// The number of jumps that would be needed, where it is above [`MOST_JUMPS`] and none is used.
    pub too_many_jumps: Option<usize>,
}

impl Body {
    /// Whether every jump leads to places that are known.
    pub fn has_known_paths(&self) -> bool {
        self.paths.is_some()
    }

    /// Every path from the begin to a return crosses exactly one of these jumps, or none and the
    /// return is one of those listed. The lowest `result_bits` of the return value are known there.
    pub fn exits(&self, result_bits: u32) -> Exits {
        let all_returns = || Exits {
            returns: self.returns.clone(),
            ..Exits::default()
        };
        let Some(paths) = &self.paths else {
            return all_returns();
        };
        let nodes: Vec<Node> = paths.steps.iter().map(node).collect();
        let tail = Tail::of(&nodes);
        let search = Search::new(self, paths, &nodes, &tail, result_bits);
        let chosen = exit_sites::choose(&nodes, &tail, &paths.entries, |index, position| {
            search.exit(index, position).is_some()
        });
        let returns = chosen.returns.iter();
        let jumps = chosen.sites.iter();
        let jumps = jumps.filter_map(|(index, way)| {
            let edges = &nodes[*index].successors;
            let position = edges.iter().position(|(_, other)| other == way)?;
            search.exit(*index, position)
        });
        let jumps = merged(jumps.collect());
        if jumps.len() > MOST_JUMPS {
            return Exits {
                too_many_jumps: Some(jumps.len()),
                ..all_returns()
            };
        }
        Exits {
            jumps,
            returns: returns.map(|index| search.address(*index)).collect(),
            too_many_jumps: None,
        }
    }
}

/// Makes one of the two ways of a jump where they differ in nothing else.
fn merged(exits: Vec<Exit>) -> Vec<Exit> {
    let mut merged: Vec<Exit> = Vec::with_capacity(exits.len());
    for exit in exits {
        let always = |exit: &Exit| Exit {
            way_out: WayOut {
                when: When::Always,
                ..exit.way_out
            },
            ..*exit
        };
        match merged.last_mut() {
            Some(last) if always(last) == always(&exit) => *last = always(&exit),
            _ => merged.push(exit),
        }
    }
    merged
}

struct Search<'a> {
    body: &'a Body,
    paths: &'a Paths,
    nodes: &'a [Node],
    /// Where the return value is before each node; `None` where it cannot be told.
    values: Vec<Option<Value>>,
    result_bits: u32,
}

impl<'a> Search<'a> {
    fn new(
        body: &'a Body,
        paths: &'a Paths,
        nodes: &'a [Node],
        tail: &Tail,
        result_bits: u32,
    ) -> Self {
        let mut search = Self {
            body,
            paths,
            values: vec![None; nodes.len()],
            nodes,
            result_bits,
        };
        for &index in tail.nodes() {
            search.values[index] = search.value_before(index);
        }
        search
    }

    fn address(&self, index: usize) -> u64 {
        self.paths.steps[index].instruction.address
    }

    fn value_before(&self, index: usize) -> Option<Value> {
        let node = &self.nodes[index];
        if node.role == Role::Return {
            return Some(Value::RETURNED);
        }
        let mut after = node.successors.iter().map(|(after, _)| self.values[*after]);
        let first = after.next()??;
        after
            .all(|value| value == Some(first))
            .then(|| self.value_through(index, first))?
    }

    /// Where a value after a node is before it.
    fn value_through(&self, index: usize, value: Value) -> Option<Value> {
        let step = &self.paths.steps[index];
        step.instruction
            .value_before(value, self.result_bits, step.frame)
    }

    /// The edge as a finish, where everything about it is known.
    fn exit(&self, index: usize, position: usize) -> Option<Exit> {
        let step = &self.paths.steps[index];
        // One instruction cannot be begin and finish.
        if step.instruction.address == self.body.begin.address {
            return None;
        }
        let (after, way) = *self.nodes[index].successors.get(position)?;
        let when = match way {
            Way::Always => When::Always,
            Way::Taken => When::Holds(Condition::new(step.instruction.jump_condition()?)),
            Way::Falls => When::HoldsNot(Condition::new(step.instruction.jump_condition()?)),
        };
        let (base, delta) = match (step.frame.stack, step.frame.frame) {
            (Some(delta), _) => (Base::StackPointer, delta),
            (None, Some(delta)) => (Base::FramePointer, delta),
            (None, None) => return None,
        };
        if !self.body.agrees_with_unwind_table(step) {
            return None;
        }
        let returned = match self.result_bits {
            0 => Returned::default(),
            bits => returned(self.value_through(index, self.values[after]?)?, bits)?,
        };
        Some(Exit {
            address: step.instruction.address,
            stack_delta: i16::try_from(delta).ok()?,
            way_out: WayOut {
                when,
                base,
                returned,
            },
        })
    }
}

fn node(step: &Step) -> Node {
    let role = match step.instruction.next {
        Next::Returns => Role::Return,
        Next::Stops => Role::Leaves,
        _ if step.after.is_empty() => Role::Leaves,
        _ if step.works => Role::Work,
        _ if step.is_cheap => Role::Site,
        _ => Role::Plain,
    };
    Node {
        role,
        successors: step.after.clone(),
    }
}

/// The value as the kernel side reads it, where it can.
fn returned(value: Value, bits: u32) -> Option<Returned> {
    Some(match value {
        Value::Register(number, part) => Returned::Register { number, part },
        Value::Frame(offset, part) => Returned::Frame {
            offset: i16::try_from(offset).ok()?,
            part,
        },
        Value::Constant(value) => {
            // Of a narrow result only the lowest bits count: those of the number with their sign.
            let unused = 64 - bits.clamp(1, 64);
            let value = (value << unused).cast_signed() >> unused;
            let fits = 1i64 << (WayOut::CONSTANT_BITS - 1);
            if !(-fits..fits).contains(&value) {
                return None;
            }
            Returned::Constant(i32::try_from(value).ok()?)
        }
    })
}

impl Body {
    fn agrees_with_unwind_table(&self, step: &Step) -> bool {
        let at = step.instruction.address;
        let row = self.rows.partition_point(|row| row.start <= at);
        let row = row.checked_sub(1).map(|before| &self.rows[before]);
        let table = frame_by(row.filter(|row| at < row.end).map(|row| row.cfa));
        let agree =
            |one: Option<i64>, other: Option<i64>| one.zip(other).is_none_or(|(a, b)| a == b);
        agree(step.frame.stack, table.stack) && agree(step.frame.frame, table.frame)
    }
}

impl Walk<'_, '_> {
    /// The unwind table's rows of all parts, by address.
    pub(super) fn all_rows(&self) -> Vec<super::Row> {
        let mut rows: Vec<super::Row> = self
            .parts
            .iter()
            .flat_map(|part| part.rows.iter().copied())
            .collect();
        rows.sort_by_key(|row| row.start);
        rows
    }
}
