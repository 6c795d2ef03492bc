//! Several comparisons in one report, those of a release: one verdict on all of them, a list, and then each
//! as on a page of its own.

use maud::html;
use soakbox_cli::Result;

use super::bounded::{Bounded, item, shown as literal};
use super::content::content;
use super::document::document;
use super::html::{capital, heading, shown};
use super::{Part, Report, headline, markdown};
use crate::output::{Headline, Tone};
use crate::units::{count, plural};

/// A page of several reports.
pub struct Release {
    /// Its title.
    pub title: String,
    /// HTML of the reader's own, which is at the top of the page as it is.
    pub header: Option<String>,
    /// The comparisons, each with a title.
    pub comparisons: Vec<Report>,
}

/// The page.
///
/// # Errors
/// Where a chart cannot be drawn.
pub fn release_html(release: &Release) -> Result<String> {
    let mut articles = Vec::new();
    for (index, report) in release.comparisons.iter().enumerate() {
        let id = id(index);
        let part = Part {
            level: 3,
            prefix: format!("{id}-"),
        };
        let content = content(report, &part)?;
        articles.push(html! {
            article aria-labelledby={ (id) "-title" } { "\n"
                h2 id={ (id) "-title" } { (shown(&report.title())) } "\n"
                p class="when" {
                    (shown(&report.name()))
                    @if let Some(when) = headline::when(report) { ", " (shown(&when)) }
                } "\n"
                (headline::verdict(report))
                (content)
            } "\n"
        });
    }
    let all = overall(release);
    let main = html! {
        header {
            p class="kind" { "Release" } "\n"
            h1 { (shown(&release.title)) } "\n"
            div class={ "verdict " (headline::class(all.tone)) } {
                p { strong class="word" { (all.word) } " " (shown(&capital(&all.sentence))) "." } "\n"
            } "\n"
            (contents(release))
        } "\n"
        @for article in articles { (article) }
    };
    Ok(document(&release.title, release.header.as_deref(), main))
}

fn id(index: usize) -> String {
    format!("comparison-{}", index + 1)
}

/// The comparisons with their verdicts, as a table that leads to each.
fn contents(release: &Release) -> maud::Markup {
    html! {
        (heading(2, html! { "Comparisons" }))
        div class="wide" tabindex="0" role="group" aria-label="Comparisons" {
            table class="contents" {
                "\n" caption { "Comparisons" } "\n"
                thead { tr {
                    @for name in ["comparison", "verdict", "main reason"] {
                        th scope="col" class="text" { (name) }
                    }
                } } "\n"
                tbody { "\n"
                    @for (index, report) in release.comparisons.iter().enumerate() {
                        @let found = headline::of(&report.judgement);
                        tr {
                            th scope="row" {
                                a href={ "#" (id(index)) "-title" } { (shown(&report.title())) }
                            }
                            td class="text" {
                                strong class={ "word " (headline::class(found.tone)) } { (found.word) }
                            }
                            td class="text" { (shown(reason(&found))) }
                        } "\n"
                    }
                } "\n"
            }
        } "\n"
    }
}

fn reason(headline: &Headline) -> &str {
    headline.reasons.first().unwrap_or(&headline.sentence)
}

/// The place of a verdict among others, the gravest first.
fn gravity(headline: &Headline) -> u8 {
    match headline.tone {
        Tone::Bad => 0,
        Tone::Open => 1,
        Tone::Good => 2,
    }
}

/// The verdict on all: that of the gravest comparison, and how many are like it.
fn overall(release: &Release) -> Headline {
    let found = release.comparisons.iter();
    let found: Vec<Headline> = found.map(|one| headline::of(&one.judgement)).collect();
    let Some(gravest) = found.iter().min_by_key(|one| gravity(one)) else {
        return Headline::not_judged("nothing was compared".to_owned());
    };
    let alike = found.iter().filter(|one| one.tone == gravest.tone).count();
    let all = found.len() as u64;
    let be = if alike == 1 { "is" } else { "are" };
    let what = match gravest.tone {
        Tone::Bad => format!("{be} worse"),
        Tone::Open => "could not be decided, and none is worse".to_owned(),
        Tone::Good => format!("{be} not worse"),
    };
    Headline {
        word: gravest.word.clone(),
        tone: gravest.tone,
        sentence: format!(
            "{} of {} {} {what}",
            count(alike as u64),
            count(all),
            plural(all, "comparison")
        ),
        reasons: Vec::new(),
        more: 0,
    }
}

/// The summary as Markdown: below 64 KiB.
pub fn release_markdown(release: &Release) -> String {
    let mut text = Bounded::default();
    text.line(&format!("# {}", literal(&release.title)));
    markdown::verdict(&overall(release), &mut text);
    // The gravest first: the text may end before the others.
    let mut comparisons: Vec<(&Report, Headline)> = release
        .comparisons
        .iter()
        .map(|report| (report, headline::of(&report.judgement)))
        .collect();
    comparisons.sort_by_key(|(_, found)| gravity(found));
    let rows = comparisons
        .iter()
        .map(|(report, found)| vec![report.title(), found.word.clone(), reason(found).to_owned()]);
    let rows: Vec<Vec<String>> = rows.collect();
    text.whole_table(&["comparison", "verdict", "main reason"], &rows);
    for (report, found) in &comparisons {
        text.depth = 0;
        text.heading(&literal(&report.title()));
        text.line(&item(&report.name()));
        text.depth = 1;
        markdown::content(report, found, &mut text);
    }
    text.line("");
    markdown::provenance_of_program(&mut text);
    text.finish()
}
