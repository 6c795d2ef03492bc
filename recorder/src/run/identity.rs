//! What every file of this recording says of where it comes from.

use crate::kernel::Host;
use crate::plan::RecordPlan;
use crate::segment::of_this_host;
use soakbox_schemas::recording::{ObservedFile, Provenance};

/// A CPU holds back at most this many pages of a counter (`percpu_counter_batch`, at least 32).
fn batch_pages(cpus: u64) -> u64 {
    (2 * cpus).max(32)
}

pub(super) fn of(plan: &RecordPlan, host: &Host) -> Provenance {
    let offsets = host.offsets;
    let cpus = u64::from(host.possible_cpus);
    let held_back = batch_pages(cpus) * cpus * rustix::param::page_size() as u64;
    let memory = offsets.mm.and(offsets.rss);
    let per_cpu = offsets.rss.is_some_and(|(_, stride)| stride != 8);
    Provenance {
        host: host.name.clone(),
        kernel: host.kernel.clone(),
        boot_id: host.boot_id.clone(),
        interval_ns: plan.interval_ns(),
        observed: plan
            .targets
            .iter()
            .map(|target| ObservedFile {
                path: target.binary.path().into(),
                file: target.binary.path().into(),
                build_id: target.build_id.clone(),
            })
            .collect(),
        config_digest: plan.config_digest.clone(),
        cpu_method: Some(
            "duration minus off-CPU time seen at sched_switch, of the thread".to_owned(),
        ),
        cpu_split_method: offsets
            .times
            .map(|_| "ticks of the thread (utime, stime): unbiased in sums only".to_owned()),
        memory_method: memory.map(|_| "mm rss_stat: file + anonymous + shared pages".to_owned()),
        // Three counters are added up; before 6.2 a thread holds back up to 64 events of each.
        memory_error_bytes: memory.map(|_| {
            if per_cpu {
                3 * held_back
            } else {
                3 * 64 * rustix::param::page_size() as u64
            }
        }),
        ..of_this_host()
    }
}
