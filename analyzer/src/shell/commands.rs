//! The commands of the shell: a backslash and a name.

use crate::sql::{functions, queries};

/// The commands with what they do.
pub(super) const ALL: [(&str, &str); 6] = [
    ("\\?", "list these commands"),
    (
        "\\d",
        "[TABLE] list the tables, or describe the columns of one",
    ),
    (
        "\\h",
        "[NAME] list views and functions, those of Soakbox first, or describe one",
    ),
    ("\\format", "[FORMAT] show or set the format of rows"),
    (
        "\\timing",
        "[on|off] show how long each query takes, or no longer",
    ),
    ("\\q", "leave; so does Ctrl-D"),
];

/// A command with its argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    /// The query that answers.
    Query(String),
    /// The query that describes a function or a view of this name; it has no rows if there is none.
    Describe(String, String),
    Format(Option<String>),
    /// Whether it is on; the other way than before where neither is typed.
    Timing(Option<bool>),
    Quit,
    Unknown(String),
}

impl Command {
    /// The command of a text; `None` if it is no command.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches(';').trim_end();
        if !text.starts_with('\\') {
            return None;
        }
        let (name, argument) = match text.split_once(char::is_whitespace) {
            Some((name, argument)) => (name, Some(argument.trim())),
            None => (text, None),
        };
        Some(match (name, argument) {
            ("\\?", _) => Self::Help,
            ("\\d", None) => Self::Query(TABLES.to_owned()),
            ("\\d", Some(table)) => Self::Query(format!("DESCRIBE {table}")),
            ("\\h", None) => Self::Query(described("TRUE")),
            ("\\h", Some(name)) => {
                let name = name.trim_end_matches("()").to_lowercase();
                let which = format!("name = {}", quoted(&name));
                Self::Describe(name, described(&which))
            }
            ("\\format", format) => Self::Format(format.map(str::to_owned)),
            ("\\timing", None) => Self::Timing(None),
            ("\\timing", Some("on")) => Self::Timing(Some(true)),
            ("\\timing", Some("off")) => Self::Timing(Some(false)),
            ("\\q", _) => Self::Quit,
            (name, _) => Self::Unknown(name.to_owned()),
        })
    }
}

/// The tables of all recordings.
const TABLES: &str = "SELECT table_schema AS recording, table_name AS \"table\", \
                      table_type AS type FROM information_schema.tables \
                      WHERE table_schema <> 'information_schema' ORDER BY recording, \"table\"";

/// The functions and views with their descriptions, ours first.
fn described(which: &str) -> String {
    let names = functions::names();
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let views = queries::VIEWS.map(|(name, text)| {
        let (name, description) = (quoted(name), quoted(&queries::description(text)));
        format!("({name}, 'view; \\d lists its columns', {description})")
    });
    format!(
        "SELECT name, syntax, description FROM ( \
           SELECT 1 AS place, * FROM (VALUES {}) AS views(name, syntax, description) \
           UNION ALL SELECT DISTINCT \
             CASE WHEN routine_name IN ({}) THEN 2 ELSE 3 END AS place, routine_name AS name, \
             coalesce(syntax_example, routine_name || '(...)') AS syntax, description \
           FROM information_schema.routines) \
         WHERE {which} ORDER BY place, name",
        views.join(", "),
        names.join(", "),
    )
}

/// A text as SQL has it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_begins_a_command() {
        assert_eq!(Command::parse("SELECT '\\q'"), None);
        assert_eq!(Command::parse(" \\q ;"), Some(Command::Quit));
        let format = Command::Format(Some("csv".to_owned()));
        assert_eq!(Command::parse("\\format  csv"), Some(format));
        let described = Command::Query("DESCRIBE operation_log".to_owned());
        assert_eq!(Command::parse("\\d operation_log;"), Some(described));
        assert_eq!(
            Command::parse("\\x"),
            Some(Command::Unknown("\\x".to_owned()))
        );
    }
}
