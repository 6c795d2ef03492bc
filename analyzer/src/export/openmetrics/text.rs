//! Lines of the exposition: labels are escaped, times have milliseconds.

use std::fmt::Write;

use super::Key;

/// A moment in whole milliseconds, as seconds.
pub(super) fn time(at_ns: i64) -> String {
    let ms = at_ns.div_euclid(1_000_000);
    let (seconds, rest) = (ms.div_euclid(1000), ms.rem_euclid(1000));
    format!("{seconds}.{rest:03}")
}

/// Nanoseconds as seconds, exact.
pub(super) fn seconds(ns: u128) -> String {
    let text = format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
    let short = text.trim_end_matches('0');
    match short.ends_with('.') {
        true => format!("{short}0"),
        false => short.to_owned(),
    }
}

/// The labels of an operation, without braces.
pub(super) fn labels(key: &Key) -> String {
    let mut labels = String::new();
    for (name, value) in [("operation", &key.operation), ("host", &key.host)] {
        if !labels.is_empty() {
            labels.push(',');
        }
        let _ = write!(labels, "{name}=\"");
        for letter in value.chars() {
            match letter {
                '\\' => labels.push_str("\\\\"),
                '"' => labels.push_str("\\\""),
                '\n' => labels.push_str("\\n"),
                // Prometheus takes it for the end of the text.
                '\0' => labels.push('\u{fffd}'),
                letter => labels.push(letter),
            }
        }
        labels.push('"');
    }
    labels
}

/// The head of a family.
pub(super) fn head(name: &str, kind: &str, unit: &str, help: &str, out: &mut Vec<u8>) {
    let mut text = format!("# TYPE {name} {kind}\n");
    if !unit.is_empty() {
        let _ = writeln!(text, "# UNIT {name} {unit}");
    }
    let _ = writeln!(text, "# HELP {name} {help}");
    out.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sums_are_exact_and_labels_end_where_they_should() {
        assert_eq!(time(1_795_507_200_123_456_789), "1795507200.123");
        assert_eq!(time(-1), "-1.999");
        assert_eq!(seconds(0), "0.0");
        assert_eq!(seconds(1_500_000_000), "1.5");
        assert_eq!(seconds(20), "0.00000002");
        let key = Key {
            operation: "a\"} 1\nb\\".to_owned(),
            host: String::new(),
        };
        assert_eq!(labels(&key), r#"operation="a\"} 1\nb\\",host="""#);
    }
}
