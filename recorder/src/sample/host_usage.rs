//! How busy the host is: CPU time, time that its hypervisor took, tasks that waited (pressure), memory
//! that is left. It often answers why operations took longer.

use std::fs::File;
use std::path::Path;

use soakbox_schemas::tables::RecorderHealth;

use super::proc_file::beginning;

/// Files of /proc about the host, opened at the start, because the fence lets nothing be opened
/// later. What cannot be opened is not measured.
#[derive(Debug, Default)]
pub(crate) struct HostFiles {
    stat: Option<File>,
    memory: Option<File>,
    /// Of CPUs, memory and disks.
    pressure: [Option<File>; 3],
}

impl HostFiles {
    /// Those below `/proc`.
    pub(crate) fn open() -> Self {
        Self::below(Path::new("/proc"))
    }

    fn below(proc: &Path) -> Self {
        let open = |name: &str| File::open(proc.join(name)).ok();
        Self {
            stat: open("stat"),
            memory: open("meminfo"),
            pressure: ["pressure/cpu", "pressure/memory", "pressure/io"].map(open),
        }
    }

    fn times(&self) -> Times {
        let cpu = self
            .stat
            .as_ref()
            .and_then(|file| cpu_ns(&beginning(file)?));
        Times {
            busy_ns: cpu.map(|[busy, _]| busy),
            steal_ns: cpu.map(|[_, steal]| steal),
            pressure_ns: self
                .pressure
                .each_ref()
                .map(|file| file.as_ref().and_then(|file| waited_ns(&beginning(file)?))),
        }
    }
}

/// Times since the host was started, ns; `None` where they are not measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Times {
    busy_ns: Option<u64>,
    steal_ns: Option<u64>,
    pressure_ns: [Option<u64>; 3],
}

/// Measures the host since the last row.
#[derive(Debug)]
pub(super) struct HostUsage {
    files: HostFiles,
    last: Times,
}

impl HostUsage {
    pub(super) fn start(files: HostFiles) -> Self {
        Self {
            last: files.times(),
            files,
        }
    }

    /// Adds to `health` the times since the last call, and the memory now.
    pub(super) fn add_to(&mut self, health: &mut RecorderHealth) {
        let now = self.files.times();
        let last = std::mem::replace(&mut self.last, now);
        // Counters of a CPU that was taken away fall.
        let since = |now: Option<u64>, last: Option<u64>| Some(now?.saturating_sub(last?));
        health.host_cpu_ns = since(now.busy_ns, last.busy_ns);
        health.host_steal_ns = since(now.steal_ns, last.steal_ns);
        let pressure = |of: usize| since(now.pressure_ns[of], last.pressure_ns[of]);
        health.host_cpu_pressure_ns = pressure(0);
        health.host_memory_pressure_ns = pressure(1);
        health.host_io_pressure_ns = pressure(2);
        let memory = self.files.memory.as_ref();
        health.host_memory_available_bytes =
            memory.and_then(|file| available_bytes(&beginning(file)?));
    }
}

/// Time of all CPUs in which something ran, and in which the hypervisor ran something else. The time
/// of guests is part of that of their processes.
fn cpu_ns(stat: &str) -> Option<[u64; 2]> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks = line
        .split_ascii_whitespace()
        .map(|word| word.parse::<u64>().ok());
    let ticks: Vec<u64> = ticks.collect::<Option<_>>()?;
    let [
        user,
        nice,
        system,
        _idle,
        _waiting,
        interrupts,
        soft,
        steal,
        ..,
    ] = ticks[..]
    else {
        return None;
    };
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let ns = |ticks: u64| ticks.saturating_mul(1_000_000_000 / per_second);
    let busy = [user, nice, system, interrupts, soft];
    let busy = busy.into_iter().fold(0, u64::saturating_add);
    Some([ns(busy), ns(steal)])
}

/// `some … total=MICROSECONDS`: the time in which at least one task waited.
fn waited_ns(pressure: &str) -> Option<u64> {
    let line = pressure.lines().find(|line| line.starts_with("some "))?;
    let total = line.split_once("total=")?.1.trim();
    total.parse::<u64>().ok()?.checked_mul(1_000)
}

fn available_bytes(memory: &str) -> Option<u64> {
    let mut lines = memory.lines();
    let line = lines.find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes = line.trim().strip_suffix("kB")?.trim();
    kibibytes.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use std::fs;

    use super::*;

    const STAT: &str = "cpu  10 20 30 1000 2000 1 2 5 7 8\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
    const PRESSURE: &str = "some avg10=1.00 avg60=1.00 avg300=1.00 total=1500\n\
                            full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
    const MEMORY: &str = "MemTotal:  100 kB\nMemFree:   10 kB\nMemAvailable:  60 kB\n";

    #[test]
    fn the_figures_are_those_of_the_files() {
        let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        assert_eq!(cpu_ns(STAT), Some([63 * tick, 5 * tick]));
        assert_eq!(waited_ns(PRESSURE), Some(1_500_000));
        assert_eq!(available_bytes(MEMORY), Some(60 * 1024));
        for text in [
            "",
            "cpu",
            "cpu  1 2 3\n",
            "cpu  1 2 3 4 5 6 7 x\n",
            "some total=\n",
            "\0",
        ] {
            assert_eq!(cpu_ns(text), None, "{text:?}");
            assert_eq!(waited_ns(text), None, "{text:?}");
            assert_eq!(available_bytes(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_row_has_the_time_since_the_last_one_and_nothing_that_is_not_measured() {
        let place = tempfile::tempdir().unwrap();
        let proc = place.path();
        fs::create_dir(proc.join("pressure")).unwrap();
        fs::write(proc.join("stat"), STAT).unwrap();
        fs::write(proc.join("pressure/io"), PRESSURE).unwrap();
        let mut usage = HostUsage::start(HostFiles::below(proc));
        fs::write(proc.join("stat"), STAT.replacen("10", "16", 1)).unwrap();
        fs::write(proc.join("pressure/io"), PRESSURE.replace("=1500", "=1800")).unwrap();
        let mut health = RecorderHealth::default();
        usage.add_to(&mut health);
        let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        assert_eq!(health.host_cpu_ns, Some(6 * tick));
        assert_eq!(health.host_steal_ns, Some(0));
        assert_eq!(health.host_io_pressure_ns, Some(300_000));
        assert_eq!(health.host_cpu_pressure_ns, None);
        assert_eq!(health.host_memory_available_bytes, None);
        usage.add_to(&mut health);
        assert_eq!(
            (health.host_cpu_ns, health.host_io_pressure_ns),
            (Some(0), Some(0))
        );
        // Without any file everything is null.
        let mut none = RecorderHealth::default();
        HostUsage::start(HostFiles::default()).add_to(&mut none);
        assert_eq!(none, RecorderHealth::default());
    }
}
