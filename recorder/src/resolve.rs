//! From what was typed to a plan: reads the configuration and the binaries, resolves each probe, refuses what cannot
//! be or would do harm. Nothing is attached or created here.

use std::collections::HashMap;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use soakbox_schemas::control::{Cookie, MAX_OPERATIONS, mode};
use soakbox_schemas::tables::OperationInfo;

use crate::binary::Binary;
use crate::cli::{self, ObservedArgs};
use crate::config::Config;
use crate::kernel::{Placement, ProbeProgram};
use crate::plan::{Limits, Observed, PlannedOperation, PlannedTarget, RecordPlan};
use crate::probe::ProbeSpec;
use crate::run::{self, SyntheticPlan};
use crate::segment;
use crate::target::{self, Finish, Kernel, Operation, Order, Resolved, Site};

const DEFAULT_RING_BYTES: u32 = 16 << 20;
const MAX_RING_BYTES: u32 = 1 << 30;
const DEFAULT_IN_FLIGHT: u32 = 16_384;
const MAX_IN_FLIGHT: u32 = 1 << 20;
const DEFAULT_QUEUE_BATCHES: usize = 64;
const MAX_QUEUE_BATCHES: usize = 4096;
const MIN_JOURNAL_BYTES: u64 = 4096;
const MIN_FLUSH_INTERVAL: Duration = Duration::from_millis(10);
const INTERVAL: Duration = Duration::from_secs(1);

/// The plan of a recording.
///
/// # Errors
/// Where the configuration, a probe, a binary or a bound is not usable.
pub fn record(arguments: &cli::Record) -> Result<RecordPlan> {
    let config = read_config(&arguments.observed)?;
    let output = arguments.output.clone().or(config.output.clone());
    let output = output.context("no directory to record into; hint: name one with -o DIR")?;
    not_a_file(&output)?;
    let subject = subject(&arguments.observed, &config)?;
    let observed = match (subject.pid, arguments.run.is_empty()) {
        (Some(_), false) => {
            bail!("--pid and a command exclude each other; hint: leave one of them out")
        }
        (Some(pid), true) => Observed::Process(pid),
        (None, true) => Observed::Files,
        (None, false) => {
            run::find_command(&arguments.run)?;
            Observed::Command(arguments.run.clone())
        }
    };
    if subject.probes.is_empty() {
        bail!("no operation to observe; hint: name one with --op NAME=PROBE (see --help)");
    }
    for ResolvedProbe { spec, resolved, .. } in &subject.probes {
        for warning in &resolved.warnings {
            run::say(format_args!("warning: {}: {warning}", spec.name));
        }
    }
    let limits = limits(arguments, &config)?;
    let flush_interval = time(
        &arguments.flush_interval,
        &config.flush_interval,
        "--flush-interval",
    )?;
    let flush_interval = flush_interval.unwrap_or(Duration::from_secs(1));
    if flush_interval < MIN_FLUSH_INTERVAL {
        bail!("--flush-interval is {flush_interval:?}; hint: at least {MIN_FLUSH_INTERVAL:?}");
    }
    let duration = time(&arguments.duration, &config.duration, "--duration")?;
    let config_digest = digest(&format!(
        "{:?} {observed:?} {limits:?} {flush_interval:?}",
        subject.specs()
    ));
    Ok(RecordPlan {
        output,
        operations: subject.operations,
        targets: subject.targets,
        observed,
        limits,
        flush_interval,
        interval: INTERVAL,
        duration,
        config_digest,
    })
}

/// The plan of a made-up recording.
///
/// # Errors
/// Where a file has the directory's name.
pub fn replay(arguments: &cli::Replay) -> Result<SyntheticPlan> {
    not_a_file(&arguments.output)?;
    Ok(SyntheticPlan {
        output: arguments.output.clone(),
        seed: arguments.synthetic,
        seconds: arguments.seconds,
        degraded: arguments.degraded,
    })
}

fn not_a_file(output: &Path) -> Result<()> {
    if output.exists() && !output.is_dir() {
        bail!(
            "{} is not a directory; hint: name the directory to record into with -o DIR",
            output.display()
        );
    }
    Ok(())
}

/// What is observed, resolved: the same for `record` and `check`.
#[derive(Debug)]
pub struct Subject {
    /// The one process, where only one is observed.
    pub pid: Option<NonZeroU32>,
    /// The probes in the order of their operations.
    pub probes: Vec<ResolvedProbe>,
    operations: Vec<PlannedOperation>,
    targets: Vec<PlannedTarget>,
}

impl Subject {
    fn specs(&self) -> Vec<&ProbeSpec> {
        self.probes.iter().map(|probe| &probe.spec).collect()
    }
}

