//! Values that are and are not allowed.

use super::*;

#[test]
fn each_limit_is_consistent() {
    for (at, limit) in LIMITS.into_iter().enumerate() {
        assert!(limit.least > 0 && limit.lowest() <= limit.most, "{limit:?}");
        let edges = [limit.lowest(), limit.most];
        for value in edges.into_iter().chain(limit.default) {
            assert_eq!(limit.parse(&limit.write(value)), Ok(value), "{limit:?}");
        }
        assert!(!limit.help.ends_with('.'), "{limit:?}");
        assert!(LIMITS[..at].iter().all(|other| other.flag != limit.flag));
    }
}

#[test]
fn a_text_that_is_no_value_is_refused_with_the_bounds() {
    let texts = [
        "",
        " ",
        "0",
        "-1",
        "-0",
        "+4096",
        "1 GB",
        "1GB",
        "1e9",
        "4096.0",
        "0x1000",
        "1_000",
        "18446744073709551616",
        "99999999999999999999999",
        "nan",
        "½",
        "10",
        "10M",
        "10S",
        "s",
        "1h30",
        "-5s",
        "0s",
        "18446744073709551615s",
        "584542046091y",
        "1e3s",
    ];
    for limit in LIMITS {
        for text in texts {
            let is_value = limit.unit == Unit::Number && text == "10";
            let parsed = limit.parse(text);
            assert_eq!(parsed.is_ok(), is_value, "{}: '{text}'", limit.flag);
            if let Err(advice) = parsed {
                let least = limit.write(limit.lowest());
                assert!(advice.contains(&format!("from {least} to ")), "{advice}");
            }
        }
    }
    for (text, allowed) in [
        ("4096", true),
        ("4097", false),
        ("12288", false),
        ("8192", true),
    ] {
        assert_eq!(RING_BYTES.parse(text).is_ok(), allowed, "{text}");
        assert!(JOURNAL_BYTES.parse(text).is_ok(), "{text}");
    }
}

#[test]
fn bytes_may_have_a_unit() {
    for (text, expected) in [
        ("64MiB", Ok(64 << 20)),
        ("50GiB", Ok(50 << 30)),
        ("4KiB", Ok(4096)),
        ("1TiB", Ok(1 << 40)),
        ("64MB", Err(())),
        ("64 MiB", Err(())),
        ("MiB", Err(())),
        ("+64MiB", Err(())),
        ("1.5MiB", Err(())),
        ("99999999999TiB", Err(())),
    ] {
        let parsed = JOURNAL_BYTES.parse(text).map_err(drop);
        assert_eq!(parsed, expected, "{text}");
    }
    assert_eq!(RING_BYTES.parse("16MiB"), Ok(16 << 20));
}

#[test]
fn a_share_is_a_number_of_percent() {
    for (text, expected) in [
        ("1%", Ok(10_000)),
        ("0.5%", Ok(5_000)),
        ("0.0101%", Ok(101)),
        ("100%", Ok(1_000_000)),
        ("100.01%", Err(())),
        ("0.00999%", Err(())),
        ("1", Err(())),
        ("%", Err(())),
        (".5%", Err(())),
        ("1.%", Err(())),
        ("+1%", Err(())),
        ("1 %", Err(())),
    ] {
        assert_eq!(MAX_OVERHEAD.parse(text).map_err(drop), expected, "{text}");
    }
}

#[test]
fn a_value_just_outside_its_bounds_is_refused() {
    for limit in LIMITS {
        let (below, above) = (limit.lowest() - 1, limit.most + 1);
        for value in [below, above] {
            assert!(
                limit.parse(&limit.write(value)).is_err(),
                "{limit:?} {value}"
            );
        }
    }
}
