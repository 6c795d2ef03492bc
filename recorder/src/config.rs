//! The configuration file, in TOML: each key has the name of a flag of `record`. Unknown keys are
//! refused. A flag overrides the file.

use std::io::{self, ErrorKind};
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use soakbox_cli::user_text;
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::limits::{LIMITS, Limit, SetLimits, Unit};
use crate::message::LogFormat;
use crate::plan::WhenFull;
use crate::probe::Selection;

/// Keys of the file that are not limits, in the order of the documentation.
const OTHER_KEYS: [&str; 13] = [
    "output",
    "op",
    "pid",
    "min_duration",
    "only_failures",
    "sample",
    "skip_refused",
    "keep",
    "trigger",
    "when_disk_full",
    "bpf_statistics",
    "quiet",
    "log_format",
];

/// The file as written, each value checked by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Directory of the recording.
    pub output: Option<PathBuf>,
    /// Operations, `NAME=PROBE[,RULE…]` each.
    pub op: Vec<String>,
    /// Process to observe.
    pub pid: Option<NonZeroU32>,
    /// Which operations get a row, for all that have no such rule of their own.
    pub selection: Selection,
    /// Whether the other operations are recorded where some cannot be observed.
    pub skip_refused: bool,
    /// What is kept of single tables, `TABLE=TIME` or `TABLE=BYTES` each.
    pub keep: Vec<String>,
    /// What has the last minutes written, a condition each.
    pub trigger: Vec<String>,
    /// What happens when the disk is full.
    pub when_disk_full: Option<WhenFull>,
    /// Whether the kernel measures the runs of the recorder's programs.
    pub bpf_statistics: bool,
    /// Whether no status is shown on a terminal.
    pub quiet: bool,
    /// The form of messages.
    pub log_format: Option<LogFormat>,
    /// Limits of the recording.
    pub limits: SetLimits,
}

/// Why a configuration file cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error(
        "cannot read the configuration {path}: {source}; hint: check the path given with --config"
    )]
    Read {
        /// Path of the file, as it was given.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// It is not valid.
    #[error("{path}:{mistake}")]
    Invalid {
        /// Path of the file, as it was given.
        path: String,
        /// The first mistake in it.
        mistake: Mistake,
    },
}

/// A mistake in a configuration file.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{line}: {reason}; hint: {hint}")]
pub struct Mistake {
    /// Line of the file, from 1.
    pub line: usize,
    /// The reason for the refusal.
    pub reason: String,
    /// The next step.
    pub hint: String,
}

fn read_text(path: &Path) -> io::Result<String> {
    let too_large = || io::Error::other("it is larger than 16 MiB");
    let bytes = user_text(path)?.ok_or_else(too_large)?;
    let not_utf8 = |_| io::Error::new(ErrorKind::InvalidData, "stream did not contain valid UTF-8");
    String::from_utf8(bytes).map_err(not_utf8)
}

impl Config {
    /// Every key, with its table: `output`, `limits.ring_bytes`.
    pub fn keys() -> Vec<String> {
        let others = OTHER_KEYS.map(str::to_owned).into_iter();
        others.chain(LIMITS.map(Limit::key)).collect()
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// Where it cannot be read, is not TOML, has unknown keys, or a value is not allowed.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = read_text(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text).map_err(|mistake| ConfigError::Invalid {
            path: path.display().to_string(),
            mistake,
        })
    }

    /// Parses a file's text.
    ///
    /// # Errors
    /// The first mistake.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let mistake = |span: Range<usize>, reason: String, hint: String| Mistake {
            line: text.get(..span.start).unwrap_or(text).matches('\n').count() + 1,
            reason,
            hint,
        };
        let table = DeTable::parse(text).map_err(|error| {
            let reason = error.message().lines().next().unwrap_or("not valid TOML");
            let hint = "docs/configuration.md shows a whole file".to_owned();
            mistake(error.span().unwrap_or(0..0), reason.to_owned(), hint)
        })?;
        let mut config = Self::default();
        for (key, value) in in_order(table.get_ref()) {
            let result = match (key.get_ref().as_ref(), value.get_ref()) {
                ("limits", DeValue::Table(limits)) => {
                    for (key, value) in in_order(limits) {
                        config
                            .set(true, key.get_ref(), value.get_ref())
                            .map_err(|(reason, hint)| mistake(key.span(), reason, hint))?;
                    }
                    Ok(())
                }
                ("limits", value) => Err(wrong_type("limits", value, "a table: [limits]")),
                (name, value) => config.set(false, name, value),
            };
            result.map_err(|(reason, hint)| mistake(key.span(), reason, hint))?;
        }
        Ok(config)
    }

    /// Sets one key; an error is the reason and the hint.
    fn set(
        &mut self,
        in_limits: bool,
        name: &str,
        value: &DeValue<'_>,
    ) -> Result<(), (String, String)> {
        let limit = LIMITS
            .into_iter()
            .find(|limit| limit.name() == name && limit.in_limits == in_limits);
        match (name, limit) {
            (_, Some(limit)) => self.limits.set(limit, limit_value(limit, value)?),
            ("output", None) if !in_limits => self.output = Some(text(name, value)?.into()),
            ("op", None) if !in_limits => self.op = texts(name, value)?,
            ("keep", None) if !in_limits => self.keep = texts(name, value)?,
            ("trigger", None) if !in_limits => self.trigger = texts(name, value)?,
            ("when_disk_full", None) if !in_limits => {
                self.when_disk_full = Some(when_full(name, value)?);
            }
            ("bpf_statistics", None) if !in_limits => self.bpf_statistics = flag(name, value)?,
            ("quiet", None) if !in_limits => self.quiet = flag(name, value)?,
            ("log_format", None) if !in_limits => {
                self.log_format = Some(log_format(name, value)?);
            }
            ("pid", None) if !in_limits => self.pid = Some(pid(value)?),
            ("min_duration", None) if !in_limits => {
                self.selection.min_duration = Some(selected(name, value)?);
            }
            ("sample", None) if !in_limits => {
                self.selection.sample = Some(selected(name, value)?);
            }
            ("only_failures", None) if !in_limits => {
                self.selection.only_failures = flag(name, value)?;
            }
            ("skip_refused", None) if !in_limits => self.skip_refused = flag(name, value)?,
            _ => {
                let table = if in_limits { "limits." } else { "" };
                let keys = format!("the keys are {}", Self::keys().join(", "));
                return Err((format!("unknown key '{table}{name}'"), keys));
            }
        }
        Ok(())
    }
}

