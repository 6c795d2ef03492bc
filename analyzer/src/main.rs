//! Parse, plan, run: the arguments become a plan, the plan runs, a failure becomes one line and an
//! exit status.

use std::process::ExitCode;

use soakbox_analyzer::cli::{Arguments, Plan};
use soakbox_analyzer::{recording, run};
use soakbox_cli::Program;

fn main() -> ExitCode {
    recording::quiet_decoders();
    Program { prefix: "" }.run(|arguments: Arguments| run::run(&Plan::try_from(arguments)?))
}
