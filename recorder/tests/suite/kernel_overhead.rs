//! What probes cost is measured before a recording and kept with its counts: it is compared with the
//! CPU time that the target itself sees more of, and with durations of calls that do almost nothing.

use crate::support::place::Place;
use crate::support::{host, recording::Recording, targets};

/// Calls that cost enough to be measured, and with the recorder no more than a few seconds.
const CALLS: i64 = 100_000;

fn cpu_ns(place: &Place) -> i64 {
    let calls = CALLS.to_string();
    let outcome = targets::run(&place.program, &["cost", &calls]);
    outcome.counts().all["cpu_ns"]
}

fn median(mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    values[values.len() / 2]
}

#[test]
fn the_cost_of_the_probes_is_about_what_the_target_sees() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let alone = cpu_ns(&place);
    let recorder = place.record("recording");
    let observed = cpu_ns(&place);
    recorder.stop().check();
    let recording = Recording::open(&place.root());
    let totals = recording.checked("op");
    assert_eq!(totals.finished, CALLS);
    let costs = recording.integers("operation_metrics", "probe_cost_ns");
    let cost: i64 = costs.into_iter().map(|cost| cost.expect("measured")).sum();
    let seen = observed - alone;
    // It is neither nothing nor of another magnitude, whatever else the host does meanwhile.
    assert!(cost > seen / 6 && cost < seen * 6, "{cost} ns, {seen} ns");

    let overheads = recording.integers("operation_metrics", "duration_overhead_ns");
    let overhead = overheads[0].expect("measured");
    assert!(overheads.iter().all(|&other| other == Some(overhead)));
    // The calls take nearly no time: what was measured is the probes' own, on a host that may be faster
    // or slower a moment later.
    let durations = recording.of("op", "duration_ns").into_iter().flatten();
    let duration = median(durations.collect());
    let is_near = overhead > duration / 6 && overhead < duration * 6;
    assert!(is_near, "{duration} ns, {overhead} ns");
}
