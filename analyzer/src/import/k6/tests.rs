//! Tests of the points of k6.

use proptest::prelude::*;

use super::*;

const HEADER: &str = "metric_name,timestamp,metric_value,check,error,error_code,expected_response,\
    group,method,name,proto,scenario,status,url,extra_tags\n";

fn k6(operation: &str, time: TimeForm) -> K6 {
    K6 {
        metric: "http_req_duration".to_owned(),
        operation: operation.parse().unwrap(),
        time,
    }
}

fn seconds() -> TimeForm {
    TimeForm::Since1970(Unit::Seconds)
}

fn all(text: &[u8], k6: &K6) -> Result<(Vec<Row>, Vec<String>), Refusal> {
    let mut source = K6Rows::new(text, k6)?;
    let mut rows = Vec::new();
    while let Some(row) = source.next()? {
        rows.push(row);
    }
    Ok((rows, source.names().to_vec()))
}

#[test]
fn points_of_both_forms_are_the_same_rows() {
    let csv = format!(
        "{HEADER}http_reqs,1595325560,1.000000,,,,true,,GET,home,,default,200,http://h/,\n\
         http_req_duration,1595325560,221.899000,,,,true,,GET,home,,default,200,http://h/,\n\
         http_req_duration,1595325561,0.5,,,,,,GET,cart,,default,302,http://h/c,zone=b&user=7\n\
         http_req_duration,1595325562,1e3,,,,,,GET,cart,,default,0,http://h/c,zone=b\n"
    );
    let json = r#"{"type":"Metric","data":{"name":"http_req_duration","type":"trend","contains":"time","thresholds":[],"submetrics":null},"metric":"http_req_duration"}
{"type":"Point","data":{"time":"2020-07-21T09:59:20Z","value":1,"tags":null},"metric":"http_reqs"}
{"metric":"http_req_duration","type":"Point","data":{"time":"2020-07-21T09:59:20Z","value":221.899,"tags":{"name":"home","expected_response":"true","status":"200"}}}
{"metric":"http_req_duration","type":"Point","data":{"time":"2020-07-21T11:59:21+02:00","value":0.5,"tags":{"name":"cart","status":"302","zone":"b"}}}
{"metric":"http_req_duration","type":"Point","data":{"time":"2020-07-21T09:59:22.0Z","value":1000,"tags":{"name":"cart","status":"0","zone":"b"}}}
"#;
    let from_csv = all(csv.as_bytes(), &k6("name", seconds())).unwrap();
    let row = |seconds: i64, duration_ns, operation, success| Row {
        finished_at_ns: seconds * 1_000_000_000,
        duration_ns,
        operation,
        success: Some(success),
        memory_bytes: None,
        bytes: None,
    };
    let expected = [
        row(1_595_325_560, 221_899_000, 0, true),
        row(1_595_325_561, 500_000, 1, true),
        row(1_595_325_562, 1_000_000_000, 1, false),
    ];
    assert_eq!(from_csv.0, expected);
    assert_eq!(from_csv.1, ["home", "cart"]);
    assert_eq!(all(json.as_bytes(), &k6("name", seconds())), Ok(from_csv));
    // A tag without a column of its own.
    let (_, names) = all(csv.as_bytes(), &k6("=x", seconds())).unwrap();
    assert_eq!(names, ["x"]);
    let zones = csv.replace(",http://h/,\n", ",http://h/,zone=a\n");
    let (_, names) = all(zones.as_bytes(), &k6("zone", seconds())).unwrap();
    assert_eq!(names, ["a", "b"]);
    // Without the tag that tells it, the status does.
    let statuses = csv.replace(",true,", ",,").replace(",200,", ",500,");
    let (rows, _) = all(statuses.as_bytes(), &k6("name", seconds())).unwrap();
    assert_eq!(rows[0].success, Some(false));
}

#[test]
fn what_is_no_point_is_refused_with_its_line() {
    let refused = |text: &str| {
        let refusal = all(text.as_bytes(), &k6("name", seconds())).unwrap_err();
        format!("{}; {}", refusal.reason, refusal.hint.unwrap_or_default())
    };
    let csv = |row: &str| refused(&format!("{HEADER}{row}\n"));
    let json = |line: &str| refused(&format!("\n{line}\n"));
    for (found, expected) in [
        (refused(""), "is empty"),
        (refused("\u{1f}"), "has no column metric_name; k6 writes it"),
        (csv("http_req_duration,1"), "line 2: has 2 cells"),
        (
            csv("http_req_duration,1595325560123,1,,,,,,,a,,,,,"),
            "line 2: the time \"1595325560123\" is after 2261; k6 writes seconds; of another",
        ),
        (
            csv("http_req_duration,1,1,,,,,,,,,,,,"),
            "line 2: the tag name is missing",
        ),
        (
            csv("http_req_duration,1,x,,,,,,,a,,,,,"),
            "line 2: the duration \"x\" is no number",
        ),
        (
            csv("http_req_duration,1,1,,,,,,,a,,,gone,,"),
            "line 2: \"gone\" is no outcome",
        ),
        (
            json(r#"{"type":"Point","metric":"http_req_duration","data":{"time":"2020"#),
            "line 2: is no JSON of k6 (EOF while parsing a string at byte",
        ),
        (json("{}"), "line 2: is no JSON of k6 (missing field `type`"),
        (
            json(
                r#"{"type":"Point","metric":"http_req_duration","data":{"value":1,"tags":{"name":"a"}}}"#,
            ),
            "line 2: the time is missing",
        ),
        (
            json(
                r#"{"type":"Point","metric":"http_req_duration","data":{"time":"2020-01-01","tags":{"name":"a"}}}"#,
            ),
            "line 2: the duration is missing",
        ),
        (
            json(
                r#"{"type":"Point","metric":"http_req_duration","data":{"time":"2020-01-01","value":-1,"tags":{"name":"a"}}}"#,
            ),
            "line 2: the duration \"-1\" is negative",
        ),
    ] {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
    let gzip = K6Rows::new(&b"\x1f\x8b\x08"[..], &k6("name", seconds()));
    assert_eq!(gzip.err().unwrap().reason, "is compressed with gzip");
}

proptest! {
    /// Damaged files: a byte is changed and the rest cut off.
    #[test]
    fn no_bytes_make_it_panic(
        is_json: bool, at in 0usize..400, byte: u8, end in 0usize..400, noise in "\\PC{0,60}",
    ) {
        let text = match is_json {
            true => r#"{"metric":"http_req_duration","type":"Point","data":{"time":"2020-07-21T09:59:20Z","value":221.899,"tags":{"name":"home","status":"200"}}}"#.to_owned() + "\n",
            false => format!("{HEADER}http_req_duration,1595325560,0.5,,,,,,GET,cart,,x,302,h,z=b\n"),
        };
        let mut bytes = text.repeat(2).into_bytes();
        let last = bytes.len() - 1;
        bytes[at.min(last)] = byte;
        bytes.truncate(end);
        let k6 = k6("name", seconds());
        let _ = all(&bytes, &k6);
        let _ = all(noise.as_bytes(), &k6);
        let _ = all(format!("{{{noise}").as_bytes(), &k6);
    }
}
