//! The tracks of operations: one per thread, as far as its operations nest; lanes for those that overlap,
//! and for operations that belong to no thread.

use std::collections::{HashMap, HashSet};

use super::lanes::{Lanes, Nested};
use super::packets::{Kind, Packets};

/// Whose an operation is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner<'a> {
    pub(super) recorder: &'a str,
    pub(super) host: &'a str,
    pub(super) pid: Option<i64>,
    /// `None` of a goroutine, which has no thread of its own.
    pub(super) tid: Option<i64>,
}

/// Recorder and process.
type ProcessKey = (String, Option<i64>);

struct Process {
    track: u64,
    /// Its number, where the trace has it as a process.
    pid: Option<i32>,
}

struct Thread {
    track: u64,
    open: Nested,
}

/// All tracks so far.
#[derive(Default)]
pub(super) struct Tracks {
    processes: HashMap<ProcessKey, Process>,
    /// The numbers that are taken: of two hosts only one process can have a number.
    pids: HashSet<i32>,
    threads: HashMap<(u64, i64), Thread>,
    /// By the track that they are under, and the name of the operation.
    lanes: HashMap<(u64, String), (Lanes, Vec<u64>)>,
}

impl Tracks {
    /// The track of a process.
    pub(super) fn process(
        &mut self,
        owner: Owner<'_>,
        packets: &mut Packets,
        out: &mut Vec<u8>,
    ) -> u64 {
        let key = (owner.recorder.to_owned(), owner.pid);
        if let Some(known) = self.processes.get(&key) {
            return known.track;
        }
        let number = owner.pid.and_then(|pid| i32::try_from(pid).ok());
        let number = number.filter(|pid| *pid > 0 && self.pids.insert(*pid));
        let track = match (number, owner.pid) {
            (Some(pid), _) => packets.track(None, Kind::Process(pid, owner.host), out),
            (None, Some(pid)) => {
                let name = format!("process {pid} of {} ({})", owner.host, owner.recorder);
                packets.track(None, Kind::Named(&name), out)
            }
            (None, None) => {
                let name = format!("operations of {} ({})", owner.host, owner.recorder);
                packets.track(None, Kind::Named(&name), out)
            }
        };
        self.processes.insert(key, Process { track, pid: number });
        track
    }

    /// The track of an operation.
    pub(super) fn place(
        &mut self,
        owner: Owner<'_>,
        operation: &str,
        [begin_ns, end_ns]: [i64; 2],
        packets: &mut Packets,
        out: &mut Vec<u8>,
    ) -> u64 {
        let process = self.process(owner, packets, out);
        let mut above = process;
        if let Some(tid) = owner.tid {
            let key = (owner.recorder.to_owned(), owner.pid);
            let pid = self.processes.get(&key).and_then(|known| known.pid);
            let thread = self.threads.entry((process, tid)).or_insert_with(|| {
                let number = i32::try_from(tid).ok().filter(|tid| *tid > 0);
                let track = match pid.zip(number) {
                    Some((pid, tid)) => packets.track(None, Kind::Thread(pid, tid), out),
                    None => {
                        packets.track(Some(process), Kind::Named(&format!("thread {tid}")), out)
                    }
                };
                Thread {
                    track,
                    open: Nested::default(),
                }
            });
            if thread.open.fits(begin_ns, end_ns) {
                return thread.track;
            }
            above = thread.track;
        }
        let key = (above, operation.to_owned());
        let (lanes, tracks) = self.lanes.entry(key).or_default();
        let lane = lanes.place(begin_ns, end_ns);
        while tracks.len() <= lane {
            // Tracks of the same name would be shown as one, on which these cannot be.
            let name = match tracks.len() {
                0 => operation.to_owned(),
                others => format!("{operation} {}", others + 1),
            };
            tracks.push(packets.track(Some(above), Kind::Named(&name), out));
        }
        tracks.get(lane).copied().unwrap_or(above)
    }
}
