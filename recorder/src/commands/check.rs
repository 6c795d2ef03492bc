//! `check`: whether this host allows a recording, where each probe would be placed, its risk to the
//! observed program and its cost. To find out, the programs are loaded and unloaded; they are
//! attached only to functions of the recorder itself, to measure the cost. The explanations come
//! from the probes: this file only prints them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::Serialize;
use soakbox_cli::{answer, error_chain, escaped};

use crate::binary::{Binary, CostClass};
use crate::cli;
use crate::costs::{PairCost, ProbeCosts};
use crate::kernel::{Kernel, KernelError, KernelFacts, KernelSettings};
use crate::plan::lifecycle_hooks;
use crate::probe::{Explanation, KINDS, Kind, Location};
use crate::resolve::{self, ResolvedProbes};

#[derive(Debug, Serialize)]
struct Answer<'a> {
    schema: &'static str,
    /// Whether the kernel accepts the programs.
    allowed: bool,
    /// The kernel's reason where it does not.
    reason: Option<String>,
    kernel: String,
    cpus: u32,
    pid_namespace: &'static str,
    cpu_split: bool,
    memory: bool,
    /// Whether the recorder's programs carry out return instructions, which the kernel would
    /// single-step.
    carries_out_returns: bool,
    /// Whether the kernel accepts the programs of each kind of probe.
    kinds: Vec<KindAnswer>,
    /// What the probes of a begin and of a finish cost on this host, by cost class; none where it
    /// could not be measured.
    measured: BTreeMap<&'static str, PairCost>,
    /// Why it could not be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_measured: Option<String>,
    probes: Vec<ProbeAnswer<'a>>,
    /// The operations that cannot be observed.
    refused: Vec<RefusedAnswer<'a>>,
}

/// An operation that cannot be observed.
#[derive(Debug, Serialize)]
struct RefusedAnswer<'a> {
    operation: &'a str,
    probe: &'a str,
    /// The reason, with a hint.
    reason: String,
}

#[derive(Debug, Serialize)]
struct KindAnswer {
    kind: &'static str,
    allowed: bool,
    /// The kernel's reason where it does not.
    reason: Option<String>,
}

/// An operation with the explanation of its probe.
#[derive(Debug, Serialize)]
pub struct ProbeAnswer<'a> {
    operation: &'a str,
    #[serde(flatten)]
    explanation: &'a Explanation,
    /// The most that one of its begins and one of its finishes cost, as measured on this host.
    #[serde(flatten)]
    measured: Option<PairCost>,
    /// What a finish at an instruction that the kernel emulates costs, µs, where some of its finishes
    /// are at such instructions and others are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    emulated_finish_us: Option<f64>,
}

/// Prints the answer on stdout.
///
/// # Errors
/// Where a probe is refused, or this host does not allow BPF; the answer is printed before.
pub fn run(arguments: &cli::Check) -> Result<()> {
    let config = resolve::read_config(&arguments.probes)?;
    let resolved = resolve::resolve_probes(&arguments.probes, &config)?;
    let facts = KernelFacts::inspect()?;
    let (kinds, loaded) = load(&facts, &resolved)?;
    let costs = match &loaded {
        Ok(()) => ProbeCosts::measure(&facts).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let answer = Answer {
        schema: "soakbox.check/1",
        allowed: loaded.is_ok(),
        reason: loaded.as_ref().err().map(ToString::to_string),
        kernel: resolved.conditions.host.kernel.clone(),
        cpus: facts.possible_cpus,
        pid_namespace: if facts.pid_namespace.is_some() {
            "own"
        } else {
            "initial"
        },
        cpu_split: facts.offsets.has_cpu_split(),
        memory: facts.offsets.has_memory(),
        carries_out_returns: resolved.conditions.carries_out_returns(),
        kinds,
        measured: by_name(costs.as_ref().ok()),
        not_measured: costs.as_ref().err().cloned(),
        probes: explained(&resolved, costs.as_ref().ok()),
        refused: refused(&resolved),
    };
    answer::print(&answer, arguments.format, table)?;
    loaded.context("this host does not allow recording")?;
    resolved.all_resolved()
}

fn refused(resolved: &ResolvedProbes) -> Vec<RefusedAnswer<'_>> {
    let refused = resolved.refused.iter();
    refused
        .map(|refused| RefusedAnswer {
            operation: &refused.name,
            probe: &refused.probe,
            reason: error_chain(refused.reason.as_ref()),
        })
        .collect()
}

