//! The findings of a soak test as a suite of JUnit tests. A search is a test: what it found is its failure,
//! and a search that could not be decided is skipped. Where none could be decided, that is an error.

use super::MISSING;
use super::junit::{Case, JunitSuite, Outcome};
use super::soak_headline::{headline, soak_headline};
use super::soak_text::{FIGURES, FINDING_HEADINGS, finding_cells};
use crate::soak::{FindingAnswer, SoakAnswer};

/// The type of a failure.
const FOUND: &str = "found";

/// The findings as a suite of tests.
pub fn soak_suite(name: &str, answer: &SoakAnswer) -> JunitSuite {
    let is_open = |one: &FindingAnswer| one.status == "inconclusive";
    if answer.findings.iter().all(is_open) {
        return JunitSuite::not_judged(name.to_owned(), &why_undecided(answer));
    }
    let cases = answer.findings.iter().map(|one| Case {
        operation: one.subject.clone(),
        name: one.kind.to_owned(),
        outcome: match one.status {
            "found" => Outcome::Failed(FOUND, one.reason.clone()),
            "inconclusive" => Outcome::Skipped(one.reason.clone()),
            _ => Outcome::Passed,
        },
        text: figures(one),
    });
    JunitSuite {
        name: name.to_owned(),
        properties: vec![("summary", headline(answer))],
        cases: cases.collect(),
    }
}

/// That nothing could be decided, with the main reasons.
fn why_undecided(answer: &SoakAnswer) -> String {
    let reasons = soak_headline(answer).reasons;
    let lines = std::iter::once(headline(answer)).chain(reasons);
    lines.collect::<Vec<_>>().join("; ")
}

/// The figures in the row of the table.
fn figures(finding: &FindingAnswer) -> String {
    let cells = finding_cells(finding);
    let cells = FINDING_HEADINGS[FIGURES].iter().zip(&cells[FIGURES]);
    let cells = cells.filter(|(_, cell)| *cell != MISSING);
    let cells = cells.map(|((name, _), cell)| format!("{name} {cell}"));
    cells.collect::<Vec<_>>().join("; ")
}
