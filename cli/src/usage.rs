//! Turns the several paragraphs of a clap error into one [`Failure`].

use clap::Command;
use clap::error::ErrorKind;

use crate::failure::Failure;

/// The mistake in one line. The hint is the similar flag, or the help to read. `first` is the first
/// argument as typed, which may name a subcommand.
pub(crate) fn usage_failure(command: &Command, error: &clap::Error, first: &str) -> Failure {
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim);
    let paragraph = lines.by_ref().take_while(|line| !line.is_empty());
    let paragraph = paragraph.collect::<Vec<_>>().join(" ");
    let reason = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "no command is given",
        _ => paragraph.strip_prefix("error: ").unwrap_or(&paragraph),
    };
    let failure = Failure::new("command line", reason);
    // Clap's other tips propose to pass a mistyped flag as a value.
    let tip = lines
        .filter_map(|line| line.strip_prefix("tip: "))
        .find(|tip| tip.contains("similar"));
    if let Some(tip) = tip {
        return failure.hint(tip);
    }
    let name = command.get_name();
    match command.find_subcommand(first) {
        Some(known) => failure.hint(format!("see {name} {} --help", known.get_name())),
        None => failure.hint(format!("see {name} --help")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Arg;

    fn program() -> Command {
        Command::new("tool")
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommand(Command::new("show").arg(Arg::new("format").long("format")))
    }

    fn failure(words: &[&str]) -> String {
        let typed = ["tool"].iter().chain(words);
        let error = program().try_get_matches_from(typed).unwrap_err();
        usage_failure(&program(), &error, words.first().unwrap_or(&"")).to_string()
    }

    #[test]
    fn a_mistake_is_one_line_with_the_next_step() {
        assert_eq!(
            failure(&[]),
            "command line: no command is given; hint: see tool --help"
        );
        assert_eq!(
            failure(&["shwo"]),
            "command line: unrecognized subcommand 'shwo'; hint: a similar subcommand exists: 'show'"
        );
        assert_eq!(
            failure(&["show", "more"]),
            "command line: unexpected argument 'more' found; hint: see tool show --help"
        );
        assert_eq!(
            failure(&["show", "--fromat"]),
            "command line: unexpected argument '--fromat' found; hint: a similar argument exists: '--format'"
        );
    }

    #[test]
    fn the_typed_text_is_shown_with_escapes() {
        let failure = failure(&["show", "a\u{202e}b\u{7}"]);
        assert!(failure.contains("'a\\u{202e}b"), "{failure}");
        assert!(!failure.contains(['\u{202e}', '\u{7}']), "{failure}");
    }
}
