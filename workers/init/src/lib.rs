//! The one process inside every workspace. A library, so that what reads files and keys of others
//! can be tried by itself (feature `testing`); the program is [`main`] and nothing more.

mod access;
mod activity;
mod clock;
mod connection;
mod context;
mod credentials;
mod dial;
mod exec;
mod files;
mod hand_over;
mod journal;
mod process;
mod pty;
mod relay;
mod sandbox;
mod serve;
mod service;
mod setup;
mod shutdown;
mod ssh;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod transcript;
mod user;
mod workspace;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;

const USAGE: &str = "\
usage: nexus-init serve --state DIR --socket PATH
       nexus-init sandbox --config FILE
       nexus-init probe
       nexus-init remove --directory DIR
       nexus-init --version
";

/// The program `nexus-init`, by its arguments.
pub fn main() -> ExitCode {
    let started = Instant::now();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["serve", "--state", state, "--socket", socket]
        | ["serve", "--socket", socket, "--state", state] => run_serve(state, socket),
        ["sandbox", "--config", config] => sandbox::run(Path::new(config), started),
        ["remove", "--directory", directory] => sandbox::remove(Path::new(directory)),
        ["probe"] => sandbox::print_probe(),
        ["sftp"] => ssh::sftp::run(),
        ["--version"] => say(&format!("nexus-init {}\n", workspace::INIT_VERSION)),
        _ => {
            eprint(USAGE);
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint(&format!("nexus-init: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

fn run_serve(state: &str, socket: &str) -> anyhow::Result<()> {
    log_to_standard_error();
    let socket = PathBuf::from(socket);
    let listener =
        serve::bind(&socket).with_context(|| format!("listening at {}", socket.display()))?;
    let options = serve::ServeOptions {
        state: PathBuf::from(state),
        listener,
    };
    serve::run(options, || Ok(()))
}

fn log_to_standard_error() {
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false);
    // Only a second subscriber in one process is refused.
    let _first = subscriber.try_init();
}

fn say(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("writing to standard output")
}

fn eprint(text: &str) {
    use std::io::Write;
    let _nobody_reads = std::io::stderr().write_all(text.as_bytes());
}
