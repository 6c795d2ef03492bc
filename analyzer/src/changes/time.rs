//! Times as a file or a command line has them.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// A time in seconds: a number, RFC 3339, a date with or without a time of day. Dates count from
/// 1970 in UTC.
pub fn seconds(text: &str) -> Option<f64> {
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then_some(number);
    }
    let of_utc = |time: NaiveDateTime| {
        let time = time.and_utc();
        time.timestamp() as f64 + f64::from(time.timestamp_subsec_nanos()) / 1e9
    };
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(of_utc(time.naive_utc()));
    }
    for form in [
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
    ] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, form) {
            return Some(of_utc(time));
        }
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    date.and_hms_opt(0, 0, 0).map(of_utc)
}
