//! nexusd: arguments, runtime, run.

use std::process::ExitCode;

use clap::Parser as _;
use nexus_control_plane::daemon::{self, Arguments, Command};

/// Threads of the runtime: requests are short, and two leave the rest of a small machine alone.
const THREADS: usize = 2;
/// Threads for what blocks: folding a rebuild, waiting for children.
const BLOCKING_THREADS: usize = 8;

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    daemon::install_logging();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build();
    let ended = match runtime {
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
