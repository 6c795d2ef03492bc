//! Functions that finish at jumps on the way out are recorded exactly: each call once, with the
//! value that it returned, for code of several compilers and every optimisation.

use serde_json::Value;

use crate::support::calls::{self, Calls};
use crate::support::recording::Recording;
use crate::support::{host, recorder, targets};

/// An import of `longjmp`, so that no uretprobe is used.
const NO_URETPROBE: &str = "-Wl,-u,longjmp";

/// Whether a rule reads the return values.
#[derive(Clone, Copy, PartialEq)]
enum Values {
    /// A rule reads every return value, so that all of them are known.
    Read,
    /// No rule reads them, so that some may not be known.
    Recorded,
}

/// Functions that begin at a conditional jump of which one way finishes them.
const BEGIN_AND_FINISH: [&str; 6] = [
    "l_taken",
    "l_falls",
    "l_flags",
    "l_depth",
    "l_three",
    "l_unknown",
];

/// Records every function of `shapes_of_exits.c` and compares calls and values with the program's
/// own. Returns how many finishes are at jumps and how many at returns.
fn compared(compiler: &str, flags: &[&str], values: Values) -> (usize, usize) {
    let program = targets::build_by(
        compiler,
        "shapes_of_exits.c",
        &[flags, &["-w", "-pthread", NO_URETPROBE]].concat(),
    );
    let directory = tempfile::tempdir().unwrap();
    let program = targets::own_copy(&program, directory.path());
    let root = directory.path().join("recording");
    // Without those that end in a tail call.
    let survey = recorder::json(&["probes", "--costs", program.to_str().unwrap()]);
    let observable = |name: &String| {
        let mut functions = survey["functions"].as_array().unwrap().iter();
        functions.any(|function| function["name"] == **name && function.get("cost_class").is_some())
    };
    let names: Vec<String> = calls::of_each(&targets::run(&program, &["1", "0"]).stdout)
        .into_iter()
        .map(|calls| calls.name)
        .filter(observable)
        .collect();
    assert!(names.len() > 10, "{names:?}");
    let probes: Vec<String> = names
        .iter()
        .map(|name| {
            let rule = match name.split('_').next() {
                _ if values == Values::Recorded => "",
                Some("b") => ",success=ret:u8>=0",
                Some("i") => ",success=ret:i32>=0",
                _ => ",success=ret>=0",
            };
            // Where programs carry out returns, these would be as cheap as jumps.
            let finish = ",finish=step";
            format!("{name}=uprobe:{}:{name}{rule}{finish}", program.display())
        })
        .collect();
    let seed = host::seed();
    let arguments = [seed.to_string(), (150 + seed % 100).to_string()];
    let (check, outcome) = recorder::observed(&root, &probes, &program, &arguments);

    let recording = Recording::open(&root);
    let program = format!("{compiler} {flags:?}, seed {seed}");
    for Calls { name, calls, sum } in calls::compared(&outcome.stdout, &names, &recording, &program)
    {
        let place = format!("{name} of {program}");
        let found = recording.of(&name, "return_value");
        assert_eq!(found.len() as i64, calls, "{place}");
        let known: Option<Vec<i64>> = found.into_iter().collect();
        assert!(known.is_some() || values == Values::Recorded, "{place}");
        // Without a rule the register is recorded, of which a short value has only a part.
        if let Some(known) = known.filter(|_| values == Values::Read || name.starts_with("l_")) {
            let found = known
                .iter()
                .fold(0i64, |sum, value| sum.wrapping_add(*value));
            assert_eq!(found, sum, "{place}");
        }
    }
    let probes = check["probes"].as_array().unwrap();
    for probe in probes {
        let name = probe["operation"].as_str().unwrap();
        if BEGIN_AND_FINISH.contains(&name) && (name, values) != ("l_unknown", Values::Read) {
            let at = |key: &str| probe[key].as_array().unwrap().clone();
            let begin = &at("begins")[0]["address"];
            let finishes = at("finishes");
            assert!(
                finishes.iter().all(|finish| finish["stepped"] == false),
                "{probe}"
            );
            assert!(
                finishes.iter().any(|finish| finish["address"] == *begin),
                "{probe}"
            );
        }
    }
    let finishes = probes
        .iter()
        .flat_map(|probe| probe["finishes"].as_array().unwrap());
    let is_stepped = |finish: &&Value| finish["stepped"] == Value::Bool(true);
    let (returns, jumps): (Vec<_>, Vec<_>) = finishes.partition(is_stepped);
    (jumps.len(), returns.len())
}

const FLAGS: [&[&str]; 7] = [
    &["-O2"],
    &["-O0"],
    &["-O1"],
    &["-O3"],
    &["-Os"],
    &["-O2", "-fno-omit-frame-pointer"],
    &["-O2", "-fstack-protector-all", "-fcf-protection=full"],
];

fn compare_all(flags: &[&[&str]]) {
    let mut compilers = vec!["gcc"];
    if host::has_tool("clang") {
        compilers.push("clang");
    }
    for compiler in compilers {
        for flags in flags {
            let (jumps, returns) = compared(compiler, flags, Values::Read);
            println!("{compiler} {flags:?}: {jumps} jumps, {returns} returns");
            assert!(jumps > 0);
            let (more_jumps, fewer_returns) = compared(compiler, flags, Values::Recorded);
            println!("without a rule: {more_jumps} jumps, {fewer_returns} returns");
            assert!(fewer_returns < returns);
        }
    }
}

/// With the usual flags and with others, which change from run to run.
#[test]
fn calls_and_values_are_exact_at_jumps_on_the_way_out() {
    if host::allows_bpf() {
        let other = 1 + host::seed() as usize % (FLAGS.len() - 1);
        compare_all(&[FLAGS[0], FLAGS[other]]);
    }
}

#[test]
#[ignore = "four minutes"]
fn calls_and_values_are_exact_with_all_flags() {
    if host::allows_bpf() {
        compare_all(&FLAGS);
    }
}
