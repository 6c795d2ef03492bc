//! The target's CPU time as the kernel side counts it: of processes and threads that live for
//! milliseconds, and only since they are of the target. Each process of a target measures its own.

use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use soakbox_recorder::binary::Binary;
use soakbox_recorder::clock::{Clock, SystemClock};
use soakbox_recorder::kernel::{
    CountedCpu, Kernel, KernelFacts, KernelSettings, Scope, register_here,
};
use soakbox_recorder::plan::lifecycle_hooks;
use soakbox_recorder::resolve::{Conditions, ResolvedProbes};
use soakbox_schemas::target_cpu::FileKey;

use crate::support::place::Place;
use crate::support::targets::{self, Counts, Endless, Waiting};
use crate::support::{host, programs};

/// Programs that are attached, and what they count.
struct Counting {
    kernel: Kernel,
    cpu: CountedCpu,
}

impl Counting {
    fn start(tree: Option<u32>) -> Self {
        let facts = KernelFacts::inspect().unwrap();
        let settings = KernelSettings {
            switched: true,
            counts_cpu: true,
            tree,
            ..KernelSettings::default()
        };
        let hooks = lifecycle_hooks(true);
        let mut kernel = Kernel::load(&facts, &settings, &hooks).unwrap();
        kernel.attach(&hooks, Scope::File).unwrap();
        let cpu = kernel.take_target_cpu().unwrap();
        Self {
            cpu: cpu.expect("this kernel has what is needed"),
            kernel,
        }
    }

    /// Of the processes that execute this file.
    fn of_file(program: &Path) -> Self {
        let mut counting = Self::start(None);
        counting.cpu.set_files(&[key(program)]).unwrap();
        counting
    }

    fn used(&self) -> Duration {
        Duration::from_nanos(self.cpu.used_ns(SystemClock.now().boot_ns))
    }
}

/// In the temporary directory of a test the device of `stat` is the kernel's.
fn key(program: &Path) -> FileKey {
    let (device, inode) = Binary::open(program.to_owned()).unwrap().0.identity();
    FileKey {
        inode,
        device: rustix::fs::major(device) << 20 | rustix::fs::minor(device),
        zero: 0,
    }
}

/// What the processes measured has no time of their start and of their end: up to 1 ms for each.
fn assert_near(counted: Duration, measured: Duration, processes: u32) {
    let most = measured.mul_f64(1.02) + Duration::from_millis(1) * processes;
    assert!(
        counted >= measured.mul_f64(0.97) && counted <= most,
        "{counted:?}, and {measured:?} by {processes} processes"
    );
}

/// The CPU time of a process by its own clock.
fn cpu_of(pid: u32) -> Duration {
    clock_of(pid).expect("it runs")
}

/// The same; `None` once it has ended.
fn clock_of(pid: u32) -> Option<Duration> {
    let mut clock = 0;
    // SAFETY: a clock to be filled in.
    let found = unsafe { libc::clock_getcpuclockid(pid as i32, &raw mut clock) };
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a time to be filled in.
    let is_read = found == 0 && unsafe { libc::clock_gettime(clock, &raw mut time) } == 0;
    is_read.then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

fn measured(counts: &Counts) -> Duration {
    Duration::from_nanos(counts.all["cpu_ns"] as u64)
}

/// `None` where this host counts nothing. Only one test at a time: processes that others start would be
/// descendants of this one.
fn alone() -> Option<MutexGuard<'static, ()>> {
    let counts = host::allows_bpf()
        && host::counts_target_cpu()
        && KernelFacts::inspect().unwrap().offsets.has_target_cpu();
    counts.then(programs::alone)
}

#[test]
fn processes_and_threads_that_live_for_milliseconds_are_counted_whole_and_once() {
    let Some(_alone) = alone() else {
        return;
    };
    let place = Place::of("short_lived.c");
    let counting = Counting::of_file(&place.program);
    let mut before = counting.used();
    for (way, number, us) in [
        ("forks", 100, "2000"),
        ("execs", 100, "2000"),
        ("chain", 60, "3000"),
        ("nobody", 60, "3000"),
        ("threads", 100, "2000"),
        ("forks", 3, "50000"),
    ] {
        let run = targets::run(&place.program, &[way, &number.to_string(), us]);
        let now = counting.used();
        assert_near(now - before, measured(&run.counts()), number + 1);
        before = now;
    }
}

