//! Which comparison fits the pairs that are there. Whoever compares again while pairs are added
//! finds regressions by chance, unless each comparison has its share of the rate of false alarms
//! (`compare --planned`). Pure.

use std::path::Path;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::order::pair_name;

/// How many pairs there will be, and after how many they may have been compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairPlan {
    /// Pairs at the end.
    planned: u32,
    /// Whether a person adds pairs until the comparison is decided (`--planned`). Otherwise the
    /// comparison is made once, at the end, unless an interruption gave an occasion for another.
    added: bool,
    /// Numbers of pairs after which a comparison may have been made, ascending.
    #[serde(default)]
    looks: Vec<u32>,
}

/// The runs that are complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Pairs with both runs, ascending.
    pub pairs: Vec<u32>,
    /// Whether there is a run without its partner.
    pub has_single: bool,
}

impl Recorded {
    /// Number of complete pairs.
    pub fn count(&self) -> u32 {
        self.pairs.len() as u32
    }
}

impl PairPlan {
    /// The plan of a series that begins: `pairs` of them, or at most `planned` that are added until
    /// the comparison is decided.
    pub fn new(pairs: u32, planned: Option<u32>) -> Self {
        Self {
            planned: planned.unwrap_or(pairs),
            added: planned.is_some(),
            looks: Vec::new(),
        }
    }

    /// Refuses another plan than that of the first run, and more pairs than planned.
    ///
    /// # Errors
    /// With the difference.
    pub fn check(&self, pairs: u32, planned: Option<u32>) -> Result<()> {
        const FIRST: &str = "the number is planned before the first run";
        let own = self.planned;
        match planned {
            Some(_) if !self.added => bail!(
                "these runs were begun without --planned; hint: {FIRST}: use another directory"
            ),
            Some(given) if given != own => {
                bail!("{own} pairs are planned, not {given}; hint: {FIRST}")
            }
            _ if self.added && pairs > own => bail!(
                "--pairs {pairs} is more than the {own} pairs that are planned; hint: {FIRST}"
            ),
            _ => Ok(()),
        }
    }

    /// Goes on with `complete` pairs until there are `pairs`; the warning that this needs.
    pub fn go_on(&mut self, complete: u32, pairs: u32) -> Option<String> {
        if self.added {
            return None;
        }
        if complete == 0 {
            self.planned = pairs;
        } else if complete < self.planned {
            self.note(complete);
        }
        (pairs > self.planned).then(|| {
            format!(
                "{} pairs were planned: if they have been compared, comparing more of them finds \
                 regressions by chance; hint: pairs that are added until they decide are planned \
                 from the first run on, with --planned",
                self.planned
            )
        })
    }

    /// What to type now that all pairs that were asked for are there. A comparison of fewer pairs
    /// than planned is noted, since it uses a part of the rate of false alarms.
    pub fn after(&mut self, recorded: &Recorded, place: &Path) -> String {
        let (count, planned) = (recorded.count(), self.planned);
        let compare = self.compare(recorded, place);
        let looked = self.looked(count);
        let pairs = match count {
            1 => "1 pair is".to_owned(),
            count => format!("{count} pairs are"),
        };
        if count > planned {
            return format!(
                "{pairs} recorded, and {planned} were planned; hint: {compare}; if they were \
                 compared before, record a new series and plan it with --planned"
            );
        }
        let shares = shares(planned, looked);
        if count < planned {
            self.note(count);
            return format!(
                "{count} of {planned} planned pairs are recorded; hint: {compare}{shares}; while \
                 it is inconclusive, the same command line with more --pairs adds runs"
            );
        }
        match looked {
            _ if self.added => format!("{pairs} recorded; hint: {compare}{shares}"),
            None => format!("{pairs} recorded; hint: {compare}"),
            Some(looked) => format!(
                "{pairs} recorded; hint: {compare}; if the first {looked} were compared already, \
                 with{shares}"
            ),
        }
    }

    /// What to type after an interruption, before all of `pairs` are there.
    pub fn interrupted(&self, recorded: &Recorded, pairs: u32, place: &Path) -> String {
        let count = recorded.count();
        let text =
            format!("{count} of {pairs} pairs are complete; hint: the same command line continues");
        // One pair shows nothing about the builds, and a person who adds pairs compares them at
        // the planned times.
        if self.added || count < 2 || count >= self.planned {
            return text;
        }
        let shares = shares(self.planned, self.looked(count));
        let compare = self.compare(recorded, place);
        format!("{text}; {compare}{shares} compares them before the others are there")
    }

    /// The largest number of pairs below `count` that may have been compared.
    fn looked(&self, count: u32) -> Option<u32> {
        self.looks
            .iter()
            .copied()
            .filter(|look| *look < count)
            .max()
    }

    fn note(&mut self, count: u32) {
        self.looks.push(count);
        self.looks.sort_unstable();
        self.looks.dedup();
    }

    /// The comparison of all complete pairs. A run without its partner is left out: with it the
    /// runs would not be pairs.
    fn compare(&self, recorded: &Recorded, place: &Path) -> String {
        let side = |name: &str| {
            let directory = place.join(name);
            if !recorded.has_single {
                return word(&directory);
            }
            let runs = recorded.pairs.iter();
            let runs: Vec<String> = runs
                .map(|pair| word(&directory.join(pair_name(*pair))))
                .collect();
            runs.join(" ")
        };
        let (base, candidate) = (side("base"), side("candidate"));
        format!("soakbox-analyzer compare {base} --against {candidate}")
    }
}

