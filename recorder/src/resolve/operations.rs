//! From probes to numbered operations: resolves each probe, and refuses two on one instruction. A
//! probe that is refused is kept with its reason: the caller decides whether the others are enough.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use soakbox_cli::error_chain;
use soakbox_schemas::control::{MAX_OPERATIONS, PairBy};
use soakbox_schemas::recording::footer::{ObservedOperation, Vouched};
use soakbox_schemas::tables::OperationInfo;

use super::Conditions;
use crate::plan::{
    AttachPoint, FinishPlace, Hook, Instructions, ObservedFile, OutcomeSource, Pairing,
    PlannedOperation,
};
use crate::probe::{
    self, Context, Explanation, Files, FinishRule, Location, ProbeSpec, Resolved, Success,
};
use crate::process::Process;

/// The probes, resolved: the same for `record` and `check`.
#[derive(Debug)]
pub struct ResolvedProbes {
    /// The host that they were resolved for.
    pub conditions: Conditions,
    /// The one process, where only one is observed.
    pub process: Option<Arc<Process>>,
    /// The probes as typed.
    pub specs: Vec<ProbeSpec>,
    /// The operations in the order of their numbers.
    pub operations: Vec<PlannedOperation>,
    /// The explanation of the probe of each operation, in the same order.
    pub explanations: Vec<Explanation>,
    /// The same for the metadata of files.
    pub observed: Vec<ObservedOperation>,
    /// The probes that cannot be observed, in the order in which they were typed.
    pub refused: Vec<RefusedOperation>,
    /// The files that the operations are in, each once by each path that was typed.
    pub files: Vec<ObservedFile>,
}

/// A warning where the one process that is observed does not run any of these files.
fn not_mapped(process: &Process, files: &[ObservedFile]) -> Option<String> {
    let mut inodes = files.iter().map(|file| file.binary.inode());
    let is_missing = inodes.all(|inode| process.has_mapped(inode) == Some(false));
    (is_missing && !files.is_empty()).then(|| {
        let pid = process.pid();
        format!("process {pid} does not run this file now: no call will be seen before it does")
    })
}

/// An operation whose probe does not resolve or could harm the observed program.
#[derive(Debug)]
pub struct RefusedOperation {
    /// Its name.
    pub name: String,
    /// Its probe as typed, without rules.
    pub probe: String,
    /// The reason, with a hint.
    pub reason: anyhow::Error,
}

impl fmt::Display for RefusedOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason: &(dyn Error + 'static) = self.reason.as_ref();
        write!(f, "{}: {}", self.name, error_chain(reason))
    }
}

impl ResolvedProbes {
    /// Resolves `specs`. The operations that can be observed are numbered in order; the others are
    /// in `refused`, with the reasons: a probe that does not resolve or could harm the observed
    /// program, or code that an operation before it observes.
    pub fn resolve(
        specs: Vec<ProbeSpec>,
        process: Option<Arc<Process>>,
        conditions: Conditions,
    ) -> Self {
        let mut files = Files::new(process.clone());
        let mut all = Self {
            conditions,
            process,
            specs: Vec::new(),
            operations: Vec::new(),
            explanations: Vec::new(),
            observed: Vec::new(),
            refused: Vec::new(),
            files: Vec::new(),
        };
        let mut places = HashMap::new();
        for spec in all.expand(&specs, &mut files) {
            let mut context = Context {
                operation: all.operations.len() as u16,
                rules: spec.rules,
                kernel: all.conditions.kernel,
                not_carried_out: all.conditions.not_carried_out,
                files: &mut files,
            };
            let resolved = spec.probe.resolve(&mut context).and_then(|mut resolved| {
                refuse_rules(&spec, &resolved)?;
                leave_out_shared(&all.operations, &mut resolved.hooks);
                refuse_same_code(&mut places, &spec.name, &resolved.hooks)?;
                let unmapped = all
                    .process
                    .as_deref()
                    .and_then(|one| not_mapped(one, &resolved.files));
                resolved.explanation.warnings.extend(unmapped);
                Ok(resolved)
            });
            match resolved {
                Ok(resolved) => all.add(&spec, resolved),
                Err(reason) => all.refuse(&spec, reason),
            }
        }
        all.specs = specs;
        all
    }

