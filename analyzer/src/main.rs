//! Parse, plan, run: what was typed becomes a plan, the plan runs, a failure becomes one clear line and an exit code.

use std::process::ExitCode;

use clap::Parser;
use soakbox_analyzer::cli::{Arguments, Plan};
use soakbox_analyzer::run;

fn main() -> ExitCode {
    let plan = match Plan::try_from(Arguments::parse()) {
        Ok(plan) => plan,
        Err(failure) => return failure.report(),
    };
    match run::run(&plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
