//! Functions: from a name to its range, its begin and its finishes.

use super::clones::{self, Clones, Role};
use super::control_flow::{self, Body, Extent, ReturnUse};
use super::elf::{Elf, Symbol};
use super::error::Reason;
use super::go;
use super::hazards;
use super::lookup::{self, NamedFunction};
use super::program::Program;
use super::tail_calls::Chain;
use super::{Finish, Finishing, Function, KernelVersion, NotCarriedOut, Surveyed, TailCalls};

/// Resolves a function with the copies that the compiler made of it. The warnings are about calls
/// that will not be observed.
pub(super) fn resolve(
    elf: &Elf<'_>,
    file: &str,
    function: &str,
    kernel: KernelVersion,
    finishing: Finishing,
) -> Result<(Function, Vec<String>), Reason> {
    if elf.is_go() && finishing == Finishing::ByUretprobe {
        return Err(Reason::Uretprobe("the stacks of Go move".into()));
    }
    let found = lookup::find(elf, file, function).map_err(|reason| {
        // Stripped programs have no symbols of their Go functions.
        let is_go = go::has_function(elf, function);
        if is_go { Reason::Go } else { reason }
    })?;
    let program = |value| Program::new(elf, kernel, value);
    let resolved = match finishing {
        Finishing::Exactly(value) => resolve_found(&program(value), &found),
        Finishing::AlsoAtJumps(value) => resolve_left_at_jumps(&program(value), &found),
        Finishing::ByUretprobe => resolve_vouched(&program(ReturnUse::RECORDED), &found),
    }?;
    Ok((resolved.function, resolved.warnings))
}

/// Resolves a function exactly, or at the jumps that cannot be followed where that is refused because
/// of these.
fn resolve_left_at_jumps<'a>(
    program: &Program<'_, 'a>,
    found: &NamedFunction<'a>,
) -> Result<Resolved, Reason> {
    let exact = resolve_found(program, found);
    let leaves = match &exact {
        Ok(resolved) => resolved.copy_leaves,
        Err(reason) => reason.is_at_jump(),
    };
    if !leaves {
        return exact;
    }
    match (resolve_found(&program.finishing_at_jumps(), found), exact) {
        // The function itself is observed to its end, without the copy.
        (Err(_), Ok(exact)) => Ok(exact),
        (at_jumps, _) => at_jumps,
    }
}

/// Resolves a function that is finished by a uretprobe because somebody vouches for it.
fn resolve_vouched<'a>(
    program: &Program<'_, 'a>,
    found: &NamedFunction<'a>,
) -> Result<Resolved, Reason> {
    let elf = program.elf;
    let extent = program.extent(&found.symbol)?;
    if let Some(why) = hazards::certain_harm(elf, &extent.names, program.kernel) {
        return Err(Reason::Uretprobe(why));
    }
    let copies = clones::of(elf, &copied_names(&extent, found.name), Some(extent.start));
    if !copies.unique.is_empty() {
        let why = "the compiler made copies of the function, which a uretprobe does not see";
        return Err(Reason::Uretprobe(why.into()));
    }
    let body = program.body(&extent);
    let is_loop = body.as_ref().is_ok_and(Body::begins_with_loop);
    if is_loop || control_flow::jumps_to_start(elf, &extent) {
        let why =
            "its first instruction is the head of a loop, of which each turn would count as a call";
        return Err(Reason::Uretprobe(why.into()));
    }
    let missing = Reason::NoBegin("the kernel accepts no probe on its first instruction");
    let entry = program.entry_site(extent.start).ok_or(missing)?;
    let warnings = unobserved_calls(elf, &extent, &body, &copies);
    let function = Function {
        symbol: found.symbol.name.to_owned(),
        aliases: extent.names.iter().map(|name| (*name).to_owned()).collect(),
        copies: Vec::new(),
        address: extent.start,
        begins: vec![entry.clone()],
        finish: Finish::Uretprobe(entry),
        tail_calls: TailCalls::default(),
        left_at: Vec::new(),
        vouched: program.excludes_uretprobe(&extent, &copies),
        stack_switch: program.stack_switch.clone(),
    };
    Ok(Resolved {
        function,
        warnings,
        copy_leaves: false,
    })
}

