//! One finding in words: its reason, its size, and what would have been seen where nothing was.

use super::verdict::magnitude_text;
use crate::soak::FindingAnswer;
use crate::units::{duration, plural};

/// What would have been seen.
pub(super) fn seen(finding: &FindingAnswer) -> String {
    let Some(least) = finding.detectable else {
        return match finding.kind {
            "gap" => "every gap: all windows were observed".to_owned(),
            "unsteady" => "any late step".to_owned(),
            kind => format!("any {kind}"),
        };
    };
    let size = || magnitude_text(&finding.metric, least.abs());
    match finding.kind {
        "stopped" => format!("a stop of {}", duration(least * 1e9)),
        "outage" => format!("an outage of {}", duration(least * 1e9)),
        "bursts" => {
            let failures = plural(least as u64, "failure");
            format!("a burst of {least:.0} {failures} in a window")
        }
        "period" => format!("a period of ± {}", size()),
        "unsteady" => format!("a late step of {}", size()),
        kind => format!("a {kind} of {} per hour", signed(finding, least)),
    }
}

/// Its reason, with its period and when it reaches the limit.
pub(super) fn reason(finding: &FindingAnswer) -> String {
    let mut text = finding.reason.clone();
    if let Some(seconds) = finding.period_s {
        text = format!("it repeats every {}; {text}", duration(seconds * 1e9));
    }
    if let Some(reached) = &finding.limit_reached {
        text.push_str(&format!("; the limit was reached at {reached}"));
    } else if let Some(seconds) = finding.time_to_limit_s {
        text.push_str(&format!(
            "; the limit is reached in {}",
            duration(seconds * 1e9)
        ));
    }
    text
}

/// A slope with its sign; that of a share is in percentage points.
pub(super) fn signed(finding: &FindingAnswer, value: f64) -> String {
    let sign = if value < 0.0 { "−" } else { "+" };
    format!("{sign}{}", magnitude_text(&finding.metric, value.abs()))
}
