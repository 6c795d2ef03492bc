//! The configuration file, the flags of `record` and docs/configuration.md have the same limits and
//! the same keys.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use clap::CommandFactory;
use soakbox_recorder::cli::Cli;
use soakbox_recorder::config::Config;
use soakbox_recorder::limits::{LIMITS, Unit};

const BEGIN: &str = "--test suite configuration:: -->\n";
const END: &str = "<!-- End of the generated table -->";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md")
}

fn table() -> String {
    let mut table = String::from(
        "\n| key | flag | default | from | to | meaning |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for limit in LIMITS {
        let default = limit
            .default
            .map_or("no limit".to_owned(), |value| limit.write(value));
        let page = if limit.unit == Unit::RingBytes {
            " or the page size, if it is larger"
        } else {
            ""
        };
        let (least, most) = (limit.write(limit.least), limit.write(limit.most));
        let (key, flag, help) = (limit.key(), limit.flag, limit.help);
        writeln!(
            table,
            "| `{key}` | `--{flag}` | {default} | {least}{page} | {most} | {help}. |"
        )
        .unwrap();
    }
    table + "\n"
}

#[test]
fn the_documentation_has_every_limit_as_declared() {
    let text = fs::read_to_string(path()).unwrap();
    let begin = text.find(BEGIN).unwrap() + BEGIN.len();
    let end = text.find(END).unwrap();
    let expected = format!("{}{}{}", &text[..begin], table(), &text[end..]);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path(), &expected).unwrap();
    }
    assert!(
        fs::read_to_string(path()).unwrap() == expected,
        "docs/configuration.md differs from the declarations; \
         UPDATE_DOCS=1 cargo test --workspace --test suite configuration:: writes its table anew"
    );
}

#[test]
fn the_documented_file_is_valid_and_has_every_key_with_its_default() {
    let text = fs::read_to_string(path()).unwrap();
    let (_, file) = text.split_once("```toml\n").unwrap();
    let (file, _) = file.split_once("```").unwrap();
    let config = Config::parse(file).unwrap();
    assert!(config.output.is_some() && !config.op.is_empty() && config.pid.is_some());
    for limit in LIMITS {
        let value = config.limits.get(limit);
        assert!(value.is_some(), "{}", limit.flag);
        if limit.default.is_some() {
            assert_eq!(value, limit.default, "{}", limit.flag);
        }
        assert!(
            file.contains(&format!("--{}", limit.flag)),
            "{}",
            limit.flag
        );
    }
}

#[test]
fn every_flag_of_record_has_its_key_and_every_key_its_flag() {
    let command = Cli::command();
    let record = command.find_subcommand("record").unwrap();
    let mut flags: Vec<&str> = record
        .get_opts()
        .filter_map(|flag| flag.get_long())
        .collect();
    // This flag names the configuration file itself.
    flags.retain(|flag| *flag != "config");
    flags.sort_unstable();
    let keys = Config::keys();
    let name = |key: &String| key.rsplit('.').next().unwrap().replace('_', "-");
    let mut of_keys: Vec<String> = keys.iter().map(name).collect();
    of_keys.sort();
    assert_eq!(flags, of_keys);
    let of_limits = |name: &String| LIMITS.iter().any(|limit| limit.flag == name);
    assert_eq!(
        of_keys.iter().filter(|name| of_limits(name)).count(),
        LIMITS.len()
    );
}

#[test]
fn the_help_shows_the_default_of_each_limit() {
    let command = Cli::command();
    let record = command.find_subcommand("record").unwrap();
    for limit in LIMITS {
        let flag = record
            .get_opts()
            .find(|flag| flag.get_long() == Some(limit.flag))
            .unwrap();
        let help = flag.get_help().unwrap().to_string();
        assert!(help.starts_with(limit.help), "{help}");
        if let Some(default) = limit.default {
            let default = format!("[default: {}]", limit.write(default));
            assert!(help.ends_with(&default), "{help}");
        }
    }
}
