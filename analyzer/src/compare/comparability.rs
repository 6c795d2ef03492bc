//! What is not the same on both sides besides the build: each such difference may be the cause of a
//! change. Differences are named; they change no verdict.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::units::duration;
use crate::windows::{Run, RunIdentity};

/// A property that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its name.
    pub property: &'static str,
    /// Its values on the base side, in order.
    pub base: Vec<String>,
    /// Its values on the candidate side.
    pub candidate: Vec<String>,
}

/// The name of the difference that lists the operations of one side only.
pub const OPERATIONS: &str = "operations of one side only";

/// The name of the difference in the settings of the recorder.
const CONFIGURATION: &str = "configuration";

/// A property of a run by its name.
type Property = (&'static str, fn(&RunIdentity) -> String);

/// The properties that should be equal. Build ids are expected to differ.
const PROPERTIES: [Property; 8] = [
    ("host", |run| run.host.clone()),
    ("kernel", |run| run.kernel.clone()),
    ("CPU", |run| run.cpu.to_string()),
    ("recorder version", |run| run.recorder_version.clone()),
    (CONFIGURATION, |run| run.config_digest.clone()),
    ("target", |run| {
        let paths = run.targets.iter().map(|target| target.path.as_str());
        paths.collect::<Vec<_>>().join(", ")
    }),
    ("CPU method", |run| {
        run.cpu_method.clone().unwrap_or_default()
    }),
    ("memory method", |run| {
        run.memory_method.clone().unwrap_or_default()
    }),
];

/// The properties in which the sides differ. One that is not known of a side is not compared.
pub fn differences(base: &[Run], candidate: &[Run]) -> Vec<Difference> {
    let values = |runs: &[Run], read: fn(&RunIdentity) -> String| -> BTreeSet<String> {
        let values = runs.iter().map(|run| read(&run.identity));
        values.filter(|value| !value.is_empty()).collect()
    };
    let mut differences = Vec::new();
    let runs = (base, candidate);
    for (property, read) in PROPERTIES {
        let (base, candidate) = (values(base, read), values(candidate, read));
        if base != candidate && !base.is_empty() && !candidate.is_empty() {
            differences.push(Difference {
                property,
                base: base.into_iter().collect(),
                candidate: candidate.into_iter().collect(),
            });
            if property == CONFIGURATION {
                name_settings(&mut differences, runs);
            }
        }
    }
    differences.extend(lengths(base, candidate));
    differences.extend(operations(base, candidate));
    differences
}

/// Puts the settings that differ in the place of the digests in the last difference, where the
/// settings of all runs are known and say what the digests do.
fn name_settings(differences: &mut [Difference], (base, candidate): (&[Run], &[Run])) {
    let is_known = |run: &Run| !run.identity.settings.is_empty();
    let both = || base.iter().chain(candidate);
    if !both().all(is_known) {
        return;
    }
    let values = |runs: &[Run], name: &String| -> BTreeSet<String> {
        let values = runs
            .iter()
            .map(|run| match run.identity.settings.get(name) {
                Some(value) => format!("{name} = {value}"),
                None => format!("no {name}"),
            });
        values.collect()
    };
    let names: BTreeSet<&String> = both()
        .flat_map(|run| run.identity.settings.keys())
        .collect();
    let mut named = (Vec::new(), Vec::new());
    for name in names {
        let (of_base, of_candidate) = (values(base, name), values(candidate, name));
        if of_base != of_candidate {
            named.0.extend(of_base);
            named.1.extend(of_candidate);
        }
    }
    if let Some(digests) = differences.last_mut().filter(|_| !named.0.is_empty()) {
        (digests.base, digests.candidate) = named;
    }
}

/// The builds of the runs: the build ids of what they observed, where all of them are known.
pub fn builds(runs: &[Run]) -> BTreeSet<String> {
    let build = |run: &Run| -> Option<String> {
        let ids = run.identity.targets.iter();
        let ids: Option<BTreeSet<&str>> = ids.map(|target| target.build_id.as_deref()).collect();
        let ids: Vec<&str> = ids?.into_iter().collect();
        (!ids.is_empty()).then(|| ids.join("+"))
    };
    runs.iter().filter_map(build).collect()
}

/// How long the runs are, where one side has shorter or longer ones than the other.
fn lengths(base: &[Run], candidate: &[Run]) -> Option<Difference> {
    /// Runs that are asked to be equally long differ by less.
    const LIKE: f64 = 0.9;
    let range = |runs: &[Run]| {
        let known = runs.iter().filter(|run| run.identity.has_length());
        let lengths = known.map(|run| {
            let RunIdentity {
                first_ns, last_ns, ..
            } = run.identity;
            last_ns.saturating_sub(first_ns)
        });
        let lengths: Vec<i64> = lengths.filter(|length| *length > 0).collect();
        Some((*lengths.iter().min()?, *lengths.iter().max()?))
    };
    let (of_base, of_candidate) = (range(base)?, range(candidate)?);
    let unlike = |a: i64, b: i64| (a.min(b) as f64) < LIKE * a.max(b) as f64;
    let differs = unlike(of_base.0, of_candidate.0) || unlike(of_base.1, of_candidate.1);
    let shown = |(shortest, longest): (i64, i64)| {
        let shown = |length| duration(length as f64);
        match unlike(shortest, longest) {
            true => vec![format!("{} to {}", shown(shortest), shown(longest))],
            false => vec![shown(longest)],
        }
    };
    differs.then(|| Difference {
        property: "length",
        base: shown(of_base),
        candidate: shown(of_candidate),
    })
}

/// The observed operations, where they differ.
fn operations(base: &[Run], candidate: &[Run]) -> Option<Difference> {
    let names = |runs: &[Run]| -> BTreeSet<String> {
        runs.iter()
            .flat_map(|run| run.operations.keys().cloned())
            .collect()
    };
    let (base, candidate) = (names(base), names(candidate));
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
        one.difference(other).cloned().collect()
    };
    // Of runs without rows nothing is known.
    let is_known = !base.is_empty() && !candidate.is_empty();
    (is_known && base != candidate).then(|| Difference {
        property: OPERATIONS,
        base: only(&base, &candidate),
        candidate: only(&candidate, &base),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::{Series, WindowLength};
    use soakbox_schemas::recording::footer::Cpu;

    fn run(host: &str, kernel: &str, operation: &str) -> Run {
        let series = Series {
            length: WindowLength::SECOND,
            windows: Vec::new(),
        };
        Run {
            restarts_ns: Vec::new(),
            identity: RunIdentity {
                host: host.to_owned(),
                kernel: kernel.to_owned(),
                ..RunIdentity::default()
            },
            operations: [(operation.to_owned(), series)].into(),
        }
    }

    #[test]
    fn what_differs_is_named_and_what_is_unknown_is_not() {
        let base = [run("a", "6.1", "get"), run("b", "6.1", "get")];
        assert_eq!(differences(&base, &base), []);
        assert_eq!(
            differences(&base, &[run("b", "6.1", "get"), run("a", "", "get")]),
            []
        );
        let found = differences(&base, &[run("a", "6.12", "put")]);
        let names: Vec<&str> = found.iter().map(|difference| difference.property).collect();
        assert_eq!(names, ["host", "kernel", "operations of one side only"]);
        assert_eq!(
            (&found[0].base[..], &found[0].candidate[..]),
            (&["a".to_owned(), "b".to_owned()][..], &["a".to_owned()][..])
        );
        assert_eq!(found[2].base, ["get"]);
        assert_eq!(found[2].candidate, ["put"]);
    }

    #[test]
    fn the_settings_that_differ_are_named_and_no_others() {
        let with = |digest: &str, settings: &[(&str, &str)]| {
            let mut run = run("a", "6.1", "get");
            run.identity.config_digest = digest.to_owned();
            let settings = settings.iter();
            run.identity.settings = settings
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            run
        };
        let small = with("1", &[("op.get", "uprobe:a:f"), ("ring-bytes", "4096")]);
        let large = with(
            "2",
            &[
                ("op.get", "uprobe:a:f"),
                ("ring-bytes", "65536"),
                ("op.put", "x"),
            ],
        );
        let old = with("3", &[]);
        let of = |base: &[&Run], candidate: &[&Run]| {
            let owned = |runs: &[&Run]| runs.iter().map(|run| (*run).clone()).collect::<Vec<_>>();
            let found = differences(&owned(base), &owned(candidate));
            let found: Vec<_> = found
                .into_iter()
                .map(|one| (one.property, one.base.join("; "), one.candidate.join("; ")))
                .collect();
            found
        };
        let named = |base: &str, candidate: &str| {
            vec![("configuration", base.to_owned(), candidate.to_owned())]
        };
        assert_eq!(of(&[&small], &[&small]), []);
        assert_eq!(
            of(&[&small], &[&large]),
            named(
                "no op.put; ring-bytes = 4096",
                "op.put = x; ring-bytes = 65536"
            )
        );
        assert_eq!(
            of(&[&small, &large], &[&small]),
            named(
                "no op.put; op.put = x; ring-bytes = 4096; ring-bytes = 65536",
                "no op.put; ring-bytes = 4096"
            )
        );
        // Where the settings of a run are not known, the digests are named.
        assert_eq!(of(&[&small], &[&old]), named("1", "3"));
        assert_eq!(of(&[&small, &old], &[&large]), named("1; 3", "2"));
        // So they are if the same settings have another meaning.
        let again = Run {
            identity: RunIdentity {
                config_digest: "4".to_owned(),
                ..small.identity.clone()
            },
            ..small.clone()
        };
        assert_eq!(of(&[&small], &[&again]), named("1", "4"));
    }

    #[test]
    fn lengths_differ_where_one_side_has_shorter_runs() {
        let lasting = |seconds: &[i64]| -> Vec<Run> {
            let one = |seconds: &i64| {
                let mut run = run("a", "6.1", "get");
                run.identity.last_ns = seconds * 1_000_000_000;
                run
            };
            seconds.iter().map(one).collect()
        };
        let of = |base: &[i64], candidate: &[i64]| {
            let found = differences(&lasting(base), &lasting(candidate));
            found
                .first()
                .map(|one| (one.property, one.base[0].clone(), one.candidate[0].clone()))
        };
        assert_eq!(of(&[60, 62], &[61]), None);
        // Of a run without rows no length is known.
        assert_eq!(of(&[60], &[0]), None);
        let named =
            |base: &str, candidate: &str| Some(("length", base.to_owned(), candidate.to_owned()));
        assert_eq!(of(&[60], &[30]), named("60.0 s", "30.0 s"));
        assert_eq!(
            of(&[60, 60], &[60, 30]),
            named("60.0 s", "30.0 s to 60.0 s")
        );
        assert_eq!(
            of(&[60, 60], &[60, 600]),
            named("60.0 s", "60.0 s to 10 min")
        );
    }

    #[test]
    fn processors_differ_by_model_and_by_number_and_unknown_ones_do_not() {
        let with = |model: Option<&str>, count| {
            let mut run = run("a", "6.1", "get");
            let model = model.map(str::to_owned);
            run.identity.cpu = Cpu { model, count };
            [run]
        };
        let base = with(Some("EPYC"), Some(2));
        assert_eq!(differences(&base, &base), []);
        assert_eq!(differences(&base, &with(None, None)), []);
        for other in [with(Some("Xeon"), Some(2)), with(Some("EPYC"), Some(4))] {
            let found = differences(&base, &other);
            assert_eq!((found.len(), found[0].property), (1, "CPU"));
            assert_eq!(found[0].base, ["EPYC, 2 CPUs"]);
        }
    }
}
