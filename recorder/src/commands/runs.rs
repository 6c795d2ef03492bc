//! `runs`: records runs of two builds in turn. Each run is a recording of its own.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::record::INTERRUPTED;
use crate::clock::{Clock, SystemClock};
use crate::interleave::{Directory, PairPlan, Run, Settings, Side, SideSettings, order};
use crate::limits::DURATION;
use crate::plan::RecordPlan;
use crate::run::{self, Ending, Outcome};
use crate::{cli, message, resolve};

/// Records the runs that are missing; returns the exit status.
///
/// # Errors
/// Where the arguments differ from those of the earlier runs, a recording cannot be made, a command
/// fails or a signal ends a run. Complete runs are kept.
pub fn run(arguments: &cli::Runs) -> Result<ExitCode> {
    if arguments.limits.get(&DURATION).is_some() {
        bail!(
            "--duration does not apply to runs, which end with their commands; hint: have the commands end by themselves"
        );
    }
    let base = SideArguments::new(arguments, Side::Base)?;
    let candidate = SideArguments::new(arguments, Side::Candidate)?;
    // Both are resolved before the first run, so that a mistake shows at once and not after hours.
    let now = Settings::new(seed(arguments), base.settings()?, candidate.settings()?);

    let directory = Directory::open(&arguments.output)?;
    let settings = match directory.settings()? {
        Some(first) => {
            check_seed(arguments.seed, first.seed)?;
            for side in [Side::Base, Side::Candidate] {
                now.of(side).check_unchanged(first.of(side), side)?;
            }
            first
        }
        None => now,
    };
    let mut plan = match &settings.plan {
        Some(plan) => plan.clone(),
        None => {
            // Runs of a version that kept no plan were begun without one.
            let is_new = directory.recorded().count() == 0;
            PairPlan::new(arguments.pairs, arguments.planned.filter(|_| is_new))
        }
    };
    plan.check(arguments.pairs, arguments.planned)?;
    let keep = |plan: &PairPlan| directory.keep(&settings.clone().with_plan(plan.clone()));
    let complete = directory.recorded().count();
    if let Some(warning) = plan.go_on(complete, arguments.pairs) {
        message::line(format_args!("warning: {warning}"));
    }
    keep(&plan)?;
    let sides = Sides { base, candidate };
    let ended = record_missing(arguments, &directory, &settings, &sides);
    let recorded = directory.recorded();
    let place = &arguments.output;
    if !matches!(ended, Ok(None)) {
        if recorded.count() > 0 {
            let text = plan.interrupted(&recorded, arguments.pairs, place);
            message::line(format_args!("{text}"));
        }
        return ended.map(|status| status.unwrap_or(ExitCode::SUCCESS));
    }
    let text = plan.after(&recorded, place);
    keep(&plan)?;
    message::line(format_args!("{text}"));
    Ok(ExitCode::SUCCESS)
}

/// Records the runs that are missing; the exit status where a signal ended one at once.
fn record_missing(
    arguments: &cli::Runs,
    directory: &Directory,
    settings: &Settings,
    sides: &Sides,
) -> Result<Option<ExitCode>> {
    let runs = order(arguments.pairs, settings.seed);
    for (number, run) in (1..).zip(&runs) {
        if directory.is_complete(*run) {
            continue;
        }
        let side = match run.side {
            Side::Base => &sides.base,
            Side::Candidate => &sides.candidate,
        };
        message::line(format_args!(
            "run {number} of {}: {}, pair {}",
            runs.len(),
            run.side.name(),
            run.pair
        ));
        let aside = directory.place_aside(*run);
        let plan = side.plan(&aside)?;
        side.settings_of(&plan)
            .check_unchanged(settings.of(run.side), run.side)?;
        let ending = match run::record(plan)? {
            Outcome::Complete(ending) => ending,
            Outcome::EndedAtOnce => return Ok(Some(ExitCode::from(INTERRUPTED))),
        };
        check_ending(&ending, *run, arguments.ignore_failure)?;
        directory.complete(*run, &aside)?;
    }
    Ok(None)
}

