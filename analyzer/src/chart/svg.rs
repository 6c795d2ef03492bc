//! Adds the parts of an SVG that plotters does not write: a title and a description for screen
//! readers, dash patterns, fonts, and colours for the dark mode. It edits the text of the SVG and
//! moves no element.

use maud::html;

use super::compact::compacted;
use super::theme::{SERIES, dark, hex};

/// The style sheet that the pictures need; once per document.
pub const STYLE: Style = Style;

/// Its `Display` is the CSS.
#[derive(Clone, Copy, Debug)]
pub struct Style;

impl std::fmt::Display for Style {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "svg text {{ font-family: system-ui, sans-serif; }}")?;
        writeln!(f, "@media (prefers-color-scheme: dark) {{")?;
        for (light, dark) in dark() {
            let light = hex(light);
            writeln!(f, "  svg [fill=\"{light}\"] {{ fill: {dark}; }}")?;
            writeln!(f, "  svg [stroke=\"{light}\"] {{ stroke: {dark}; }}")?;
        }
        write!(f, "}}")
    }
}

/// Completes a drawing. `id` prefixes the ids in it. A `standalone` one has its own style sheet.
pub(super) fn finish(
    drawn: &str,
    id: &str,
    title: &str,
    description: &str,
    standalone: bool,
) -> String {
    let mut dashed = compacted(drawn);
    for look in SERIES.iter().filter(|look| !look.dash.is_empty()) {
        let stroke = format!("stroke=\"{}\" stroke-width=\"2\"", hex(look.colour));
        let with_dash = format!("{stroke} stroke-dasharray=\"{}\"", look.dash);
        dashed = dashed.replace(&stroke, &with_dash);
    }
    let (head, body) = dashed.split_once('>').unwrap_or((&dashed, ""));
    let style = if standalone {
        format!("\n<style>\n{STYLE}\n</style>")
    } else {
        String::new()
    };
    let labels = html! {
        title id={ (id) "-title" } { (title) } "\n"
        desc id={ (id) "-desc" } { (description) }
    };
    format!(
        "{head} role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\n{}{style}{body}",
        labels.into_string()
    )
}
