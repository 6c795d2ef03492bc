//! The names that a shell completes: tables, columns, functions, operations, keywords, commands.

use super::commands;

/// Words of the language, as they are completed.
pub(super) const KEYWORDS: &[&str] = &[
    "ALL",
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CROSS",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FILTER",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "ILIKE",
    "IN",
    "INNER",
    "INTERSECT",
    "INTERVAL",
    "IS",
    "JOIN",
    "LAST",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "RIGHT",
    "SELECT",
    "SHOW",
    "TABLES",
    "THEN",
    "TRUE",
    "UNION",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
];

/// The names of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Tables and views, with their schema where they need it.
    pub(super) tables: Vec<String>,
    pub(super) columns: Vec<String>,
    pub(super) functions: Vec<String>,
    /// Operations of the recording.
    pub(super) operations: Vec<String>,
}

/// Formats that can be shown.
pub(super) const FORMATS: [&str; 6] = ["table", "csv", "tsv", "json", "ndjson", "markdown"];

impl Names {
    /// Where the word at the end of `text` begins, and what it may become.
    pub(super) fn complete(&self, text: &str) -> (usize, Vec<String>) {
        let is_of_word = |letter: char| letter.is_alphanumeric() || "_.\\?".contains(letter);
        let start = text.trim_end_matches(is_of_word).len();
        let word = &text[start..];
        if let Some(open) = open_string(text) {
            let begun = &text[open..];
            let quoted = self.operations.iter().map(|name| name.replace('\'', "''"));
            let fitting = quoted.filter(|name| name.starts_with(begun));
            return (open, fitting.map(|name| format!("{name}'")).collect());
        }
        let command = text.split_whitespace().next().unwrap_or_default();
        let some = |names: &[String]| of(names.iter().map(String::as_str), word);
        let mut found = match command {
            "\\d" if start > 0 => some(&self.tables),
            "\\h" if start > 0 => some(&self.functions),
            "\\format" if start > 0 => of(FORMATS.into_iter(), word),
            _ if word.starts_with('\\') && start == 0 => {
                of(commands::ALL.iter().map(|(name, _)| *name), word)
            }
            _ if word.is_empty() => Vec::new(),
            _ => {
                let mut found = some(&self.tables);
                found.extend(some(&self.columns));
                found.extend(some(&self.functions));
                found.extend(keywords(word));
                found
            }
        };
        found.sort();
        found.dedup();
        (start, found)
    }
}

fn of<'a>(names: impl Iterator<Item = &'a str>, word: &str) -> Vec<String> {
    let word = word.to_lowercase();
    let fitting = names.filter(|name| name.to_lowercase().starts_with(&word));
    fitting.map(str::to_owned).collect()
}

/// Keywords in the case of the word.
fn keywords(word: &str) -> Vec<String> {
    let is_lower = word.chars().any(char::is_lowercase);
    let mut found = of(KEYWORDS.iter().copied(), word);
    if is_lower {
        for keyword in &mut found {
            keyword.make_ascii_lowercase();
        }
    }
    found
}

/// Where the text of a string begins that is not closed.
fn open_string(text: &str) -> Option<usize> {
    let mut open = None;
    for (at, letter) in text.char_indices() {
        if letter == '\'' {
            open = match open {
                Some(_) => None,
                None => Some(at + 1),
            };
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_becomes_what_fits_its_place() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let names = Names {
            tables: texts(&["operation_log", "annotations"]),
            columns: texts(&["operation", "duration_ns"]),
            functions: texts(&["quantile", "quantiles"]),
            operations: texts(&["rule_refresh", "it's"]),
        };
        let complete = |text| names.complete(text);
        assert_eq!(complete("SELECT dura"), (7, texts(&["duration_ns"])));
        assert_eq!(complete("op"), (0, texts(&["operation", "operation_log"])));
        assert_eq!(complete("sel"), (0, texts(&["select"])));
        assert_eq!(complete("SEL"), (0, texts(&["SELECT"])));
        assert_eq!(complete("\\d ann"), (3, texts(&["annotations"])));
        assert_eq!(
            complete("\\h QUANT"),
            (3, texts(&["quantile", "quantiles"]))
        );
        assert_eq!(complete("\\ti"), (0, texts(&["\\timing"])));
        assert_eq!(complete("x = 'ru"), (5, texts(&["rule_refresh'"])));
        assert_eq!(complete("x = 'it"), (5, texts(&["it''s'"])));
        assert_eq!(complete("x = 'a' AND ann"), (12, texts(&["annotations"])));
        assert_eq!(complete("SELECT "), (7, texts(&[])));
    }
}
