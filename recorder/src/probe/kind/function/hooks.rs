//! Which programs observe a function, and at which instructions.

use std::sync::Arc;

use soakbox_schemas::control::{Cookie, PairBy, TailSite, Uretprobe, WayOut};

use super::{BEGIN, BEGIN_EXIT, EXIT, RETURN, RETURNS};
use crate::binary::{Binary, Finish, Function, Site, at_site, is_at};
use crate::plan::{Hook, Pairing, Phase};
use crate::probe::tail_calls;

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
