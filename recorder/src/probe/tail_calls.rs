//! The hooks of an operation in the functions that its own function tail-calls, and their
//! description.

use std::sync::Arc;

use soakbox_schemas::control::{Cookie, PairBy, TailSite, Uretprobe, WayOut};

use super::Location;
use super::returns::ReturnPrograms;
use crate::binary::{Binary, ExitSite, Site, TailCalls, at_site, is_at};
use crate::plan::{Hook, Phase, ProgramId};

/// Runs at the begin of a tail-called function.
pub(super) const ENTER: ProgramId = ProgramId::new("tail_enter");
/// Runs at the begin of a tail-called function where that is on a way out too.
pub(super) const ENTER_EXIT: ProgramId = ProgramId::new("tail_enter_exit");
/// Runs at a jump to a tail-called function.
pub(super) const JUMP: ProgramId = ProgramId::new("tail_jump");

/// The programs that run at finishes.
pub(super) struct FinishPrograms {
    /// At an instruction on the way out.
    pub(super) exit: ProgramId,
    /// At a return instruction.
    pub(super) returns: ReturnPrograms,
}

/// The hooks outside of the function's own code, and those at its jumps out. `own_begins` are the
/// begins of the operation.
pub(super) fn hooks(
    tails: &TailCalls,
    own_begins: &[Site],
    file: &Arc<Binary>,
    operation: u16,
    programs: &FinishPrograms,
) -> Vec<Hook> {
    let cookie = |site: &Site, tail_site, way_out| Cookie {
        operation,
        stack_delta: site.stack_delta,
        pair_by: PairBy::TailCalls(tail_site),
        uretprobe: Uretprobe::No,
        way_out,
    };
    let hook = |phase, program, site: &Site, tail_site, way_out| {
        let cookie = cookie(site, tail_site, way_out);
        Hook::uprobe(phase, program, file, site.file_offset, Some(cookie))
    };
    // At the begin of a function the begin's own program sees the jump or the finish: the kernel
    // promises no order between two programs at one instruction.
    let enter = |site: &Site| {
        let jump = at_site(&tails.jumps, site);
        let exit = at_site(&tails.exits, site);
        let (program, tail_site, way) = match (jump, exit) {
            (Some(jump), _) => (ENTER, TailSite::CalleeJump, jump.way_out),
            (None, Some(exit)) => (ENTER_EXIT, TailSite::Callee, exit.way_out),
            (None, None) => (ENTER, TailSite::Callee, WayOut::default()),
        };
        hook(Phase::TailCall, program, site, tail_site, way)
    };
    let is_begin = |jump: &&ExitSite| is_at(own_begins, jump) || is_at(&tails.begins, jump);
    let exit = |phase, program, exit: &ExitSite| {
        let (site, way_out) = (&exit.site, exit.way_out);
        hook(phase, program, site, TailSite::Callee, way_out)
    };
    let jumps = tails.jumps.iter().filter(|jump| !is_begin(jump));
    let mut hooks: Vec<Hook> = tails.begins.iter().map(enter).collect();
    hooks.extend(jumps.map(|jump| exit(Phase::Finish, JUMP, jump)));
    let exits = tails.exits.iter();
    let exits = exits.filter(|exit| !is_at(&tails.begins, exit));
    hooks.extend(exits.map(|way| exit(Phase::Finish, programs.exit, way)));
    hooks.extend(tails.kept.iter().map(|site| {
        let cookie = cookie(site, TailSite::Callee, WayOut::default());
        programs.returns.hook(site, file, cookie)
    }));
    hooks
}

/// The finishes in tail-called functions.
pub(super) fn finishes(tails: &TailCalls) -> impl Iterator<Item = Location> {
    let exits = tails.exits.iter().map(Location::from);
    exits.chain(tails.kept.iter().map(Location::from))
}

/// The functions in which the operation may finish, for the sentence about finishes.
pub(super) fn described(tails: &TailCalls) -> String {
    const LISTED: usize = 4;
    let count = tails.functions.len();
    let mut names = tails.functions[..count.min(LISTED)].join(", ");
    if count > LISTED {
        names += &format!(" and {} more", count - LISTED);
    }
    format!("; where it ends in a tail call, in the function that it jumps to: {names}")
}

/// The cost of these probes for the other callers of the functions, in a sentence.
pub(super) fn cost(tails: &TailCalls) -> String {
    let stepped = |site: &&Site| site.cost == crate::binary::Cost::SingleStepped;
    let exits = tails.exits.iter().map(|exit| &exit.site);
    let sites = tails.begins.iter().chain(&tails.kept).chain(exits);
    let stepped = sites.filter(stepped).count();
    let functions = match tails.functions.len() {
        1 => "the function that it tail-calls".to_owned(),
        count => format!("the {count} functions that its tail calls lead to"),
    };
    let stepped = match stepped {
        0 => "no place is".to_owned(),
        1 => "1 place is".to_owned(),
        count => format!("{count} places are"),
    };
    format!(
        "; each call of {functions} by any other caller passes two probes, which count nothing ({stepped} single-stepped)"
    )
}
