//! A verdict as a suite of JUnit tests. An effect is a test: a regression is its failure, what keeps the
//! comparison from a verdict is an error, and what the verdict does not depend on is skipped. There are
//! failures or errors if and only if the exit status of `compare` is not 0.

use soakbox_statistics::Verdict;

use super::junit::{Case, JunitSuite, Outcome};
use super::verdict::{HEADINGS, cells};
use super::verdict_headline::headline;
use crate::compare::{Answer, EffectAnswer};

/// The reason of an effect that the verdict does not depend on.
const NOT_COUNTED: &str = "does not count for the verdict";
/// The type of a failure.
const REGRESSED: &str = "regressed";

/// The verdict as a suite of tests.
pub fn verdict_suite(name: &str, answer: &Answer) -> JunitSuite {
    JunitSuite {
        name: name.to_owned(),
        properties: vec![
            ("verdict", answer.verdict.to_string()),
            ("summary", headline(answer)),
            ("scope", answer.scope.to_string()),
        ],
        cases: cases(answer),
    }
}

fn cases(answer: &Answer) -> Vec<Case> {
    let effects = answer.effects.iter().map(|effect| Case {
        operation: effect.operation.clone(),
        name: effect.metric.clone(),
        outcome: outcome(answer, effect),
        text: figures(effect),
    });
    let one_sided = answer.one_sided.iter().map(|one| {
        let reason = format!("has runs of the {} only", one.side);
        Case {
            operation: one.operation.clone(),
            name: "on both sides".to_owned(),
            outcome: match one.verdict {
                Some("regressed") => Outcome::Failed(REGRESSED, reason),
                Some(_) => Outcome::Undecided(reason),
                None => Outcome::Skipped(reason),
            },
            text: String::new(),
        }
    });
    let others = answer.blockers.iter().filter_map(|blocker| {
        let reason = match blocker.kind {
            "undecided" | "one_sided" => return None,
            "not_measured" => "must pass, and was not measured",
            "nothing_gates" => "nothing of it could be decided",
            "nothing_compared" => "no operation was observed on both sides",
            _ => "none of the metrics was measured",
        };
        let named = |name: &Option<String>| name.clone().unwrap_or_else(|| "comparison".to_owned());
        Some(Case {
            operation: named(&blocker.operation),
            name: blocker
                .metric
                .clone()
                .unwrap_or_else(|| "evidence".to_owned()),
            outcome: Outcome::Undecided(reason.to_owned()),
            text: headline(answer),
        })
    });
    effects.chain(one_sided).chain(others).collect()
}

fn outcome(answer: &Answer, effect: &EffectAnswer) -> Outcome {
    let reason = || effect.reason.clone();
    let is_blocker = answer.blockers.iter().any(|one| {
        one.kind == "undecided"
            && one.operation.as_deref() == Some(&effect.operation)
            && one.metric.as_deref() == Some(&effect.metric)
    });
    match effect.judged {
        _ if is_blocker => Outcome::Undecided(reason()),
        _ if !effect.counts => Outcome::Skipped(format!("{NOT_COUNTED}: {}", effect.reason)),
        Verdict::Regressed => Outcome::Failed(REGRESSED, reason()),
        Verdict::Inconclusive => Outcome::Skipped(reason()),
        Verdict::Pass | Verdict::Improved => Outcome::Passed,
    }
}

/// The figures in the row of the table.
fn figures(effect: &EffectAnswer) -> String {
    let cells = HEADINGS.into_iter().zip(cells(effect)).skip(2).take(4);
    let cells = cells.map(|(name, cell)| format!("{name} {cell}"));
    cells.collect::<Vec<_>>().join("; ")
}
