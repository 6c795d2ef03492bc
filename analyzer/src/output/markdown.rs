//! Markdown: text that is shown literally, and the rows of a query as a table.

use arrow::array::RecordBatch;
use soakbox_cli::{Result, escaped};

use super::rows::{RowEncoder, for_each_row};

/// Text that no Markdown reader interprets: as markup, as a link or as somebody's name.
pub(crate) fn literal(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in escaped(text).chars() {
        match character {
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            '@' => shown.push_str("&#64;"),
            // A number after it is a link to an issue.
            '#' => shown.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' => {
                shown.push('\\');
                shown.push(character);
            }
            other => shown.push(other),
        }
    }
    // An address would become a link.
    shown.replace("://", ":&#47;/").replace("www.", "www&#46;")
}

/// A table with numbers to the right.
#[derive(Default)]
pub struct MarkdownRows {
    has_header: bool,
}

impl RowEncoder for MarkdownRows {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let schema = batch.schema();
        if !self.has_header {
            self.has_header = true;
            let fields = schema.fields().iter();
            line(fields.clone().map(|field| literal(field.name())), out);
            let rules = fields.map(|field| match field.data_type().is_numeric() {
                true => "---:".to_owned(),
                false => "---".to_owned(),
            });
            line(rules, out);
        }
        for_each_row(batch, "", |cells| {
            line(cells.map(|cell| literal(&cell)), out)
        })
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

fn line(cells: impl Iterator<Item = String>, out: &mut Vec<u8>) {
    let cells: Vec<String> = cells.collect();
    out.extend(format!("| {} |\n", cells.join(" | ")).into_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_no_markup() {
        for (text, shown) in [
            ("request", "request"),
            ("a|b\n*c*", "a\\|b\\\\n\\*c\\*"),
            ("<img src=x>&amp;", "&lt;img src=x&gt;&amp;amp;"),
            (
                "@team #12 [x](https://e.org)",
                "&#64;team &#35;12 \\[x\\](https:&#47;/e.org)",
            ),
        ] {
            assert_eq!(literal(text), shown);
        }
    }
}
