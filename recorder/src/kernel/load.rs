//! Loads the kernel side: the embedded object, its constants and the sizes of its maps.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Weak;

use aya::maps::Array;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use object::{Object, ObjectSection, ObjectSymbol};
use soakbox_schemas::control::{MAX_OPERATIONS, OperationRule, SETTINGS, places};
use soakbox_schemas::counters::SLOTS;
use soakbox_schemas::durations;
use soakbox_schemas::event::WIRE_VERSION;

use super::attach::{Link, REGISTER_RECORDER};
use super::counters::CounterMaps;
use super::error::{load_error, map_error, missing, other_object};
use super::point::{Attached, KernelTypes};
use super::settings::Global;
use super::shared_maps::{SharedMaps, Walk, shared};
use super::uprobe_multi::{UprobeMulti, map_data};
use super::{
    CountedCpu, Counters, KernelError, KernelFacts, ObservedTimes, Ring, oldest, point, target_cpu,
    walk,
};
use crate::binary::Binary;
use crate::plan::{Hook, ProgramId};

#[cfg(target_arch = "x86_64")]
static OBJECT: &[u8] = include_bytes_aligned!("../../bpf/soakbox.x86_64.bpf.o");

/// The part of the plan that the kernel side needs.
#[derive(Clone, Debug)]
pub struct KernelSettings {
    /// One rule per operation, by index.
    pub rules: Vec<OperationRule>,
    /// Length of an interval, ns.
    pub interval_ns: u64,
    /// Size of the ring, bytes: a power of two and a multiple of the page size.
    pub ring_bytes: u32,
    /// Most operations in flight that belong to a process: those with a token or a stack that may
    /// be switched.
    pub in_flight: u32,
    /// Where present, only the recorder's descendants are observed, at most this number at a time.
    pub tree: Option<u32>,
    /// Where the operations are kept while they are in flight: bits of
    /// [`places`](soakbox_schemas::control::places).
    pub places: u32,
    /// Whether the probes of operations are switched off and on.
    pub switched: bool,
    /// Whether the CPU time of the target is counted, where this kernel can.
    pub counts_cpu: bool,
}

impl KernelSettings {
    /// Whether it is counted on this host. Processes that run already are found in /proc, whose numbers
    /// the kernel side knows only in the initial PID namespace.
    pub(super) fn counts_cpu_here(&self, facts: &KernelFacts) -> bool {
        self.counts_cpu
            && facts.offsets.has_target_cpu()
            && (self.tree.is_some() || facts.pid_namespace.is_none())
    }
}

impl Default for KernelSettings {
    /// One operation without a rule, and the smallest maps.
    fn default() -> Self {
        Self {
            rules: vec![OperationRule::default()],
            interval_ns: 1_000_000_000,
            ring_bytes: rustix::param::page_size() as u32,
            in_flight: 1,
            tree: None,
            places: places::THREADS | places::HASH,
            switched: false,
            counts_cpu: false,
        }
    }
}

/// The loaded kernel side. Dropping it unloads everything.
pub struct Kernel {
    pub(super) ebpf: Ebpf,
    /// `None` where the kernel cannot attach many uprobes by one link.
    pub(super) multi: Option<UprobeMulti>,
    pub(super) has_single_uprobes: bool,
    /// Whether uprobes are attached by links of many, or else not at all.
    pub(super) never_singly: bool,
    pub(super) links: Vec<Link>,
    /// While a process is registered as the root of the followed tree.
    pub(super) registration: Option<Attached>,
    /// Whether each operation has links of its own.
    pub(super) switched: bool,
    /// Files whose probes were detached for good. They are not kept open for that.
    pub(super) given_up: Vec<Weak<Binary>>,
    programs: Vec<ProgramId>,
    types: KernelTypes,
    operations: u32,
    cpus: u32,
    durations: durations::Size,
    /// Whether the CPU time of the target is counted.
    counts_cpu: bool,
    follows_tree: bool,
    /// For walks that find its threads.
    find_threads: Option<OwnedFd>,
}