/// Whether the kernel accepts the programs: those of each kind, and all that the operations need.
fn load(
    facts: &KernelFacts,
    resolved: &ResolvedProbes,
) -> Result<(Vec<KindAnswer>, Result<(), KernelError>)> {
    let mut kernel = match Kernel::load(facts, &KernelSettings::default(), &lifecycle_hooks(true)) {
        Ok(kernel) => kernel,
        Err(error) => {
            let refused = KINDS.iter().map(|kind| kind_answer(*kind, Some(&error)));
            return Ok((refused.collect(), Err(error)));
        }
    };
    let own = PathBuf::from("/proc/self/exe");
    let own = Binary::open_only(own).context("cannot read the recorder itself")?;
    let own = Arc::new(own);
    let (mut kinds, mut refusals) = (Vec::new(), Vec::new());
    for kind in KINDS {
        let loaded = kernel.load_programs(&kind.trial_hooks(&own));
        kinds.push(kind_answer(*kind, loaded.as_ref().err()));
        refusals.extend(loaded.err());
    }
    let mut operations = resolved.operations.iter();
    let loaded = operations.try_for_each(|operation| kernel.load_programs(&operation.hooks));
    // Where no operation is named, one kind that works is enough to record something.
    if resolved.operations.is_empty() && refusals.len() == KINDS.len() {
        return Ok((kinds, refusals.into_iter().next().map_or(Ok(()), Err)));
    }
    Ok((kinds, loaded))
}

fn kind_answer(kind: &dyn Kind, refused: Option<&KernelError>) -> KindAnswer {
    KindAnswer {
        kind: kind.name(),
        allowed: refused.is_none(),
        reason: refused.map(ToString::to_string),
    }
}

/// Each operation with the explanation of its probe.
pub fn explained<'a>(
    resolved: &'a ResolvedProbes,
    costs: Option<&ProbeCosts>,
) -> Vec<ProbeAnswer<'a>> {
    let operations = resolved.operations.iter().zip(&resolved.explanations);
    operations
        .map(|(operation, explanation)| ProbeAnswer {
            operation: &operation.info.name,
            explanation,
            measured: costs.map(|costs| costs.of_operation(operation)),
            emulated_finish_us: costs
                .filter(|_| is_partly_stepped(&explanation.finishes))
                .map(|costs| costs.of(CostClass::Emulated).finish_us),
        })
        .collect()
}

fn is_partly_stepped(places: &[Location]) -> bool {
    places.iter().any(|place| place.stepped) && places.iter().any(|place| !place.stepped)
}

/// The measured costs, by the names of the classes.
pub fn by_name(costs: Option<&ProbeCosts>) -> BTreeMap<&'static str, PairCost> {
    let costs = costs.into_iter().flat_map(ProbeCosts::by_class);
    costs.map(|(class, cost)| (class.name(), *cost)).collect()
}