/// The options with which a comparison has its share of the rate of false alarms.
fn shares(planned: u32, looked: Option<u32>) -> String {
    let looked = looked.map_or(String::new(), |looked| format!(" --looked {looked}"));
    format!(" --planned {planned}{looked}")
}

/// The path as one word of a shell.
fn word(path: &Path) -> String {
    let path = path.display().to_string();
    let path = match path.starts_with('-') {
        true => format!("./{path}"),
        false => path,
    };
    match shlex::try_quote(&path) {
        Ok(quoted) => quoted.into_owned(),
        Err(_) => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(count: u32) -> Recorded {
        Recorded {
            pairs: (1..=count).collect(),
            has_single: false,
        }
    }

    const COMPARE: &str = "soakbox-analyzer compare d/base --against d/candidate";

    fn after(plan: &mut PairPlan, count: u32) -> String {
        plan.after(&recorded(count), Path::new("d"))
    }

    #[test]
    fn a_series_without_a_stop_is_compared_once() {
        let mut plan = PairPlan::new(5, None);
        assert_eq!(plan.go_on(0, 5), None);
        let text = after(&mut plan, 5);
        assert_eq!(text, format!("5 pairs are recorded; hint: {COMPARE}"));
        // Nothing was added.
        assert_eq!(plan.go_on(5, 5), None);
        assert_eq!(after(&mut plan, 5), text);
    }

    #[test]
    fn after_an_interruption_each_comparison_has_its_share() {
        let mut plan = PairPlan::new(5, None);
        plan.go_on(0, 5);
        let place = Path::new("d");
        let interrupted = plan.interrupted(&recorded(3), 5, place);
        let now = format!("; {COMPARE} --planned 5 compares them");
        assert!(interrupted.contains(&now), "{interrupted}");
        for few in [0, 1] {
            let text = plan.interrupted(&recorded(few), 5, place);
            assert!(!text.contains("compare"), "{text}");
        }
        // A kill prints nothing: what counts is what was there at the next start.
        assert_eq!(plan.go_on(3, 5), None);
        let again = plan.interrupted(&recorded(4), 5, place);
        assert!(again.contains("--planned 5 --looked 3 "), "{again}");
        plan.go_on(4, 5);
        let text = after(&mut plan, 5);
        assert_eq!(
            text,
            format!(
                "5 pairs are recorded; hint: {COMPARE}; if the first 4 were compared already, with \
                 --planned 5 --looked 4"
            )
        );
        // The answer stays the same.
        plan.go_on(5, 5);
        assert_eq!(after(&mut plan, 5), text);
    }

    #[test]
    fn pairs_that_are_added_share_the_rate_from_the_first_comparison_on() {
        let mut plan = PairPlan::new(4, Some(10));
        assert_eq!(plan.go_on(0, 4), None);
        let text = after(&mut plan, 4);
        let expected =
            format!("4 of 10 planned pairs are recorded; hint: {COMPARE} --planned 10; ");
        assert!(text.starts_with(&expected), "{text}");
        // It is interrupted at 6: only the comparison that was named may have been made.
        plan.go_on(4, 7);
        let text = plan.interrupted(&recorded(6), 7, Path::new("d"));
        assert!(!text.contains("soakbox-analyzer"), "{text}");
        plan.go_on(6, 7);
        let text = after(&mut plan, 7);
        assert!(text.contains(" --planned 10 --looked 4; "), "{text}");
        plan.go_on(7, 10);
        let text = after(&mut plan, 10);
        assert_eq!(
            text,
            format!("10 pairs are recorded; hint: {COMPARE} --planned 10 --looked 7")
        );
    }

    #[test]
    fn more_pairs_than_planned_are_no_second_chance() {
        let mut plan = PairPlan::new(5, None);
        plan.go_on(0, 5);
        after(&mut plan, 5);
        let warning = plan.go_on(5, 8).unwrap();
        assert!(warning.starts_with("5 pairs were planned"), "{warning}");
        let text = after(&mut plan, 8);
        assert!(text.contains("record a new series"), "{text}");
        // Without a complete pair there was nothing to compare.
        let mut plan = PairPlan::new(5, None);
        assert_eq!(plan.go_on(0, 8), None);
        assert!(after(&mut plan, 8).ends_with(COMPARE));
        // Fewer than planned.
        let text = after(&mut plan, 6);
        assert!(text.contains("6 of 8 planned pairs"), "{text}");
    }

    #[test]
    fn a_plan_does_not_change() {
        let plain = PairPlan::new(5, None);
        assert!(plain.check(9, None).is_ok());
        assert!(plain.check(5, Some(5)).is_err());
        let planned = PairPlan::new(5, Some(10));
        assert!(planned.check(10, None).is_ok());
        assert!(planned.check(10, Some(10)).is_ok());
        for (pairs, given) in [(5, Some(9)), (11, None), (11, Some(10))] {
            let refused = planned.check(pairs, given).unwrap_err().to_string();
            assert!(refused.contains("; hint: "), "{refused}");
        }
        assert!(PairPlan::new(5, Some(3)).check(5, Some(3)).is_err());
    }

    #[test]
    fn a_single_run_is_left_out_and_paths_are_words() {
        let recorded = Recorded {
            pairs: vec![1, 2],
            has_single: true,
        };
        let mut plan = PairPlan::new(2, None);
        let text = plan.after(&recorded, Path::new("my runs"));
        assert_eq!(
            text,
            "2 pairs are recorded; hint: soakbox-analyzer compare 'my runs/base/001' 'my \
             runs/base/002' --against 'my runs/candidate/001' 'my runs/candidate/002'"
        );
        assert_eq!(word(Path::new("-d/base")), "./-d/base");
    }
}
