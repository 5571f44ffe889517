//! nexusd: arguments, runtime, run.

use std::process::ExitCode;

use clap::Parser as _;
use nexus_control_plane::daemon::{self, Arguments, Command};

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    daemon::install_logging();
    let ended = match command {
        Command::Daemon(arguments) => within(daemon::run(*arguments)),
        Command::Restore(arguments) => within(daemon::restore(arguments)),
        Command::Cluster(arguments) => daemon::cluster(arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("nexusd ends: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Has it run to its end on a runtime.
fn within(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    daemon::runtime()?.block_on(work)
}
