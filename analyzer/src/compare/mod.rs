//! Base against candidate: runs in windows become the operations of a statistical comparison, and
//! its result becomes the answer `soakbox.verdict/1`. All statistics are in `soakbox-statistics`;
//! nothing is read or printed here.

mod added_runs;
mod answer;
mod comparability;
mod convert;
mod disagreements;
mod explanation;
mod history;
mod pairing;
mod power;
mod proposal;
mod repeated;
mod settings;
mod sides;
mod threshold;
mod thresholds_file;
mod unused;

pub use added_runs::AddedRuns;
pub use answer::{Answer, EffectAnswer, Word};
pub use comparability::{Difference, OPERATIONS, builds, differences};
pub use convert::{known_run, statistics_run};
pub(crate) use disagreements::Disagreement;
pub use explanation::ExplanationAnswer;
pub use pairing::{Pairing, pairs};
pub use power::{PowerAnswer, PowerSettings, power};
pub(crate) use power::{SelfTestAnswer, SharedAnswer};
pub use proposal::proposal;
pub use repeated::refuse_repeated;
pub use settings::{SEED, Settings};
pub use sides::{least_window_length, spans, window_length_for};
pub use threshold::{Change, ThresholdSetting, metric_named};
pub use thresholds_file::ThresholdsFile;

use std::sync::mpsc;

use soakbox_cli::{Failure, Result};
use soakbox_statistics::{Comparer, Operation, Options};

use crate::windows::Run;
use sides::{names, operation};

/// Compares the runs of both sides.
///
/// # Errors
/// Where the settings do not fit the runs.
pub fn compare(base: &[Run], candidate: &[Run], settings: &Settings) -> Result<Answer> {
    refuse_repeated("BASE", base)?;
    refuse_repeated("--against", candidate)?;
    refuse_repeated("--history", &settings.history)?;
    let pairs = pairs(base, candidate, settings.pairing)?;
    let names = names(base, candidate, &settings.operations)?;
    settings.refuse_unknown_operations(base.iter().chain(candidate))?;
    let compared: Vec<&Run> = base.iter().chain(candidate).collect();
    let (variances, history) = match settings.history.as_slice() {
        [] => (Vec::new(), None),
        runs => {
            let (variances, used) = history::history(runs, &compared)?;
            (variances, Some(used))
        }
    };
    let options = Options {
        paired: pairs.is_some(),
        history: variances,
        looks: settings
            .added
            .map(|added| added.look(base.len(), candidate.len()))
            .transpose()?,
        ..settings.options.clone()
    };
    let failed = |error| Failure::new("compare", error);
    let mut comparer = Comparer::new(&options).map_err(failed)?;
    // One is compared while the next is prepared. There are no more at a time: the statistics need ten
    // times as much memory as the windows.
    std::thread::scope(|scope| {
        let (prepared, next) = mpsc::sync_channel(0);
        scope.spawn(move || {
            let prepare = |name: &String| operation(base, candidate, pairs.as_ref(), name);
            names
                .into_iter()
                .map(prepare)
                .try_for_each(|sides| prepared.send(sides))
        });
        for sides in next {
            let sides = sides?;
            let added = comparer.add(&Operation {
                name: &sides.name,
                base: &sides.base,
                candidate: &sides.candidate,
            });
            added.map_err(failed)?;
        }
        Ok(())
    })?;
    let comparison = comparer.finish();
    let answer = Answer::of(&comparison, base, candidate, &options, settings)?;
    Ok(answer.with_history(history))
}
