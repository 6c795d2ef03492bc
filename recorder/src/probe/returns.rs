//! The hooks at return instructions: a program that carries the return out, or one that leaves it
//! to the kernel, which single-steps it.

use std::sync::Arc;

use soakbox_schemas::control::Cookie;

use crate::binary::{Binary, Cost, NotCarriedOut, Site};
use crate::plan::{Hook, Phase, ProgramId};
use crate::probe::{Context, FinishRule};

/// The two programs of one kind of function.
#[derive(Clone, Copy)]
pub(super) struct ReturnPrograms {
    single_stepped: ProgramId,
    carries_out: ProgramId,
}

impl ReturnPrograms {
    /// The programs of these names.
    pub(super) const fn new(single_stepped: &'static str, carries_out: &'static str) -> Self {
        Self {
            single_stepped: ProgramId::new(single_stepped),
            carries_out: ProgramId::new(carries_out),
        }
    }

    /// The one that every kernel loads, attached to the first byte of `file`.
    pub(super) fn trial_hook(self, file: &Arc<Binary>) -> Hook {
        Hook::uprobe(Phase::Finish, self.single_stepped, file, 0, None)
    }

    /// The hook at a return instruction.
    pub(super) fn hook(self, site: &Site, file: &Arc<Binary>, cookie: Cookie) -> Hook {
        let program = match site.cost {
            Cost::CarriedOut => self.carries_out,
            Cost::Emulated | Cost::SingleStepped => self.single_stepped,
        };
        if site.may_be_carried_out {
            Hook::at_return(program, file, site.file_offset, cookie)
        } else {
            Hook::uprobe(Phase::Finish, program, file, site.file_offset, Some(cookie))
        }
    }
}

/// Who executes the return instructions at `sites`, in words that follow their number; empty where
/// the kernel does for all of them.
pub(super) fn executed_by(sites: &[Site]) -> String {
    let carried_out = sites.iter().filter(|site| site.cost == Cost::CarriedOut);
    match carried_out.count() {
        0 => String::new(),
        all if all == sites.len() => ", carried out by the recorder's program".to_owned(),
        some => format!(", {some} of them carried out by the recorder's program"),
    }
}

/// Who does not carry out the return instructions of an operation with these rules; `None` where this
/// recorder does.
pub(super) fn not_carried_out(context: &Context<'_>) -> Option<NotCarriedOut> {
    let by_rule = context.rules.finish == Some(FinishRule::Step);
    context
        .not_carried_out
        .or(by_rule.then_some(NotCarriedOut::ByThis))
}
