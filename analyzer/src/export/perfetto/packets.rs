//! Packets of a trace: <https://perfetto.dev/docs/reference/trace-packet-proto>. The numbers are those of
//! the fields of `TracePacket`, `TrackDescriptor` and `TrackEvent`. All packets are of one sequence, whose
//! names of slices and of values are written once. Times are ns UTC: the trace's clock is declared to be
//! that of UTC.

use std::borrow::Cow;
use std::collections::HashMap;

use super::wire::Message;

/// `Trace.packet`.
const PACKET: u32 = 1;

mod packet {
    pub(super) const CLOCK_SNAPSHOT: u32 = 6;
    pub(super) const TIMESTAMP: u32 = 8;
    pub(super) const SEQUENCE: u32 = 10;
    pub(super) const TRACK_EVENT: u32 = 11;
    pub(super) const INTERNED: u32 = 12;
    pub(super) const FLAGS: u32 = 13;
    pub(super) const TRACK: u32 = 60;
}

/// `ClockSnapshot.Clock`: the two builtin clocks that are the same in these traces.
const CLOCKS: [u64; 2] = [BOOT_CLOCK, UTC_CLOCK];
const BOOT_CLOCK: u64 = 6;
const UTC_CLOCK: u64 = 1;
/// The only sequence.
const SEQUENCE: u64 = 1;
/// Flags of a packet: nothing is interned yet, and it needs what is.
const CLEARED: u64 = 1;
const NEEDS_INTERNED: u64 = 2;

mod track {
    pub(super) const UUID: u32 = 1;
    pub(super) const NAME: u32 = 2;
    pub(super) const PROCESS: u32 = 3;
    pub(super) const THREAD: u32 = 4;
    pub(super) const PARENT: u32 = 5;
    pub(super) const COUNTER: u32 = 8;
}

mod event {
    pub(super) const DEBUG: u32 = 4;
    pub(super) const TYPE: u32 = 9;
    pub(super) const NAME_ID: u32 = 10;
    pub(super) const TRACK: u32 = 11;
    pub(super) const NAME: u32 = 23;
    pub(super) const COUNTER: u32 = 30;
}

/// `TrackEvent.Type`.
const BEGIN: u64 = 1;
const END: u64 = 2;
const INSTANT: u64 = 3;
const COUNTER: u64 = 4;

