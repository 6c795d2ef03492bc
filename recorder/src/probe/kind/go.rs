//! `go:FILE:FUNCTION`: the calls of a Go function, from the end of its stack check to its return.
//!
//! Never a uretprobe: the runtime moves stacks, and would find the changed return address. Begin
//! and finish are paired by goroutine, because a goroutine may continue on another thread.

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use soakbox_schemas::control::{Cookie, Uretprobe, WayOut};

use super::{Expanded, Expansion, Kind, Probe};
use crate::binary::{self, Binary, ErrorPlace, GoFunction, Reason, ResolveError, Site, pattern};
use crate::plan::{Hook, OutcomeSource, Pairing, Phase, ProgramId};
use crate::probe::returns::{ReturnPrograms, executed_by, not_carried_out};
use crate::probe::{
    Context, Explanation, Files, FinishRule, Location, OpenFile, Place, Refusal, Resolved, Rules,
    Success,
};

/// Runs after the stack check.
const BEGIN: ProgramId = ProgramId::new("go_begin");
/// Run at a return instruction.
const RETURNS: ReturnPrograms = ReturnPrograms::new("go_finish", "go_carry_out");
/// Runs where a thread goes on with a goroutine.
const SWITCH: ProgramId = ProgramId::new("go_switch");
/// Runs at the begin of `runtime.Goexit`.
const EXIT: ProgramId = ProgramId::new("go_exit");

/// `go` in the list of kinds.
pub(super) struct GoKind;

impl Kind for GoKind {
    fn name(&self) -> &'static str {
        "go"
    }

    fn syntax(&self) -> &'static str {
        "go:FILE:FUNCTION"
    }

    fn summary(&self) -> &'static str {
        "the calls of a Go function, such as main.(*Server).Put"
    }

    fn parse(&self, text: &str) -> Result<Box<dyn Probe>, Refusal> {
        Ok(Box::new(GoProbe(Place::parse(self, text)?)))
    }

    fn trial_hooks(&self, file: &Arc<Binary>) -> Vec<Hook> {
        vec![
            Hook::uprobe(Phase::Begin, BEGIN, file, 0, None),
            RETURNS.trial_hook(file),
            Hook::uprobe(Phase::Lifetime, EXIT, file, 0, None),
            Hook::uprobe(Phase::Scheduling, SWITCH, file, 0, None),
        ]
    }
}

/// A parsed `go:FILE:FUNCTION`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct GoProbe(Place);

impl fmt::Display for GoProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", GoKind.name(), self.0)
    }
}

impl Probe for GoProbe {
    fn expand(&self, files: &mut Files) -> Result<Option<Expansion>> {
        let Place { file, name } = &self.0;
        if !pattern::has_wildcard(name) {
            return Ok(None);
        }
        let open = files.open(file)?;
        let found = binary::go_matches(&open.bytes, file, name);
        let Some(found) = found.map_err(|reason| ResolveError::of(self, reason))? else {
            return Ok(None);
        };
        let matches = found.into_iter().map(|name| {
            let file = file.clone();
            Expanded {
                name: name.clone(),
                signature: name.clone(),
                symbol: name.clone(),
                probe: Arc::new(Self(Place { file, name })),
            }
        });
        Ok(Some(Expansion {
            pattern: name.clone(),
            matches: matches.collect(),
        }))
    }

    fn resolve(&self, context: &mut Context<'_>) -> Result<Resolved> {
        let Place { file, name } = &self.0;
        let open = context.files.open(file)?;
        let rule = context.rules.finish;
        if rule == Some(FinishRule::Uretprobe) {
            let reason = Reason::Uretprobe("it corrupts the stacks of Go".into());
            return Err(ResolveError::of(self, reason).into());
        }
        let error = match context.rules.success {
            Some(Success::GoError { before: None }) => Some(ErrorPlace::Known),
            Some(Success::GoError {
                before: Some(before),
            }) => Some(ErrorPlace::After(before)),
            _ => None,
        };
        let found = binary::resolve_go(&open.bytes, file, name, error, context.kernel);
        let mut found = found.map_err(|reason| ResolveError::of(self, reason))?;
        if let Some(by) = not_carried_out(context) {
            found.part.leave_returns_to_kernel(by);
        }
        let pairing = Pairing::Goroutine {
            id_offset: found.part.goroutine_id_offset,
            counts_switches: context.rules.goroutine_cpu,
        };
        let mut hooks = hooks(&found.part, &open.binary, context.operation, pairing);
        if context.rules.goroutine_cpu {
            let site =
                found.part.switch.as_ref().map_err(|reason| {
                    ResolveError::of(self, Reason::GoSwitch(reason.to_string()))
                })?;
            let offset = site.file_offset;
            // Attached first and removed last: no switch between a begin and its finish is missed.
            hooks.push(Hook::uprobe(
                Phase::Scheduling,
                SWITCH,
                &open.binary,
                offset,
                None,
            ));
        }
        Ok(Resolved {
            hooks,
            pairing,
            outcome: outcome(&found.part),
            files: vec![open.observed(found.build_id.as_deref())],
            explanation: explain(&found.part, found.warnings, &open, &context.rules),
        })
    }
}

fn outcome(function: &GoFunction) -> OutcomeSource {
    match function.error_register {
        Some(register) => OutcomeSource::GoError { register },
        None if function.results_on_stack => OutcomeSource::Nothing,
        None => OutcomeSource::ReturnValue,
    }
}

fn hooks(function: &GoFunction, file: &Arc<Binary>, operation: u16, pairing: Pairing) -> Vec<Hook> {
    let cookie = |site: &Site| Cookie {
        operation,
        stack_delta: site.stack_delta,
        pair_by: pairing.pair_by(),
        uretprobe: Uretprobe::No,
        way_out: WayOut::default(),
    };
    let begins = function.begins.iter();
    let begins = begins.map(|site| {
        let cookie = Some(cookie(site));
        Hook::uprobe(Phase::Begin, BEGIN, file, site.file_offset, cookie)
    });
    let returns = function.returns.iter();
    let returns = returns.map(|site| RETURNS.hook(site, file, cookie(site)));
    // It belongs to no single operation: all that are in flight on the goroutine end with it.
    let exit = function.exit.iter();
    let exit = exit.map(|site| Hook::uprobe(Phase::Lifetime, EXIT, file, site.file_offset, None));
    begins.chain(returns).chain(exit).collect()
}

fn explain(
    function: &GoFunction,
    warnings: Vec<String>,
    file: &OpenFile,
    rules: &Rules,
) -> Explanation {
    let locations = |sites: &[Site]| sites.iter().map(Location::from).collect();
    let mut explanation = Explanation {
        function: Some(function.name.clone()),
        finish: format!(
            "at {} return instruction{}{} (a uretprobe would corrupt the stacks of Go)",
            function.returns.len(),
            if function.returns.len() == 1 { "" } else { "s" },
            executed_by(&function.returns)
        ),
        abandonment: format!(
            "the goroutine's next operation further up on its stack, runtime.Goexit, or the end of the process (stacks of goroutines, {})",
            function.version
        ),
        success: match (&rules.success, function.error_register) {
            (_, Some(register)) => format!("goerr:{register}"),
            (Some(success), None) => success.to_string(),
            (None, None) => "unknown".to_owned(),
        },
        begins: locations(&function.begins),
        finishes: locations(&function.returns),
        warnings,
        ..Explanation::of_file("Go function", file)
    };
    explanation.cost = explanation.cost_without_markers();
    if rules.goroutine_cpu {
        let switches = "; a probe more for each switch of any goroutine of the program";
        explanation.cost.push_str(switches);
    }
    explanation
}
