//! The finishes of a function: jumps on its ways out, and the returns that have none.

mod kept;

pub use kept::KeptBecause;

use soakbox_schemas::control::{Base, Condition, Returned, WayOut, When};

use super::super::disassembly::{Next, Value};
use super::super::exit_sites::{self, Cut, Node, Role, Tail, Way};
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

/// How the return value of a function is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnUse {
    /// How many of its lowest bits are recorded; 0 where none is.
    pub bits: u32,
    /// Whether it must be known at each finish, because a rule reads it. Otherwise it is recorded
    /// where it is known.
    pub is_needed: bool,
}

impl ReturnUse {
    /// No rule reads it, and it is recorded as it is.
    pub const RECORDED: Self = Self {
        bits: 64,
        is_needed: false,
    };

    /// A rule reads that many of its lowest bits.
    pub const fn needed(bits: u32) -> Self {
        Self {
            bits,
            is_needed: true,
        }
    }
}

/// Where the finishes of a function are observed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exits {
    /// Ascending; a jump whose two ways differ in the place of the return value is there twice. One
    /// may be at the function's begin, and then one of its ways goes on.
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
    /// return is one of those listed.
    pub fn exits(&self, value: ReturnUse) -> Exits {
        let Some(paths) = &self.paths else {
            return self.all_returns(None);
        };
        let nodes: Vec<Node> = paths.steps.iter().map(node).collect();
        let tail = Tail::of(&nodes);
        let chosen = |is_needed| {
            let value = ReturnUse { is_needed, ..value };
            self.chosen(&Search::new(self, paths, &nodes, &tail, value), &tail)
        };
        let with_value = chosen(true);
        if value.is_needed || with_value.returns.is_empty() {
            return with_value;
        }
        let without = chosen(false);
        if without.returns.len() < with_value.returns.len() {
            without
        } else {
            with_value
        }
    }

    fn all_returns(&self, too_many_jumps: Option<usize>) -> Exits {
        Exits {
            jumps: Vec::new(),
            returns: self.returns.clone(),
            too_many_jumps,
        }
    }

    /// The jumps as late as possible, or as early as possible where these would be too many.
    fn chosen(&self, search: &Search<'_>, tail: &Tail) -> Exits {
        let mut cut = search.cut(tail, true);
        let mut latest = cut.latest();
        let at_begin = |(index, _): &&(usize, Way)| search.is_begin(*index);
        // Both ways of the first jump: nothing would be left of the operation.
        if latest.sites.iter().filter(at_begin).count() > 1 {
            cut = search.cut(tail, false);
            latest = cut.latest();
        }
        let exits = search.exits(&latest);
        if exits.jumps.len() <= MOST_JUMPS {
            return exits;
        }
        let earliest = cut.earliest();
        let is_whole = earliest.sites.iter().filter(at_begin).count() > 1;
        let fewer = search.exits(&earliest);
        if fewer.jumps.len() <= MOST_JUMPS && !is_whole {
            return fewer;
        }
        self.all_returns(Some(exits.jumps.len()))
    }
}

/// Merges the two ways of a jump into one exit where they differ in nothing else.
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
    /// Where the return value is before each node; `None` where that is not known.
    values: Vec<Option<Value>>,
    value: ReturnUse,
}

impl<'a> Search<'a> {
    fn new(
        body: &'a Body,
        paths: &'a Paths,
        nodes: &'a [Node],
        tail: &Tail,
        value: ReturnUse,
    ) -> Self {
        let mut search = Self {
            body,
            paths,
            values: vec![None; nodes.len()],
            nodes,
            value,
        };
        for &index in tail.nodes() {
            search.values[index] = search.value_before(index);
        }
        search
    }

    /// The choices of jumps; `at_begin` allows the one at which the function begins.
    fn cut(&self, tail: &Tail, at_begin: bool) -> Cut<'a> {
        let entries = &self.paths.entries;
        Cut::new(self.nodes, tail, entries, |index, position| {
            (at_begin || !self.is_begin(index)) && self.exit(index, position).is_some()
        })
    }

    fn exits(&self, chosen: &exit_sites::Exits) -> Exits {
        let jumps = chosen.sites.iter().filter_map(|(index, way)| {
            let edges = &self.nodes[*index].successors;
            let position = edges.iter().position(|(_, other)| other == way)?;
            self.exit(*index, position)
        });
        let returns = chosen.returns.iter();
        Exits {
            jumps: merged(jumps.collect()),
            returns: returns.map(|index| self.address(*index)).collect(),
            too_many_jumps: None,
        }
    }

    /// Whether the function begins at the node.
    fn is_begin(&self, index: usize) -> bool {
        self.address(index) == self.body.begin.address
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

    /// Where a value is before a node, given where it is after it.
    fn value_through(&self, index: usize, value: Value) -> Option<Value> {
        let step = &self.paths.steps[index];
        step.instruction
            .value_before(value, self.value.bits, step.frame)
    }

    /// The edge as a finish, where everything about it is known.
    fn exit(&self, index: usize, position: usize) -> Option<Exit> {
        let step = &self.paths.steps[index];
        let (after, way) = *self.nodes[index].successors.get(position)?;
        // At the begin, only one way of a jump may be a finish: the other one goes on.
        if self.is_begin(index) && way == Way::Always {
            return None;
        }
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
        let begin = &self.body.begin;
        let at_begin = (Base::StackPointer, i64::from(begin.stack_delta));
        if self.is_begin(index) && (base, delta) != at_begin {
            return None;
        }
        if !self.body.agrees_with_unwind_table(step) {
            return None;
        }
        let place = || {
            let value = self.value_through(index, self.values[after]?)?;
            returned(value, self.value.bits)
        };
        let returned = match self.value.bits {
            0 => Returned::Unknown,
            _ if self.value.is_needed => place()?,
            _ => place().unwrap_or(Returned::Unknown),
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
            // Only the lowest bits of a narrow result count: they are extended with their sign.
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
    pub(super) fn agrees_with_unwind_table(&self, step: &Step) -> bool {
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
