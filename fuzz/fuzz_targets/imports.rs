//! Texts that `import` reads: no bytes make a parser panic or give rows without end. The first byte chooses
//! the format.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The files need little of their package, which would bring the query engine with it.
#[path = "../../analyzer/src/import/benchmark.rs"]
#[allow(dead_code)]
mod benchmark;
#[path = "../../analyzer/src/import/columns.rs"]
#[allow(dead_code)]
mod columns;
#[path = "../../analyzer/src/import/criterion/mod.rs"]
#[allow(dead_code, unused_imports)]
mod criterion;
#[path = "../../analyzer/src/import/decimal.rs"]
#[allow(dead_code)]
mod decimal;
#[path = "../../analyzer/src/import/go_bench.rs"]
#[allow(dead_code)]
mod go_bench;
#[path = "../../analyzer/src/import/jmh.rs"]
#[allow(dead_code)]
mod jmh;
#[path = "../../analyzer/src/import/lading.rs"]
#[allow(dead_code)]
mod lading;
#[path = "../../analyzer/src/import/lines.rs"]
#[allow(dead_code)]
mod lines;
#[path = "../../analyzer/src/import/mapping.rs"]
#[allow(dead_code)]
mod mapping;
#[path = "../../analyzer/src/import/names.rs"]
#[allow(dead_code)]
mod names;
#[path = "../../analyzer/src/import/prometheus/mod.rs"]
#[allow(dead_code)]
mod prometheus;
#[path = "../../analyzer/src/import/records.rs"]
#[allow(dead_code)]
mod records;
#[path = "../../analyzer/src/import/refusal.rs"]
#[allow(dead_code)]
mod refusal;
#[path = "../../analyzer/src/import/rows.rs"]
#[allow(dead_code)]
mod rows;
#[path = "../../analyzer/src/import/source.rs"]
#[allow(dead_code)]
mod source;
#[path = "../../analyzer/src/import/spread.rs"]
#[allow(dead_code)]
mod spread;
#[path = "../../analyzer/src/units.rs"]
#[allow(dead_code)]
mod units;
#[path = "../../analyzer/src/import/whole.rs"]
#[allow(dead_code)]
mod whole;
#[path = "../../analyzer/src/import/wrk2.rs"]
#[allow(dead_code)]
mod wrk2;

use benchmark::Per;
use mapping::Unit;
use source::Source;

/// Rows that are looked at: few bytes may have counts of many.
const MOST_ROWS: usize = 1000;

fn read(source: Result<impl Source, refusal::Refusal>) {
    let Ok(mut source) = source else { return };
    for _ in 0..MOST_ROWS {
        match source.next() {
            Ok(Some(row)) => {
                assert!(row.finished_at_ns >= 0);
                assert!(usize::from(row.operation) < source.names().len());
            }
            _ => return,
        }
    }
}

fuzz_target!(|parts: (u8, &[u8])| {
    let (format, bytes) = parts;
    let per = Per::default();
    match format % 6 {
        0 => read(Ok(go_bench::GoBenchRows::new(bytes, per))),
        1 => read(jmh::JmhRows::new(bytes, per)),
        2 => {
            let mut rows = criterion::CriterionRows::new(per);
            read(rows.add(bytes, "name").map(|()| rows));
        }
        4 => {
            let about = lading::Lading {
                metric: "m".to_owned(),
                unit: Unit::Seconds,
                operation: None,
            };
            read(Ok(lading::LadingRows::new(bytes, &about)));
        }
        3 => read(wrk2::Wrk2Rows::new(bytes, None)),
        _ => read(prometheus::PrometheusRows::new(bytes, Unit::Seconds, None)),
    }
});