/// Those that another program starts, and only they: not the shell, nor what they execute.
#[test]
fn of_other_programs_nothing_is_counted() {
    let Some(_alone) = alone() else {
        return;
    };
    let place = Place::of("short_lived.c");
    let elsewhere = place.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let other = targets::own_copy(&place.program, &elsewhere);
    let counting = Counting::of_file(&place.program);
    let script = format!(
        "for i in $(seq 20); do {} leaves 5000 {} forks 2 20000 & wait; done",
        place.program.display(),
        other.display()
    );
    let status = Command::new("bash")
        .args(["-c", &script])
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    // Each has two such times, of the shell's fork and of what it executes.
    assert_near(counting.used(), Duration::from_millis(20 * 5), 60);
}

#[test]
fn a_process_that_runs_already_is_counted_from_when_it_is_found() {
    let Some(_alone) = alone() else {
        return;
    };
    let place = Place::of("load.c");
    // It has used half a second, and goes on in one thread.
    let busy = Endless::start(&place.program, &["1000", "1000", "1000", "600", "0"]);
    while cpu_of(busy.pid()) < Duration::from_millis(500) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut counting = Counting::of_file(&place.program);
    let before = cpu_of(busy.pid());
    for _ in 0..3 {
        counting.cpu.add(&[busy.pid(), u32::MAX]).unwrap();
    }
    std::thread::sleep(Duration::from_secs(1));
    // Once it has been switched out, all since then is there.
    let started = Instant::now();
    loop {
        let (low, counted, high) = (cpu_of(busy.pid()), counting.used(), cpu_of(busy.pid()));
        if counted + Duration::from_millis(20) >= low - before {
            assert!(
                counted <= high - before + Duration::from_millis(20),
                "{counted:?}"
            );
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{counted:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let whole = cpu_of(busy.pid());
    drop(busy);
    assert!(counting.used() < whole - Duration::from_millis(200));
}

/// Each of its threads runs for 30 ms at a time, or for a few where others want the CPU. Were one counted
/// twice while it is switched out, that would be its time too much.
#[test]
fn a_thread_that_is_read_while_it_runs_is_never_counted_twice() {
    let Some(_alone) = alone() else {
        return;
    };
    const ROUNDS: usize = 8;
    let place = Place::of("short_lived.c");
    // A hypervisor that takes the CPU away disturbs some rounds; a wrong order of writes, all of them.
    let is_once = (0..ROUNDS).any(|_| {
        let above = most_above(&place);
        eprintln!("{above:?} above its own clock at most");
        above < Duration::from_micros(1_200)
    });
    assert!(is_once, "counted twice in each round");
}

/// By how much the counted time was above the process's own clock at most.
fn most_above(place: &Place) -> Duration {
    let counting = Counting::of_file(&place.program);
    let threads = targets::start_waiting(&place.program, &["threads", "60", "30000"]);
    let pid = threads.pid();
    let running = std::thread::spawn(move || threads.go().counts());
    let (mut latest, mut most) = (Duration::ZERO, Duration::ZERO);
    while !running.is_finished() {
        let counted = counting.used();
        if counted > latest + Duration::from_millis(1) {
            latest = counted;
            // None once it has ended.
            if let Some(own) = clock_of(pid) {
                most = most.max(counted.saturating_sub(own));
            }
        }
    }
    assert_near(counting.used(), measured(&running.join().unwrap()), 61);
    most
}

/// As the processes of an observed library are, which execute any program.
#[test]
fn a_thread_is_counted_from_its_first_observed_operation() {
    let Some(_alone) = alone() else {
        return;
    };
    let place = Place::of("short_lived.c");
    let probe = place.probe().parse().unwrap();
    let conditions = Conditions::of_this_host().unwrap();
    let resolved = ResolvedProbes::resolve(vec![probe], None, conditions);
    let hooks = &resolved.operations[0].hooks;
    let mut counting = Counting::start(None);
    // One that runs is not known by then, and one that begins does not begin as one of the target.
    let threads = targets::start_waiting(&place.program, &["threads", "20", "10000"]);
    counting.kernel.load_programs(hooks).unwrap();
    counting.kernel.attach(hooks, Scope::File).unwrap();
    let all = measured(&threads.go().counts());
    assert_near(counting.used(), all, 21);
    let before = counting.used();
    let run = targets::run(&place.program, &["forks", "20", "10000"]);
    assert_near(counting.used() - before, measured(&run.counts()), 21);
}

#[test]
fn processes_of_the_recorder_are_left_out_whatever_they_run() {
    let Some(_alone) = alone() else {
        return;
    };
    let place = Place::of("short_lived.c");
    let mut counting = Counting::of_file(&place.program);
    let waiting: Waiting = targets::start_waiting(&place.program, &["forks", "10", "5000"]);
    // Its execution is over, which begins before the process that starts it goes on.
    let is_counted = |_| {
        std::thread::sleep(Duration::from_millis(1));
        !counting.used().is_zero()
    };
    assert!((0..10_000).any(is_counted), "its execution is not seen");
    counting.cpu.leave_out(&[waiting.pid()]).unwrap();
    counting.cpu.add(&[waiting.pid()]).unwrap();
    // One that runs meanwhile is left out from its next switch on.
    let load = targets::own_copy(&targets::build("load.c", &[]), &place.path(""));
    counting.cpu.set_files(&[key(&load)]).unwrap();
    let busy = Endless::start(&load, &["1000", "1000", "1000", "600", "0"]);
    std::thread::sleep(Duration::from_millis(100));
    counting.cpu.leave_out(&[busy.pid()]).unwrap();
    let grows = || {
        let before = counting.used();
        std::thread::sleep(Duration::from_millis(200));
        counting.used() != before
    };
    assert!((0..100).any(|_| !grows()), "it is counted still");
    drop(busy);
    counting.cpu.set_files(&[key(&place.program)]).unwrap();
    let before = counting.used();
    let own = measured(&waiting.go().counts());
    let counted = counting.used() - before;
    assert!(own > Duration::from_millis(50), "{own:?}");
    assert!(counted < Duration::from_millis(5), "{counted:?} of {own:?}");
}

#[test]
fn the_descendants_of_a_registered_process_are_counted_without_itself() {
    const IN_CHILD: &str = "SOAKBOX_TEST_DESCENDANTS";
    let Some(_alone) = alone() else {
        return;
    };
    if std::env::var_os(IN_CHILD).is_none() {
        // In a process of its own: what other tests start here would be descendants.
        let name = std::thread::current().name().unwrap().to_owned();
        let mut test = Command::new(std::env::current_exe().unwrap());
        let output = test.args(["--exact", &name]).env(IN_CHILD, "1").output();
        let stdout = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!(stdout.contains("1 passed"), "{stdout}");
        return;
    }
    let place = Place::of("short_lived.c");
    // Not more than one process at a time has its place: the others are counted as well.
    let mut counting = Counting::start(Some(1));
    let own = NonZeroU32::new(std::process::id()).unwrap();
    // SAFETY: takes nothing.
    let thread = NonZeroU32::new(unsafe { libc::gettid() }.cast_unsigned()).unwrap();
    counting.kernel.begin_registration(own, thread).unwrap();
    register_here();
    counting.kernel.end_registration();
    let until = Instant::now() + Duration::from_millis(100);
    while Instant::now() < until {}
    let script = format!(
        "{} forks 20 10000; {0} nobody 20 10000",
        place.program.display()
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let all: Duration = lines
        .lines()
        .map(|line| measured(&Counts::read(line)))
        .sum();
    assert_near(counting.used(), all, 46);
}

#[test]
fn a_kernel_without_a_member_counts_nothing_and_refuses_nothing() {
    let Some(_alone) = alone() else {
        return;
    };
    let mut facts = KernelFacts::inspect().unwrap();
    facts.offsets.task_used = soakbox_schemas::control::ABSENT;
    let settings = KernelSettings {
        switched: true,
        counts_cpu: true,
        ..KernelSettings::default()
    };
    let mut kernel = Kernel::load(&facts, &settings, &lifecycle_hooks(true)).unwrap();
    assert!(kernel.take_target_cpu().unwrap().is_none());
}