fn table(answer: &Answer<'_>, out: &mut dyn Write) -> io::Result<()> {
    let yes = |known: bool| {
        if known {
            "yes"
        } else {
            "no (recorded as null)"
        }
    };
    writeln!(
        out,
        "kernel          {}, {} CPUs, {} PID namespace",
        answer.kernel, answer.cpus, answer.pid_namespace
    )?;
    match &answer.reason {
        None => writeln!(out, "programs        loaded and unloaded again")?,
        Some(reason) => writeln!(out, "programs        not allowed: {}", escaped(reason))?,
    }
    for kind in &answer.kinds {
        // Where no program is allowed, the line above gives the reason.
        if let (Some(reason), true) = (&kind.reason, answer.allowed) {
            let reason = escaped(reason);
            writeln!(
                out,
                "{:15} not allowed: {reason}",
                format!("{}:", kind.kind)
            )?;
        }
    }
    writeln!(out, "on-CPU time     yes")?;
    writeln!(out, "user, system    {}", yes(answer.cpu_split))?;
    writeln!(out, "memory          {}", yes(answer.memory))?;
    let returns = match answer.carries_out_returns {
        true => "carried out by the recorder's programs",
        false => "single-stepped by the kernel",
    };
    writeln!(out, "returns         {returns}")?;
    if let Some(reason) = &answer.not_measured {
        writeln!(out, "costs           not measured: {}", escaped(reason))?;
    }
    for probe in &answer.probes {
        print_probe(probe, out)?;
    }
    for refused in &answer.refused {
        let (name, reason) = (refused.operation, escaped(&refused.reason));
        writeln!(out, "\n{name}\n  {:13} {reason}", "refused")?;
    }
    Ok(())
}

/// Prints the explanation of a probe as text.
///
/// # Errors
/// Where `out` cannot be written.
pub fn print_probe(probe: &ProbeAnswer<'_>, out: &mut dyn Write) -> io::Result<()> {
    let known = probe.explanation;
    let mut title = known.kind.to_owned();
    if let Some(file) = &known.file {
        title = format!("{title} in {file}");
    }
    if let Some(resolved) = &known.resolved_file {
        title = format!("{title}, which is {resolved}");
    }
    writeln!(out, "\n{} ({})", probe.operation, escaped(&title))?;
    let mut line = |label: &str, text: &str| writeln!(out, "  {label:13} {}", escaped(text));
    match (&known.function, &known.symbol) {
        (Some(function), Some(symbol)) => line("function", &format!("{function}, {symbol}"))?,
        (Some(function), None) => line("function", function)?,
        (None, _) => {}
    }
    for (label, names) in [("same code", &known.aliases), ("copies", &known.copies)] {
        if !names.is_empty() {
            line(
                label,
                &format!("{}: their calls count too", names.join(", ")),
            )?;
        }
    }
    if let Some(symbols) = &known.symbols_file {
        line("symbols of", symbols)?;
    }
    if let Some(section) = known.symbols_section {
        line("symbols of", &format!("its section {section}"))?;
    }
    line("begin", &addresses(&known.begins))?;
    let finishes = addresses(&known.finishes);
    line("finish", &format!("{}: {finishes}", known.finish))?;
    line("abandonment", &format!("proven by {}", known.abandonment))?;
    line("success", &known.success)?;
    for warning in &known.warnings {
        line("warning", warning)?;
    }
    line("cost", &known.cost)?;
    if let Some(PairCost {
        begin_us,
        finish_us,
        ..
    }) = probe.measured
    {
        let finish = match probe.emulated_finish_us {
            None => format!("{finish_us:.1} µs per finish"),
            Some(least) => {
                format!("{least:.1} µs per finish, {finish_us:.1} µs where that is single-stepped,")
            }
        };
        let text = format!("{begin_us:.1} µs per begin, {finish} on this host");
        line("measured", &text)?;
    }
    Ok(())
}

fn addresses(locations: &[Location]) -> String {
    const SHOWN: usize = 8;
    let shown = locations
        .iter()
        .take(SHOWN)
        .map(|location| match location.way {
            Some(way) => format!("{} ({way})", location.address),
            None => location.address.clone(),
        });
    let mut shown: Vec<String> = shown.collect();
    if locations.len() > SHOWN {
        shown.push("…".to_owned());
    }
    shown.join(" ")
}