/// The cost class of each function of the file, by the symbols that stand for it alone, in their
/// order; the reason where one cannot be observed. Without IFUNCs, copies and split-off parts.
pub(super) fn survey<'a>(
    elf: &Elf<'a>,
    kernel: KernelVersion,
    carries_out_returns: bool,
) -> Vec<Surveyed<'a>> {
    let exact = Program::new(elf, kernel, ReturnUse::RECORDED);
    let at_jumps = exact.finishing_at_jumps();
    let class = |program: &Program<'_, 'a>, symbol: &Symbol<'a>| {
        let found = NamedFunction {
            symbol: *symbol,
            name: symbol.name,
        };
        let mut function = resolve_found(program, &found)?.function;
        if !carries_out_returns {
            function.leave_returns_to_kernel(NotCarriedOut::ByAny);
        }
        Ok(function.cost_class())
    };
    let surveyed = |symbol: &Symbol<'a>| {
        let class_of = class(&exact, symbol);
        let is_at_jump = class_of.as_ref().is_err_and(Reason::is_at_jump);
        let at_jumps = is_at_jump.then(|| class(&at_jumps, symbol).ok());
        Surveyed {
            symbol: symbol.name,
            address: symbol.address,
            class: class_of,
            at_jumps: at_jumps.flatten(),
        }
    };
    let symbols = elf.symbols.iter();
    symbols
        .filter(|symbol| !symbol.indirect && clones::role(symbol.name) == Role::Function)
        .map(surveyed)
        .collect()
}

/// A function with its sites, and what its user is told.
struct Resolved {
    function: Function,
    /// Calls that will not be observed, in words.
    warnings: Vec<String>,
    /// A copy of it is not observed because of a jump that cannot be followed.
    copy_leaves: bool,
}

fn resolve_found<'a>(
    program: &Program<'_, 'a>,
    found: &NamedFunction<'a>,
) -> Result<Resolved, Reason> {
    let elf = program.elf;
    let extent = program.extent(&found.symbol)?;
    let body = program.body(&extent);
    let copies = clones::of(elf, &copied_names(&extent, found.name), Some(extent.start));
    let mut warnings = unobserved_calls(elf, &extent, &body, &copies);

    let no_uretprobe = program.excludes_uretprobe(&extent, &copies);
    let mut chain = Chain::new(
        std::iter::once(extent.start).chain(copies.unique.iter().map(|copy| copy.address)),
    );
    let (mut begins, mut finish) =
        program.sites(&extent, body, no_uretprobe, &copies, &mut chain)?;
    let mut observed = Vec::new();
    let mut copy_leaves = false;
    for copy in copies.unique {
        let sites = program.copy_sites(&copy).and_then(|sites| {
            let mut longer = chain.clone();
            longer.add(program, &sites)?;
            chain = longer;
            Ok(sites)
        });
        match (sites, &mut finish) {
            (
                Ok(more),
                Finish::Returns {
                    sites, exits, kept, ..
                },
            ) => {
                begins.push(more.begin);
                sites.extend(more.returns);
                exits.extend(more.exits);
                kept.extend(more.kept);
                observed.push(copy.name.to_owned());
            }
            // Where there are copies, neither is used.
            (Ok(_), Finish::Callers { .. } | Finish::Uretprobe(_)) => {}
            (Err(why), _) if chain.leads_to(copy.address) => {
                return Err(Reason::TailCallee {
                    callee: program.name_at(copy.address),
                    why: Box::new(why),
                });
            }
            (Err(reason), _) => {
                copy_leaves |= reason.is_at_jump();
                warnings.push(format!(
                    "{}, a copy of it made by the compiler, is not observed: {reason}",
                    copy.name
                ));
            }
        }
    }
    let (tail_calls, left_at) = chain.into_parts();
    let function = Function {
        symbol: found.symbol.name.to_owned(),
        aliases: extent.names.iter().map(|name| (*name).to_owned()).collect(),
        copies: observed,
        address: extent.start,
        begins,
        finish,
        tail_calls,
        left_at,
        stack_switch: program.stack_switch.clone(),
        vouched: None,
    };
    Ok(Resolved {
        function,
        warnings,
        copy_leaves,
    })
}

/// The names whose copies are searched for: every symbol of this code, and the function's own name,
/// which has no symbol where only copies are left.
fn copied_names<'n>(extent: &Extent<'n>, function: &'n str) -> Vec<&'n str> {
    let mut names = extent.names.clone();
    if !names.contains(&function) {
        names.push(function);
    }
    names
}

/// Warnings about calls that enter the function's code neither at its start nor at the start of a
/// known copy.
fn unobserved_calls(
    elf: &Elf<'_>,
    extent: &Extent<'_>,
    body: &Result<Body, Reason>,
    copies: &Clones<'_>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Ok(body) = body {
        if body.never_returns() {
            warnings.push("it has no return instruction: each call of it begins and never finishes, and counts as abandoned once its thread's stack, or the end of its process, shows that it was left".into());
        }
        if body.begins_with_loop() {
            warnings.push(
                "its first instruction is the head of a loop, of which each turn passes two probes"
                    .into(),
            );
        }
        let parts = clones::other_parts(elf, &extent.names, &body.parts);
        if !parts.is_empty() {
            let parts = parts.join(", ");
            warnings.push(format!(
                "calls whose start was inlined are not observed: they enter {parts} directly"
            ));
        }
    }
    if !copies.ambiguous.is_empty() {
        let names = copies.ambiguous.join(", ");
        warnings.push(format!(
            "copies made by the compiler are not observed, because they may be copies of another function of the same name: {names}"
        ));
    }
    warnings
}
