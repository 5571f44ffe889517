//! `nexus user register` and `list`.

use nexus_events::view::{Page, UserView};

use super::register::{self, Registration};
use super::workspace::all_pages;
use crate::args::user::{Register, User};
use crate::client::Request;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::identity::Identity;

pub(super) async fn run(context: &Context, command: &User) -> Result<Exit> {
    match command {
        User::Register(arguments) => register(context, arguments).await,
        User::List => list(context).await,
    }
}

async fn register(context: &Context, arguments: &Register) -> Result<Exit> {
    let named = arguments.github_username.as_deref();
    let identity = match named.zip(arguments.github_id) {
        None => register::who(context)?,
        Some((login, github_id)) => Identity {
            github_username: login.parse().map_err(|error| {
                let next = "nexus user register --help";
                Error::new(Exit::Usage, "take this login", error, next)
            })?,
            github_id,
            private_key: None,
        },
    };
    let registration = Registration::new(context, identity, arguments.key.as_deref())?;
    if arguments.change.dry_run {
        context.show_request(&registration.request)?;
        return Ok(Exit::Ok);
    }
    let reply = registration.send(context, &context.client()?).await?;
    context.show(&reply)?;
    Ok(Exit::Ok)
}

async fn list(context: &Context) -> Result<Exit> {
    let request = Request::get("list the users", "/api/v1/users");
    let users: Page<UserView> = all_pages(&context.client()?, &request).await?;
    context.show(&users)?;
    Ok(Exit::Ok)
}
