//! `nexus up`: from nothing to a running workspace. Each part looks first and does only what is
//! missing, so running it again is quick and harmless.

use jiff::Timestamp;
use nexus_events::view::{OperationView, WorkspaceView};
use nexus_events::workspace::{OperationKind, Phase};

use super::daemon;
use super::register::{self, Registration};
use super::workspace::{accept, end, find, request, ssh_command};
use crate::args::daemon::Start;
use crate::args::workspace::{Shape, Up};
use crate::client::{Client, Request, workspace_path};
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::render::{Summary, phase_text};
use crate::waterfall::Waterfall;
use crate::{source, wait};

/// The name when neither a name nor a repository is given.
const USUAL_NAME: &str = "main";

pub(super) async fn run(context: &Context, arguments: &Up) -> Result<Exit> {
    let (name, shape) = wish(arguments)?;
    if context.server()?.is_operator() {
        daemon::ensure(context, &Start::default()).await?;
    }
    let client = context.client()?;
    let registration = Registration::new(context, register::who(context)?, None)?;
    registration.send(context, &client).await?;
    let Some((workspace, operation)) = bring_up(context, &client, &name, &shape, arguments).await?
    else {
        return Ok(Exit::Ok);
    };
    let result = Summary {
        ssh_command: ssh_command(context, &workspace).ok(),
        waterfall: operation.map(|view| Waterfall::of(&view, Timestamp::now())),
        workspace,
    };
    context.show(&result)?;
    Ok(Exit::Ok)
}

/// The workspace's name and what it is to be.
fn wish(arguments: &Up) -> Result<(String, Shape)> {
    let mut shape = arguments.shape.clone();
    let named = match &arguments.name {
        // `nexus up ORG/NAME` means what `nexus workspace create ORG/NAME` does.
        Some(text) if source::is_repository(text) && shape.repo.is_none() => {
            shape.repo = Some(text.clone());
            None
        }
        other => other.as_deref(),
    };
    let repository = shape
        .repo
        .as_deref()
        .map(|text| source::repository(text, shape.branch.as_deref()))
        .transpose()?;
    let name = match (named, &repository) {
        (Some(name), _) => source::name(name)?,
        (None, Some(repository)) => source::name_of(repository)?,
        (None, None) => source::name(USUAL_NAME)?,
    };
    Ok((name.to_string(), shape))
}

/// Does what is missing; `None` when nobody wants to wait. The operation is the one that was
/// followed, if there was anything to do.
async fn bring_up(
    context: &Context,
    client: &Client,
    name: &str,
    shape: &Shape,
    arguments: &Up,
) -> Result<Option<(WorkspaceView, Option<OperationView>)>> {
    let existing = match find(client, name, None).await {
        Ok(workspace) => settled(context, client, workspace, arguments).await?,
        Err(error) if error.exit == Exit::NotFound => None,
        Err(error) => return Err(error),
    };
    let missing = match existing {
        Some((workspace, operation)) if is_up(&workspace) => {
            context.say(&format!("workspace {name} is {}", phase_text(&workspace)));
            warn_of_difference(context, &workspace, shape);
            return Ok(Some((workspace, operation)));
        }
        Some((workspace, _)) => {
            let what = format!("start workspace {name}");
            Request::post(what, workspace_path(&workspace.id.to_string(), "/start"))
        }
        None => request(context, client, name, shape, false).await?,
    };
    let Some((accepted, view)) = accept(context, client, &missing, &arguments.waiting).await?
    else {
        return Ok(None);
    };
    if let Some(view) = &view {
        end(context, view)?;
    }
    let sequence = view
        .as_ref()
        .map_or(accepted.sequence, |view| view.sequence);
    let workspace = find(client, &accepted.workspace.to_string(), Some(sequence)).await?;
    Ok(Some((workspace, view)))
}

/// The workspace once nothing is under way any more; `None` when it is gone then.
async fn settled(
    context: &Context,
    client: &Client,
    workspace: WorkspaceView,
    arguments: &Up,
) -> Result<Option<(WorkspaceView, Option<OperationView>)>> {
    let Some(operation) = &workspace.operation else {
        return Ok(Some((workspace, None)));
    };
    let timeout = arguments.waiting.timeout;
    let view = wait::to_the_end(context, client, operation.id, None, timeout).await?;
    if view.kind == OperationKind::Delete {
        return Ok(None);
    }
    let workspace = find(client, &workspace.id.to_string(), Some(view.sequence)).await?;
    Ok(Some((workspace, Some(view))))
}

const fn is_up(workspace: &WorkspaceView) -> bool {
    match workspace.phase {
        Phase::Running | Phase::Requested | Phase::Provisioning | Phase::Starting => true,
        Phase::Absent
        | Phase::Stopping
        | Phase::Stopped
        | Phase::Deleting
        | Phase::Deleted
        | Phase::Failed => false,
    }
}

/// A workspace keeps what it was made of; somebody who now asks for something else should know.
fn warn_of_difference(context: &Context, workspace: &WorkspaceView, shape: &Shape) {
    let asked = shape
        .repo
        .as_deref()
        .and_then(|text| source::repository(text, None).ok());
    let has = workspace
        .repository
        .as_ref()
        .map(|repository| &repository.url);
    if let Some(asked) = asked
        && has.is_none_or(|url| *url != asked.url.as_str())
    {
        context.say(&format!(
            "it holds {}, not {}; another name makes another workspace",
            has.map_or("no repository", String::as_str),
            asked.url
        ));
    }
}
