//! `--max-overhead`: probes are switched off and on so that they cost no more, and what is counted in
//! the observed time is what there is. The target counts its own operations.

use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::support::attacher;
use crate::support::code::{is_unchanged, wait_until_unchanged};
use crate::support::host;
use crate::support::place::Place;
use crate::support::recorder::{self, Recorder};
use crate::support::recording::Recording;
use crate::support::targets::{self, Counts, Endless};

/// The line that says that probes are switched from now on.
const SWITCHED: &str = "switched off and on";

/// Two loads at a time would leave each other too little of the CPU.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records `load.c` with both of its operations, from its start to its end: what it counted, and what
/// the recorder wrote to its stderr.
fn record(place: &Place, limit: &str, load: &[&str]) -> (Counts, String) {
    let operation = |name: &str| format!("{name}=uprobe:{}:{name}", place.program.display());
    let (op, rare) = (operation("op"), operation("rare"));
    let root = place.root().display().to_string();
    let mut arguments = vec!["record", "-o", &root, "--max-overhead", limit];
    arguments.extend(["--op", &op, "--op", &rare, "--"]);
    let program = place.program.display().to_string();
    arguments.push(&program);
    arguments.extend(load);
    let (status, stdout, stderr) = recorder::run(&arguments);
    assert!(status.success(), "{stderr}");
    (Counts::read(&stdout), stderr)
}

/// Sums over the intervals of an operation.
#[derive(Debug, Default)]
struct Times {
    observed_ns: f64,
    unobserved_ns: f64,
    represented_ns: f64,
    /// Operations that the observed ones stand for.
    operations: f64,
    cost_ns: f64,
}

impl Times {
    fn of(recording: &Recording, operation: &str) -> Self {
        let column = |name: &str| recording.integers("operation_metrics", name);
        let names = recording.words("operation_metrics", "operation");
        let columns = [
            "observed_ns",
            "unobserved_ns",
            "represented_ns",
            "begun",
            "probe_cost_ns",
        ];
        let columns = columns.map(column);
        let mut times = Self::default();
        for (row, _) in names
            .iter()
            .enumerate()
            .filter(|(_, name)| *name == operation)
        {
            let [observed, unobserved, represented, begun, cost] =
                [0, 1, 2, 3, 4].map(|at| columns[at][row].map(|value| value as f64));
            times.cost_ns += cost.expect("measured");
            // A row with counts that came late has no times.
            let Some(observed) = observed else { continue };
            times.observed_ns += observed;
            times.unobserved_ns += unobserved.unwrap();
            times.represented_ns += represented.unwrap();
            if observed > 0.0 {
                times.operations += begun.unwrap() * represented.unwrap() / observed;
            }
        }
        times
    }

    fn rate(&self) -> f64 {
        self.operations / (self.represented_ns / 1e9)
    }

    fn share(&self) -> f64 {
        self.observed_ns / (self.observed_ns + self.unobserved_ns)
    }
}

/// Nothing is observed before the command starts, and after its end: loading, attaching and detaching take
/// a good part of a second.
fn assert_is_of_the_command(recording: &Recording, times: &Times) {
    let at = recording.times("annotations", "at");
    let kinds = recording.words("annotations", "kind");
    let of = |kind: &str| at[kinds.iter().position(|found| found == kind).unwrap()];
    let length_ns = (of("target_exited") - of("recording_started")) as f64;
    let known_ns = times.observed_ns + times.unobserved_ns;
    // The clock of annotations may be slewed by 1 in 2,000.
    assert!(known_ns < length_ns * 1.001, "{length_ns} {times:?}");
}

