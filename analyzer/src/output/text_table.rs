//! An aligned table of text. Alignment uses the width of each character on a terminal. Pure; styled
//! only where the caller asks for it.

use soakbox_cli::escaped;
use unicode_width::UnicodeWidthStr;

/// The space between two columns.
const GUTTER: &str = "  ";

/// Alignment of the cells of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// For text.
    Left,
    /// For numbers.
    Right,
}

/// Rows of cells under headings. Cells are escaped, so that each row is one line.
#[derive(Clone, Debug)]
pub struct TextTable {
    headings: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl TextTable {
    /// A table with these headings and no rows.
    pub fn new(headings: impl IntoIterator<Item = (impl Into<String>, Align)>) -> Self {
        let headings = headings.into_iter();
        Self {
            headings: headings.map(|(name, align)| (name.into(), align)).collect(),
            rows: Vec::new(),
        }
    }

    /// Appends a row.
    pub fn row(&mut self, cells: Vec<String>) {
        let shown = cells.iter().map(|cell| escaped(cell).into_owned());
        self.rows.push(shown.collect());
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As lines, each indented by two spaces; headings bold where `styled`.
    pub fn render(&self, styled: bool) -> String {
        let columns: Vec<(usize, Align)> = self
            .headings
            .iter()
            .enumerate()
            .map(|(column, (heading, align))| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                let widths = cells.chain([heading]).map(|cell| cell.width());
                (widths.max().unwrap_or(0), *align)
            })
            .collect();
        let headings: Vec<&str> = self
            .headings
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let heading = line(&headings, &columns);
        let mut text = if styled {
            format!("{GUTTER}\u{1b}[1m{heading}\u{1b}[0m\n")
        } else {
            format!("{GUTTER}{heading}\n")
        };
        for row in &self.rows {
            text.push_str(&format!("{GUTTER}{}\n", line(row, &columns)));
        }
        text
    }
}

/// A row as a line: cells padded to the width and alignment of their columns. A wider cell shifts
/// those after it.
pub(super) fn line(cells: &[impl AsRef<str>], columns: &[(usize, Align)]) -> String {
    let mut line = String::new();
    for (index, (cell, &(width, align))) in cells.iter().zip(columns).enumerate() {
        let cell = cell.as_ref();
        let padding = " ".repeat(width.saturating_sub(cell.width()));
        if index > 0 {
            line.push_str(GUTTER);
        }
        match align {
            Align::Left => line.extend([cell, &padding]),
            Align::Right => line.extend([&padding, cell]),
        }
    }
    line.truncate(line.trim_end_matches(' ').len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_whatever_the_width_of_a_character_is() {
        let mut table = TextTable::new([("name", Align::Left), ("n", Align::Right)]);
        for name in ["plain", "日本語", "e\u{301}", "😀", "a\tb\nc\u{202e}"] {
            table.row(vec![name.to_owned(), "1".to_owned()]);
        }
        let text = table.render(false);
        let widths: Vec<usize> = text.lines().map(|line| line.width()).collect();
        assert_eq!(widths.len(), 6);
        assert!(widths.iter().all(|&width| width == widths[0]), "{text}");
        assert!(text.contains("a\\tb\\nc\\u{202e}"), "{text}");
        assert_eq!(table.render(true).lines().count(), 6);
    }
}
