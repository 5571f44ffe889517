//! `nexus workspace terminal`: a terminal that outlives the connection.
//!
//! ```text
//! stdin ─► keys ─► attach ─► socket (nexus.term.bin.v1) ─► gateway ─► the workspace's init
//! stdout ◄─ screen ◄─ attach ◄─ socket
//! ```
//!
//! What comes is numbered byte for byte: after a break the socket asks to go on after the last
//! one ([`viewer`]). What was shown is acknowledged, so a program that floods is held back where it
//! runs and Ctrl-C is heard at once. The terminal's own sequences pass untouched; it is a terminal.
//! What the server itself says is cleaned like everywhere else.

mod attach;
mod keys;
mod raw;
mod screen;
mod sessions;
mod socket;
mod viewer;

use super::find;
use crate::args::terminal::Terminal;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::reference;

pub(super) async fn run(context: &Context, arguments: &Terminal) -> Result<Exit> {
    let name = context.workspace(arguments.which.name.as_deref())?;
    let client = context.client()?;
    if let Some(session) = &arguments.session {
        check(session)?;
    }
    let workspace = find(&client, reference::workspace(&name)?, None).await?;
    if arguments.list {
        return sessions::list(context, &client, &workspace).await;
    }
    if let Some(session) = &arguments.close {
        check(session)?;
        return sessions::close(context, &client, &workspace, session).await;
    }
    attach::run(context, &workspace, arguments).await
}

/// The server makes ids of plain characters; anything else is a mistake worth telling here.
fn check(session: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match (1..=64).contains(&session.len()) && session.bytes().all(plain) {
        true => Ok(()),
        false => Err(Error::new(
            Exit::Usage,
            format!("take session `{}`", session.escape_debug()),
            "an id is 1 to 64 letters, digits and `-_.`",
            "nexus workspace terminal --list",
        )),
    }
}
