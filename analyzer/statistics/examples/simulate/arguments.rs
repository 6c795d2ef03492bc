//! The command line of the simulation.

/// Which figures are simulated, how often, and from which seed.
pub(crate) struct Arguments {
    pub(crate) repetitions: usize,
    pub(crate) seed: u64,
    /// Only figures whose name contains this text are simulated.
    only: Option<String>,
}

impl Arguments {
    /// Parses the arguments after the program's name; the error is a message.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let mut parsed = Arguments {
            repetitions: 200,
            seed: drawn_seed(),
            only: None,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--full" => parsed.repetitions = 1000,
                "--repetitions" => parsed.repetitions = number(&value()?)? as usize,
                "--seed" => parsed.seed = number(&value()?)?,
                "--only" => parsed.only = Some(value()?),
                _ => {
                    return Err(format!(
                        "{word} is unknown: use --full, --repetitions, --seed or --only"
                    ));
                }
            }
        }
        Ok(parsed)
    }

    /// True when the figure is to be simulated.
    pub(crate) fn wanted(&self, figure: &str) -> bool {
        self.only.as_ref().is_none_or(|only| figure.contains(only))
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|error| format!("{text} is not a whole number: {error}"))
}

fn drawn_seed() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(1, |d| d.as_nanos() as u64 % 1_000_000_007)
}