/// A key of a table and its value.
type Entry<'a, 'text> = (&'a Spanned<DeString<'text>>, &'a Spanned<DeValue<'text>>);

/// The entries of a table in the order of the file, so that the first mistake is the one reported.
fn in_order<'a, 'text>(table: &'a DeTable<'text>) -> Vec<Entry<'a, 'text>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn wrong_type(name: &str, value: &DeValue<'_>, expected: &str) -> (String, String) {
    let reason = format!("{name} has the type {}", value.type_str());
    (reason, format!("write {expected}"))
}

fn text(name: &str, value: &DeValue<'_>) -> Result<String, (String, String)> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| wrong_type(name, value, "text in quotes"))
}

fn texts(name: &str, value: &DeValue<'_>) -> Result<Vec<String>, (String, String)> {
    let list = value.as_array();
    let list = list.ok_or_else(|| wrong_type(name, value, "a list of texts: [\"…\", \"…\"]"))?;
    let texts = list.iter().map(Spanned::get_ref);
    texts.map(|value| text(name, value)).collect()
}

fn log_format(name: &str, value: &DeValue<'_>) -> Result<LogFormat, (String, String)> {
    let word = text(name, value)?;
    LogFormat::from_name(&word).ok_or_else(|| {
        let hint = "write 'text' or 'json'".to_owned();
        (format!("{name} is '{word}'"), hint)
    })
}

fn when_full(name: &str, value: &DeValue<'_>) -> Result<WhenFull, (String, String)> {
    let word = text(name, value)?;
    WhenFull::from_word(&word).ok_or_else(|| {
        let hint = "write 'stop', 'pause' or 'drop-oldest'".to_owned();
        (format!("{name} is '{word}'"), hint)
    })
}

fn selected<T: FromStr<Err = String>>(
    name: &str,
    value: &DeValue<'_>,
) -> Result<T, (String, String)> {
    let written = text(name, value)?;
    let parsed = written.parse();
    parsed.map_err(|hint| (format!("{name} is '{written}'"), hint))
}

fn flag(name: &str, value: &DeValue<'_>) -> Result<bool, (String, String)> {
    let flag = value.as_bool();
    flag.ok_or_else(|| wrong_type(name, value, "true or false"))
}

fn pid(value: &DeValue<'_>) -> Result<NonZeroU32, (String, String)> {
    let number = value
        .as_integer()
        .ok_or_else(|| wrong_type("pid", value, "the number of a process"))?;
    let pid = u32::from_str_radix(number.as_str(), number.radix());
    pid.ok().and_then(NonZeroU32::new).ok_or_else(|| {
        let every = "leave it out to observe every process that runs the files";
        (format!("pid is {number}"), every.to_owned())
    })
}

