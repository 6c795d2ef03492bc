//! `probes`: prints the functions, markers and USDT probes of a file. Not every listed name can be
//! observed safely: `check` reports whether one can, and `--costs` adds it to each.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use serde::Serialize;
use soakbox_cli::{answer, escaped, escaped_path};

use super::check;
use crate::binary::{self, Binary, DebugFile, GoListing, Image, Listing, SymbolSource, demangle};
use crate::cli::Probes;
use crate::costs::{PairCost, ProbeCosts};
use crate::kernel::KernelFacts;
use crate::resolve::Conditions;

mod costs;

use costs::{FunctionCost, REFUSED, add_costs};

#[derive(Debug, Serialize)]
struct Answer<'a> {
    schema: &'static str,
    file: String,
    functions: Vec<Function<'a>>,
    markers: &'a [&'a str],
    usdt: Vec<Usdt<'a>>,
    /// Whether the file contains Go code.
    go: bool,
    /// The version of Go that built it, where that can be read.
    go_version: Option<String>,
    /// The Go functions, without those in assembly.
    go_functions: Vec<GoFunction<'a>>,
    /// Why the Go functions cannot be observed, where they cannot.
    go_refused: Option<String>,
    stripped: bool,
    /// Path of the file that has the symbols, where the file itself was stripped of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    symbols_file: Option<String>,
    /// Section of the file that has names of functions, where it was stripped of its symbols.
    #[serde(skip_serializing_if = "Option::is_none")]
    symbols_section: Option<&'static str>,
    /// Number of functions by cost class and, under `refused`, of those that cannot be observed, and
    /// of these, under `with_finish_jump`, of those that can with that rule; only where costs were
    /// asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<BTreeMap<&'static str, usize>>,
    /// What the probes of a begin and of a finish cost on this host, by cost class; only where
    /// costs were asked for and can be measured.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    measured: BTreeMap<&'static str, PairCost>,
    /// Why costs that were asked for could not be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_measured: Option<String>,
}

#[derive(Debug, Serialize)]
struct Function<'a> {
    name: &'a str,
    /// The readable name, where `name` is mangled.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    address: String,
    #[serde(skip)]
    at: u64,
    size: u64,
    /// Whether it is Go code, which is among the Go functions, or cannot be observed.
    #[serde(skip)]
    is_go: bool,
    #[serde(flatten)]
    cost: FunctionCost,
    /// The cost class with the rule `finish=jump`, where it is refused without that.
    #[serde(skip_serializing_if = "Option::is_none")]
    with_finish_jump: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct GoFunction<'a> {
    name: &'a str,
    address: String,
    size: u64,
    #[serde(flatten)]
    cost: FunctionCost,
}

#[derive(Debug, Serialize)]
struct Usdt<'a> {
    provider: &'a str,
    name: &'a str,
    address: String,
}

/// Prints the answer on stdout.
///
/// # Errors
/// Where the file cannot be read or is not a program.
pub fn run(arguments: &Probes) -> Result<()> {
    let file = escaped_path(&arguments.file);
    let opened = Binary::open(arguments.file.clone());
    let (binary, bytes) = opened.map_err(|error| {
        anyhow::anyhow!(
            "cannot read {file}: {error}; hint: name a program or a library by its path"
        )
    })?;
    let debug = DebugFile::find(binary.path(), &bytes);
    let image = Image {
        bytes: &bytes,
        symbols: debug.as_ref().map(DebugFile::symbols),
    };
    let listing = binary::list(image)
        .map_err(|reason| anyhow::anyhow!("{file}: {reason}; hint: {}", reason.hint()))?;
    let mut answer = describe(arguments.file.display().to_string(), &listing);
    match debug.as_ref().map(|debug| &debug.source) {
        Some(SymbolSource::File(path)) => answer.symbols_file = Some(path.display().to_string()),
        Some(SymbolSource::Section(name)) => answer.symbols_section = Some(name),
        None => {}
    }
    if arguments.costs {
        let costs = KernelFacts::inspect().and_then(|facts| ProbeCosts::measure(&facts));
        let conditions = Conditions::of_this_host()?;
        let kernel = conditions.kernel;
        let carries_out_returns = conditions.carries_out_returns();
        let surveyed = binary::survey(image, kernel, carries_out_returns)?;
        let go = match &listing.go {
            Some(Ok(_)) => binary::survey_go(&bytes, kernel, carries_out_returns)?,
            _ => Vec::new(),
        };
        add_costs(&mut answer, surveyed, go, costs.as_ref().ok());
        answer.measured = check::by_name(costs.as_ref().ok());
        answer.not_measured = costs.err().map(|error| error.to_string());
    }
    answer::print(&answer, arguments.format, table)?;
    Ok(())
}

