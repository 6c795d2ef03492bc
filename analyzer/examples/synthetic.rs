//! Writes the recordings that the tests use into a directory, to examine them or to run a notebook
//! on them: `cargo run -p soakbox-analyzer --example synthetic -- DIR [SECONDS [SLOWDOWN]]` makes
//! `DIR/healthy` and `DIR/degraded`.

use std::process::ExitCode;

use soakbox_testing::Soak;

const USAGE: &str = "usage: synthetic DIR [SECONDS [SLOWDOWN]]
  DIR       directory in which healthy and degraded are made
  SECONDS   length of both, from 1 on [default: 600]
  SLOWDOWN  factor of durations in the second half of degraded [default: 1.4]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .iter()
        .any(|word| word == "-h" || word == "--help")
    {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let Some((directory, seconds, slowdown)) = parsed(&arguments) else {
        eprintln!("error: synthetic: {arguments:?} is not understood\n{USAGE}");
        return ExitCode::from(2);
    };
    let healthy = Soak {
        seconds,
        ..Soak::default()
    };
    let root = std::path::Path::new(directory);
    healthy.seal(&root.join("healthy"));
    let degraded = Soak {
        slowdown,
        lost: 3,
        gap_at: Some(200),
        seed: 2,
        ..healthy
    };
    degraded.seal(&root.join("degraded"));
    ExitCode::SUCCESS
}

/// The directory, the seconds and the slowdown; `None` where they are not such. A word that begins
/// with `-` is a flag that does not exist, never a directory.
fn parsed(arguments: &[String]) -> Option<(&str, i64, f64)> {
    let (directory, seconds, slowdown) = match arguments {
        [directory] => (directory, None, None),
        [directory, seconds] => (directory, Some(seconds), None),
        [directory, seconds, slowdown] => (directory, Some(seconds), Some(slowdown)),
        _ => return None,
    };
    let seconds = seconds.map_or(Ok(600), |text| text.parse()).ok()?;
    let slowdown = slowdown.map_or(Ok(1.4), |text| text.parse()).ok()?;
    let is_sound = !directory.starts_with('-') && !directory.is_empty() && seconds > 0;
    (is_sound && f64::is_finite(slowdown) && slowdown > 0.0).then_some((
        directory.as_str(),
        seconds,
        slowdown,
    ))
}