/// The seed that was given, or one from the clock: any will do.
fn seed(arguments: &cli::Runs) -> u64 {
    let drawn = || SystemClock.now().utc_ns.unsigned_abs();
    arguments.seed.unwrap_or_else(drawn)
}

fn check_seed(given: Option<u64>, first: u64) -> Result<()> {
    match given {
        Some(given) if given != first => {
            bail!(
                "the seed of these runs is {first}, not {given}; hint: use another directory for other runs"
            )
        }
        _ => Ok(()),
    }
}

/// Refuses a run that ended before its command did, and one whose command failed where that is
/// not ignored.
fn check_ending(ending: &Ending, run: Run, ignore_failure: bool) -> Result<()> {
    let (side, pair) = (run.side.name(), run.pair);
    match ending {
        Ending::Command { success: true, .. } => Ok(()),
        Ending::Command { .. } if ignore_failure => Ok(()),
        Ending::Command { status, .. } => bail!(
            "the command of the {side} ended with {status} in pair {pair}; hint: see its messages above, or use --ignore-failure"
        ),
        _ => bail!(
            "pair {pair} of the {side} is not complete; hint: the same command line continues with it"
        ),
    }
}

/// Both sides, resolved.
struct Sides {
    base: SideArguments,
    candidate: SideArguments,
}

/// The arguments of one side.
struct SideArguments {
    command: Vec<String>,
    record: cli::Record,
}

impl SideArguments {
    fn new(arguments: &cli::Runs, side: Side) -> Result<Self> {
        let (command, operations) = match side {
            Side::Base => (&arguments.base, &arguments.base_op),
            Side::Candidate => (&arguments.candidate, &arguments.candidate_op),
        };
        let flag = side.name();
        let words = shlex::split(command);
        let words = words.with_context(|| {
            format!("--{flag}: a quote in `{command}` has no end; hint: close it")
        })?;
        if words.is_empty() {
            bail!("--{flag} is empty; hint: name a program and its arguments");
        }
        Ok(Self {
            record: cli::Record {
                probes: cli::ProbeArgs {
                    config: arguments.config.clone(),
                    op: [&arguments.op[..], operations].concat(),
                    pid: None,
                    selection: arguments.selection.clone(),
                },
                output: None,
                skip_refused: arguments.skip_refused,
                keep: Vec::new(),
                trigger: Vec::new(),
                when_disk_full: None,
                bpf_statistics: false,
                quiet: false,
                log_format: None,
                limits: arguments.limits.clone(),
                words: words.iter().map(Into::into).collect(),
            },
            command: words,
        })
    }

    /// The plan of a recording into `output`.
    fn plan(&self, output: &Path) -> Result<RecordPlan> {
        let record = cli::Record {
            output: Some(output.to_owned()),
            ..self.record.clone()
        };
        let plan = resolve::record(&record)?;
        if plan.duration.is_some() {
            bail!(
                "the configuration has a duration, and runs end with their commands; hint: remove `duration`"
            );
        }
        if plan.keep_last.is_some() {
            bail!(
                "runs are compared as a whole, and --keep-last writes parts of them; hint: leave it out"
            );
        }
        if !plan.keep.is_everything() {
            bail!(
                "runs are compared as a whole, and limits of what is kept would delete parts of them; hint: leave out --keep, --keep-for and --keep-bytes"
            );
        }
        Ok(plan)
    }

    fn settings(&self) -> Result<SideSettings> {
        let plan = self.plan(Path::new("."))?;
        let side = &self.command[0];
        for warning in &plan.warnings {
            message::line(format_args!("warning: {side}: {warning}"));
        }
        for left_out in &plan.left_out {
            message::line(format_args!("warning: {side}: left out: {left_out}"));
        }
        Ok(self.settings_of(&plan))
    }

    fn settings_of(&self, plan: &RecordPlan) -> SideSettings {
        SideSettings::new(&self.command, plan)
    }
}
