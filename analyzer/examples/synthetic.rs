//! Writes the recordings that the tests use into a directory, to look at or to try a notebook on:
//! `cargo run -p soakbox-analyzer --example synthetic -- DIR` makes `DIR/healthy` and `DIR/degraded`.

#[path = "../tests/support/mod.rs"]
mod support;

use support::Soak;

fn main() {
    let Some(root) = std::env::args_os().nth(1).map(std::path::PathBuf::from) else {
        eprintln!("error: synthetic: needs a directory to write to");
        return;
    };
    let healthy = Soak {
        seconds: 600,
        ..Soak::default()
    };
    healthy.seal(&root.join("healthy"));
    let degraded = Soak {
        slowdown: 1.4,
        lost: 3,
        gap_at: Some(200),
        seed: 2,
        ..healthy
    };
    degraded.seal(&root.join("degraded"));
}
