//! nexusd: arguments, runtime, run.

use std::process::ExitCode;

use clap::Parser as _;
use nexus_control_plane::daemon::{self, Arguments, Command};

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    daemon::install_logging();
    let ended = match daemon::runtime() {
        Ok(runtime) => runtime.block_on(async {
            match command {
                Command::Daemon(arguments) => daemon::run(*arguments).await,
                Command::Restore(arguments) => daemon::restore(arguments).await,
            }
        }),
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