    /// The error for the person who asked, where a probe was refused: the first of the reasons, and
    /// the number of refused probes where there are several.
    ///
    /// # Errors
    /// Where a probe was refused.
    pub fn all_resolved(&self) -> Result<()> {
        match self.refused.as_slice() {
            [] => Ok(()),
            [only] => bail!("{only}"),
            [first, ..] => bail!(
                "{} of {} operations are refused, the first of them: {first}",
                self.refused.len(),
                self.refused.len() + self.operations.len()
            ),
        }
    }

    /// The operations, each pattern replaced by the operations that it stands for. One whose probe
    /// matches nothing, or more than the others leave room for, is refused.
    fn expand(&mut self, specs: &[ProbeSpec], files: &mut Files) -> Vec<ProbeSpec> {
        let mut expanded: Vec<ProbeSpec> = Vec::new();
        for (index, spec) in specs.iter().enumerate() {
            let following = specs.len() - index - 1;
            let room = MAX_OPERATIONS.saturating_sub(expanded.len() + following);
            let found = probe::expand(spec, files, room).and_then(|found| {
                if found.iter().any(|found| found.name != spec.name) {
                    refuse_same_name(&found, &expanded, specs)?;
                }
                Ok(found)
            });
            match found {
                Ok(found) => expanded.extend(found),
                Err(reason) => self.refuse(spec, reason),
            }
        }
        expanded
    }

    fn refuse(&mut self, spec: &ProbeSpec, reason: anyhow::Error) {
        self.refused.push(RefusedOperation {
            name: spec.name.clone(),
            probe: spec.probe.to_string(),
            reason,
        });
    }

    fn add(&mut self, spec: &ProbeSpec, resolved: Resolved) {
        let instructions = instructions(&resolved);
        let paths = resolved.files.iter().map(|file| file.typed_path.clone());
        let paths = paths.collect();
        self.add_files(resolved.files);
        self.observed.push(ObservedOperation {
            operation: spec.name.clone(),
            probe: format!("{}{}", spec.probe, spec.rules),
            function: resolved.explanation.function.clone(),
            left_out: resolved.explanation.left_out.clone(),
        });
        self.explanations.push(resolved.explanation);
        self.operations.push(PlannedOperation {
            info: OperationInfo {
                name: spec.name.clone(),
                operation_type: i64::from(spec.rules.operation_type.unwrap_or(0)),
            },
            rule: spec.rules.operation_rule(resolved.outcome),
            pairing: resolved.pairing,
            hooks: resolved.hooks,
            paths,
            instructions,
        });
    }

    /// The warnings of all operations, each after the operation's name.
    pub fn warnings(&self) -> Vec<String> {
        let operations = self.operations.iter().zip(&self.explanations);
        operations
            .flat_map(|(operation, explanation)| {
                let name = &operation.info.name;
                let warnings = explanation.warnings.iter();
                warnings.map(move |warning| format!("{name}: {warning}"))
            })
            .collect()
    }

    /// The operations that are finished by a uretprobe because the person vouches for it.
    pub fn vouched(&self) -> Vec<Vouched> {
        let operations = self.operations.iter().zip(&self.explanations);
        let vouched = operations.filter_map(|(operation, explanation)| {
            let risk = explanation.vouched.clone()?;
            let operation = operation.info.name.clone();
            Some(Vouched { operation, risk })
        });
        vouched.collect()
    }

    fn add_files(&mut self, files: Vec<ObservedFile>) {
        for file in files {
            let known = self.files.iter().any(|known| is_same(known, &file));
            if !known {
                self.files.push(file);
            }
        }
    }
}

/// Whether both are one file by one path.
fn is_same(one: &ObservedFile, other: &ObservedFile) -> bool {
    Arc::ptr_eq(&one.binary, &other.binary) && one.typed_path == other.typed_path
}

fn instructions(resolved: &Resolved) -> Instructions {
    let stepped = |places: &[Location]| places.iter().any(|place| place.stepped);
    let mut points = resolved.hooks.iter().map(|hook| &hook.point);
    Instructions {
        begin_is_stepped: stepped(&resolved.explanation.begins),
        finish: if points.any(|point| matches!(point, AttachPoint::Uretprobe { .. })) {
            FinishPlace::Uretprobe
        } else if stepped(&resolved.explanation.finishes) {
            FinishPlace::Stepped
        } else {
            FinishPlace::Emulated
        },
    }
}

