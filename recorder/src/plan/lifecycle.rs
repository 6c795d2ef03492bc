//! The kernel tracepoints that every recording needs, whichever operations it observes: they track
//! threads and processes.

use super::hook::{AttachPoint, Hook, Phase, ProgramId};

const SWITCH: ProgramId = ProgramId::new("sched_switch");
const FORK: ProgramId = ProgramId::new("sched_process_fork");
const EXEC: ProgramId = ProgramId::new("sched_process_exec");
const EXIT: ProgramId = ProgramId::new("sched_process_exit");

/// The hooks for off-CPU time and for operations that end with their thread or process; with
/// `knows_new` also those for new threads and processes.
pub fn lifecycle_hooks(knows_new: bool) -> Vec<Hook> {
    let hook = |phase, program: ProgramId| Hook {
        phase,
        point: AttachPoint::BtfTracepoint(program.name()),
        program,
        cookie: None,
    };
    let mut hooks = vec![
        hook(Phase::Scheduling, SWITCH),
        hook(Phase::Lifetime, EXEC),
        hook(Phase::Lifetime, EXIT),
    ];
    if knows_new {
        hooks.push(hook(Phase::Lifetime, FORK));
    }
    hooks
}
