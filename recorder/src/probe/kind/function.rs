//! `uprobe:FILE:FUNCTION`: the calls of a function, from its first instructions to its return.
//!
//! An operation begins at an instruction of the function's prologue. It finishes at a jump on a way
//! out or at a return instruction, or by a uretprobe if nothing in the program can unwind or switch
//! stacks, or if somebody vouches for it. With `finish=jump` it also finishes at a jump that cannot be
//! followed.

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use soakbox_schemas::control::{Cookie, PairBy, TailSite, Uretprobe, WayOut};

use super::{Expanded, Expansion, Kind, Probe};
use crate::binary::{
    self, Binary, Finish, Finishing, Function, Reason, ResolveError, ReturnUse, Site, at_site,
    is_at, pattern,
};
use crate::plan::{Hook, OutcomeSource, Pairing, Phase, ProgramId};
use crate::probe::function_explanation::explain;
use crate::probe::returns::{ReturnPrograms, not_carried_out};
use crate::probe::{Context, Files, FinishRule, Place, Refusal, Resolved, tail_calls};

/// Runs at an instruction of the prologue.
const BEGIN: ProgramId = ProgramId::new("function_begin");
/// Runs at an instruction of the prologue that is on a way out too.
const BEGIN_EXIT: ProgramId = ProgramId::new("function_begin_exit");
/// Runs at an instruction on the way out.
const EXIT: ProgramId = ProgramId::new("function_exit");
/// Run at a return instruction.
const RETURNS: ReturnPrograms = ReturnPrograms::new("function_finish", "function_carry_out");
/// Runs by a uretprobe, when the function returns to the address that the kernel put in place of
/// the return address.
const RETURN: ProgramId = ProgramId::new("function_return");

const OUTCOME: OutcomeSource = OutcomeSource::ReturnValue;

/// `uprobe` in the list of kinds.
pub(super) struct FunctionKind;

impl Kind for FunctionKind {
    fn name(&self) -> &'static str {
        "uprobe"
    }

    fn syntax(&self) -> &'static str {
        "uprobe:FILE:FUNCTION"
    }

    fn summary(&self) -> &'static str {
        "the calls of a function"
    }

    fn parse(&self, text: &str) -> Result<Box<dyn Probe>, Refusal> {
        Ok(Box::new(FunctionProbe(Place::parse(self, text)?)))
    }

    fn trial_hooks(&self, file: &Arc<Binary>) -> Vec<Hook> {
        vec![
            Hook::uprobe(Phase::Begin, BEGIN, file, 0, None),
            Hook::uprobe(Phase::Begin, BEGIN_EXIT, file, 0, None),
            Hook::uprobe(Phase::Finish, EXIT, file, 0, None),
            Hook::uretprobe(RETURN, file, 0, None),
            Hook::uprobe(Phase::TailCall, tail_calls::ENTER, file, 0, None),
            Hook::uprobe(Phase::TailCall, tail_calls::ENTER_EXIT, file, 0, None),
            Hook::uprobe(Phase::Finish, tail_calls::JUMP, file, 0, None),
            RETURNS.trial_hook(file),
        ]
    }
}

/// A parsed `uprobe:FILE:FUNCTION`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FunctionProbe(Place);

impl fmt::Display for FunctionProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", FunctionKind.name(), self.0)
    }
}

impl Probe for FunctionProbe {
    fn expand(&self, files: &mut Files) -> Result<Option<Expansion>> {
        let Place { file, name } = &self.0;
        if !pattern::has_wildcard(name) {
            return Ok(None);
        }
        let open = files.open(file)?;
        let found = pattern::matches(open.image(), file, name);
        let Some(found) = found.map_err(|reason| ResolveError::of(self, reason))? else {
            return Ok(None);
        };
        let probe = |symbol| {
            let file = file.clone();
            Arc::new(Self(Place { file, name: symbol }))
        };
        let matches = found.into_iter().map(|found| Expanded {
            name: found.path,
            signature: found.signature,
            symbol: found.symbol.clone(),
            probe: probe(found.symbol),
        });
        Ok(Some(Expansion {
            pattern: name.clone(),
            matches: matches.collect(),
        }))
    }