/// Refuses the operations of a pattern where one has the name of another operation, which was typed
/// or which an earlier pattern made.
fn refuse_same_name(found: &[ProbeSpec], others: &[ProbeSpec], typed: &[ProbeSpec]) -> Result<()> {
    let mut others = others.iter().chain(typed);
    match others.find(|other| found.iter().any(|found| found.name == other.name)) {
        Some(other) => bail!(
            "two operations are named {}; hint: give the pattern another name",
            other.name
        ),
        None => Ok(()),
    }
}

/// Refuses a rule at a probe of a kind that does not have it, and a rule `success` that reads something
/// that the finish does not have.
fn refuse_rules(spec: &ProbeSpec, resolved: &Resolved) -> Result<()> {
    let is_go = matches!(resolved.pairing, Pairing::Goroutine { .. });
    if spec.rules.goroutine_cpu && !is_go {
        bail!(
            "cpu=goroutine is for go:FILE:FUNCTION only; hint: leave it out, CPU time is measured anyway"
        );
    }
    let is_uretprobe = |hook: &Hook| matches!(hook.point, AttachPoint::Uretprobe { .. });
    match spec.rules.finish {
        Some(FinishRule::Uretprobe) if !resolved.hooks.iter().any(is_uretprobe) => {
            bail!("finish=uretprobe is for uprobe:FILE:FUNCTION only; hint: leave it out");
        }
        Some(FinishRule::Jump) if resolved.outcome != OutcomeSource::ReturnValue || is_go => {
            bail!("finish=jump is for uprobe:FILE:FUNCTION only; hint: leave it out");
        }
        Some(FinishRule::Step) if resolved.outcome == OutcomeSource::Finish => {
            bail!("finish=step is for functions only; hint: leave it out");
        }
        _ => {}
    }
    if spec.rules.selection.only_failures && !has_outcome(spec, resolved) {
        bail!(
            "only failures are to be recorded, and its success is not known; hint: add a rule success=, or leave only=failures (--only-failures) out"
        );
    }
    let Some(success) = spec.rules.success else {
        return Ok(());
    };
    let rule = matches!(success, Success::GoError { .. });
    if rule && !matches!(resolved.outcome, OutcomeSource::GoError { .. }) {
        bail!("success=goerr is for go:FILE:FUNCTION only; hint: use another rule");
    }
    if resolved.outcome == OutcomeSource::Nothing {
        bail!(
            "success={success} cannot be observed: the function returns its results on the stack; hint: leave the rule out, or observe the function that calls this one"
        );
    }
    Ok(())
}

/// Whether it is known of an operation that it failed.
fn has_outcome(spec: &ProbeSpec, resolved: &Resolved) -> bool {
    spec.rules.success.is_some() || resolved.outcome == OutcomeSource::Finish
}

/// Leaves out hooks that belong to no single operation, such as those at the end of a goroutine,
/// where an earlier operation has them too.
fn leave_out_shared(earlier: &[PlannedOperation], hooks: &mut Vec<Hook>) {
    let place = |hook: &Hook| {
        let (file, offset) = hook.point.instruction()?;
        Some((file.path().to_owned(), offset, hook.program))
    };
    let is_known = |hook: &Hook| {
        let mut earlier = earlier.iter().flat_map(|operation| &operation.hooks);
        earlier.any(|known| known.cookie.is_none() && place(known) == place(hook))
    };
    hooks.retain(|hook| hook.cookie.is_some() || !is_known(hook));
}

/// Whether the hook is for the code of its operation alone. Tail-called functions may belong to
/// several operations, one of them their own.
fn is_own(hook: &Hook) -> bool {
    match hook.cookie.map(|cookie| cookie.cookie().pair_by) {
        Some(PairBy::TailCalls(site)) => !site.is_shared(),
        Some(_) => true,
        None => false,
    }
}

/// Refuses an operation on an instruction that another one observes. `places` has the operation of
/// each instruction so far; if the operation is not refused, its instructions are added.
fn refuse_same_code(
    places: &mut HashMap<(PathBuf, u64), String>,
    name: &str,
    hooks: &[Hook],
) -> Result<()> {
    let instructions = || {
        let own = hooks.iter().filter(|hook| is_own(hook));
        let own = own.filter_map(|hook| hook.point.instruction());
        own.map(|(file, offset)| (file.path().to_owned(), offset))
    };
    for place in instructions() {
        if let Some(other) = places.get(&place) {
            bail!(
                "{other} and {name} observe the same code in {}; hint: leave one of them out",
                place.0.display()
            );
        }
    }
    places.extend(instructions().map(|place| (place, name.to_owned())));
    Ok(())
}
