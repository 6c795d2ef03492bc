//! A verdict as JUnit XML, for the servers that show test results. An effect is a test: a regression
//! is its failure, what keeps the comparison from a verdict is an error, and what the verdict does
//! not depend on is skipped. There are failures or errors if and only if the exit status is not 0.

use maud::{Markup, PreEscaped, html};
use soakbox_cli::escaped;
use soakbox_statistics::Verdict;

use super::verdict::{HEADINGS, cells};
use super::verdict_headline::headline;
use crate::compare::{Answer, EffectAnswer};

/// The reason of an effect that the verdict does not depend on.
const NOT_COUNTED: &str = "does not count for the verdict";

/// One test.
struct Case {
    operation: String,
    name: String,
    outcome: Outcome,
    /// Figures, below the message.
    text: String,
}

/// How it ended, with the reason.
enum Outcome {
    Passed,
    Failed(String),
    Undecided(String),
    Skipped(String),
}

/// The verdict as a suite of tests.
pub fn verdict_junit(answer: &Answer) -> String {
    let cases = cases(answer);
    let number = |is: fn(&Outcome) -> bool| cases.iter().filter(|case| is(&case.outcome)).count();
    let failures = number(|one| matches!(one, Outcome::Failed(_)));
    let errors = number(|one| matches!(one, Outcome::Undecided(_)));
    let skipped = number(|one| matches!(one, Outcome::Skipped(_)));
    let suite = html! {
        (PreEscaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
        testsuites { "\n"
            testsuite name="soakbox compare" tests=(cases.len()) failures=(failures) errors=(errors)
                skipped=(skipped) { "\n"
                properties { "\n"
                    property name="verdict" value=(answer.verdict) {} "\n"
                    property name="summary" value=(escaped(&headline(answer))) {} "\n"
                    property name="scope" value=(answer.scope) {} "\n"
                } "\n"
                @for case in &cases { (test(case)) "\n" }
            } "\n"
        } "\n"
    };
    suite.into_string()
}

fn test(case: &Case) -> Markup {
    let text = || escaped(&case.text);
    html! {
        testcase classname=(escaped(&case.operation)) name=(escaped(&case.name)) {
            @match &case.outcome {
                Outcome::Passed => {}
                Outcome::Failed(reason) => {
                    failure type="regressed" message=(escaped(reason)) { (text()) }
                }
                Outcome::Undecided(reason) => {
                    error type="inconclusive" message=(escaped(reason)) { (text()) }
                }
                Outcome::Skipped(reason) => skipped message=(escaped(reason)) {},
            }
        }
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
                Some("regressed") => Outcome::Failed(reason),
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
        Verdict::Regressed => Outcome::Failed(reason()),
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