/// Resolves what is to be observed.
///
/// # Errors
/// Where the process is not there, a probe does not resolve, or two are on one instruction.
pub fn subject(arguments: &ObservedArgs, config: &Config) -> Result<Subject> {
    let pid = match (arguments.pid, config.pid) {
        (Some(pid), _) => Some(pid),
        (None, Some(pid)) => Some(NonZeroU32::new(pid).context(
            "pid is 0 in the configuration; hint: leave it out to observe every process that runs the files",
        )?),
        (None, None) => None,
    };
    let pid = pid.map(existing).transpose()?;
    let probes = resolve_all(&probes(arguments, config)?, pid)?;
    let (operations, targets) = plan_operations(&probes)?;
    Ok(Subject {
        pid,
        probes,
        operations,
        targets,
    })
}

/// A probe with what it resolves to.
#[derive(Debug)]
pub struct ResolvedProbe {
    /// As it was asked for.
    pub spec: ProbeSpec,
    /// The file that was read.
    pub binary: Arc<Binary>,
    /// Where its sites are.
    pub resolved: Resolved,
}

/// Reads the configuration file, where one is named.
///
/// # Errors
/// Where it cannot be read or is not valid.
pub fn read_config(arguments: &ObservedArgs) -> Result<Config> {
    Ok(arguments
        .config
        .as_deref()
        .map(Config::read)
        .transpose()?
        .unwrap_or_default())
}

/// The operations asked for: those of the command line, or of the configuration where it names none.
///
/// # Errors
/// Where one does not parse, a name is there twice, or there are too many.
pub fn probes(arguments: &ObservedArgs, config: &Config) -> Result<Vec<ProbeSpec>> {
    let texts = if arguments.op.is_empty() {
        &config.op
    } else {
        &arguments.op
    };
    let mut probes: Vec<ProbeSpec> = Vec::new();
    for text in texts {
        let probe: ProbeSpec = text.parse()?;
        if probes.iter().any(|other| other.name == probe.name) {
            bail!(
                "two operations are named {}; hint: give each its own name",
                probe.name
            );
        }
        probes.push(probe);
    }
    if probes.len() > MAX_OPERATIONS {
        bail!(
            "{} operations; hint: one recording follows at most {MAX_OPERATIONS}",
            probes.len()
        );
    }
    Ok(probes)
}

/// Opens and reads each binary once and resolves its probes. With a process, a file that is not here is looked for in its root.
///
/// # Errors
/// Where a file cannot be read, or a probe does not resolve or would do harm.
pub fn resolve_all(probes: &[ProbeSpec], pid: Option<NonZeroU32>) -> Result<Vec<ResolvedProbe>> {
    let release = rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned();
    let kernel = Kernel::parse(&release)
        .with_context(|| format!("the kernel's release '{release}' has no version in it"))?;
    let mut files: HashMap<PathBuf, (Arc<Binary>, Vec<u8>)> = HashMap::new();
    let mut resolved = Vec::new();
    for spec in probes {
        let path = locate(spec.target.file(), pid);
        if !files.contains_key(&path) {
            let opened = Binary::open(spec.target.file().into(), path.clone());
            let (binary, bytes) = opened.map_err(|error| {
                anyhow::anyhow!(
                    "{}: cannot read {}: {error}; hint: name the program's file by its path",
                    spec.name,
                    path.display()
                )
            })?;
            files.insert(path.clone(), (Arc::new(binary), bytes));
        }
        let (binary, bytes) = &files[&path];
        let found = target::resolve(bytes, spec, kernel)?;
        resolved.push(ResolvedProbe {
            spec: spec.clone(),
            binary: binary.clone(),
            resolved: found,
        });
    }
    Ok(resolved)
}

fn locate(file: &str, pid: Option<NonZeroU32>) -> PathBuf {
    // A path without a directory would be taken for a library's name further down.
    let absolute = fs::canonicalize(file).unwrap_or_else(|_| Path::new(file).to_owned());
    match pid {
        Some(pid) if !absolute.exists() && absolute.is_absolute() => {
            let inside = format!("/proc/{pid}/root{}", absolute.display());
            if Path::new(&inside).exists() {
                inside.into()
            } else {
                absolute
            }
        }
        _ => absolute,
    }
}

fn existing(pid: NonZeroU32) -> Result<NonZeroU32> {
    if !Path::new(&format!("/proc/{pid}")).exists() {
        bail!("there is no process {pid}; hint: is it in another PID namespace?");
    }
    Ok(pid)
}

/// Numbers the operations and refuses two on the same instruction.
fn plan_operations(
    probes: &[ResolvedProbe],
) -> Result<(Vec<PlannedOperation>, Vec<PlannedTarget>)> {
    let mut taken: HashMap<(PathBuf, u64), String> = HashMap::new();
    let mut targets: Vec<PlannedTarget> = Vec::new();
    let mut operations = Vec::new();
    for (
        index,
        ResolvedProbe {
            spec,
            binary,
            resolved,
        },
    ) in probes.iter().enumerate()
    {
        let placements = placements(index as u16, binary, &resolved.operation);
        for placement in &placements {
            let other = taken.insert(
                (binary.path().to_owned(), placement.offset),
                spec.name.clone(),
            );
            if let Some(other) = other.filter(|other| *other != spec.name) {
                bail!(
                    "{other} and {} observe the same code in {}; hint: leave one of them out",
                    spec.name,
                    binary.path().display()
                );
            }
        }
        let marker = matches!(resolved.operation, Operation::Marker(_));
        operations.push(PlannedOperation {
            info: OperationInfo {
                name: spec.name.clone(),
                operation_type: i64::from(spec.rules.operation_type.unwrap_or(0)),
            },
            rule: spec.rules.operation_rule(marker),
            placements,
        });
        if !targets
            .iter()
            .any(|target| Arc::ptr_eq(&target.binary, binary))
        {
            let build_id = resolved
                .build_id
                .as_ref()
                .map(|id| id.iter().map(|byte| format!("{byte:02x}")).collect());
            targets.push(PlannedTarget {
                binary: binary.clone(),
                build_id,
            });
        }
    }
    Ok((operations, targets))
}