#[repr(transparent)]
#[derive(Clone, Copy)]
struct Rule(#[allow(dead_code, reason = "read by the kernel")] OperationRule);
// SAFETY: repr(C) of integers without padding.
unsafe impl aya::Pod for Rule {}

impl Kernel {
    /// Loads only the programs that `hooks` name, so that a program which this kernel refuses
    /// disables only the probes that need it. Attaches none.
    ///
    /// # Errors
    /// [`KernelError::Load`] with the kernel's reason.
    pub fn load<'a>(
        facts: &KernelFacts,
        settings: &KernelSettings,
        hooks: impl IntoIterator<Item = &'a Hook>,
    ) -> Result<Self, KernelError> {
        Self::load_object(OBJECT, facts, settings, hooks)
    }

    /// Like [`Kernel::load`], from another object than the built-in one.
    ///
    /// # Errors
    /// [`KernelError::Load`] with the kernel's reason, [`KernelError::Map`] where the object was
    /// not built from these sources.
    pub fn load_object<'a>(
        object: &[u8],
        facts: &KernelFacts,
        settings: &KernelSettings,
        hooks: impl IntoIterator<Item = &'a Hook>,
    ) -> Result<Self, KernelError> {
        let operations = settings.rules.len() as u32;
        debug_assert!(operations as usize <= MAX_OPERATIONS && operations > 0);
        let cells = facts.possible_cpus * operations * SLOTS;
        let durations = durations::Size::of(facts.possible_cpus, operations);
        let global = Global::new(facts, settings, durations);
        let in_flight = settings.in_flight.max(1);
        let counts_cpu = settings.counts_cpu_here(facts);
        let if_counted = |entries: u32| if counts_cpu { entries } else { 1 };
        let mut loader = EbpfLoader::new();
        loader
            .allow_unsupported_maps()
            .map_max_entries("COUNTERS", cells)
            .map_max_entries("DURATIONS", durations.cells)
            .map_max_entries("EVENTS", settings.ring_bytes)
            .map_max_entries("IN_FLIGHT", in_flight)
            .map_max_entries("PROCESSES", in_flight)
            // One more, for the recorder itself.
            .map_max_entries("TRACKED", settings.tree.unwrap_or(0) + 1)
            .map_max_entries("TARGET_CPU", if_counted(facts.possible_cpus))
            .map_max_entries("OBSERVED_FILES", if_counted(target_cpu::MOST_FILES))
            .map_max_entries("FOUND", if_counted(target_cpu::MOST_FOUND))
            .override_global(SETTINGS, &global, true);
        check_wire_format(object)?;
        let ebpf = loader
            .load(object)
            .map_err(|error| load_error(None, &error))?;
        // It holds the kernel's types, of which one copy at a time is enough.
        drop(loader);
        let cpus = facts.possible_cpus;
        let mut kernel = Self {
            multi: UprobeMulti::new(object, &ebpf),
            has_single_uprobes: false,
            never_singly: false,
            ebpf,
            operations,
            cpus,
            durations,
            counts_cpu,
            follows_tree: settings.tree.is_some(),
            find_threads: None,
            links: Vec::new(),
            registration: None,
            switched: settings.switched,
            given_up: Vec::new(),
            programs: Vec::new(),
            types: KernelTypes::default(),
        };
        kernel.write_rules(&settings.rules)?;
        kernel.load_programs(hooks)?;
        if settings.tree.is_some() {
            let multi = kernel.multi.as_mut();
            if multi.is_none_or(|multi| multi.load(REGISTER_RECORDER).is_err()) {
                point::load_uprobe(&mut kernel.ebpf, REGISTER_RECORDER)?;
            }
            kernel.programs.push(REGISTER_RECORDER);
        }
        if counts_cpu && settings.tree.is_none() {
            let types = kernel.types.get()?;
            // Without it the CPU time of the target is read in another way.
            kernel.find_threads = walk::link(&mut kernel.ebpf, types, target_cpu::FIND).ok();
        }
        // The kernel's types are large, and needed no more.
        kernel.types = KernelTypes::default();
        Ok(kernel)
    }

    /// The ring of finished operations. It can be taken once.
    ///
    /// # Errors
    /// [`KernelError::Map`].
    pub fn take_ring(&mut self) -> Result<Ring, KernelError> {
        let map = self
            .ebpf
            .take_map("EVENTS")
            .ok_or_else(|| missing("EVENTS"))?;
        Ring::new(map).map_err(map_error("EVENTS"))
    }

    /// The counters, mapped into memory.
    ///
    /// # Errors
    /// [`KernelError::Map`].
    pub fn counters(&self) -> Result<Counters, KernelError> {
        let maps = CounterMaps {
            cells: self.descriptor("COUNTERS")?,
            durations: self.descriptor("DURATIONS")?,
            unfollowed: self.descriptor("UNFOLLOWED")?,
        };
        Counters::map(&maps, self.cpus, self.operations, self.durations)
            .map_err(map_error("COUNTERS"))
    }

    /// When the begins of operations are observed, for a recording that switches probes.
    ///
    /// # Errors
    /// [`KernelError::Map`].
    pub fn observed_times(&self) -> Result<ObservedTimes, KernelError> {
        const NAME: &str = "OBSERVATION";
        ObservedTimes::map(self.descriptor(NAME)?, self.operations).map_err(map_error(NAME))
    }

    /// What reads the CPU time of the target, where the kernel side counts it. It can be taken once.
    ///
    /// # Errors
    /// [`KernelError::Map`].
    pub fn take_target_cpu(&mut self) -> Result<Option<CountedCpu>, KernelError> {
        if !self.counts_cpu || !self.follows_tree && self.find_threads.is_none() {
            return Ok(None);
        }
        let mut take = |name| self.ebpf.take_map(name).ok_or_else(|| missing(name));
        let (files, found) = (take("OBSERVED_FILES")?, take("FOUND")?);
        let walk = self.find_threads.take();
        let times = self.descriptor("TARGET_CPU")?;
        CountedCpu::new(times, self.cpus, files, found, walk).map(Some)
    }

    /// The maps that a recording reads, for another process ([`SharedMaps::open`]); and why the ages
    /// of operations in flight are not among them, where this kernel does not let them be read.
    ///
    /// # Errors
    /// [`KernelError::Map`].
    pub fn share_maps(&mut self) -> Result<(SharedMaps, Option<KernelError>), KernelError> {
        let (walk, without_ages) = match self.walk() {
            Ok(walk) => (Some(walk), None),
            Err(error) => (None, Some(error)),
        };
        let shared = |name| shared(name, self.descriptor(name)?);
        let maps = SharedMaps {
            ring: shared("EVENTS")?,
            cells: shared("COUNTERS")?,
            durations: shared("DURATIONS")?,
            unfollowed: shared("UNFOLLOWED")?,
            walk,
        };
        Ok((maps, without_ages))
    }

    /// What a walk over the operations in flight needs. All else works without it.
    fn walk(&mut self) -> Result<Walk, KernelError> {
        let link = walk::link(&mut self.ebpf, self.types.get()?, oldest::PROGRAM)?;
        // The kernel's types are large, and needed no more.
        self.types = KernelTypes::default();
        let oldest = shared("OLDEST", self.descriptor("OLDEST")?)?;
        Ok(Walk { oldest, link })
    }

    /// A map of the object.
    pub(super) fn descriptor(&self, name: &'static str) -> Result<BorrowedFd<'_>, KernelError> {
        let map = self.ebpf.map(name).and_then(map_data);
        Ok(map.ok_or_else(|| missing(name))?.fd().as_fd())
    }

    fn write_rules(&mut self, rules: &[OperationRule]) -> Result<(), KernelError> {
        let failed = map_error("RULES");
        let map = self.ebpf.map_mut("RULES").ok_or_else(|| missing("RULES"))?;
        let mut array: Array<_, Rule> = map.try_into().map_err(&failed)?;
        for (index, rule) in rules.iter().enumerate() {
            array.set(index as u32, Rule(*rule), 0).map_err(&failed)?;
        }
        Ok(())
    }

    /// Loads the programs that `hooks` name and that are not loaded yet.
    ///
    /// # Errors
    /// [`KernelError::Load`] with the kernel's reason for the first that it refuses.
    pub fn load_programs<'a>(
        &mut self,
        hooks: impl IntoIterator<Item = &'a Hook>,
    ) -> Result<(), KernelError> {
        for hook in hooks {
            if !self.programs.contains(&hook.program) {
                self.load_program(hook)?;
                self.programs.push(hook.program);
            }
        }
        Ok(())
    }

    /// Loads the program for links of many uprobes where that is possible.
    fn load_program(&mut self, hook: &Hook) -> Result<(), KernelError> {
        let multi = self.multi.as_mut();
        let multi = multi.filter(|_| hook.point.instruction().is_some());
        match multi.map(|multi| multi.load(hook.program)) {
            Some(Ok(())) => return Ok(()),
            Some(Err(error)) if self.never_singly => {
                return Err(load_error(Some(hook.program), &error));
            }
            Some(Err(_)) | None => {}
        }
        point::load(&mut self.ebpf, hook, &mut self.types)
    }

    /// Attaches each uprobe by a link of its own from now on, as kernels before 6.6 need it.
    pub fn use_single_links(&mut self) {
        self.multi = None;
    }

    /// The programs that are loaded, each once.
    pub fn programs(&self) -> &[ProgramId] {
        &self.programs
    }
}

/// Refuses an object whose events are not in the wire format that this recorder reads.
fn check_wire_format(object: &[u8]) -> Result<(), KernelError> {
    let found = wire_format(object);
    if found == Some(WIRE_VERSION) {
        return Ok(());
    }
    let reason = format!("the object's wire format is {found:?}, not {WIRE_VERSION}");
    Err(other_object("EVENTS", reason))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_object_has_the_wire_format_of_this_recorder() {
        assert_eq!(wire_format(OBJECT), Some(WIRE_VERSION));
        check_wire_format(OBJECT).unwrap();
        assert!(check_wire_format(b"not an object").is_err());
    }
}