/// 40,000 calls per second cost more than a twentieth of a CPU on any host. Whether rates have a bias is
/// tested where hours can be simulated; here there are some ten times on, on a host that is busy.
#[test]
fn a_limit_that_binds_is_held_and_the_rate_is_the_one_of_the_target() {
    if !host::allows_bpf() {
        return;
    }
    let _alone = alone();
    let place = Place::of("load.c");
    let seconds = 20;
    let load = ["40000", "1000", "1000", &seconds.to_string(), "0"];
    let (counts, stderr) = record(&place, "5%", &load);
    assert!(stderr.contains(SWITCHED), "{stderr}");
    let recording = Recording::open(&place.root());
    let (op, rare) = (recording.checked("op"), recording.checked("rare"));
    let times = Times::of(&recording, "op");
    assert!(times.share() > 0.0 && times.share() < 0.95, "{times:?}");
    assert_is_of_the_command(&recording, &times);
    let cost = times.cost_ns + Times::of(&recording, "rare").cost_ns;
    let used = counts.all["cpu_ns"] as f64;
    assert!(cost < 2.0 * 0.05 * used, "{cost} ns of {used} ns");
    let truth = counts.begun as f64 / f64::from(seconds);
    let ratio = times.rate() / truth;
    assert!((0.4..2.0).contains(&ratio), "{ratio} {times:?}");
    // Nothing of the time off looks like something that is wrong.
    assert_eq!((op.unmatched, op.abandoned), (0, 0), "{op:?}");
    assert!(op.lost < op.finished / 100, "{op:?}");
    // The other operation costs next to nothing, and stays on.
    assert_eq!(rare.finished, counts.all["rare"], "{rare:?}");
    assert_eq!(Times::of(&recording, "rare").unobserved_ns, 0.0);
    // Nor do durations become longer by what was not seen: each call takes microseconds.
    let durations = recording.of("op", "duration_ns").into_iter().flatten();
    let mut durations: Vec<i64> = durations.collect();
    durations.sort_unstable();
    assert!(durations[durations.len() / 2] < 1_000_000);
    assert!(*durations.last().unwrap() < 500_000_000);
}

/// The part of the target's CPU time that the probes cost, of processes that each live for 20 ms: 300 one
/// after another, with some 20,000 operations a second, which cost more than 1% on any host.
fn cost_with_short_lives(way: &str, as_command: bool) -> f64 {
    let place = Place::of("short_lived.c");
    let (probe, root) = (place.probe(), place.root());
    let load = [way, "300", "20000"];
    let limit = ["--max-overhead", "1%", "--op", &probe];
    let (counts, stderr) = if as_command {
        let program = place.program.display().to_string();
        let root = root.display().to_string();
        let arguments = [
            &["record", "-o", &root],
            &limit[..],
            &["--", &program],
            &load,
        ];
        let (status, stdout, stderr) = recorder::run(&arguments.concat());
        assert!(status.success(), "{stderr}");
        (Counts::read(&stdout), stderr)
    } else {
        let recorder = Recorder::start(&root, &limit);
        let run = targets::run(&place.program, &load);
        let ended = recorder.stop().check();
        (run.counts(), ended.stderr)
    };
    assert!(stderr.contains(SWITCHED), "{stderr}");
    let times = Times::of(&Recording::open(&root), "op");
    times.cost_ns / counts.all["cpu_ns"] as f64
}

/// Where the target seems to use no CPU time, the probes are off nearly all the time.
#[test]
fn the_limit_is_used_where_processes_live_for_milliseconds() {
    if !host::allows_bpf() || !host::counts_target_cpu() {
        return;
    }
    let _alone = alone();
    for (way, as_command) in [("execs", false), ("nobody", true)] {
        let cost = cost_with_short_lives(way, as_command);
        assert!((0.004..0.03).contains(&cost), "{way}: {cost}");
    }
}

/// The recorder's processes have the observed library in their memory, as they have the C library. The
/// probes cost most of what the target uses. With the CPU time of one of the recorder's processes, which
/// is busy all the time, the limit would not bind.
#[test]
fn the_cpu_time_of_the_recorders_own_processes_is_not_the_targets() {
    if !host::allows_bpf() || !host::counts_target_cpu() {
        return;
    }
    let _alone = alone();
    let place = Place::of("busy_library.c");
    let library = targets::build("busy_library.c", &["-DLIBRARY", "-shared", "-fPIC"]);
    let library = targets::own_copy(&library, &place.path(""));
    let op = format!("op=uprobe:{}:op", library.display());
    for busy in ["parent", "child"] {
        let mut command = recorder::program();
        command.args(["record", "--max-overhead", "20%", "--op", &op, "-o"]);
        command.arg(place.path(busy));
        command.env("LD_PRELOAD", &library);
        command.env("SOAKBOX_TEST_BUSY", busy);
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let recorder = Recorder::spawn(command);
        let process = match busy {
            "parent" => recorder.pid(),
            _ => attacher::of(recorder.pid()),
        };
        let load = [library.as_os_str(), "5000".as_ref(), "6".as_ref()];
        let counts = targets::run(&place.program, &load).counts();
        let own = own_cpu_seconds(process);
        let ended = recorder.stop().check();
        let used = counts.all["cpu_ns"] as f64 / 1e9;
        // With it, all that the probes cost would be below the limit, even were the target nothing else.
        assert!(own > 5.0 * used, "{busy}: {own} s, and {used} s");
        assert!(ended.stderr.contains(SWITCHED), "{busy}: {}", ended.stderr);
        let recording = Recording::open(&place.path(busy));
        assert!(recording.checked("op").finished < counts.begun);
    }
}

