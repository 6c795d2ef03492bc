//! Both sides of a comparison in one metric: an estimate per run, and why runs have none.
//!
//! The longest warm-up of any run is cut from all of them. No side is compared with the other here.

use crate::compare::common_course;
use crate::compare::estimate::{Estimate, estimate_with_series};
use crate::compare::options::{Operation, Options};
use crate::compare::scale::Scale;
use crate::compare::stop;
use crate::compare::unusable::{Unusable, UnusableRun};
use crate::compare::verdict::Side;
use crate::metric::Metric;
use crate::run::Run;
use crate::series::warm_up::{MAX_SHARE, warm_up};
use std::collections::{BTreeMap, BTreeSet};

/// The estimates of both sides, one per usable run. Where runs are paired, the n-th estimates of
/// both sides are a pair; otherwise they are in the order of the runs.
pub(super) struct Sides {
    /// Number of windows that were cut from the start of every run.
    pub(super) cut: usize,
    pub(super) scale: Scale,
    pub(super) base: Vec<Used>,
    pub(super) candidate: Vec<Used>,
    /// The runs that were left out, base first.
    pub(super) unusable: Vec<UnusableRun>,
    /// Number of runs of both sides.
    runs: usize,
    /// True when the candidate changed how the base is estimated: by its warm-up, by a value of 0,
    /// or by a run that has no partner.
    of_candidate: bool,
}

/// The base as it is without a candidate: what gates is decided from it.
pub(super) struct BaseAlone {
    pub(super) scale: Scale,
    pub(super) runs: Vec<Used>,
}

/// A run that is used.
#[derive(Debug, Clone)]
pub(crate) struct Used {
    /// Its position on its side.
    pub(crate) run: usize,
    pub(crate) estimate: Estimate,
}

impl Sides {
    /// Estimates `metric` in all runs of both sides.
    pub(super) fn of(operation: &Operation<'_>, metric: &Metric, options: &Options) -> Sides {
        let scale = Scale::of(metric);
        let mut sides = Sides::on(operation, metric, scale, options);
        // Where a metric that may be 0 is 0 or below in a run, the change is absolute. A rate that
        // stopped is a change of −100% and needs no other scale.
        let not_positive = |run: &UnusableRun| run.why == Unusable::NotPositive;
        let stopped = || {
            let rate = *metric == Metric::Rate;
            rate && !stop::stopped(operation.base, operation.candidate).is_empty()
        };
        if metric.may_be_zero() && sides.unusable.iter().any(not_positive) && !stopped() {
            let of_base = |run: &UnusableRun| run.side == Side::Base && not_positive(run);
            let of_candidate = !sides.unusable.iter().any(of_base);
            sides = Sides::on(operation, metric, Scale::absolute(metric), options);
            sides.of_candidate |= of_candidate;
        }
        if options.paired {
            sides.keep_whole_pairs(operation);
        }
        sides.unusable.sort_by_key(|run| (run.side, run.run));
        sides
    }

    /// The base as it is without its candidate. `self` has both sides of `operation`.
    pub(super) fn base_alone(
        &self,
        operation: &Operation<'_>,
        metric: &Metric,
        options: &Options,
    ) -> BaseAlone {
        if !self.of_candidate {
            return BaseAlone {
                scale: self.scale,
                runs: self.base.clone(),
            };
        }
        let alone = Operation {
            candidate: &[],
            ..*operation
        };
        let unpaired = Options {
            paired: false,
            ..options.clone()
        };
        let sides = Sides::of(&alone, metric, &unpaired);
        BaseAlone {
            scale: sides.scale,
            runs: sides.base,
        }
    }

