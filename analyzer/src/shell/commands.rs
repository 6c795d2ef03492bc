//! The commands of the shell: a backslash and a name.

/// The commands with what they do.
pub(super) const ALL: [(&str, &str); 6] = [
    ("\\?", "list these commands"),
    (
        "\\d",
        "[TABLE] list the tables, or describe the columns of one",
    ),
    ("\\h", "[FUNCTION] list the functions, or describe one"),
    ("\\format", "[FORMAT] show or set the format of rows"),
    ("\\timing", "show how long each query takes, or no longer"),
    ("\\q", "leave; so does Ctrl-D"),
];

/// A command with its argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    /// The query that answers.
    Query(String),
    Format(Option<String>),
    Timing,
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
            ("\\h", None) => Self::Query(FUNCTIONS.replace("{which}", "TRUE")),
            ("\\h", Some(function)) => {
                let name = function.to_lowercase().replace('\'', "''");
                let which = format!("routine_name = '{name}'");
                Self::Query(FUNCTIONS.replace("{which}", &which))
            }
            ("\\format", format) => Self::Format(format.map(str::to_owned)),
            ("\\timing", _) => Self::Timing,
            ("\\q", _) => Self::Quit,
            (name, _) => Self::Unknown(name.to_owned()),
        })
    }
}

/// The tables of all recordings.
const TABLES: &str = "SELECT table_schema AS recording, table_name AS \"table\", \
                      table_type AS type FROM information_schema.tables \
                      WHERE table_schema <> 'information_schema' ORDER BY recording, \"table\"";

/// The functions with their descriptions.
const FUNCTIONS: &str = "SELECT DISTINCT routine_name AS function, \
                         coalesce(syntax_example, routine_name || '(...)') AS syntax, \
                         description FROM information_schema.routines \
                         WHERE {which} ORDER BY function";

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