fn describe<'a>(file: String, listing: &'a Listing<'a>) -> Answer<'a> {
    let functions = listing.functions.iter();
    let usdt = listing.usdt.iter();
    let go = listing.go.as_ref().and_then(|go| go.as_ref().ok());
    Answer {
        schema: "soakbox.probes/1",
        file,
        functions: functions
            .map(|&(name, address, size)| Function {
                name,
                signature: demangle::signature(name),
                address: format!("{address:#x}"),
                at: address,
                size,
                is_go: listing
                    .go_code
                    .as_ref()
                    .is_some_and(|go| go.contains(&address)),
                cost: FunctionCost::default(),
                with_finish_jump: None,
            })
            .collect(),
        markers: &listing.markers,
        usdt: usdt
            .map(|site| Usdt {
                provider: site.provider,
                name: site.name,
                address: format!("{:#x}", site.address),
            })
            .collect(),
        go: listing.go.is_some(),
        go_version: go.map(|go| go.version.to_string()),
        go_functions: go.map(go_functions).unwrap_or_default(),
        go_refused: match &listing.go {
            Some(Err(reason)) => Some(reason.to_string()),
            _ => None,
        },
        stripped: listing.stripped,
        symbols_file: None,
        symbols_section: None,
        totals: None,
        measured: BTreeMap::new(),
        not_measured: None,
    }
}

fn go_functions<'a>(go: &'a GoListing<'_>) -> Vec<GoFunction<'a>> {
    let functions = go.functions.iter();
    functions
        .map(|(name, address, size)| GoFunction {
            name,
            address: format!("{address:#x}"),
            size: *size,
            cost: FunctionCost::default(),
        })
        .collect()
}

fn table(answer: &Answer<'_>, out: &mut dyn Write) -> std::io::Result<()> {
    for marker in answer.markers {
        writeln!(out, "marker    {}", escaped(marker))?;
    }
    for site in &answer.usdt {
        writeln!(
            out,
            "usdt      {}:{} at {} (not observed by this version)",
            escaped(site.provider),
            escaped(site.name),
            site.address
        )?;
    }
    let asked = answer.totals.is_some();
    for function in &answer.go_functions {
        write!(
            out,
            "go        {:>12} {:>8} bytes  ",
            function.address, function.size
        )?;
        if asked {
            write!(out, "{:9}  ", function.cost.cost_class.unwrap_or(REFUSED))?;
        }
        write!(out, "{}", escaped(function.name))?;
        if let Some(reason) = &function.cost.refused {
            write!(out, "  ({})", escaped(reason))?;
        }
        writeln!(out)?;
    }
    let functions = answer.functions.iter();
    for function in functions.filter(|function| !function.is_go) {
        write!(
            out,
            "function  {:>12} {:>8} bytes  ",
            function.address, function.size
        )?;
        if asked {
            write!(out, "{:9}  ", function.cost.cost_class.unwrap_or(REFUSED))?;
        }
        write!(out, "{}", escaped(function.name))?;
        if let Some(signature) = &function.signature {
            write!(out, "  {}", escaped(signature))?;
        }
        if let Some(reason) = &function.cost.refused {
            write!(out, "  ({})", escaped(reason))?;
        }
        writeln!(out)?;
    }
    if let Some(totals) = &answer.totals {
        let totals: Vec<String> = totals
            .iter()
            .map(|(class, count)| format!("{class} {count}"))
            .collect();
        writeln!(out, "totals    {}", totals.join(", "))?;
    }
    for (class, cost) in &answer.measured {
        let PairCost {
            begin_us,
            finish_us,
            ..
        } = cost;
        writeln!(
            out,
            "measured  {class:9}  {begin_us:.1} µs per begin, {finish_us:.1} µs per finish on this host"
        )?;
    }
    if let Some(reason) = &answer.not_measured {
        writeln!(out, "the costs are not measured: {}", escaped(reason))?;
    }
    if let Some(version) = &answer.go_version {
        writeln!(out, "this is a Go program, built by {}", escaped(version))?;
    }
    if let Some(reason) = &answer.go_refused {
        writeln!(out, "the functions cannot be observed: {}", escaped(reason))?;
    }
    if let Some(symbols) = &answer.symbols_file {
        writeln!(out, "the symbols are those of {}", escaped(symbols))?;
    }
    if let Some(section) = answer.symbols_section {
        writeln!(out, "the symbols are those of the section {section}")?;
    }
    if answer.stripped && !answer.go {
        writeln!(
            out,
            "the symbol table is stripped: only exported functions are listed"
        )?;
    }
    Ok(())
}