    fn on(operation: &Operation<'_>, metric: &Metric, scale: Scale, options: &Options) -> Sides {
        let mut unusable = Vec::new();
        let mut side = |side: Side, runs: &[Run]| -> (Vec<(Used, Vec<f64>)>, usize) {
            let mut cut = 0;
            let working = runs.iter().any(|run| !stop::is_empty(run));
            let mut kept = Vec::with_capacity(runs.len());
            for (index, run) in runs.iter().enumerate() {
                let mut estimated = estimate_with_series(run, metric, scale, 0);
                // Next to runs that did work, a run that finished nothing has no rate: it stopped,
                // or it never started.
                let rate = *metric == Metric::Rate && runs.len() > 1 && working;
                let unmeasured = matches!(estimated, Err(Unusable::NotMeasured));
                if (rate || unmeasured) && stop::is_empty(run) {
                    estimated = Err(Unusable::NoOperations);
                }
                match estimated {
                    Ok((estimate, series)) => {
                        if options.warm_up {
                            cut = cut.max(warm_up(&series));
                        }
                        let run = index;
                        kept.push((Used { run, estimate }, series));
                    }
                    Err(why) => unusable.push(left_out(side, runs, index, why)),
                }
            }
            (kept, cut)
        };
        let (mut base, base_cut) = side(Side::Base, operation.base);
        let (mut candidate, candidate_cut) = side(Side::Candidate, operation.candidate);
        // The same number of windows on both sides, and at most the allowed share of the shortest
        // run.
        let allowed = |runs: &[Run]| {
            // A run without any window has no warm-up.
            let shortest = runs.iter().map(Run::windows).filter(|n| *n > 0).min();
            shortest.map_or(usize::MAX, |n| (n as f64 * MAX_SHARE) as usize)
        };
        let most = allowed(operation.base).min(allowed(operation.candidate));
        let cut = base_cut.max(candidate_cut).min(most);
        let of_candidate = cut != base_cut.min(allowed(operation.base));
        if cut > 0 {
            let mut without_warm_up =
                |side: Side, runs: &[Run], kept: &mut Vec<(Used, Vec<f64>)>| {
                    kept.retain_mut(|(used, series)| {
                        match estimate_with_series(&runs[used.run], metric, scale, cut) {
                            Ok(rest) => {
                                (used.estimate, *series) = rest;
                                true
                            }
                            Err(why) => {
                                unusable.push(left_out(side, runs, used.run, why));
                                false
                            }
                        }
                    });
                };
            without_warm_up(Side::Base, operation.base, &mut base);
            without_warm_up(Side::Candidate, operation.candidate, &mut candidate);
        }
        let finished = |mut kept: Vec<(Used, Vec<f64>)>| -> Vec<Used> {
            let runs = kept.iter_mut();
            common_course::take_off(runs.map(|(used, series)| (&mut used.estimate, &series[..])));
            kept.into_iter().map(|(used, _)| used).collect()
        };
        Sides {
            cut,
            scale,
            base: finished(base),
            candidate: finished(candidate),
            unusable,
            runs: operation.base.len() + operation.candidate.len(),
            of_candidate,
        }
    }

    /// Keeps the runs whose partner can be used too, in the order of their pairs.
    fn keep_whole_pairs(&mut self, operation: &Operation<'_>) {
        let pairs = |runs: &[Run], used: &[Used]| -> BTreeSet<u64> {
            used.iter().map(|used| pair(runs, used.run)).collect()
        };
        let base = pairs(operation.base, &self.base);
        let candidate = pairs(operation.candidate, &self.candidate);
        let whole: BTreeSet<u64> = base.intersection(&candidate).copied().collect();
        let sides = [
            (Side::Base, operation.base, &mut self.base),
            (Side::Candidate, operation.candidate, &mut self.candidate),
        ];
        for (side, runs, used) in sides {
            used.retain(|used| {
                let stays = whole.contains(&pair(runs, used.run));
                if !stays {
                    let why = Unusable::NoPartner;
                    self.of_candidate |= side == Side::Base;
                    self.unusable.push(left_out(side, runs, used.run, why));
                }
                stays
            });
            used.sort_by_key(|used| pair(runs, used.run));
        }
    }

    /// Why runs have no estimate, in one line: the reason alone if it is that of all runs,
    /// otherwise each reason with its number of runs. Runs without a partner are left out where
    /// the reason of the partner is known.
    pub(super) fn why_missing(&self) -> String {
        let mut counts: BTreeMap<Unusable, usize> = BTreeMap::new();
        for run in &self.unusable {
            *counts.entry(run.why).or_insert(0) += 1;
        }
        if counts.len() > 1 {
            counts.remove(&Unusable::NoPartner);
        }
        let runs = self.runs;
        let part = |(why, count): (&Unusable, &usize)| {
            if *count == runs {
                why.reason().to_owned()
            } else {
                format!("{count} of {runs} runs: {}", why.reason())
            }
        };
        let parts: Vec<String> = counts.iter().map(part).collect();
        parts.join("; ")
    }
}

/// The number of a run's pair; its position when it has none.
pub(super) fn pair(runs: &[Run], run: usize) -> u64 {
    runs[run].pair().unwrap_or(run as u64)
}

fn left_out(side: Side, runs: &[Run], run: usize, why: Unusable) -> UnusableRun {
    UnusableRun {
        side,
        run,
        name: runs[run].name().to_owned(),
        why,
    }
}