fn limit_value(limit: &Limit, value: &DeValue<'_>) -> Result<u64, (String, String)> {
    let written = match (limit.unit, value) {
        (Unit::Time, DeValue::String(text)) => text.to_string(),
        (Unit::Time, _) => return Err(wrong_type(&limit.key(), value, "a time in quotes")),
        (Unit::Share, DeValue::String(text)) => text.to_string(),
        (Unit::Share, _) => {
            return Err(wrong_type(&limit.key(), value, "a percentage in quotes"));
        }
        (_, DeValue::String(text)) if limit.is_text() => text.to_string(),
        (_, DeValue::Integer(number)) => u64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| number.to_string(), |number| number.to_string()),
        _ => return Err(wrong_type(&limit.key(), value, "a number without quotes")),
    };
    limit.parse(&written).map_err(|allowed| {
        let reason = format!("{} is '{written}' (as --{})", limit.key(), limit.flag);
        (reason, allowed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{FLUSH_INTERVAL, RING_BYTES};

    #[test]
    fn a_whole_file_is_read() {
        let config = Config::parse(
            "output = 'soak'\nop = ['a=uprobe:/bin/x:f']\nskip_refused = true\nduration = '8h'\nmin_duration = '10us'\nonly_failures = true\nsample = '1/7'\n[limits]\nring_bytes = 4096\n",
        )
        .unwrap();
        assert_eq!(config.output, Some("soak".into()));
        assert_eq!(config.op, ["a=uprobe:/bin/x:f"]);
        assert!(config.skip_refused);
        let rules = config.selection.to_string();
        assert_eq!(rules, ",min=10us,only=failures,sample=1/7");
        assert_eq!(config.limits.get(&RING_BYTES), Some(4096));
        assert_eq!(config.limits.get(&FLUSH_INTERVAL), None);
        assert_eq!(Config::parse("").unwrap(), Config::default());
    }

    #[test]
    fn each_limit_is_set_by_its_own_key() {
        for limit in LIMITS {
            let is_quoted = [Unit::Time, Unit::Share].contains(&limit.unit);
            let quote = if is_quoted { "'" } else { "" };
            for value in [limit.default.unwrap_or(limit.most), limit.most] {
                let (key, written) = (limit.key(), limit.write(value));
                let config = Config::parse(&format!("{key} = {quote}{written}{quote}\n")).unwrap();
                for other in LIMITS {
                    let expected = (other.flag == limit.flag).then_some(value);
                    assert_eq!(config.limits.get(other), expected, "{key}: {}", other.flag);
                }
            }
        }
    }

    #[test]
    fn a_limit_with_a_wrong_value_is_refused_with_its_line_and_the_bounds() {
        for limit in LIMITS {
            for value in [
                "0",
                "-1",
                "18446744073709551616",
                "1e9",
                "''",
                "'0s'",
                "'1 GB'",
                "true",
                "[]",
            ] {
                let text = format!("op = []\n\n{} = {value}\n", limit.key());
                let mistake = Config::parse(&text).unwrap_err();
                assert_eq!(mistake.line, 3, "{text}");
                assert!(mistake.reason.contains(&limit.key()), "{mistake}");
                let is_text = value.starts_with('\'');
                let fits = if is_text {
                    limit.is_text()
                } else {
                    ![Unit::Time, Unit::Share].contains(&limit.unit)
                };
                let has_the_type = fits && !["1e9", "true", "[]"].contains(&value);
                assert_eq!(mistake.hint.contains("from "), has_the_type, "{mistake}");
            }
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        for (text, line, key) in [
            ("output = 'x'\nouptut = 'y'\n", 2, "'ouptut'"),
            ("[limits]\nring = 1\n", 2, "'limits.ring'"),
            ("[limits]\nduration = '8h'\n", 2, "'limits.duration'"),
            ("ring_bytes = 4096\n", 1, "'ring_bytes'"),
            ("\n[limit]\nring_bytes = 4096\n", 2, "'limit'"),
        ] {
            let mistake = Config::parse(text).unwrap_err();
            assert_eq!(mistake.line, line, "{mistake}");
            assert!(mistake.reason.contains(key), "{mistake}");
            assert!(mistake.hint.contains("limits.ring_bytes"), "{mistake}");
        }
    }

    #[test]
    fn values_of_another_type_and_invalid_toml_are_refused() {
        for text in [
            "output = \n",
            "output = 1\n",
            "op = 'a'\n",
            "op = [1]\n",
            "pid = '1'\n",
            "pid = 0\n",
            "pid = -1\n",
            "pid = 4294967296\n",
            "skip_refused = 1\n",
            "skip_refused = 'true'\n",
            "limits = 1\n",
            "when_disk_full = 'wait'\n",
            "log_format = 'xml'\n",
            "quiet = 'yes'\n",
            "sample = 7\n",
            "sample = '1/0'\n",
            "min_duration = '10'\n",
            "only_failures = 'yes'\n",
            "keep = 'operation_log=7days'\n",
            "output = 'a'\noutput = 'b'\n",
            "\u{0}",
        ] {
            let mistake = Config::parse(text).unwrap_err();
            assert!(
                !mistake.reason.contains('\n') && !mistake.hint.is_empty(),
                "{mistake}"
            );
        }
        assert!(
            Config::parse("pid = 0\n")
                .unwrap_err()
                .reason
                .contains("pid is 0")
        );
        assert_eq!(
            Config::parse("pid = 0x10\n").unwrap().pid,
            NonZeroU32::new(16)
        );
    }
}
