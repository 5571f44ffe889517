//! What each command does, one verb a file; here they are only told apart.

mod audit;
mod backup;
mod completion;
mod daemon;
mod dashboard;
mod doctor;
mod events;
mod idle;
mod incident;
mod manual;
mod node;
mod operation;
mod parked;
mod port;
mod projection;
mod register;
mod replay;
mod settings;
mod sim;
mod slo;
mod ssh_config;
mod token;
mod up;
mod user;
mod version;
mod what_if;
mod whose;
mod why;
mod workspace;

use std::ffi::OsString;
use std::future::Future;
use std::path::Path;

use clap::Parser as _;

use crate::args::ws::{Meaning, Ws};
use crate::args::{Color, Command, Global, Nexus};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::{self, Exit};
use crate::out;

/// Reads `arguments` and does what they say.
///
/// # Errors
/// Whatever went wrong, finished to be printed.
pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> Result<Exit> {
    let arguments: Vec<OsString> = arguments.collect();
    let (global, meaning) = match is_called_ws(&arguments) {
        true => {
            let ws = Ws::parse_from(arguments);
            (ws.global, ws.verb.into())
        }
        false => {
            let nexus = Nexus::parse_from(arguments);
            (nexus.global, Meaning::Command(nexus.command))
        }
    };
    choose_colours(&global);
    let context = Context::new(&global)?;
    match meaning {
        Meaning::Command(command) => perform(&context, command),
        Meaning::CreateOrStart(create) => block_on(workspace::create_or_start(&context, &create)),
    }
}

fn perform(context: &Context, command: Command) -> Result<Exit> {
    match command {
        Command::Up(up) => block_on(up::run(context, &up)),
        Command::Daemon(command) => block_on(daemon::run(context, &command)),
        Command::Workspace(command) => block_on(workspace::run(context, &command)),
        Command::Ssh(arguments) => block_on(workspace::ssh(context, &arguments)),
        Command::SshConfig(arguments) => block_on(ssh_config::run(context, &arguments)),
        Command::Port(command) => block_on(port::run(context, &command)),
        Command::Dashboard(arguments) => block_on(dashboard::run(context, arguments)),
        Command::Why(arguments) => block_on(why::run(context, &arguments)),
        Command::Replay(arguments) => block_on(replay::run(context, &arguments)),
        Command::Idle(command) => block_on(idle::run(context, &command)),
        Command::WhatIf(arguments) => block_on(what_if::run(context, &arguments)),
        Command::Slo(arguments) => block_on(slo::run(context, &arguments)),
        Command::Audit(command) => block_on(audit::run(context, &command)),
        Command::Incident(command) => block_on(incident::run(context, &command)),
        Command::Backup(arguments) => block_on(backup::run(context, &arguments)),
        Command::Parked(command) => block_on(parked::run(context, &command)),
        Command::Projection(command) => block_on(projection::run(context, &command)),
        Command::Settings(command) => block_on(settings::run(context, &command)),
        Command::Events(command) => block_on(events::run(context, &command)),
        Command::Node(command) => block_on(node::run(context, &command)),
        Command::Operation(command) => block_on(operation::run(context, &command)),
        Command::User(command) => block_on(user::run(context, &command)),
        Command::Token(command) => block_on(token::run(context, &command)),
        Command::Doctor => block_on(doctor::run(context)),
        Command::Version => block_on(version::run(context)),
        Command::Completion { shell } => completion::run(shell),
        Command::Man { dir } => manual::run(dir.as_deref()),
        Command::Sim { arguments } => sim::run(&arguments),
        Command::ExitCodes => out::data(&format!("{}\n", exit::HELP)).map(|()| Exit::Ok),
    }
}

/// One thread is enough for a command, and quicker to start than a pool.
fn block_on(command: impl Future<Output = Result<Exit>>) -> Result<Exit> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(Exit::Failure, "start", error, "nexus doctor"))?
        .block_on(command)
}

/// Runs what blocks, beside the runtime, so that Ctrl-C still ends the command.
async fn blocking(work: impl FnOnce() -> Result<Exit> + Send + 'static) -> Result<Exit> {
    let (done, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Nobody waits any more after Ctrl-C; the thread ends with the process.
        let _ = done.send(work());
    });
    tokio::select! {
        ended = ended => ended.unwrap_or_else(|_| {
            Err(Error::new(Exit::Failure, "go on", "a thread ended unexpectedly", "try again"))
        }),
        _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
    }
}

fn is_called_ws(arguments: &[OsString]) -> bool {
    let name = arguments.first().map(Path::new).and_then(Path::file_name);
    name.is_some_and(|name| name == "ws")
}

fn choose_colours(global: &Global) {
    match global.color {
        // What the environment says is looked at by the streams themselves.
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
}
