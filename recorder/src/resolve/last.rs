//! `--keep-last` and its triggers.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::plan::{Condition, KeepLast, Trigger};

/// Most time after a trigger that is written.
const LONGEST_AFTER: Duration = Duration::from_secs(60);
const HINT: &str = "hint: write slow=OPERATION:TIME, failures=OPERATION:PERCENT% or stuck=TIME, such as slow=get:50ms";

/// What is kept in memory; `operations` are the names of the operations, by index.
///
/// # Errors
/// Where a trigger is not valid, or nothing is kept that it could have written.
pub(super) fn keep_last(
    before: Option<Duration>,
    bytes: u64,
    triggers: &[String],
    operations: &[&str],
) -> Result<Option<KeepLast>> {
    let Some(before) = before else {
        if let Some(trigger) = triggers.first() {
            bail!(
                "the trigger {trigger} has nothing to write: a recording without --keep-last writes everything; hint: add --keep-last 5m"
            );
        }
        return Ok(None);
    };
    let triggers = triggers.iter().map(|text| trigger(text, operations));
    Ok(Some(KeepLast {
        before,
        after: before.min(LONGEST_AFTER),
        bytes,
        triggers: triggers.collect::<Result<_>>()?,
    }))
}

fn trigger(text: &str, operations: &[&str]) -> Result<Trigger> {
    let refused = || format!("'{text}' is no trigger; {HINT}");
    let (kind, value) = text.split_once('=').with_context(refused)?;
    let of_operation = || -> Result<(usize, &str)> {
        let (name, value) = value.rsplit_once(':').with_context(refused)?;
        let index = operations.iter().position(|operation| *operation == name);
        let index = index.with_context(|| {
            format!(
                "the trigger '{text}' names no operation of this recording; hint: the operations are {}",
                operations.join(", ")
            )
        })?;
        Ok((index, value))
    };
    let condition = match kind {
        "slow" => {
            let (operation, time) = of_operation()?;
            Condition::Slow(operation, nanoseconds(time).with_context(refused)?)
        }
        "failures" => {
            let (operation, share) = of_operation()?;
            Condition::Failures(operation, percent(share).with_context(refused)?)
        }
        "stuck" => Condition::Stuck(nanoseconds(value).with_context(refused)?),
        _ => bail!(refused()),
    };
    Ok(Trigger {
        text: text.to_owned(),
        condition,
    })
}

fn nanoseconds(text: &str) -> Option<u64> {
    // In humantime `M` is a month; a person who writes `10M` hardly means that.
    let time = humantime::parse_duration(text)
        .ok()
        .filter(|_| !text.contains('M'))?;
    u64::try_from(time.as_nanos()).ok().filter(|ns| *ns > 0)
}

/// A share, above 0 and at most 1.
fn percent(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.parse().ok()?;
    (percent > 0.0 && percent <= 100.0).then_some(percent / 100.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use super::*;

    #[test]
    fn triggers_name_an_operation_and_a_value() {
        let operations = ["get", "put.a"];
        for (text, expected) in [
            ("slow=put.a:50ms", Condition::Slow(1, 50_000_000)),
            ("failures=get:0.5%", Condition::Failures(0, 0.005)),
            ("stuck=10s", Condition::Stuck(10_000_000_000)),
        ] {
            assert_eq!(trigger(text, &operations).unwrap().condition, expected);
        }
        for text in [
            "",
            "slow",
            "slow=",
            "slow=get",
            "slow=get:",
            "slow=get:0s",
            "slow=get:5",
            "slow=no:5s",
            "slow=get:10M",
            "failures=get:1",
            "failures=get:0%",
            "failures=get:101%",
            "failures=get:nan%",
            "failures=get:-1%",
            "stuck=get:1s",
            "stuck=",
            "fast=get:1s",
        ] {
            let error = trigger(text, &operations).unwrap_err().to_string();
            assert!(
                error.contains("hint: ") && error.contains(text),
                "{text}: {error}"
            );
        }
        let alone = keep_last(None, 1, &["stuck=1s".to_owned()], &operations);
        assert!(alone.unwrap_err().to_string().contains("--keep-last"));
    }

    #[test]
    fn a_minute_after_a_trigger_is_written_at_most() {
        for (before, after) in [(10, 10), (60, 60), (300, 60)] {
            let kept = keep_last(Some(Duration::from_secs(before)), 1, &[], &[]);
            assert_eq!(kept.unwrap().unwrap().after, Duration::from_secs(after));
        }
    }
}
