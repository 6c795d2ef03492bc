//! A chart on a page: the picture, its caption, its numbers as a table, and what the script shows where a
//! reader points.

use std::collections::HashMap;

use maud::{Markup, PreEscaped, html};
use serde_json::{Value, json};
use soakbox_cli::Result;

use super::html::{shown, table};
use crate::chart::{self, Cell, Chart, Column, Numbers, PanelPoints};
use crate::output::Align;

/// A chart with its caption and its numbers, which are closed at first. `id` is unique on the page, and
/// `width` is in pixels.
pub(super) fn figure(chart: &dyn Chart, id: &str, width: u32, caption: &str) -> Result<Markup> {
    let drawn = chart::embedded(chart, id, width)?;
    Ok(html! {
        figure {
            "\n" div class="picture" tabindex="0" role="group" aria-label=(shown(caption)) {
                (PreEscaped(&drawn.svg))
            }
            figcaption { (shown(caption)) } "\n"
            details {
                summary { "Numbers" } "\n"
                (numbers(&drawn.numbers))
            } "\n"
            script type="application/json" { (points(&drawn.panels)) } "\n"
        } "\n"
    })
}

fn numbers(numbers: &Numbers) -> Markup {
    // The unit of a number is shown with it.
    let columns: Vec<(usize, &Column)> = numbers
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.name != "unit")
        .collect();
    let labels: Vec<String> = columns.iter().map(|(_, column)| column.label()).collect();
    let align = |column: &Column| match column.unit {
        Some(_) => Align::Right,
        None => Align::Left,
    };
    let headings = labels.iter().zip(&columns);
    let headings: Vec<(&str, Align)> = headings
        .map(|(label, (_, column))| (label.as_str(), align(column)))
        .collect();
    let cells = |row: &Vec<Cell>| -> Vec<String> {
        let cells = columns.iter();
        let cells = cells.filter_map(|(index, column)| Some(column.shown(row.get(*index)?)));
        cells.collect()
    };
    let rows: Vec<Vec<String>> = numbers.rows.iter().map(cells).collect();
    table(&numbers.caption, &headings, &rows)
}

/// The points as JSON in which nothing ends the element. A point has its place and the numbers of its lines:
/// many points have the same times and counts.
fn points(panels: &[PanelPoints]) -> PreEscaped<String> {
    let mut lines: Vec<&str> = Vec::new();
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let panels = panels.iter().map(|panel| {
        let points = panel.points.iter().map(|point| {
            let mut values = vec![json!(point.x), json!(point.y)];
            for line in &point.lines {
                let number = *numbers.entry(line).or_insert_with(|| {
                    lines.push(line);
                    lines.len() - 1
                });
                values.push(json!(number));
            }
            Value::Array(values)
        });
        json!({"plot": panel.plot, "points": points.collect::<Vec<Value>>()})
    });
    let panels: Vec<Value> = panels.collect();
    let all = json!({"lines": lines, "panels": panels});
    PreEscaped(all.to_string().replace('<', "\\u003c"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Point;

    #[test]
    fn no_text_ends_the_element_of_the_points() {
        let panel = PanelPoints {
            plot: [1, 2, 3, 4],
            points: vec![Point {
                x: Some(5),
                y: None,
                lines: vec!["</script><!--".to_owned()],
            }],
        };
        let json = points(&[panel]).into_string();
        assert!(!json.contains('<'), "{json}");
        let parsed: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(parsed["lines"][0], "</script><!--");
        assert_eq!(parsed["panels"][0]["points"][0], json!([5, null, 0]));
    }
}
