//! Small pieces of HTML. `maud` escapes every text; [`shown`] first replaces the characters in a
//! recording's text that would act on the page by escape sequences.

use std::borrow::Cow;

use maud::{Markup, PreEscaped, html};
use soakbox_cli::escaped;

use crate::output::Align;
use crate::units::count;

/// Text of a recording for the page: control characters, changes of direction and the like are
/// escaped.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    escaped(text)
}

/// Most rows of a table: a page of more is neither read nor sent.
const MOST_ROWS: usize = 500;

/// A heading of a level from 1 to 6.
pub(super) fn heading(level: usize, content: Markup) -> Markup {
    let content = content.into_string();
    PreEscaped(format!("<h{level}>{content}</h{level}>\n"))
}

/// A table: a caption for screen readers, headings, rows of text. The first column is the heading
/// of its row.
pub(super) fn table(caption: &str, headings: &[(&str, Align)], rows: &[Vec<String>]) -> Markup {
    let class = |column: usize| {
        let is_text = column == 0 || headings[column].1 == Align::Left;
        is_text.then_some("text")
    };
    html! {
        div class="wide" tabindex="0" role="group" aria-label=(shown(caption)) {
            table {
                "\n" caption { (shown(caption)) } "\n"
                thead { tr {
                    @for (column, (heading, _)) in headings.iter().enumerate() {
                        th scope="col" class=[class(column)] { (heading) }
                    }
                } } "\n"
                tbody { "\n"
                    @for row in rows.iter().take(MOST_ROWS) {
                        tr {
                            @for (column, cell) in row.iter().enumerate() {
                                @if column == 0 {
                                    th scope="row" { (shown(cell)) }
                                } @else {
                                    td class=[class(column)] { (shown(cell)) }
                                }
                            }
                        } "\n"
                    }
                } "\n"
            }
        } "\n"
        @if rows.len() > MOST_ROWS {
            p { "These are the first " (MOST_ROWS) " of " (count(rows.len() as u64)) " rows." } "\n"
        }
    }
}

/// The text with a capital first letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_recording_becomes_markup_or_acts_on_the_page() {
        let rows = [vec![
            "<script>alert(\"x\")</script>\u{202e}\u{1b}".to_owned(),
        ]];
        let html = table("a & b", &[("operation", Align::Left)], &rows).into_string();
        assert!(!html.contains("<script>"));
        assert!(html.contains("a &amp; b") && html.contains("&lt;script&gt;"));
        assert!(!html.contains(['\u{202e}', '\u{1b}']), "{html}");
    }
}
