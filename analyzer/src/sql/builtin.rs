//! The queries that come with the program: files that a person can read, in `analyzer/queries`. The
//! comment at the head of each is its description.

use soakbox_cli::{Failure, Result};

use super::queries;

/// A query of the program.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    /// The name of its file, without its ending.
    pub name: &'static str,
    /// The text of the file.
    pub text: &'static str,
}

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        [$(BuiltIn {
            name: $name,
            text: include_str!(concat!("../../queries/", $name, ".sql")),
        }),+]
    };
}

/// All of them, by subject.
pub const ALL: [BuiltIn; 20] = built_in![
    "operations",
    "slowest-operations",
    "slowest-minutes",
    "what-ran-meanwhile",
    "percentiles-by-minute",
    "rate-by-minute",
    "busiest-seconds",
    "failures-by-minute",
    "cpu-by-operation",
    "memory-of-process",
    "memory-by-operation",
    "memory-at-slowest",
    "in-flight",
    "losses",
    "losses-by-minute",
    "gaps",
    "annotations",
    "recorder-health",
    "overhead",
    "corrected-durations",
];

impl BuiltIn {
    /// The comment at the head of the file, on one line.
    pub fn description(&self) -> String {
        queries::description(self.text)
    }
}

/// The query of that name.
///
/// # Errors
/// Where there is none.
pub fn named(name: &str) -> Result<BuiltIn> {
    ALL.into_iter()
        .find(|query| query.name == name)
        .ok_or_else(|| {
            Failure::new(format_args!("query {name}"), "no query has this name")
                .hint("`soakbox-analyzer sql --queries` lists them")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_query_is_one_statement_with_a_description_and_each_file_is_listed() {
        for query in ALL {
            assert!(query.description().ends_with('.'), "{}", query.name);
            let statements = crate::sql::Statements::of(query.text);
            assert_eq!(statements.ended.len(), 0, "{}", query.name);
            assert!(!statements.rest.is_empty(), "{}", query.name);
        }
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/queries")).unwrap();
        let mut files: Vec<String> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        let mut listed: Vec<String> = ALL
            .iter()
            .map(|query| format!("{}.sql", query.name))
            .collect();
        files.sort();
        listed.sort();
        assert_eq!(files, listed);
    }
}
