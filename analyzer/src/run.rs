//! Runs a plan: opens the recording and the output of a command and passes both to it.

mod chart;
mod export;
mod places;
mod report;
mod series;
mod shown_file;
mod sql;

use std::process::ExitCode;

use soakbox_cli::{Result, escaped_path, message};

use crate::cli::{BaselinePlan, ComparePlan, ImportPlan, Plan, Source};
use crate::commands;
use crate::figures::Reading;
use crate::import;
use crate::output::OutputFile;
use crate::runs;
use crate::units::{count, plural};
use crate::windows::Cut;

/// Exit status of a comparison whose base does not exist: as of one that is inconclusive.
const NO_BASE: u8 = 3;
/// The next step then.
const MAKE_ONE: &str = "`soakbox-analyzer baseline create RECORDING… -o FILE` makes a baseline";

/// Runs the plan. The exit status is that of an answer, which may be a verdict.
///
/// # Errors
/// Where a recording cannot be read or an output cannot be written.
pub fn run(plan: &Plan) -> Result<ExitCode> {
    match plan {
        Plan::Baseline(plan) => baseline(plan),
        Plan::Changes(plan) => commands::changes::run(&series::series(&plan.input)?, plan),
        Plan::Soak(plan) => series::soak(plan),
        Plan::Import(plan) => run_import(plan),
        Plan::Power(plan) => {
            let file = plan.proposal.as_deref().map(OutputFile::create);
            let file = file.transpose()?;
            let mut settings = plan.settings()?;
            let [runs] = runs::open_to_compare([&plan.runs], plan.skip_damaged)?;
            let [history] = runs::open_to_compare([&plan.history], plan.skip_damaged)?;
            settings.comparison.history = history;
            commands::power::run(runs, &settings, plan.format, file)
        }
        Plan::Compare(plan) => return compare(plan).map(ExitCode::from),
        Plan::Info(source, format) => commands::info::run(&open(source, Cut::WHOLE)?, *format),
        Plan::Summary(source, format) => {
            commands::summary::run(&open(source, Cut::WHOLE)?, *format)
        }
        Plan::Sql(plan) => sql::run(plan),
        Plan::Chart(plan) => chart::run(plan),
        Plan::Export(plan) => export::run(plan),
        Plan::Report(plan) => report::run(plan),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// A number of things.
fn of(number: u64, thing: &str) -> String {
    format!("{} {}", count(number), plural(number, thing))
}

fn run_import(plan: &ImportPlan) -> Result<()> {
    let imported = import::import(&plan.format, &plan.file, &plan.output)?;
    let output = escaped_path(&plan.output);
    message::line(format_args!(
        "imported {} of {} into {output}",
        of(imported.rows, "row"),
        of(imported.operations, "operation")
    ));
    Ok(())
}

fn baseline(plan: &BaselinePlan) -> Result<()> {
    match plan {
        BaselinePlan::Create {
            recordings,
            output,
            skip_damaged,
        } => {
            let file = OutputFile::create(output)?;
            let runs = runs::open_to_keep(recordings, *skip_damaged)?;
            commands::baseline::create(runs, file, output)
        }
        BaselinePlan::Add {
            file,
            recordings,
            skip_damaged,
        } => {
            let runs = runs::open_to_keep(recordings, *skip_damaged)?;
            commands::baseline::add(runs, file)
        }
        BaselinePlan::Show { file, format } => commands::baseline::show(file, *format),
        BaselinePlan::List { paths, format } => commands::baseline::list(paths, *format),
        BaselinePlan::Diff {
            base,
            other,
            format,
        } => {
            let open = |path| runs::open(std::slice::from_ref(path), false);
            commands::baseline::diff(&open(base)?, &open(other)?, *format)
        }
    }
}

fn compare(plan: &ComparePlan) -> Result<u8> {
    let copy = plan.json.as_deref().map(OutputFile::create).transpose()?;
    let mut settings = plan.settings()?;
    if let Some(missing) = plan.base.iter().find(|path| !path.exists()) {
        // In the first run of a pipeline there is nothing to compare with, which is no mistake.
        let path = escaped_path(missing);
        message::line(format_args!(
            "error: {path}: there is no such base; hint: {MAKE_ONE}"
        ));
        return Ok(NO_BASE);
    }
    let [base, candidate] =
        runs::open_to_compare([&plan.base, &plan.candidate], plan.skip_damaged)?;
    [settings.history] = runs::open_to_compare([&plan.history], plan.skip_damaged)?;
    commands::compare::run(&base, &candidate, &settings, plan.format, copy)
}

fn open(source: &Source, cut: Cut) -> Result<Reading> {
    Reading::open(&source.recording, source.skip_damaged, cut)
}
