//! Loads the kernel side: the embedded object, its constants and the sizes of its maps.

use aya::maps::Array;
use aya::programs::tp_btf::BtfTracePointLinkId;
use aya::programs::{BtfTracePoint, ProgramError, UProbe};
use aya::{Btf, Ebpf, EbpfLoader, include_bytes_aligned};
use object::{Object, ObjectSection, ObjectSymbol};
use soakbox_schemas::control::{MAX_OPERATIONS, OperationRule, SETTINGS};
use soakbox_schemas::counters::SLOTS;
use soakbox_schemas::event::WIRE_VERSION;

use super::attach::Link;
use super::settings::Global;
use super::{Counters, Host, KernelError, ProbeProgram, Ring, chain};

#[cfg(target_arch = "x86_64")]
static OBJECT: &[u8] = include_bytes_aligned!("../../bpf/soakbox.x86_64.bpf.o");

/// Tracepoints that keep the books on threads and processes.
const TRACEPOINTS: [&str; 4] = [
    "sched_switch",
    "sched_process_exec",
    "sched_process_exit",
    "sched_process_fork",
];

/// What the plan wants of the kernel side.
#[derive(Clone, Debug)]
pub struct KernelSettings {
    /// One rule per operation, by index.
    pub rules: Vec<OperationRule>,
    /// Length of an interval, ns.
    pub interval_ns: u64,
    /// Size of the ring, bytes: a power of two and a multiple of the page size.
    pub ring_bytes: u32,
    /// Operations in flight that belong to processes (switched stacks, tokens).
    pub in_flight: u32,
    /// Only the recorder's own descendants are observed, at most so many processes at a time.
    pub tree: Option<u32>,
}

