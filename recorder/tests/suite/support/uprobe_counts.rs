//! Counts how often places in a file are executed, by perf events of the kernel: a second way of
//! counting that has nothing in common with the recorder.

use std::ffi::CString;
use std::fs;
use std::fs::File;
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The counters of a file's places, one per CPU each, counting since they were opened.
#[derive(Debug)]
pub(crate) struct UprobeCounts {
    places: Vec<Vec<File>>,
}

impl UprobeCounts {
    pub(crate) fn open(file: &Path, offsets: &[u64]) -> Self {
        allow_many_files();
        let path = CString::new(file.as_os_str().as_bytes()).expect("a path");
        let (kind, cpus) = (kind_of_uprobes(), online_cpus());
        let place = |offset: &u64| {
            let on_cpu = |cpu: &i32| open(kind, &path, *offset, *cpu);
            cpus.iter().map(on_cpu).collect()
        };
        Self {
            places: offsets.iter().map(place).collect(),
        }
    }

    /// The counts so far, in the order of the offsets.
    pub(crate) fn read(&self) -> Vec<i64> {
        let counted = |file: &File| {
            let mut count = [0; 8];
            (&*file).read_exact(&mut count).expect("a count");
            i64::from_ne_bytes(count)
        };
        let places = self.places.iter();
        places.map(|cpus| cpus.iter().map(counted).sum()).collect()
    }
}

/// `struct perf_event_attr` in its second version, as far as uprobes need it.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    period: u64,
    sample: u64,
    read_format: u64,
    flags: u64,
    wakeup: u32,
    breakpoint: u32,
    path: u64,
    offset: u64,
}

/// The type of perf events that the kernel has given to uprobes.
fn kind_of_uprobes() -> u32 {
    let kind = fs::read_to_string("/sys/bus/event_source/devices/uprobe/type").expect("uprobes");
    kind.trim().parse().expect("a number")
}

fn open(kind: u32, path: &CString, offset: u64, cpu: i32) -> File {
    let attributes = Attributes {
        kind,
        size: size_of::<Attributes>() as u32,
        path: path.as_ptr() as u64,
        offset,
        ..Attributes::default()
    };
    let (any_process, no_group, close_on_exec) = (-1, -1, 8);
    // SAFETY: the attributes and the path live until the call returns, which gives a new file.
    let file = unsafe {
        let number = libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            any_process,
            cpu,
            no_group,
            close_on_exec,
        );
        assert!(number >= 0, "{}", std::io::Error::last_os_error());
        OwnedFd::from_raw_fd(i32::try_from(number).expect("a file descriptor"))
    };
    File::from(file)
}

/// The numbers in a list such as `0-3,6`.
fn online_cpus() -> Vec<i32> {
    let text = fs::read_to_string("/sys/devices/system/cpu/online").expect("the CPUs");
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.parse::<i32>().expect("a number");
        number(first)..=number(last)
    };
    text.trim().split(',').flat_map(range).collect()
}

fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, most).expect("the limit may rise to its maximum");
}