    fn resolve(&self, context: &mut Context<'_>) -> Result<Resolved> {
        let Place { file, name } = &self.0;
        let open = context.files.open(file)?;
        // Where returns are as cheap as jumps, none is left for a jump at which the value is not
        // known yet.
        let stepped = not_carried_out(context);
        // The return value is recorded whether or not a rule reads it.
        let value = ReturnUse {
            bits: context.rules.operation_rule(OUTCOME).width,
            is_needed: context.rules.success.is_some() || stepped.is_none(),
        };
        let (image, kernel) = (open.image(), context.kernel);
        let finishing = match context.rules.finish {
            Some(FinishRule::Uretprobe) => Finishing::ByUretprobe,
            Some(FinishRule::Jump) => Finishing::AlsoAtJumps(value),
            Some(FinishRule::Step) | None => Finishing::Exactly(value),
        };
        let found = binary::resolve_function(image, file, name, kernel, finishing);
        let refused = |reason| ResolveError::of(self, reason);
        let mut found = found.map_err(refused)?;
        let left_at = found.part.all_left_at().next();
        if let (Some(jump), Some(_)) = (left_at, context.rules.success) {
            return Err(refused(Reason::ValueNotKnown {
                at: jump.address,
                to: jump.to.clone(),
            })
            .into());
        }
        if let Some(by) = stepped {
            found.part.leave_returns_to_kernel(by);
        }
        let in_callers = matches!(found.part.finish, Finish::Callers { .. });
        let pairing = match &found.part.stack_switch {
            // Another operation that it tail-calls may have the same stack pointer.
            _ if in_callers => Pairing::TailCalls,
            _ if !found.part.tail_calls.jumps.is_empty() => Pairing::TailCalls,
            None => Pairing::StackOrder,
            Some(_) => Pairing::ExactStackPointer,
        };
        Ok(Resolved {
            hooks: hooks(&found.part, &open.binary, context.operation, pairing),
            pairing,
            outcome: OUTCOME,
            files: vec![open.observed(found.build_id.as_deref())],
            explanation: explain(&found.part, found.warnings, &open, &context.rules),
        })
    }
}

/// The programs that observe a function of `file`, and where.
pub fn hooks(
    function: &Function,
    file: &Arc<Binary>,
    operation: u16,
    pairing: Pairing,
) -> Vec<Hook> {
    let uretprobe = match (&function.finish, &function.vouched) {
        (Finish::Returns { .. } | Finish::Callers { .. }, _) => Uretprobe::No,
        (Finish::Uretprobe(_), None) => Uretprobe::NothingUnwinds,
        (Finish::Uretprobe(_), Some(_)) => Uretprobe::Vouched,
    };
    let cookie = |site: &Site, way_out| Cookie {
        operation,
        stack_delta: site.stack_delta,
        pair_by: pairing.pair_by(),
        uretprobe,
        way_out,
    };
    let at = |phase, program, site: &Site, cookie| {
        Hook::uprobe(phase, program, file, site.file_offset, Some(cookie))
    };
    let tails = &function.tail_calls;
    let exits = function.exits();
    // Where an instruction is the begin and something else too, the begin's own program does both:
    // the kernel promises no order between two programs at one instruction.
    let begin = |site: &Site| match (at_site(&tails.jumps, site), at_site(exits, site)) {
        (Some(jump), _) => {
            let pair_by = PairBy::TailCalls(TailSite::OwnJump);
            let cookie = Cookie {
                pair_by,
                ..cookie(site, jump.way_out)
            };
            at(Phase::Begin, BEGIN, site, cookie)
        }
        (None, Some(exit)) => at(Phase::Begin, BEGIN_EXIT, site, cookie(site, exit.way_out)),
        (None, None) => at(Phase::Begin, BEGIN, site, cookie(site, WayOut::default())),
    };
    let mut hooks: Vec<Hook> = function.begins.iter().map(begin).collect();
    let programs = tail_calls::FinishPrograms {
        exit: EXIT,
        returns: RETURNS,
    };
    hooks.extend(tail_calls::hooks(
        tails,
        &function.begins,
        file,
        operation,
        &programs,
    ));
    match &function.finish {
        Finish::Returns { kept, .. } => {
            let exits = exits.iter();
            let exits = exits.filter(|exit| !is_at(&function.begins, exit));
            hooks.extend(exits.map(|exit| {
                let cookie = cookie(&exit.site, exit.way_out);
                at(Phase::Finish, EXIT, &exit.site, cookie)
            }));
            let kept = kept.iter();
            hooks
                .extend(kept.map(|site| RETURNS.hook(site, file, cookie(site, WayOut::default()))));
        }
        // All of them are among the hooks outside of the function.
        Finish::Callers { .. } => {}
        Finish::Uretprobe(site) => {
            let cookie = cookie(site, WayOut::default());
            let hook = Hook::uretprobe(RETURN, file, site.file_offset, Some(cookie));
            hooks.push(hook);
        }
    }
    hooks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_ends_at_the_last_single_colon() {
        let place = |text: &str| Place::parse(&FunctionKind, text).unwrap();
        for (text, file, name) in [
            (
                "/usr/bin/my-prog:refresh_rules",
                "/usr/bin/my-prog",
                "refresh_rules",
            ),
            ("/srv/v1:2/prog:f", "/srv/v1:2/prog", "f"),
            (
                "/bin/p:krate::module::function",
                "/bin/p",
                "krate::module::function",
            ),
            (
                "p:_ZN3foo3barEv$LT$x$GT$.llvm.123",
                "p",
                "_ZN3foo3barEv$LT$x$GT$.llvm.123",
            ),
            (
                r"/srv/a\,b\:\:c/p:map<int\, long>::at",
                "/srv/a,b::c/p",
                "map<int, long>::at",
            ),
        ] {
            let expected = Place {
                file: file.into(),
                name: name.into(),
            };
            assert_eq!(place(text), expected);
        }
    }
}
