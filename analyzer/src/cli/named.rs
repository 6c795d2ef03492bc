//! Recordings and files under names of their own, as typed for every command that takes a query.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use soakbox_cli::{Failure, Result};

use crate::sql::SCHEMA;

/// A recording or a file under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPlace {
    /// The schema of its tables, or the name of the file's table.
    pub name: String,
    /// Its directory, or a pattern of directories that are one recording; or the file.
    pub place: PathBuf,
}

/// Recordings and files under names.
#[derive(Debug, Args)]
pub(super) struct NamedArguments {
    /// A recording under a name: its tables are NAME.operation_log and so on; may be given several
    /// times
    #[arg(long = "as", id = "named", value_name = "NAME=DIR", value_parser = named_place)]
    named: Vec<NamedPlace>,
    /// A Parquet file as a table, for example one that a query wrote with --output; may be given
    /// several times
    #[arg(long = "table", id = "tables", value_name = "NAME=FILE", value_parser = named_file)]
    tables: Vec<NamedPlace>,
}

impl NamedArguments {
    /// A flag that is given.
    pub(super) fn flag(&self) -> Option<&'static str> {
        match (self.named.is_empty(), self.tables.is_empty()) {
            (false, _) => Some("--as"),
            (true, false) => Some("--table"),
            (true, true) => None,
        }
    }

    /// Recordings and files, each with names that differ.
    ///
    /// # Errors
    /// Where a name was given twice.
    pub(super) fn checked(self) -> Result<[Vec<NamedPlace>; 2]> {
        for (flag, places) in [("--as", &self.named), ("--table", &self.tables)] {
            let mut names = BTreeSet::new();
            if let Some(twice) = places.iter().find(|place| !names.insert(&place.name)) {
                let reason = "the name was given twice";
                return Err(Failure::new(format_args!("{flag} {}", twice.name), reason));
            }
        }
        Ok([self.named, self.tables])
    }
}

fn named_place(text: &str) -> std::result::Result<NamedPlace, String> {
    let named = named(text, "DIR")?;
    match [SCHEMA, "information_schema"].contains(&&*named.name) {
        true => Err(format!("the name {} is taken", named.name)),
        false => Ok(named),
    }
}

fn named_file(text: &str) -> std::result::Result<NamedPlace, String> {
    named(text, "FILE")
}

fn named(text: &str, what: &str) -> std::result::Result<NamedPlace, String> {
    let (name, place) = text
        .split_once('=')
        .ok_or_else(|| format!("is not NAME={what}"))?;
    let is_letter = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let is_name = name.starts_with(is_letter)
        && name
            .chars()
            .all(|letter| is_letter(letter) || letter.is_ascii_digit());
    if !is_name {
        return Err("a name has lower-case letters, digits and _, and no digit first".to_owned());
    }
    if place.is_empty() {
        return Err(format!("{what} is missing"));
    }
    Ok(NamedPlace {
        name: name.to_owned(),
        place: place.into(),
    })
}
