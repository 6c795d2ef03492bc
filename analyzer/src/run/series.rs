//! Opens the input of `changes` and `soak`: columns of a file, or the series of runs with their
//! restarts.

use soakbox_cli::{Failure, Result};
use soakbox_statistics::Metric;

use crate::changes::{NumberSeries, Points, series_of};
use crate::cli::{SeriesInput, SoakPlan};
use crate::soak::{SoakRun, SoakSeries, SoakSettings, give_restarts};
use crate::windows::{MADE_UP, Run};
use crate::{commands, file_series, runs};

/// The series that a command line names. Those of several runs have the run in their names.
pub(super) fn series(input: &SeriesInput) -> Result<Vec<NumberSeries>> {
    match input {
        SeriesInput::Csv(file, columns) => Ok(vec![file_series::of_csv(file, columns)?]),
        SeriesInput::Parquet(file, columns) => Ok(vec![file_series::of_parquet(file, columns)?]),
        SeriesInput::Runs {
            paths,
            operations,
            metrics,
            skip_damaged,
        } => {
            let points = Points::OF_CHANGES;
            let runs = runs::open_at_most(paths, *skip_damaged, points.most)?;
            let named = named(&runs);
            let all = named.iter();
            let all = all.flat_map(|one| series_of(one.run, one.name, operations, metrics, points));
            let all: Vec<NumberSeries> = all.collect();
            refuse_unknown(&runs, operations, metrics, all.iter())?;
            Ok(all)
        }
    }
}

pub(super) fn soak(plan: &SoakPlan) -> Result<()> {
    let mut settings = SoakSettings {
        options: plan.options.clone(),
        false_alarm: plan.false_alarm,
        reference: None,
        operations: Vec::new(),
        metrics: Vec::new(),
    };
    let given = plan.restarts.as_deref();
    let SeriesInput::Runs {
        paths,
        operations,
        metrics,
        skip_damaged,
    } = &plan.input
    else {
        let all = series(&plan.input)?.into_iter();
        let mut all: Vec<SoakSeries> = all.map(SoakSeries::of).collect();
        if let Some(given) = given {
            give_restarts(&mut all, given, |_| 0.0)?;
        }
        return commands::soak::run(&[], &all, &settings, plan.format);
    };
    settings.operations.clone_from(operations);
    settings.metrics.clone_from(metrics);
    if let Some(path) = &plan.reference {
        let good = runs::open(std::slice::from_ref(path), *skip_damaged)?;
        if good.len() > 1 {
            let reason = format!("has {} runs", good.len());
            return Err(Failure::path(path, reason).hint("--reference is one run"));
        }
        if good.iter().any(|run| !run.identity.is_searchable()) {
            let reason = format!("{MADE_UP}, so that nothing over time is known");
            return Err(Failure::path(path, reason).hint("--reference is a run with known times"));
        }
        settings.reference = Some(soak_series(&named(&good), operations, metrics));
    }
    let runs = runs::open(paths, *skip_damaged)?;
    let named = named(&runs);
    let mut all = soak_series(&named, operations, metrics);
    refuse_unknown(
        &runs,
        operations,
        metrics,
        all.iter().map(|one| &one.series),
    )?;
    if let Some(given) = given {
        give_restarts(&mut all, given, |one| one.series.times.begin())?;
    }
    commands::soak::run(&named, &all, &settings, plan.format)
}

pub(super) fn soak_series(
    runs: &[SoakRun<'_>],
    operations: &[String],
    metrics: &[Metric],
) -> Vec<SoakSeries> {
    let all = runs.iter();
    let all = all.flat_map(|one| one.series(operations, metrics));
    all.collect()
}

/// The runs with their names, which are empty where there is only one.
pub(super) fn named(runs: &[Run]) -> Vec<SoakRun<'_>> {
    let one_run = runs.len() == 1;
    let named = runs.iter().map(|run| SoakRun {
        run,
        name: if one_run {
            ""
        } else {
            run.identity.name.as_str()
        },
    });
    named.collect()
}

/// Refuses an operation or a metric that was named and is in no run.
fn refuse_unknown<'a>(
    runs: &[Run],
    operations: &[String],
    metrics: &[Metric],
    series: impl Iterator<Item = &'a NumberSeries> + Clone,
) -> Result<()> {
    let known = |name: &String| runs.iter().any(|run| run.operations.contains_key(name));
    if runs.iter().all(|run| run.operations.is_empty()) {
        return Ok(());
    }
    if let Some(missing) = operations.iter().find(|name| !known(name)) {
        return Err(
            Failure::new(format_args!("--operation {missing}"), "no run has it")
                .hint("`soakbox-analyzer info DIR` lists the operations of a recording"),
        );
    }
    let unmeasured = |metric: &&Metric| !series.clone().any(|one| one.metric == **metric);
    match metrics.iter().find(unmeasured) {
        Some(missing) => Err(Failure::new(
            format_args!("--metric {}", missing.name()),
            "was not measured",
        )),
        None => Ok(()),
    }
}
