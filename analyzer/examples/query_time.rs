//! How long queries take in a session that is open: `query_time RECORDING ROUNDS QUERY…` prints the
//! seconds of the fastest of the rounds of each query, as JSON.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use soakbox_analyzer::{recording, sql};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, rounds, queries @ ..] = &arguments[..] else {
        return Err("usage: query_time RECORDING ROUNDS QUERY…".into());
    };
    let rounds: u32 = rounds.parse()?;
    let recording = recording::open(Path::new(directory), false)?;
    let session = sql::Session::new(&recording)?;
    for query in queries {
        let mut fastest = f64::INFINITY;
        let mut rows = 0;
        for _ in 0..rounds {
            let start = Instant::now();
            rows = 0;
            session.prepare(query)?.run(|batch| {
                rows += batch.num_rows();
                Ok(())
            })?;
            fastest = fastest.min(start.elapsed().as_secs_f64());
        }
        println!(
            "{}",
            serde_json::json!({ "query": query, "rows": rows, "seconds": fastest })
        );
    }
    Ok(())
}
