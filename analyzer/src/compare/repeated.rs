//! Runs that are given twice. The same run twice is no second measurement: it would make a side
//! look more certain than it is. Pure.

use std::collections::HashMap;

use soakbox_cli::{Failure, Result};

use crate::windows::Run;

/// Refuses a run that is given twice. `side` is how the command line names the runs.
///
/// # Errors
/// Where two of the runs are the same one.
pub fn refuse_repeated(side: &str, runs: &[Run]) -> Result<()> {
    let mut known: HashMap<(&str, i64), &str> = HashMap::new();
    for run in runs {
        let Some(key) = run.identity.key() else {
            continue;
        };
        if let Some(first) = known.insert(key, &run.identity.name) {
            let second = &run.identity.name;
            let reason = match first == second {
                true => format!("the run {first} is given twice"),
                false => format!("{first} and {second} are the same run"),
            };
            return Err(Failure::new(side, reason).hint("name each run once"));
        }
    }
    Ok(())
}

/// The names of the candidate's runs that are also runs of the base.
pub(super) fn on_both_sides(base: &[Run], candidate: &[Run]) -> Vec<String> {
    let keys = base.iter().filter_map(|run| run.identity.key());
    let keys: std::collections::HashSet<(&str, i64)> = keys.collect();
    let shared = candidate.iter().map(|run| &run.identity);
    let shared = shared.filter(|run| run.key().is_some_and(|key| keys.contains(&key)));
    shared.map(|run| run.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::RunIdentity;
    use std::collections::BTreeMap;

    fn run(name: &str, recorder: &str, first_ns: i64) -> Run {
        Run {
            restarts_ns: Vec::new(),
            identity: RunIdentity {
                name: name.to_owned(),
                recorder: recorder.to_owned(),
                first_ns,
                ..RunIdentity::default()
            },
            operations: BTreeMap::new(),
        }
    }

    #[test]
    fn a_run_is_known_by_its_recorder_and_begin_whatever_its_name() {
        let (a, b) = (run("a", "0a", 1), run("b", "0a", 2));
        let copy = run("copy of a", "0a", 1);
        assert!(refuse_repeated("BASE", &[a.clone(), b.clone()]).is_ok());
        for twice in [[&a, &b, &copy], [&copy, &a, &b], [&b, &a, &a]] {
            let twice = twice.map(Clone::clone);
            assert!(refuse_repeated("BASE", &twice).is_err());
        }
        // Without a recorder it is not known which run it is.
        let unknown = run("x", "", 0);
        assert!(refuse_repeated("BASE", &[unknown.clone(), unknown.clone()]).is_ok());
        assert_eq!(
            on_both_sides(&[a, unknown.clone()], &[b, copy, unknown]),
            ["copy of a"]
        );
    }
}