/// The CPU time of a process so far.
fn own_cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks: u64 = fields[11..13]
        .iter()
        .map(|n| n.parse::<u64>().unwrap())
        .sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

#[test]
fn a_limit_that_does_not_bind_changes_nothing() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::of("load.c");
    let (counts, stderr) = record(&place, "50%", &["100", "1000", "1000", "3", "0"]);
    assert!(!stderr.contains(SWITCHED), "{stderr}");
    let recording = Recording::open(&place.root());
    let totals = recording.checked("op");
    assert_eq!(totals.finished, counts.begun);
    let times = Times::of(&recording, "op");
    assert_eq!(times.unobserved_ns, 0.0);
    assert_is_of_the_command(&recording, &times);
    assert_eq!(times.operations.round() as i64, counts.begun);
    assert_eq!(times.observed_ns, times.represented_ns);
    let unobserved = (totals.begun_unobserved, totals.finished_unobserved);
    assert_eq!(unobserved, (0, 0));
}

#[test]
fn a_recorder_that_is_killed_with_probes_off_or_on_leaves_the_target_as_it_was() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::of("load.c");
    for (limit, rate, is_off) in [("1%", "200000", true), ("100%", "10", false)] {
        let root = place.path(&format!("recording-{rate}"));
        let arguments = ["--max-overhead", limit, "--op", &place.probe()];
        let mut recorder = Recorder::start(&root, &arguments);
        let mut target = Endless::start(&place.program, &[rate, "50", "50", "600", "0"]);
        if is_off {
            recorder.wait_for_line(SWITCHED);
            wait_until_unchanged(&target, &place.program);
        } else {
            while is_unchanged(target.pid(), &place.program) {
                assert!(target.is_running());
            }
        }
        recorder.kill();
        wait_until_unchanged(&target, &place.program);
        assert!(target.is_running());
        let (status, _, stderr) = recorder::run(&["recover", &root.display().to_string()]);
        assert!(status.success(), "{stderr}");
    }
}

/// Processes that start, fork, run another program and end whenever probes are off or on behave as
/// without a recorder, and are counted right.
#[test]
fn processes_come_and_go_while_probes_are_switched() {
    if !host::allows_bpf() {
        return;
    }
    let place = Place::new();
    let mix = ["mix", "4000", "3", "5", "7"];
    let alone = targets::run(&place.program, &mix);
    let mut recorder = Recorder::start(
        &place.root(),
        &["--max-overhead", "0.5%", "--op", &place.probe()],
    );
    // Something else keeps the probes switched.
    let busy = Endless::start(&place.program, &["rate", "1000000000", "200000"]);
    recorder.wait_for_line(SWITCHED);
    for _ in 0..40 {
        assert_eq!(targets::run(&place.program, &mix), alone);
    }
    drop(busy);
    recorder.stop().check();
    let recording = Recording::open(&place.root());
    let totals = recording.checked("op");
    assert!(Times::of(&recording, "op").unobserved_ns > 0.0);
    // Those that ended in time off are known to be over, or are in flight.
    assert_eq!(totals.unmatched, 0, "{totals:?}");
}

#[test]
fn what_is_no_share_is_refused() {
    for text in ["1", "0%", "101%", "x%"] {
        let refused = recorder::run(&["record", "-o", "x", "--max-overhead", text]);
        let (status, _, stderr) = refused;
        assert_eq!(status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains("write a percentage from 0.01% to 100%"),
            "{stderr}"
        );
    }
}
