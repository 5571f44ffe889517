//! `nexus workspace start`, `stop` and `delete`: ask for a change, follow it to its end.

use std::io::{BufRead as _, IsTerminal as _};

use nexus_events::view::{Accepted, OperationView};

use super::{find, pointing_to_list};
use crate::args::workspace::{Act, Delete};
use crate::args::{Output, Waiting};
use crate::client::{Client, Request, workspace_path};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::out;
use crate::render::Show as _;
use crate::wait;

pub(super) async fn start(context: &Context, arguments: &Act) -> Result<Exit> {
    let name = context.workspace(arguments.which.name.as_deref())?;
    let request = request("start", &name);
    if arguments.change.dry_run {
        context.show_request(&request)?;
        return Ok(Exit::Ok);
    }
    let client = context.client()?;
    let Some((accepted, view)) = accept(context, &client, &request, &arguments.waiting).await?
    else {
        return Ok(Exit::Ok);
    };
    if let Some(view) = &view {
        end(context, view)?;
    }
    let sequence = view.map_or(accepted.sequence, |view| view.sequence);
    context.show(&find(&client, &accepted.workspace.to_string(), Some(sequence)).await?)?;
    Ok(Exit::Ok)
}

pub(super) async fn stop(context: &Context, arguments: &Act) -> Result<Exit> {
    let name = context.workspace(arguments.which.name.as_deref())?;
    let request = request("stop", &name);
    if arguments.change.dry_run {
        context.show_request(&request)?;
        return Ok(Exit::Ok);
    }
    finish(context, &request, &arguments.waiting).await
}

pub(super) async fn delete(context: &Context, arguments: &Delete) -> Result<Exit> {
    let request = request("delete", &arguments.name);
    if arguments.change.dry_run {
        context.show_request(&request)?;
        return Ok(Exit::Ok);
    }
    if !arguments.yes {
        confirm(&arguments.name)?;
    }
    finish(context, &request, &arguments.waiting).await
}

fn request(verb: &str, name: &str) -> Request {
    Request::post(
        format!("{verb} workspace {name}"),
        workspace_path(name, &format!("/{verb}")),
    )
}

/// Follows the change to its end and shows the operation.
async fn finish(context: &Context, request: &Request, waiting: &Waiting) -> Result<Exit> {
    let client = context.client()?;
    if let Some((_, Some(view))) = accept(context, &client, request, waiting).await? {
        end(context, &view)?;
        context.show(&view)?;
    }
    Ok(Exit::Ok)
}

/// Sends the change and waits for its end. `None`: nobody wants to wait, and what was accepted
/// has been printed. Without an operation there was nothing to do, which has been said.
///
/// When the change is under way already, its operation is followed as if it were ours.
pub(in crate::commands) async fn accept(
    context: &Context,
    client: &Client,
    request: &Request,
    waiting: &Waiting,
) -> Result<Option<(Accepted, Option<OperationView>)>> {
    let accepted: Accepted = client.send(request).await.map_err(pointing_to_list)?;
    if let Some(reason) = &accepted.reason {
        context.say(&crate::clean::clean(reason));
    }
    if waiting.no_wait {
        context.show(&accepted)?;
        return Ok(None);
    }
    let operation = match accepted.operation {
        Some(operation) => Some(operation),
        None => operation_in_flight(client, &accepted).await?,
    };
    let view = match operation {
        None => None,
        Some(operation) => {
            let sequence = Some(accepted.sequence);
            Some(wait::to_the_end(context, client, operation, sequence, waiting.timeout).await?)
        }
    };
    Ok(Some((accepted, view)))
}

async fn operation_in_flight(
    client: &Client,
    accepted: &Accepted,
) -> Result<Option<nexus_events::id::OperationId>> {
    let id = accepted.workspace.to_string();
    match find(client, &id, Some(accepted.sequence)).await {
        Ok(workspace) => Ok(workspace.operation.map(|operation| operation.id)),
        // Deleted in the meantime: nothing is in flight.
        Err(error) if error.exit == Exit::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Judges an operation that ended. What went wrong is shown step by step before it is told.
pub(in crate::commands) fn end(context: &Context, view: &OperationView) -> Result<()> {
    let judged = wait::outcome(view);
    if judged.is_err() {
        match context.output {
            Output::Table | Output::Name => context.say(view.table(&context.screen).trim_end()),
            Output::Json | Output::Yaml | Output::Ndjson => context.show(view)?,
        }
    }
    judged
}

/// Asks whether the files may go. Without a terminal nobody can answer.
fn confirm(name: &str) -> Result<()> {
    let what = format!("delete workspace {name}");
    let next = format!("nexus workspace delete {name} --yes");
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        let why = "its files go with it, and nobody is there to confirm that";
        return Err(Error::new(Exit::Usage, what, why, next));
    }
    out::say(&format!("Delete workspace {name} and all its files? [y/N]"));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        true => Ok(()),
        false => Err(Error::new(Exit::Failure, what, "you did not say yes", next)),
    }
}
