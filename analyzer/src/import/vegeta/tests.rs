//! Tests of the results of vegeta.

use proptest::prelude::*;

use super::*;

fn all(text: &[u8], operation: &str) -> Result<(Vec<Row>, Vec<String>), Refusal> {
    let mut source = VegetaRows::new(text, &operation.parse().unwrap())?;
    let mut rows = Vec::new();
    while let Some(row) = source.next()? {
        rows.push(row);
    }
    Ok((rows, source.names().to_vec()))
}

const JSON: &str = r#"{"attack":"big","seq":0,"code":200,"timestamp":"2020-07-21T09:59:20.000000001Z","latency":1500,"bytes_out":3,"bytes_in":12,"error":"","body":"aGk=","method":"GET","url":"http://h/a","headers":{"Date":["x"]}}
{"attack":"big","seq":1,"code":0,"timestamp":"2020-07-21T11:59:21+02:00","latency":2000,"bytes_out":0,"bytes_in":0,"error":"dial tcp: \"refused\"","body":null,"method":"POST","url":"http://h/b","headers":null}
"#;
const CSV: &str = "1595325560000000001,200,1500,3,12,,aGk=,big,0,GET,http://h/a,RGF0ZTogeA==\n\
    1595325561000000000,0,2000,0,0,\"dial tcp: \"\"refused\"\"\",,big,1,POST,http://h/b,\n";

#[test]
fn results_of_both_forms_are_the_same_rows() {
    let row = |finished_at_ns, duration_ns, operation, success, bytes| Row {
        finished_at_ns,
        duration_ns,
        operation,
        success: Some(success),
        memory_bytes: None,
        bytes: Some(bytes),
    };
    let expected = vec![
        row(1_595_325_560_000_001_501, 1_500, 0, true, 12),
        row(1_595_325_561_000_002_000, 2_000, 1, false, 0),
    ];
    for (operation, names) in [
        ("url", vec!["http://h/a", "http://h/b"]),
        ("method", vec!["GET", "POST"]),
    ] {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let both = Ok((expected.clone(), names));
        assert_eq!(all(JSON.as_bytes(), operation), both);
        assert_eq!(all(CSV.as_bytes(), operation), both);
    }
    for (operation, name) in [("attack", "big"), ("=all", "all")] {
        for text in [JSON, CSV] {
            assert_eq!(all(text.as_bytes(), operation).unwrap().1, [name]);
        }
    }
    let old = "1,200,5,0,0,,,a,0\n";
    assert_eq!(
        all(old.as_bytes(), "attack").unwrap().0[0].finished_at_ns,
        6
    );
}

#[test]
fn what_is_no_result_is_refused_with_its_line() {
    for (text, operation, expected) in [
        ("", "url", "is empty"),
        ("x", "body", "has no names in \"body\""),
        (
            "1,200,5,0,0,,,a,0\n",
            "url",
            "line 1: the operation is missing",
        ),
        (
            "\n1,2\n",
            "url",
            "line 2: has 2 cells, and a result has 9 or 12",
        ),
        (
            "1,200,5,0,0,,,a,0\n1,200,5,0,0,,,a,0,GET,u,\n",
            "attack",
            "line 2: has 12 cells, and the first has 9",
        ),
        (
            "1,x,5,0,0,,,a,0\n",
            "attack",
            "line 1: the status code is no number",
        ),
        (
            "1,200,-5,0,0,,,a,0\n",
            "attack",
            "line 1: the duration \"-5\" is negative",
        ),
        (
            "9200000000000000000,200,1,0,0,,,a,0\n",
            "attack",
            "line 1: the time is after 2261",
        ),
        (
            "{}",
            "url",
            "line 1: is no JSON of vegeta (missing field `timestamp`",
        ),
        (
            &JSON[..JSON.len() - 4],
            "url",
            "line 2: is no JSON of vegeta (EOF",
        ),
    ] {
        let found = all(text.as_bytes(), operation).unwrap_err().reason;
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

proptest! {
    /// Damaged files: a byte is changed and the rest cut off.
    #[test]
    fn no_bytes_make_it_panic(
        is_json: bool, at in 0usize..500, byte: u8, end in 0usize..500, noise in "\\PC{0,60}",
    ) {
        let mut bytes = if is_json { JSON } else { CSV }.as_bytes().to_vec();
        let last = bytes.len() - 1;
        bytes[at.min(last)] = byte;
        bytes.truncate(end);
        for operation in ["url", "=all"] {
            let _ = all(&bytes, operation);
            let _ = all(noise.as_bytes(), operation);
            let _ = all(format!("{{{noise}").as_bytes(), operation);
        }
    }
}
