//! Writes the recordings that the tests use into a directory, to examine them or to run a notebook
//! on them: `cargo run -p soakbox-analyzer --example synthetic -- DIR [SECONDS [SLOWDOWN]]` makes
//! `DIR/healthy` and `DIR/degraded`.

use soakbox_testing::Soak;

fn main() {
    let Some(root) = std::env::args_os().nth(1).map(std::path::PathBuf::from) else {
        eprintln!("error: synthetic: needs a directory to write to");
        return;
    };
    let number = |index: usize| std::env::args().nth(index)?.parse().ok();
    let healthy = Soak {
        seconds: number(2).map_or(600, |seconds: f64| seconds as i64),
        ..Soak::default()
    };
    healthy.seal(&root.join("healthy"));
    let degraded = Soak {
        slowdown: number(3).unwrap_or(1.4),
        lost: 3,
        gap_at: Some(200),
        seed: 2,
        ..healthy
    };
    degraded.seal(&root.join("degraded"));
}
