//! The tracepoints of the kernel that are needed whatever is observed: they keep account of threads
//! and processes.

use super::hook::{AttachPoint, Hook, Phase, ProgramId};

const SWITCH: ProgramId = ProgramId::new("sched_switch");
const FORK: ProgramId = ProgramId::new("sched_process_fork");
const EXEC: ProgramId = ProgramId::new("sched_process_exec");
const EXIT: ProgramId = ProgramId::new("sched_process_exit");

/// The hooks for time off the CPU and for operations that end with their thread or process; new
/// processes are of interest only where a tree of processes is followed.
pub fn lifecycle_hooks(follows_tree: bool) -> Vec<Hook> {
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
    if follows_tree {
        hooks.push(hook(Phase::Lifetime, FORK));
    }
    hooks
}