/// The loaded kernel side. Dropping it unloads everything.
pub struct Kernel {
    pub(super) ebpf: Ebpf,
    pub(super) links: Vec<Link>,
    books: Vec<(&'static str, BtfTracePointLinkId)>,
    operations: u32,
    cpus: u32,
}

#[repr(transparent)]
#[derive(Clone, Copy)]
struct Rule(#[allow(dead_code, reason = "read by the kernel")] OperationRule);
// SAFETY: repr(C) of integers without padding.
unsafe impl aya::Pod for Rule {}

impl Kernel {
    /// Loads all programs; attaches none.
    ///
    /// # Errors
    /// [`KernelError::Load`] with the kernel's reason.
    pub fn load(host: &Host, settings: &KernelSettings) -> Result<Self, KernelError> {
        let operations = settings.rules.len() as u32;
        debug_assert!(operations as usize <= MAX_OPERATIONS && operations > 0);
        let cells = host.possible_cpus * operations * SLOTS;
        let global = Global::new(host, settings);
        let in_flight = settings.in_flight.max(1);
        let mut loader = EbpfLoader::new();
        loader
            .allow_unsupported_maps()
            .map_max_entries("COUNTERS", cells)
            .map_max_entries("EVENTS", settings.ring_bytes)
            .map_max_entries("IN_FLIGHT", in_flight)
            .map_max_entries("PROCESSES", in_flight)
            // The recorder is one of them.
            .map_max_entries("TRACKED", settings.tree.unwrap_or(0) + 1)
            .override_global(SETTINGS, &global, true);
        check_wire_format(OBJECT)?;
        let ebpf = loader.load(OBJECT).map_err(|error| refused(&error))?;
        let cpus = host.possible_cpus;
        let mut kernel = Self {
            ebpf,
            operations,
            cpus,
            links: Vec::new(),
            books: Vec::new(),
        };
        kernel.write_rules(&settings.rules)?;
        kernel.load_programs()?;
        Ok(kernel)
    }

    /// The ring of finished operations; once.
    ///
    /// # Errors
    /// [`KernelError::Map`].
    pub fn take_ring(&mut self) -> Result<Ring, KernelError> {
        let map = self
            .ebpf
            .take_map("EVENTS")
            .ok_or_else(|| missing("EVENTS"))?;
        Ring::new(map).map_err(|reason| KernelError::Map {
            name: "EVENTS",
            reason,
        })
    }

    /// The counters, mapped.
    ///
    /// # Errors
    /// [`KernelError::Map`].
    pub fn counters(&self) -> Result<Counters, KernelError> {
        let map = |name| self.ebpf.map(name).ok_or_else(|| missing(name));
        let (cells, unfollowed) = (map("COUNTERS")?, map("UNFOLLOWED")?);
        Counters::map(cells, unfollowed, self.cpus, self.operations).map_err(|reason| {
            KernelError::Map {
                name: "COUNTERS",
                reason,
            }
        })
    }

    fn write_rules(&mut self, rules: &[OperationRule]) -> Result<(), KernelError> {
        let failed = |reason: String| KernelError::Map {
            name: "RULES",
            reason,
        };
        let map = self.ebpf.map_mut("RULES").ok_or_else(|| missing("RULES"))?;
        let mut array: Array<_, Rule> = map.try_into().map_err(|error| failed(chain(&error)))?;
        for (index, rule) in rules.iter().enumerate() {
            array
                .set(index as u32, Rule(*rule), 0)
                .map_err(|error| failed(chain(&error)))?;
        }
        Ok(())
    }

    fn load_programs(&mut self) -> Result<(), KernelError> {
        let btf = Btf::from_sys_fs().map_err(|error| refused(&error))?;
        for program in ProbeProgram::ALL {
            self.uprobe(program.name())?
                .load()
                .map_err(|error| refused(&error))?;
        }
        for name in TRACEPOINTS {
            let program = self.ebpf.program_mut(name).ok_or_else(|| missing(name))?;
            let program: &mut BtfTracePoint =
                program.try_into().map_err(|error| refused(&error))?;
            program.load(name, &btf).map_err(|error| refused(&error))?;
        }
        Ok(())
    }

    /// Attaches the four tracepoints that keep the books on threads and processes.
    ///
    /// # Errors
    /// [`KernelError::Load`] with the kernel's reason.
    pub fn keep_books(&mut self) -> Result<(), KernelError> {
        for name in TRACEPOINTS {
            let program = self.ebpf.program_mut(name).ok_or_else(|| missing(name))?;
            let program: &mut BtfTracePoint =
                program.try_into().map_err(|error| refused(&error))?;
            let link = program.attach().map_err(|error| refused(&error))?;
            self.books.push((name, link));
        }
        Ok(())
    }

    /// No more word of what was abandoned; off-CPU time is still kept, for the finishes to come.
    pub(super) fn close_books(&mut self) {
        for (name, link) in std::mem::take(&mut self.books) {
            let program = self
                .ebpf
                .program_mut(name)
                .filter(|_| name != "sched_switch");
            let program = program.and_then(|program| <&mut BtfTracePoint>::try_from(program).ok());
            match program {
                Some(program) => drop(program.detach(link)),
                None => self.books.push((name, link)),
            }
        }
    }

    pub(super) fn uprobe(&mut self, name: &'static str) -> Result<&mut UProbe, KernelError> {
        let program = self.ebpf.program_mut(name).ok_or_else(|| missing(name))?;
        program
            .try_into()
            .map_err(|error: ProgramError| refused(&error))
    }
}

/// The object's events must be those that this recorder reads.
fn check_wire_format(object: &[u8]) -> Result<(), KernelError> {
    let found = wire_format(object);
    if found == Some(WIRE_VERSION) {
        return Ok(());
    }
    Err(KernelError::Map {
        name: "EVENTS",
        reason: format!("the object's wire format is {found:?}, not {WIRE_VERSION}"),
    })
}

/// Value of the object's constant WIRE_FORMAT.
fn wire_format(object: &[u8]) -> Option<u32> {
    let file = object::File::parse(object).ok()?;
    let symbol = file
        .symbols()
        .find(|symbol| symbol.name() == Ok("WIRE_FORMAT"))?;
    let section = file.section_by_index(symbol.section_index()?).ok()?;
    let at = usize::try_from(symbol.address()).ok()?;
    let bytes = section.data().ok()?.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn missing(name: &'static str) -> KernelError {
    KernelError::Map {
        name,
        reason: "not in the object".to_owned(),
    }
}

pub(super) fn refused(error: &(dyn std::error::Error + 'static)) -> KernelError {
    let reason = chain(error);
    let hint = if reason.contains("ermission") || reason.contains("not permitted") {
        "run as root, or with CAP_BPF and CAP_PERFMON"
    } else {
        "soakbox needs Linux 5.17 or later with BPF and BTF"
    };
    KernelError::Load { reason, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_that_is_built_in_speaks_our_wire_format() {
        assert_eq!(wire_format(OBJECT), Some(WIRE_VERSION));
        check_wire_format(OBJECT).unwrap();
        assert!(check_wire_format(b"not an object").is_err());
    }
}
