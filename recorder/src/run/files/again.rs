//! Which hooks a file gets that has taken the place of an observed one: those of the same operations,
//! recorded in the same way. Pure.

use std::path::Path;
use std::sync::Arc;

use soakbox_schemas::control::{OperationRule, ReturnCookie};

use crate::binary::Binary;
use crate::plan::{Hook, HookCookie, RecordPlan, Resolution};
use crate::run::probes::places;

/// What the kernel side was loaded for.
#[derive(Debug)]
pub(super) struct Expected {
    /// Name and rule of each operation, by its number.
    operations: Vec<(String, OperationRule)>,
    /// Where operations are kept while they are in flight.
    places: u32,
}

/// The hooks of a file.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) hooks: Vec<Hook>,
    /// The numbers of their operations, each once.
    pub(super) operations: Vec<u16>,
}

impl Expected {
    pub(super) fn of(plan: &RecordPlan) -> Self {
        let operations = plan.operations.iter();
        Self {
            operations: operations
                .map(|one| (one.info.name.clone(), one.rule))
                .collect(),
            places: places(plan),
        }
    }

    /// The names of operations.
    pub(super) fn names(&self, numbers: impl Iterator<Item = u16>) -> Vec<&str> {
        let known = numbers.filter_map(|number| self.operations.get(usize::from(number)));
        known.map(|(name, _)| name.as_str()).collect()
    }

    /// Which of `wanted` are found at `path`.
    ///
    /// # Errors
    /// Where one is missing and may not be left out, or all are.
    pub(super) fn found_at(
        &self,
        path: &Path,
        wanted: &[u16],
        found: &Resolution,
        may_leave_out: bool,
    ) -> Result<Vec<u16>, String> {
        let name = |number: u16| self.operations.get(usize::from(number)).map(|one| &one.0);
        let is_there = |number: &u16| {
            let mut operations = found.operations.iter();
            operations.any(|one| {
                Some(&one.info.name) == name(*number) && one.paths.iter().any(|other| other == path)
            })
        };
        let (there, missing): (Vec<u16>, Vec<u16>) = wanted.iter().partition(|one| is_there(one));
        let Some(first) = missing
            .first()
            .filter(|_| !may_leave_out || there.is_empty())
        else {
            return Ok(there);
        };
        let name = name(*first).map_or("", String::as_str);
        let mut refused = found.refused.iter();
        Err(match refused.find(|one| one.operation == name) {
            Some(refused) => refused.to_string(),
            None => format!("{name} is not in it"),
        })
    }

    /// The hooks in `file`. Operations that the plan has not are left out: nothing counts them.
    ///
    /// # Errors
    /// Where an operation would be recorded in another way.
    pub(super) fn hooks(&self, found: &Resolution, file: &Arc<Binary>) -> Result<Found, String> {
        let mut hooks = Vec::new();
        let mut operations = Vec::new();
        for one in &found.operations {
            let here = one.hooks.iter().filter(|hook| hook.is_in(file));
            let mut here: Vec<Hook> = here.cloned().collect();
            let mut known = self.operations.iter();
            let number = known.position(|(name, _)| *name == one.info.name);
            let Some(number) = number.filter(|_| !here.is_empty()) else {
                // What belongs to no single operation may be listed with this one.
                hooks.extend(here.into_iter().filter(|hook| hook.cookie.is_none()));
                continue;
            };
            if self.operations[number].1 != one.rule || one.pairing.places() & !self.places != 0 {
                return Err(format!(
                    "{} would have to be recorded in another way",
                    one.info.name
                ));
            }
            for hook in &mut here {
                set_operation(hook, number as u16);
            }
            hooks.append(&mut here);
            operations.push(number as u16);
        }
        Ok(Found { hooks, operations })
    }
}

/// Numbers differ where an operation before it is not found any more.
fn set_operation(hook: &mut Hook, number: u16) {
    match &mut hook.cookie {
        Some(HookCookie::Plain(cookie) | HookCookie::Return(ReturnCookie { cookie, .. })) => {
            cookie.operation = number;
        }
        None => {}
    }
}
