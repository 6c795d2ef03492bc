//! `probes`: prints the functions, markers and USDT probes of a file. Not every listed name can be
//! observed safely: `check` reports whether one can.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;
use soakbox_cli::{answer, escaped, escaped_path};

use crate::binary::{self, Binary, Listing, demangle};
use crate::cli::Probes;

#[derive(Debug, Serialize)]
struct Answer<'a> {
    schema: &'static str,
    file: String,
    functions: Vec<Function<'a>>,
    markers: &'a [&'a str],
    usdt: Vec<Usdt<'a>>,
    go: bool,
    stripped: bool,
}

#[derive(Debug, Serialize)]
struct Function<'a> {
    name: &'a str,
    /// The readable name, where `name` is mangled.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    address: String,
    size: u64,
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
    let opened = Binary::open(arguments.file.clone(), arguments.file.clone());
    let (_, bytes) = opened.map_err(|error| {
        anyhow::anyhow!(
            "cannot read {file}: {error}; hint: name a program or a library by its path"
        )
    })?;
    let listing = binary::list(&bytes)
        .map_err(|reason| anyhow::anyhow!("{file}: {reason}; hint: {}", reason.hint()))?;
    let answer = describe(arguments.file.display().to_string(), &listing);
    answer::print(&answer, arguments.format, table)?;
    Ok(())
}

fn describe<'a>(file: String, listing: &'a Listing<'a>) -> Answer<'a> {
    let functions = listing.functions.iter();
    let usdt = listing.usdt.iter();
    Answer {
        schema: "soakbox.probes/1",
        file,
        functions: functions
            .map(|&(name, address, size)| Function {
                name,
                signature: demangle::signature(name),
                address: format!("{address:#x}"),
                size,
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
        go: listing.go,
        stripped: listing.stripped,
    }
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
    for function in &answer.functions {
        write!(
            out,
            "function  {:>12} {:>8} bytes  {}",
            function.address,
            function.size,
            escaped(function.name)
        )?;
        if let Some(signature) = &function.signature {
            write!(out, "  {}", escaped(signature))?;
        }
        writeln!(out)?;
    }
    if answer.go {
        writeln!(
            out,
            "this is a Go program, whose functions cannot be observed"
        )?;
    }
    if answer.stripped {
        writeln!(
            out,
            "the symbol table is stripped: only exported functions are listed"
        )?;
    }
    Ok(())
}