/// The probes of one operation.
fn placements(operation: u16, binary: &Arc<Binary>, found: &Operation) -> Vec<Placement> {
    let place = |program, site: &Site, mode| Placement {
        program,
        target: binary.clone(),
        offset: site.file_offset,
        cookie: Cookie {
            operation,
            stack_delta: site.stack_delta,
            mode,
        },
    };
    match found {
        Operation::Marker(marker) => {
            let begins = marker
                .begins
                .iter()
                .map(|site| place(ProbeProgram::MarkerBegin, site, 0));
            let finishes = marker
                .finishes
                .iter()
                .map(|site| place(ProbeProgram::MarkerFinish, site, 0));
            begins.chain(finishes).collect()
        }
        Operation::Function(function) => {
            let order = match function.order {
                Order::StackOrder => 0,
                Order::EqualOnly { .. } => mode::EQUAL_ONLY,
            };
            let (mode, finishes) = match &function.finish {
                Finish::Returns { sites, .. } => (
                    order,
                    sites
                        .iter()
                        .map(|site| place(ProbeProgram::FunctionFinish, site, order))
                        .collect::<Vec<_>>(),
                ),
                Finish::Uretprobe(site) => {
                    let mode = order | mode::URETPROBE;
                    (mode, vec![place(ProbeProgram::FunctionReturn, site, mode)])
                }
            };
            let begins = function
                .begins
                .iter()
                .map(|site| place(ProbeProgram::FunctionBegin, site, mode));
            begins.chain(finishes).collect()
        }
    }
}

fn limits(arguments: &cli::Record, config: &Config) -> Result<Limits> {
    let ring_bytes = arguments
        .ring_bytes
        .or(config.limits.ring_bytes)
        .unwrap_or(DEFAULT_RING_BYTES);
    let page = rustix::param::page_size() as u32;
    if !ring_bytes.is_power_of_two() || !(page..=MAX_RING_BYTES).contains(&ring_bytes) {
        bail!("--ring-bytes is {ring_bytes}; hint: a power of two from {page} to {MAX_RING_BYTES}");
    }
    let in_flight = arguments
        .in_flight
        .or(config.limits.in_flight)
        .unwrap_or(DEFAULT_IN_FLIGHT);
    let queue_batches = arguments
        .queue_batches
        .or(config.limits.queue_batches)
        .unwrap_or(DEFAULT_QUEUE_BATCHES);
    if !(1..=MAX_IN_FLIGHT).contains(&in_flight) {
        bail!(
            "--in-flight is {in_flight}; hint: from 1 to {MAX_IN_FLIGHT}, {DEFAULT_IN_FLIGHT} without it"
        );
    }
    if !(1..=MAX_QUEUE_BATCHES).contains(&queue_batches) {
        bail!(
            "--queue-batches is {queue_batches}; hint: from 1 to {MAX_QUEUE_BATCHES}, {DEFAULT_QUEUE_BATCHES} without it"
        );
    }
    let mut segment = segment::Limits::default();
    if let Some(bytes) = arguments.journal_bytes.or(config.limits.journal_bytes) {
        if bytes < MIN_JOURNAL_BYTES {
            bail!("--journal-bytes is {bytes}; hint: at least {MIN_JOURNAL_BYTES}");
        }
        segment.max_bytes = bytes;
    }
    if let Some(age) = time(
        &arguments.rotate_after,
        &config.rotate_after,
        "--rotate-after",
    )? {
        segment.max_age_ns = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
    }
    Ok(Limits {
        ring_bytes,
        in_flight,
        queue_batches,
        segment,
    })
}

/// A time such as `90s` or `8h`; a flag wins over the configuration.
fn time(
    flag: &Option<String>,
    configured: &Option<String>,
    name: &str,
) -> Result<Option<Duration>> {
    let Some(text) = flag.as_ref().or(configured.as_ref()) else {
        return Ok(None);
    };
    let time = humantime::parse_duration(text).map_err(|error| {
        anyhow::anyhow!("{name}: '{text}': {error}; hint: write 500ms, 90s, 10m or 8h")
    })?;
    if time.is_zero() {
        bail!("{name} is zero; hint: write 500ms, 90s, 10m or 8h");
    }
    Ok(Some(time))
}

/// FNV-1a (Fowler, Noll, Vo): tells configurations apart; protects nothing.
fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
