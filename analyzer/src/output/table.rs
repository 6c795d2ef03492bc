//! An aligned table of text. Pure; styled only when told so.

/// Rows of cells under headings.
#[derive(Clone, Debug, Default)]
pub struct Table {
    headings: Vec<String>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these headings; one that starts with `>` is of a column that is aligned to the right.
    pub fn new(headings: &[&str]) -> Self {
        let plain = headings
            .iter()
            .map(|heading| heading.trim_start_matches('>'));
        Self {
            headings: plain.map(str::to_owned).collect(),
            right: headings.iter().map(|h| h.starts_with('>')).collect(),
            rows: Vec::new(),
        }
    }

    /// Appends a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As text, each line indented by two spaces; headings bold where `styled`.
    pub fn render(&self, styled: bool) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widths = cells
                .chain(self.headings.get(column))
                .map(|cell| cell.chars().count());
            widths.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.headings.len()).map(width).collect();
        let heading = self.line(&self.headings, &widths);
        let mut text = if styled {
            format!("\u{1b}[1m{heading}\u{1b}[0m\n")
        } else {
            format!("{heading}\n")
        };
        for row in &self.rows {
            text.push_str(&self.line(row, &widths));
            text.push('\n');
        }
        text
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, &width), &right) in cells.iter().zip(widths).zip(&self.right) {
            line.push_str("  ");
            if right {
                line.push_str(&format!("{cell:>width$}"));
            } else {
                line.push_str(&format!("{cell:<width$}"));
            }
        }
        line.trim_end().to_owned()
    }
}
