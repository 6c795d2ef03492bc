//! Parse, plan, run: what was typed becomes a plan, the plan runs, a failure becomes one clear line and an exit code.

use std::process::ExitCode;

use clap::Parser;
use soakbox_analyzer::cli::{Arguments, Plan, mistyped};
use soakbox_analyzer::run;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => return mistyped(&error).report(),
        Err(answer) => {
            // --help or --version; a closed stdout is nobody's loss.
            let _ = answer.print();
            return ExitCode::SUCCESS;
        }
    };
    match Plan::try_from(arguments).and_then(|plan| run::run(&plan)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
