//! The words that describe how a function is observed.

use std::collections::BTreeSet;

use soakbox_schemas::control::Returned;

use crate::binary::{Finish, Function, LeadsTo, LeavingJump, Site, demangle, is_at};
use crate::probe::returns::executed_by;
use crate::probe::{Explanation, Location, OpenFile, Rules, tail_calls};

/// Where finishes are observed without a uretprobe, in words. `jumps` is the number of those after
/// which it only returns, `left_at` are those that cannot be followed.
fn finish_places(jumps: usize, returns: &[Site], left_at: &[LeavingJump], why: &str) -> String {
    let plural = |count: usize, one: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    };
    let mut places = Vec::new();
    if jumps > 0 {
        let jumps = plural(jumps, "jump");
        places.push(format!("at {jumps} on the way out, after the last call"));
    }
    if !returns.is_empty() {
        let count = plural(returns.len(), "return instruction");
        places.push(format!("at {count}{}", executed_by(returns)));
    }
    if !left_at.is_empty() {
        let count = plural(left_at.len(), "jump");
        places.push(format!("at {count} that cannot be followed"));
    }
    if places.is_empty() {
        places.push("at no instruction of its own".into());
    }
    format!("{} ({why})", places.join(", and "))
}

/// Where the jumps lead that cannot be followed, each once: `to 'free', through a pointer`.
fn left_to(function: &Function) -> String {
    const LISTED: usize = 4;
    let to: BTreeSet<&LeadsTo> = function.all_left_at().map(|jump| &jump.to).collect();
    let listed: Vec<String> = to.iter().take(LISTED).map(ToString::to_string).collect();
    match to.len().saturating_sub(LISTED) {
        0 => listed.join(", "),
        more => format!("{} and {more} other ways", listed.join(", ")),
    }
}

/// What is not measured at the jumps, in words.
fn limits_of_exits(function: &Function) -> String {
    let exits = function.exits();
    let mut text = String::new();
    if exits.iter().any(|exit| is_at(&function.begins, exit)) {
        text += "; a call that takes the way out at its begin finishes there, and has no duration but that of the recorder";
    }
    let tails = &function.tail_calls.exits;
    let unknown = exits.iter().chain(tails);
    let unknown = unknown.filter(|exit| exit.way_out.returned == Returned::Unknown);
    match unknown.count() - function.all_left_at().count() {
        0 => {}
        1 => {
            text += "; at one jump the return value is not known yet, and is not recorded, as no rule reads it"
        }
        count => {
            text += &format!(
                "; at {count} jumps the return value is not known yet, and is not recorded, as no rule reads it"
            );
        }
    }
    text
}

pub(super) fn explain(
    function: &Function,
    mut warnings: Vec<String>,
    file: &OpenFile,
    rules: &Rules,
) -> Explanation {
    let locations = |sites: &[Site]| sites.iter().map(Location::from).collect();
    let tails = &function.tail_calls;
    let (finish, finishes) = match &function.finish {
        Finish::Returns {
            exits, kept, why, ..
        } => {
            let mut finishes: Vec<Location> = exits.iter().map(Location::from).collect();
            finishes.extend(kept.iter().map(Location::from));
            let left_at = &function.left_at;
            let jumps = exits.len() - left_at.len();
            let mut text = finish_places(jumps, kept, left_at, why);
            text += &limits_of_exits(function);
            if !tails.functions.is_empty() {
                text += &tail_calls::described(tails);
                finishes.extend(tail_calls::finishes(tails));
            }
            (text, finishes)
        }
        Finish::Callers { why } => {
            let places = match tails.exits.len() {
                1 => "the place".to_owned(),
                count => format!("the {count} places"),
            };
            let text = format!("at {places} in its callers to which it returns ({why})");
            (text, tail_calls::finishes(tails).collect())
        }
        Finish::Uretprobe(site) => {
            let why = match &function.vouched {
                None => "nothing in the program can unwind or switch stacks",
                Some(_) => "finish=uretprobe vouches for it",
            };
            (
                format!("by a uretprobe ({why})"),
                locations(std::slice::from_ref(site)),
            )
        }
    };
    if let Some(risk) = &function.vouched {
        warnings.push(format!(
            "finish=uretprobe vouches for a uretprobe that would not be used otherwise: {risk}; a call of it that does not simply return can end the program"
        ));
    }
    let left_to = left_to(function);
    let left_out = if !left_to.is_empty() {
        Some(format!("what is executed after its jumps {left_to}"))
    } else if function.exits().is_empty() && tails.exits.is_empty() {
        None
    } else {
        Some("the last instructions before it returns, none of them a call".to_owned())
    };
    if !left_to.is_empty() {
        warnings.push(format!(
            "finish=jump: the operation finishes where it jumps {left_to}; what is executed there is not part of it"
        ));
    }
    let abandonment = match &function.stack_switch {
        _ if !tails.jumps.is_empty() || matches!(function.finish, Finish::Callers { .. }) => {
            "another call at an equal stack pointer, or the end of the process (it ends in tail calls)"
                .to_owned()
        }
        None => "the order of stack pointers".to_owned(),
        Some(why) => {
            format!("an equal stack pointer, or the end of the process ({why})")
        }
    };
    if !function.copies.is_empty() && rules.success.is_some() {
        warnings.push(format!(
            "the compiler may have changed arguments and return values in its copies of the function, so the rules may read wrong values there: {}",
            function.copies.join(", ")
        ));
    }
    let aliases = function.aliases.iter();
    let signature = demangle::signature(&function.symbol);
    let mut explanation = Explanation {
        symbol: signature.is_some().then(|| function.symbol.clone()),
        function: Some(signature.unwrap_or_else(|| function.symbol.clone())),
        finish,
        left_out,
        abandonment,
        success: match &rules.success {
            Some(success) => success.to_string(),
            None => "unknown".to_owned(),
        },
        begins: locations(&function.begins),
        finishes,
        aliases: aliases
            .filter(|name| **name != function.symbol)
            .cloned()
            .collect(),
        copies: function.copies.clone(),
        vouched: function.vouched.clone(),
        warnings,
        ..Explanation::of_file("function", file)
    };
    explanation.cost = explanation.cost_of_instructions();
    if !tails.functions.is_empty() {
        explanation.cost += &tail_calls::cost(tails);
    } else if !tails.begins.is_empty() {
        let count = tails.begins.len();
        explanation.cost += &format!(
            "; its callers pass {count} further probes at their entries, which find what was left"
        );
    }
    explanation
}
