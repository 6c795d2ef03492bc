//! `report`: a page, a Markdown summary, or the verdict alone, about a soak test, candidates against a base,
//! or the comparisons of a release.

use serde::Serialize;
use soakbox_cli::{Failure, Result};

use crate::cli::ReportFormat;
use crate::compare::Answer;
use crate::output::{self, JunitSuite, OutputFile};
use crate::report::{self, Judgement, Release, Report};
use crate::soak::SoakAnswer;

/// What is reported.
pub(crate) enum Page {
    /// A soak test or a comparison.
    One(Box<Report>),
    /// Several comparisons.
    Release(Release),
}

/// Writes one form of the report.
pub(crate) fn run(page: &Page, format: ReportFormat, output: OutputFile) -> Result<()> {
    let text = match (format, page) {
        (ReportFormat::Html, Page::One(report)) => report::html(report)?,
        (ReportFormat::Html, Page::Release(release)) => report::release_html(release)?,
        (ReportFormat::Markdown, Page::One(report)) => report::markdown(report),
        (ReportFormat::Markdown, Page::Release(release)) => report::release_markdown(release),
        (ReportFormat::Json, page) => return output.write(&json(page)?),
        (ReportFormat::Junit, page) => output::junit(&suites(page)),
    };
    output.write(text.as_bytes())
}

/// One verdict as its command prints it; of a release all of them with their titles.
fn json(page: &Page) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let written = match page {
        Page::One(report) => output::json(&VerdictJson::of(report), &mut text),
        Page::Release(release) => output::json(&ReleaseJson::of(release), &mut text),
    };
    written.map_err(|error| Failure::new("json", error))?;
    Ok(text)
}

/// The verdict of one report.
#[derive(Serialize)]
#[serde(untagged)]
enum VerdictJson<'a> {
    Soak(&'a SoakAnswer),
    Comparison(&'a Answer),
    None {
        schema: &'static str,
        reason: &'a str,
    },
}

/// The verdicts of a release.
#[derive(Serialize)]
struct ReleaseJson<'a> {
    schema: &'static str,
    title: &'a str,
    comparisons: Vec<ComparisonJson<'a>>,
}

#[derive(Serialize)]
struct ComparisonJson<'a> {
    title: Option<&'a str>,
    answer: VerdictJson<'a>,
}

impl<'a> VerdictJson<'a> {
    fn of(report: &'a Report) -> Self {
        match &report.judgement {
            Judgement::Soak(answer) => Self::Soak(answer),
            Judgement::Comparison(answer) => Self::Comparison(answer),
            Judgement::None(reason) => Self::None {
                schema: "soakbox.unjudged/1",
                reason,
            },
        }
    }
}

impl<'a> ReleaseJson<'a> {
    fn of(release: &'a Release) -> Self {
        let all = release.comparisons.iter();
        let all = all.map(|one| ComparisonJson {
            title: one.title.as_deref(),
            answer: VerdictJson::of(one),
        });
        Self {
            schema: "soakbox.release/1",
            title: &release.title,
            comparisons: all.collect(),
        }
    }
}

fn suites(page: &Page) -> Vec<JunitSuite> {
    match page {
        Page::One(report) => vec![suite(report, None)],
        Page::Release(release) => {
            let all = release.comparisons.iter();
            all.map(|one| suite(one, one.title.as_deref())).collect()
        }
    }
}

fn suite(report: &Report, title: Option<&str>) -> JunitSuite {
    let name = |command: &str| title.map_or(format!("soakbox {command}"), str::to_owned);
    match &report.judgement {
        Judgement::Soak(answer) => output::soak_suite(&name("soak"), answer),
        Judgement::Comparison(answer) => output::verdict_suite(&name("compare"), answer),
        Judgement::None(why) => JunitSuite::not_judged(name("report"), why),
    }
}
