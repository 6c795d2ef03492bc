//! `check`: what this host allows, what each probe resolves to, its risk to the target and its cost. The programs are
//! loaded and unloaded to know; nothing is attached.

use std::io::Write;

use anyhow::{Context, Result};
use serde::Serialize;
use soakbox_schemas::control::OperationRule;

use crate::answer;
use crate::binary::{Cost, Finish, Operation, Order, Site};
use crate::cli;
use crate::kernel::{Host, Kernel, KernelSettings};
use crate::resolve::{self, ResolvedProbe};

#[derive(Debug, Serialize)]
struct Answer {
    schema: &'static str,
    /// Whether the kernel takes the programs.
    allowed: bool,
    /// Why not.
    reason: Option<String>,
    kernel: String,
    cpus: u32,
    pid_namespace: &'static str,
    cpu_split: bool,
    memory: bool,
    probes: Vec<ProbeAnswer>,
}

#[derive(Debug, Serialize)]
struct ProbeAnswer {
    operation: String,
    file: String,
    kind: &'static str,
    /// How finishes are seen, and why so.
    finish: String,
    /// What proves that a begin will never finish.
    abandonment: String,
    success: String,
    begins: Vec<SiteAnswer>,
    finishes: Vec<SiteAnswer>,
    /// Other names of the same code: calls of these count too.
    aliases: Vec<String>,
    /// Copies made by the compiler that count too.
    copies: Vec<String>,
    /// What will not be seen, or not rightly.
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct SiteAnswer {
    address: String,
    file_offset: u64,
    stepped: bool,
}

/// Answers on stdout.
///
/// # Errors
/// Where this host does not allow BPF (after the answer), or a probe does not resolve.
pub fn run(arguments: &cli::Check) -> Result<()> {
    let config = resolve::read_config(&arguments.observed)?;
    let subject = resolve::subject(&arguments.observed, &config)?;
    let host = Host::inspect()?;
    let loaded = Kernel::load(&host, &smallest()).map(drop);
    let answer = Answer {
        schema: "soakbox.check/1",
        allowed: loaded.is_ok(),
        reason: loaded.as_ref().err().map(ToString::to_string),
        kernel: host.kernel.clone(),
        cpus: host.possible_cpus,
        pid_namespace: if host.pid_namespace.is_some() {
            "own"
        } else {
            "initial"
        },
        cpu_split: host.offsets.has_cpu_split(),
        memory: host.offsets.has_memory(),
        probes: subject.probes.iter().map(describe).collect(),
    };
    answer::print(&answer, arguments.format, table)?;
    loaded.context("this host does not allow recording")
}

fn smallest() -> KernelSettings {
    KernelSettings {
        rules: vec![OperationRule::default()],
        interval_ns: 1_000_000_000,
        ring_bytes: rustix::param::page_size() as u32,
        in_flight: 1,
        tree: None,
    }
}

fn describe(probe: &ResolvedProbe) -> ProbeAnswer {
    let sites = |sites: &[Site]| sites.iter().map(site).collect();
    let rules = &probe.spec.rules;
    let (kind, finish, abandonment, begins, finishes) = match &probe.resolved.operation {
        Operation::Marker(marker) => (
            "marker",
            "by the marker".to_owned(),
            "the end of the thread or process".to_owned(),
            sites(&marker.begins),
            sites(&marker.finishes),
        ),
        Operation::Function(function) => {
            let (finish, finishes) = match &function.finish {
                Finish::Returns {
                    sites: returns,
                    why,
                } => (
                    format!("at {} return instructions ({why})", returns.len()),
                    sites(returns),
                ),
                Finish::Uretprobe(site) => (
                    "by a uretprobe (nothing in the program can unwind or switch stacks)"
                        .to_owned(),
                    sites(std::slice::from_ref(site)),
                ),
            };
            let abandonment = match &function.order {
                Order::StackOrder => "the order of stack pointers".to_owned(),
                Order::EqualOnly { why } => {
                    format!("an equal stack pointer, or the end of the process ({why})")
                }
            };
            (
                "function",
                finish,
                abandonment,
                sites(&function.begins),
                finishes,
            )
        }
    };
    let success = match &rules.success {
        Some(success) => success.to_string(),
        None if kind == "marker" => "as the marker says".to_owned(),
        None => "unknown".to_owned(),
    };
    let (aliases, copies) = match &probe.resolved.operation {
        Operation::Function(function) => {
            let other = |name: &&String| **name != function.symbol;
            let aliases = function.aliases.iter().filter(other).cloned().collect();
            (aliases, function.copies.clone())
        }
        Operation::Marker(_) => (Vec::new(), Vec::new()),
    };
    ProbeAnswer {
        aliases,
        copies,
        warnings: probe.resolved.warnings.clone(),
        operation: probe.spec.name.clone(),
        file: probe.binary.path().display().to_string(),
        kind,
        finish,
        abandonment,
        success,
        begins,
        finishes,
    }
}

fn site(site: &Site) -> SiteAnswer {
    SiteAnswer {
        address: format!("{:#x}", site.address),
        file_offset: site.file_offset,
        stepped: matches!(site.cost, Cost::SingleStepped),
    }
}

fn table(answer: &Answer, out: &mut dyn Write) -> std::io::Result<()> {
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
        Some(reason) => writeln!(out, "programs        not allowed: {reason}")?,
    }
    writeln!(out, "on-CPU time     yes")?;
    writeln!(out, "user, system    {}", yes(answer.cpu_split))?;
    writeln!(out, "memory          {}", yes(answer.memory))?;
    for probe in &answer.probes {
        writeln!(
            out,
            "\n{} ({} in {})",
            probe.operation, probe.kind, probe.file
        )?;
        if !probe.aliases.is_empty() {
            let aliases = probe.aliases.join(", ");
            writeln!(out, "  same code     {aliases}: their calls count too")?;
        }
        if !probe.copies.is_empty() {
            let copies = probe.copies.join(", ");
            writeln!(out, "  copies        {copies}: their calls count too")?;
        }
        writeln!(out, "  begin         {}", addresses(&probe.begins))?;
        writeln!(
            out,
            "  finish        {}: {}",
            probe.finish,
            addresses(&probe.finishes)
        )?;
        writeln!(out, "  abandoned by  {}", probe.abandonment)?;
        writeln!(out, "  success       {}", probe.success)?;
        for warning in &probe.warnings {
            writeln!(out, "  warning       {warning}")?;
        }
        let stepped = probe
            .begins
            .iter()
            .chain(&probe.finishes)
            .filter(|site| site.stepped)
            .count();
        if stepped > 0 {
            writeln!(
                out,
                "  cost          probes on instructions that the kernel single-steps ({stepped}): 0.3 to 0.9 µs each on bare metal, about 11 µs in some virtual machines; a marker is cheaper"
            )?;
        } else {
            writeln!(out, "  cost          about 1 to 3 µs for each operation")?;
        }
    }
    Ok(())
}

fn addresses(sites: &[SiteAnswer]) -> String {
    const SHOWN: usize = 8;
    let mut shown: Vec<&str> = sites
        .iter()
        .take(SHOWN)
        .map(|site| site.address.as_str())
        .collect();
    if sites.len() > SHOWN {
        shown.push("…");
    }
    shown.join(" ")
}
