//! `nexus daemon …`: the server on this machine, found by its socket.
//!
//! The process behind the socket is told by the kernel (`SO_PEERCRED`), so no stale file with a
//! process id can make us start a second server or stop a stranger.

mod process;
mod start;
mod status;
mod stop;

pub(super) use process::{Running, find_binary, running};
pub(super) use start::ensure;

use crate::args::daemon::Daemon;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;

pub(super) async fn run(context: &Context, command: &Daemon) -> Result<Exit> {
    match command {
        Daemon::Start(arguments) => start::run(context, arguments).await,
        Daemon::Stop(arguments) => stop::run(context, arguments).await,
        Daemon::Status => status::run(context).await,
    }
}
