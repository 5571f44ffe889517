//! `nexus workspace hold` and `release`: what keeps a workspace from being stopped when idle.

use jiff::{SignedDuration, Timestamp};
use nexus_events::name::{HoldName, HoldReason};
use nexus_events::view::{PlaceHoldRequest, WorkspaceView};

use super::find;
use crate::args::hold::{Hold, Release};
use crate::client::{Client, Request, workspace_path};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::reference;

const HELP: &str = "nexus workspace hold --help";

pub(super) async fn hold(context: &Context, arguments: &Hold) -> Result<Exit> {
    let name = context.workspace(arguments.which.name.as_deref())?;
    let reason = match arguments.reason.as_deref() {
        Some(text) => Some(
            text.parse::<HoldReason>()
                .map_err(|error| wrong(&error))?
                .to_string(),
        ),
        None => None,
    };
    let body = PlaceHoldRequest {
        reason,
        until: until(arguments, Timestamp::now())?,
    };
    let path = path(&name, &arguments.hold)?;
    let request = Request::put(format!("hold workspace {name}"), path).json(&body);
    perform(context, &request, &name, arguments.change.dry_run, |view| {
        format!(
            "workspace {name} is held: {}",
            crate::render::idle_text(view)
        )
    })
    .await
}

pub(super) async fn release(context: &Context, arguments: &Release) -> Result<Exit> {
    let name = context.workspace(arguments.which.name.as_deref())?;
    let path = path(&name, &arguments.hold)?;
    let request = Request::delete(format!("release workspace {name}"), path);
    perform(context, &request, &name, arguments.change.dry_run, |view| {
        format!(
            "hold {} is gone: {}",
            arguments.hold,
            crate::render::idle_text(view)
        )
    })
    .await
}

async fn perform(
    context: &Context,
    request: &Request,
    name: &str,
    dry_run: bool,
    told: impl FnOnce(&WorkspaceView) -> String,
) -> Result<Exit> {
    if dry_run {
        context.show_request(request)?;
        return Ok(Exit::Ok);
    }
    let client: Client = context.client()?;
    client
        .perform(request)
        .await
        .map_err(super::pointing_to_list)?;
    let workspace = find(&client, name, None).await?;
    context.say(&told(&workspace));
    context.show(&workspace)?;
    Ok(Exit::Ok)
}

fn path(workspace: &str, hold: &str) -> Result<String> {
    let workspace = reference::workspace(workspace)?;
    let hold: HoldName = hold.parse().map_err(|error| wrong(&error))?;
    Ok(workspace_path(workspace, &format!("/holds/{hold}")))
}

fn until(arguments: &Hold, now: Timestamp) -> Result<Option<Timestamp>> {
    let Some(lasting) = arguments.lasting else {
        return match arguments.until {
            Some(until) if until <= now => Err(wrong(&"--until is past already")),
            until => Ok(until),
        };
    };
    let until = SignedDuration::try_from(lasting).and_then(|lasting| now.checked_add(lasting));
    until.map(Some).map_err(|error| wrong(&error))
}

fn wrong(why: &dyn std::fmt::Display) -> Error {
    Error::new(Exit::Usage, "hold it so", why, HELP)
}
