//! From the command line and the configuration to a plan: reads the configuration and the binaries,
//! resolves each probe, and refuses a recording that is impossible or could harm the observed
//! program. Nothing is attached or created here.

mod command;
mod conditions;
mod digest;
mod keep;
mod last;
mod limits;
mod operations;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use soakbox_cli::error_chain;
use soakbox_schemas::control::MAX_OPERATIONS;
use soakbox_schemas::recording::footer::LeftOut;

use self::limits::Effective;
use crate::cli::{self, ProbeArgs};
use crate::config::Config;
use crate::host::Host;
use crate::plan::{Again, ProcessFilter, RecordPlan, Resolution, SyntheticPlan, lifecycle_hooks};
use crate::probe::ProbeSpec;
use crate::process::Process;

pub use conditions::Conditions;
pub use operations::{RefusedOperation, ResolvedProbes};

/// Length of an interval of the counters.
const INTERVAL: Duration = Duration::from_secs(1);

/// The plan of a recording.
///
/// # Errors
/// Where the configuration, a probe, a binary or a bound is not usable.
pub fn record(arguments: &cli::Record) -> Result<RecordPlan> {
    let config = read_config(&arguments.probes)?;
    let output = arguments.output.clone().or(config.output.clone());
    let output = output.context("no directory to record into; hint: name one with -o DIR")?;
    refuse_file(&output)?;
    let resolved = resolve_probes(&arguments.probes, &config)?;
    let skip_refused = arguments.skip_refused || config.skip_refused;
    if !skip_refused {
        refuse_partly(&resolved)?;
    }
    let processes = match (&resolved.process, arguments.words.is_empty()) {
        (Some(_), false) => {
            bail!("--pid and a command exclude each other; hint: leave one of them out")
        }
        (Some(process), true) => ProcessFilter::Process(process.clone()),
        (None, true) => ProcessFilter::All,
        (None, false) => {
            command::find_command(&arguments.words)?;
            ProcessFilter::Command(arguments.words.clone())
        }
    };
    if resolved.operations.is_empty() {
        resolved.all_resolved()?;
        bail!("no operation to observe; hint: name one with --op NAME=PROBE (see --help)");
    }
    let effective = Effective::new(arguments, &config);
    let operations = resolved.operations.iter();
    let operations: Vec<&str> = operations.map(|one| one.info.name.as_str()).collect();
    let keep_last = effective.keep_last(&operations)?;
    let max_overhead = effective.max_overhead();
    let is_one = matches!(processes, ProcessFilter::Process(_));
    // Their CPU time is counted.
    let knows_new = processes.follows_tree() || max_overhead.is_some() && !is_one;
    let config_digest = digest::config_digest(&resolved.specs, &processes, effective.changed())?;
    let settings = digest::settings(&resolved.specs, &processes, effective.written());
    Ok(RecordPlan {
        host: resolved.conditions.host.clone(),
        output,
        warnings: resolved.warnings(),
        left_out: resolved.refused.iter().map(left_out).collect(),
        vouched: resolved.vouched(),
        observed: resolved.observed,
        operations: resolved.operations,
        lifecycle: lifecycle_hooks(knows_new),
        files: resolved.files,
        again: resolved
            .process
            .is_none()
            .then(|| again(resolved.specs, resolved.conditions.clone(), skip_refused)),
        processes,
        max_overhead,
        limits: effective.limits(),
        flush_interval: effective.flush_interval(),
        interval: INTERVAL,
        duration: effective.duration(),
        until_exit: effective.until_exit(),
        keep: effective.keep()?,
        keep_last,
        room: effective.room(),
        bpf_statistics: arguments.bpf_statistics || config.bpf_statistics,
        quiet: arguments.quiet || config.quiet,
        log_format: arguments
            .log_format
            .or(config.log_format)
            .unwrap_or_default(),
        config_digest,
        settings,
    })
}

/// Resolves the probes again, as they were typed. Who does that may not ask the kernel any more.
fn again(specs: Vec<ProbeSpec>, conditions: Conditions, skip_refused: bool) -> Again {
    let resolve = move || {
        let resolved = ResolvedProbes::resolve(specs.clone(), None, conditions.clone());
        Resolution {
            refused: resolved.refused.iter().map(left_out).collect(),
            operations: resolved.operations,
            files: resolved.files,
        }
    };
    Again::new(resolve, skip_refused)
}

/// Refuses to record only some of the operations, because that was not asked for.
fn refuse_partly(resolved: &ResolvedProbes) -> Result<()> {
    resolved.all_resolved().map_err(|refused| {
        let others = resolved.operations.len();
        if others == 0 {
            return refused;
        }
        let number = if others == 1 { "one" } else { "ones" };
        anyhow::anyhow!("{refused}, or record the other {number} with --skip-refused")
    })
}

fn left_out(refused: &RefusedOperation) -> LeftOut {
    LeftOut {
        operation: refused.name.clone(),
        reason: error_chain(refused.reason.as_ref()),
    }
}

/// The plan of a synthetic recording.
///
/// # Errors
/// Where the output path is a file.
pub fn replay(arguments: &cli::Replay) -> Result<SyntheticPlan> {
    refuse_file(&arguments.output)?;
    Ok(SyntheticPlan {
        host: Host::read(),
        output: arguments.output.clone(),
        seed: arguments.synthetic,
        seconds: arguments.seconds,
        degraded: arguments.degraded,
    })
}

fn refuse_file(output: &Path) -> Result<()> {
    if output.exists() && !output.is_dir() {
        bail!(
            "{} is not a directory; hint: name the directory to record into with -o DIR",
            output.display()
        );
    }
    Ok(())
}

/// Opens the process that is named, and resolves the probes; those that cannot be observed are in
/// the result, with the reasons.
///
/// # Errors
/// Where the process does not exist, or a probe does not parse.
pub fn resolve_probes(arguments: &ProbeArgs, config: &Config) -> Result<ResolvedProbes> {
    let pid = arguments.pid.or(config.pid);
    let process = pid.map(Process::open).transpose()?.map(Arc::new);
    let specs = probes(arguments, config)?;
    let conditions = Conditions::of_this_host()?;
    Ok(ResolvedProbes::resolve(specs, process, conditions))
}

/// Reads the configuration file, where one is named.
///
/// # Errors
/// Where it cannot be read or is not valid.
pub fn read_config(arguments: &ProbeArgs) -> Result<Config> {
    Ok(arguments
        .config
        .as_deref()
        .map(Config::read)
        .transpose()?
        .unwrap_or_default())
}

/// The operations of the command line, or those of the configuration where the command line names
/// none.
///
/// # Errors
/// Where one does not parse, two have the same name, or there are too many.
pub fn probes(arguments: &ProbeArgs, config: &Config) -> Result<Vec<ProbeSpec>> {
    let texts = if arguments.op.is_empty() {
        &config.op
    } else {
        &arguments.op
    };
    let selection = arguments.selection.selection().or(config.selection);
    let mut probes: Vec<ProbeSpec> = Vec::new();
    for text in texts {
        let mut probe: ProbeSpec = text.parse()?;
        probe.rules.selection = probe.rules.selection.or(selection);
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