/// What a track is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'a> {
    /// One with a name.
    Named(&'a str),
    /// A process with a name.
    Process(i32, &'a str),
    /// A thread: process and thread.
    Thread(i32, i32),
    /// A counter with a name.
    Counter(&'a str, CounterUnit),
}

/// `CounterDescriptor.Unit`.
#[derive(Clone, Copy, Debug)]
pub(super) enum CounterUnit {
    Nanoseconds = 1,
    Count = 2,
    Bytes = 3,
}

/// A value of a slice that is shown when it is chosen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Number(i64),
    Truth(bool),
}

/// Writes packets.
#[derive(Default)]
pub(super) struct Packets {
    tracks: u64,
    names: HashMap<String, u64>,
    value_names: HashMap<&'static str, u64>,
    has_begun: bool,
    body: Message,
}

impl Packets {
    /// Appends the clocks, if that was not done; `at_ns` is any time of the trace.
    pub(super) fn start(&mut self, at_ns: i64, out: &mut Vec<u8>) {
        if self.has_begun {
            return;
        }
        self.has_begun = true;
        let at = moment(at_ns);
        self.body.clear();
        self.body.number(packet::SEQUENCE, SEQUENCE);
        self.body.number(packet::FLAGS, CLEARED);
        self.body.message(packet::CLOCK_SNAPSHOT, |snapshot| {
            for clock in CLOCKS {
                snapshot.message(1, |one| {
                    one.number(1, clock);
                    one.number(2, at);
                });
            }
        });
        self.append(out);
    }

    /// Appends a track; gives its id.
    pub(super) fn track(&mut self, parent: Option<u64>, kind: Kind<'_>, out: &mut Vec<u8>) -> u64 {
        self.tracks += 1;
        let uuid = self.tracks;
        self.body.clear();
        self.body.number(packet::SEQUENCE, SEQUENCE);
        self.body.message(packet::TRACK, |described| {
            described.number(track::UUID, uuid);
            if let Some(parent) = parent {
                described.number(track::PARENT, parent);
            }
            match kind {
                Kind::Named(name) => described.bytes(track::NAME, shown(name).as_bytes()),
                Kind::Process(pid, name) => described.message(track::PROCESS, |process| {
                    process.signed(1, i64::from(pid));
                    process.bytes(6, shown(name).as_bytes());
                }),
                Kind::Thread(pid, tid) => described.message(track::THREAD, |thread| {
                    thread.signed(1, i64::from(pid));
                    thread.signed(2, i64::from(tid));
                }),
                Kind::Counter(name, unit) => {
                    described.bytes(track::NAME, shown(name).as_bytes());
                    described.message(track::COUNTER, |counter| counter.number(3, unit as u64));
                }
            }
        });
        self.append(out);
        uuid
    }

    /// Appends a slice; one without an end lasts to the end of the trace.
    pub(super) fn slice(
        &mut self,
        track: u64,
        name: &str,
        [begin_ns, end_ns]: [Option<i64>; 2],
        values: &[(&'static str, Value)],
        out: &mut Vec<u8>,
    ) {
        let mut interned = Message::default();
        let name = id(&mut self.names, name, |id, name| {
            interned.message(2, |one| named(one, id, shown(name).as_bytes()));
        });
        let mut event = Message::default();
        event.number(event::TYPE, BEGIN);
        event.number(event::TRACK, track);
        event.number(event::NAME_ID, name);
        for &(name, value) in values {
            let known = self.value_names.len() as u64 + 1;
            let id = *self.value_names.entry(name).or_insert_with(|| {
                interned.message(3, |one| named(one, known, name.as_bytes()));
                known
            });
            event.message(event::DEBUG, |debug| {
                debug.number(1, id);
                match value {
                    Value::Truth(truth) => debug.number(2, u64::from(truth)),
                    Value::Number(number) => debug.signed(4, number),
                }
            });
        }
        self.event(begin_ns.unwrap_or_default(), &event, &interned, out);
        if let Some(end_ns) = end_ns {
            event.clear();
            event.number(event::TYPE, END);
            event.number(event::TRACK, track);
            interned.clear();
            self.event(end_ns, &event, &interned, out);
        }
    }

    /// Appends a moment.
    pub(super) fn instant(&mut self, track: u64, name: &str, at_ns: i64, out: &mut Vec<u8>) {
        let mut event = Message::default();
        event.number(event::TYPE, INSTANT);
        event.number(event::TRACK, track);
        event.bytes(event::NAME, shown(name).as_bytes());
        self.event(at_ns, &event, &Message::default(), out);
    }

    /// Appends a value of a counter.
    pub(super) fn counter(&mut self, track: u64, at_ns: i64, value: i64, out: &mut Vec<u8>) {
        let mut event = Message::default();
        event.number(event::TYPE, COUNTER);
        event.number(event::TRACK, track);
        event.signed(event::COUNTER, value);
        self.event(at_ns, &event, &Message::default(), out);
    }

    fn event(&mut self, at_ns: i64, event: &Message, interned: &Message, out: &mut Vec<u8>) {
        self.body.clear();
        self.body.number(packet::TIMESTAMP, moment(at_ns));
        self.body.number(packet::SEQUENCE, SEQUENCE);
        self.body.number(packet::FLAGS, NEEDS_INTERNED);
        if !interned.0.is_empty() {
            self.body.bytes(packet::INTERNED, &interned.0);
        }
        self.body.bytes(packet::TRACK_EVENT, &event.0);
        self.append(out);
    }

    fn append(&mut self, out: &mut Vec<u8>) {
        let mut framed = Message(std::mem::take(out));
        framed.bytes(PACKET, &self.body.0);
        *out = framed.0;
    }
}

/// A time of the trace: there is none before 1970.
fn moment(at_ns: i64) -> u64 {
    u64::try_from(at_ns).unwrap_or(0)
}

/// A text as readers show it: Perfetto's queries would end it at its first NUL.
fn shown(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}

fn named(message: &mut Message, id: u64, name: &[u8]) {
    message.number(1, id);
    message.bytes(2, name);
}

/// The id of a text; a new one is passed on to be written.
fn id(known: &mut HashMap<String, u64>, text: &str, new: impl FnOnce(u64, &str)) -> u64 {
    if let Some(id) = known.get(text) {
        return *id;
    }
    let id = known.len() as u64 + 1;
    known.insert(text.to_owned(), id);
    new(id, text);
    id
}
