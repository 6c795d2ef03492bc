//! Shared by the Rust targets, as target.h is by those in C.

/// The arguments without `--wait`, which first waits for a line on stdin; `None` where stdin ends
/// before.
pub(crate) fn arguments() -> Option<Vec<String>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--wait") {
        arguments.remove(0);
        let mut line = String::new();
        if !matches!(std::io::stdin().read_line(&mut line), Ok(1..)) {
            return None;
        }
    }
    Some(arguments)
}
