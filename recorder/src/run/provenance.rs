//! The provenance of a recording, for the metadata of each of its files.

use crate::kernel::KernelFacts;
use crate::plan::RecordPlan;
use crate::segment::of_host;
use soakbox_schemas::recording::{ObservedFile, Provenance};

/// A CPU holds back at most this many pages of a counter (`percpu_counter_batch`, at least 32).
fn batch_pages(cpus: u64) -> u64 {
    (2 * cpus).max(32)
}

pub(super) fn of(plan: &RecordPlan, facts: &KernelFacts) -> Provenance {
    let offsets = facts.offsets;
    let cpus = u64::from(facts.possible_cpus);
    let held_back = batch_pages(cpus) * cpus * rustix::param::page_size() as u64;
    let memory = offsets.has_memory();
    let per_cpu = offsets.mm_rss_stride != 8;
    Provenance {
        interval_ns: plan.interval_ns(),
        observed: plan
            .files
            .iter()
            .map(|file| ObservedFile {
                path: file.typed_path.as_path().into(),
                file: file.binary.path().into(),
                build_id: file.build_id.clone(),
            })
            .collect(),
        config_digest: plan.config_digest.clone(),
        settings: plan.settings.clone(),
        left_out: plan.left_out.clone(),
        vouched: plan.vouched.clone(),
        operations: plan.observed.clone(),
        cpu_method: Some(
            "duration minus off-CPU time seen at sched_switch, of the thread".to_owned(),
        ),
        cpu_split_method: offsets
            .has_cpu_split()
            .then(|| "ticks of the thread (utime, stime): unbiased in sums only".to_owned()),
        memory_method: memory.then(|| "mm rss_stat: file + anonymous + shared pages".to_owned()),
        // Three counters are added up; before 6.2 a thread holds back up to 64 events of each.
        memory_error_bytes: memory.then(|| {
            if per_cpu {
                3 * held_back
            } else {
                3 * 64 * rustix::param::page_size() as u64
            }
        }),
        ..of_host(&plan.host)
    }
}
