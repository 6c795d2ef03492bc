//! The top of the report: what was recorded, whether it is complete, and the figures per operation.

use super::html::{element, escape, headings, table};
use super::{Side, role};
use crate::output::figures::{Figure, MISSING, figures};
use crate::output::units::{duration, span};
use crate::summary::Summary;

/// Title and facts.
pub(super) fn header(sides: &[Side]) -> String {
    let mut html = String::new();
    match sides {
        [only] => {
            html.push_str(&element("h1", &escape(&only.name)));
            html.push_str(&facts(only));
        }
        _ => {
            html.push_str("<h1>Recordings side by side</h1>\n<div class=\"sides\">\n");
            for (index, side) in sides.iter().enumerate() {
                let name = format!(
                    "<h2><span class=\"role\">{}</span> {}</h2>\n{}",
                    role(sides, index),
                    escape(&side.name),
                    facts(side)
                );
                html.push_str(&element("section", &name));
            }
            html.push_str("</div>\n");
        }
    }
    element("header", &html)
}

fn facts(side: &Side) -> String {
    let info = &side.info;
    let observed = side.summary.observed_s;
    let list = |values: &[String]| (!values.is_empty()).then(|| values.join(", "));
    let facts = [
        (
            "Time",
            info.observed
                .range
                .map(|range| span(range.first_ns, range.last_ns)),
        ),
        ("Observed", observed.map(|seconds| duration(seconds * 1e9))),
        ("Host", list(&info.hosts)),
        ("Target", list(&info.targets)),
        ("Recorder", list(&info.recorder_versions)),
    ];
    let mut html = String::new();
    for (name, value) in facts {
        if let Some(value) = value {
            html.push_str(&format!("<dt>{name}</dt><dd>{}</dd>\n", escape(&value)));
        }
    }
    element("dl", &html)
}

/// Loss, gaps and whatever else a reader must know first.
pub(super) fn completeness(sides: &[Side]) -> String {
    let mut html = String::new();
    for (index, side) in sides.iter().enumerate() {
        let whose = match sides {
            [_] => String::new(),
            _ => format!("{}: ", capital(&role(sides, index))),
        };
        if side.summary.complete {
            let checked = if side.info.identity_ok == Some(true) {
                "the kernel’s counts and the rows agree"
            } else {
                "the recording has no counters to check the rows against"
            };
            html.push_str(&format!(
                "<p class=\"complete\">{}</p>\n",
                capital(&format!("{whose}no loss and no gaps on record; {checked}."))
            ));
            continue;
        }
        let mut items = String::new();
        for warning in &side.summary.warnings {
            items.push_str(&element("li", &escape(&warning.to_string())));
        }
        html.push_str(&format!(
            "<aside class=\"incomplete\"><p><strong>{}</strong></p>\n<ul>\n{items}</ul>\n</aside>\n",
            capital(&format!("{whose}this recording does not hold everything that happened."))
        ));
        html.push_str(&gaps(side, &whose));
    }
    html
}

fn gaps(side: &Side, whose: &str) -> String {
    if side.info.gaps.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = side
        .info
        .gaps
        .iter()
        .map(|gap| {
            let length = gap.to_ns.map(|to| duration((to - gap.from_ns) as f64));
            vec![
                gap.from.clone(),
                gap.to.clone().unwrap_or_else(|| MISSING.to_owned()),
                length.unwrap_or_else(|| MISSING.to_owned()),
                gap.cause.clone(),
            ]
        })
        .collect();
    let table = table(
        &format!("{whose}gaps in the observation"),
        &headings(["from", "<to", "length", "<cause"]),
        &rows,
    );
    let summary = match side.info.gaps.len() {
        1 => "the gap".to_owned(),
        gaps => format!("the {gaps} gaps"),
    };
    format!(
        "<details><summary>{}</summary>\n{table}</details>\n",
        capital(&format!("{whose}{summary}"))
    )
}

/// Figures per operation of one recording; a figure that no operation has is left out.
pub(super) fn summary(summary: &Summary) -> String {
    let all: Vec<Vec<Figure>> = summary.operations.iter().map(figures).collect();
    let Some(first) = all.first() else {
        return element(
            "section",
            "<h2>Operations</h2>\n<p>No operation was seen yet.</p>\n",
        );
    };
    let shown: Vec<usize> = (0..first.len())
        .filter(|&column| all.iter().any(|row| row[column].text != MISSING))
        .collect();
    let mut names = vec!["operation".to_owned()];
    names.extend(shown.iter().map(|&column| first[column].name.to_owned()));
    let rows: Vec<Vec<String>> = summary
        .operations
        .iter()
        .zip(&all)
        .map(|(operation, row)| {
            let mut cells = vec![operation.operation.clone()];
            cells.extend(shown.iter().map(|&column| row[column].text.clone()));
            cells
        })
        .collect();
    let table = table("Figures per operation", &names, &rows);
    element("section", &format!("<h2>Operations</h2>\n{table}"))
}

/// With a capital letter first.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
