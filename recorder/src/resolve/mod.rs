//! From what was typed to a plan: reads the configuration and the binaries, resolves each probe, refuses what cannot
//! be or would do harm. Nothing is attached or created here.

mod binaries;
mod limits;
mod operations;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use soakbox_schemas::control::MAX_OPERATIONS;

use self::limits::Effective;
use crate::cli::{self, ObservedArgs};
use crate::config::Config;
use crate::plan::{Observed, PlannedOperation, PlannedTarget, RecordPlan};
use crate::probe::ProbeSpec;
use crate::process::Process;
use crate::run::{self, SyntheticPlan};

pub use binaries::ResolvedProbe;

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
    let observed = match (&subject.process, arguments.run.is_empty()) {
        (Some(_), false) => {
            bail!("--pid and a command exclude each other; hint: leave one of them out")
        }
        (Some(process), true) => Observed::Process(process.clone()),
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
    let effective = Effective::new(arguments, &config);
    let (limits, flush_interval) = (effective.limits(), effective.flush_interval());
    let config_digest = digest(&format!(
        "{:?} {} {limits:?} {flush_interval:?}",
        subject.specs(),
        describe(&observed)
    ));
    Ok(RecordPlan {
        output,
        operations: subject.operations,
        targets: subject.targets,
        observed,
        limits,
        flush_interval,
        interval: INTERVAL,
        duration: effective.duration(),
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
    pub process: Option<Arc<Process>>,
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
    let pid = arguments.pid.or(config.pid);
    let process = pid.map(Process::open).transpose()?.map(Arc::new);
    let probes = binaries::resolve_all(&probes(arguments, config)?, process.as_deref())?;
    let (operations, targets) = operations::plan_operations(&probes)?;
    Ok(Subject {
        process,
        probes,
        operations,
        targets,
    })
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

/// Whose operations, as it was asked for.
fn describe(observed: &Observed) -> String {
    match observed {
        Observed::Files => "files".to_owned(),
        Observed::Process(process) => format!("process {}", process.pid()),
        Observed::Command(words) => format!("command {words:?}"),
    }
}

/// FNV-1a (Fowler, Noll, Vo): tells configurations apart; protects nothing.
fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
