//! JUnit XML, for the servers that show test results: suites of tests, each with its outcome.

use maud::{Markup, PreEscaped, html};
use soakbox_cli::escaped;

/// The tests of one recording or one comparison.
pub struct JunitSuite {
    /// Its name.
    pub(super) name: String,
    /// Facts about all of it.
    pub(super) properties: Vec<(&'static str, String)>,
    pub(super) cases: Vec<Case>,
}

/// One test.
pub(super) struct Case {
    pub(super) operation: String,
    pub(super) name: String,
    pub(super) outcome: Outcome,
    /// Figures, below the message.
    pub(super) text: String,
}

/// How it ended, with the reason.
pub(super) enum Outcome {
    Passed,
    /// The type of the failure, and the reason.
    Failed(&'static str, String),
    Undecided(String),
    Skipped(String),
}

impl JunitSuite {
    /// A suite whose only test is an error: that there is no verdict, and why.
    pub fn not_judged(name: String, why: &str) -> Self {
        let case = Case {
            operation: "verdict".to_owned(),
            name: "judged".to_owned(),
            outcome: Outcome::Undecided(why.to_owned()),
            text: String::new(),
        };
        Self {
            name,
            properties: Vec::new(),
            cases: vec![case],
        }
    }

    fn number(&self, is: fn(&Outcome) -> bool) -> usize {
        self.cases.iter().filter(|case| is(&case.outcome)).count()
    }
}

/// The document of these suites.
pub fn junit(suites: &[JunitSuite]) -> String {
    let document = html! {
        (PreEscaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
        testsuites { "\n"
            @for suite in suites { (tests(suite)) "\n" }
        } "\n"
    };
    document.into_string()
}

fn tests(suite: &JunitSuite) -> Markup {
    let failures = suite.number(|one| matches!(one, Outcome::Failed(..)));
    let errors = suite.number(|one| matches!(one, Outcome::Undecided(_)));
    let skipped = suite.number(|one| matches!(one, Outcome::Skipped(_)));
    html! {
        testsuite name=(escaped(&suite.name)) tests=(suite.cases.len()) failures=(failures)
            errors=(errors) skipped=(skipped) { "\n"
            @if !suite.properties.is_empty() {
                properties { "\n"
                    @for (name, value) in &suite.properties {
                        property name=(name) value=(escaped(value)) {} "\n"
                    }
                } "\n"
            }
            @for case in &suite.cases { (test(case)) "\n" }
        }
    }
}

fn test(case: &Case) -> Markup {
    let text = || escaped(&case.text);
    html! {
        testcase classname=(escaped(&case.operation)) name=(escaped(&case.name)) {
            @match &case.outcome {
                Outcome::Passed => {}
                Outcome::Failed(kind, reason) => {
                    failure type=(kind) message=(escaped(reason)) { (text()) }
                }
                Outcome::Undecided(reason) => {
                    error type="inconclusive" message=(escaped(reason)) { (text()) }
                }
                Outcome::Skipped(reason) => skipped message=(escaped(reason)) {},
            }
        }
    }
}
