//! nexusd: arguments, runtime, run.

use std::process::ExitCode;

use clap::Parser as _;
use nexus_control_plane::daemon::{self, Arguments, Command};

fn main() -> ExitCode {
    let Command::Daemon(arguments) = Arguments::parse().command;
    daemon::install_logging();
    let ended = match daemon::runtime() {
        Ok(runtime) => runtime.block_on(daemon::run(*arguments)),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("nexusd ends: {error:#}");
            ExitCode::FAILURE
        }
    }
}
