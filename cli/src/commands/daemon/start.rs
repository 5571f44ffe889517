//! `nexus daemon start`: in the background by default, done when it is ready.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::{Running, find_binary, running};
use crate::args::daemon::Start;
use crate::clean::clean;
use crate::client::{Client, Request};
use crate::context::Context;
use crate::duration;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::home;
use crate::server::Server;

const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(super) async fn run(context: &Context, arguments: &Start) -> Result<Exit> {
    match arguments.foreground {
        true => foreground(context, arguments),
        false => ensure(context, arguments).await.map(|()| Exit::Ok),
    }
}

/// Makes sure that a server runs and is ready; says which and how long that took.
pub(in crate::commands) async fn ensure(context: &Context, arguments: &Start) -> Result<()> {
    let started = Instant::now();
    let mut child = match running(&context.home).await? {
        Some(Running { pid }) => {
            context.say(&format!("nexusd runs already (process {pid})"));
            None
        }
        None => Some(spawn(context, arguments)?),
    };
    wait_until_ready(context, arguments.timeout, &mut child).await?;
    if let Some(child) = &child {
        let took = duration::show(started.elapsed().as_millis() as u64);
        let log = context.home.daemon_log();
        context.say(&format!(
            "nexusd is ready after {took} (process {}, log {})",
            child.id(),
            log.display()
        ));
    }
    Ok(())
}

/// Replaces this process by the server.
fn foreground(context: &Context, arguments: &Start) -> Result<Exit> {
    let mut command = command(context, arguments)?;
    let error = command.exec();
    Err(cannot_start(&error, "nexus doctor"))
}

fn command(context: &Context, arguments: &Start) -> Result<Command> {
    let program = find_binary("nexusd").ok_or_else(|| {
        cannot_start(
            &"its program `nexusd` is neither beside nexus nor on the PATH",
            "export NEXUS_BIN_DIR=/folder/with/nexusd",
        )
    })?;
    let mut command = Command::new(program);
    command.arg("daemon").env("NEXUS_HOME", context.home.path());
    if let Some(listen) = arguments.listen {
        command.arg("--listen").arg(listen.to_string());
    }
    if let Some(worker) = &arguments.worker {
        command.arg("--worker").arg(worker);
    }
    if let Some(url) = &arguments.nats_url {
        command.arg("--nats-url").arg(url);
    }
    Ok(command)
}

/// Starts it apart from this terminal: no input, its own process group, output into its log, and
/// in a folder that nobody will want to remove or unmount.
fn spawn(context: &Context, arguments: &Start) -> Result<Child> {
    let failed = |error: std::io::Error| cannot_start(&error, "nexus doctor");
    home::create_private_folder(context.home.path()).map_err(failed)?;
    let log = open_log(&context.home.daemon_log()).map_err(failed)?;
    command(context, arguments)?
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(failed)?)
        .stderr(log)
        .current_dir(context.home.path())
        .process_group(0)
        .spawn()
        .map_err(failed)
}

fn open_log(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

async fn wait_until_ready(
    context: &Context,
    timeout: Duration,
    child: &mut Option<Child>,
) -> Result<()> {
    let client = Client::new(Server::Socket(context.home.socket()))?;
    let request = Request::get("wait until nexusd is ready", "/readyz");
    let deadline = Instant::now() + timeout;
    loop {
        let error = match client.perform(&request).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if let Some(status) = ended(child) {
            return Err(died(context, status));
        }
        if Instant::now() >= deadline {
            let limit = duration::show(timeout.as_millis() as u64);
            let why = format!("not ready after {limit}: {}", error.why);
            let next = format!("less {}", context.home.daemon_log().display());
            return Err(Error::new(Exit::NotReady, &request.what, why, next));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn ended(child: &mut Option<Child>) -> Option<ExitStatus> {
    child.as_mut()?.try_wait().ok()?
}

/// It ended before it was ready: its last words say why.
fn died(context: &Context, status: ExitStatus) -> Error {
    let log = context.home.daemon_log();
    let text = std::fs::read(&log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with code {code}"),
        (None, Some(signal)) => format!("signal {signal} ended it"),
        (None, None) => "it ended".to_owned(),
    };
    let why = format!("{how}: {}", clean(last.unwrap_or("its log is empty")));
    cannot_start(&why, &format!("less {}", log.display()))
}

fn cannot_start(why: &dyn std::fmt::Display, next: &str) -> Error {
    Error::new(Exit::Failure, "start nexusd", why, next)
}
