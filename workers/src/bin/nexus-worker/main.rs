//! `nexus-worker`: takes commands for one provider from the queue and brings machines about.

mod args;
mod doctor;
mod run;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use self::args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::new(error).context("starting the runtime")),
    };
    let ended = runtime.block_on(async {
        match args.command {
            None => run::run(args.worker).await.map(|()| ExitCode::SUCCESS),
            Some(Command::Doctor) => doctor::doctor(&args.worker).await,
        }
    });
    // What still blocks (a copy, a look-up) is of no use to anybody any more.
    runtime.shutdown_background();
    ended.unwrap_or_else(|error| fail(&error))
}

fn fail(error: &anyhow::Error) -> ExitCode {
    let _nobody_reads = writeln!(std::io::stderr(), "nexus-worker: {error:#}");
    ExitCode::FAILURE
}
