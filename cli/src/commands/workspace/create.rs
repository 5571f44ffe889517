//! `nexus workspace create`.

use nexus_events::view::{NewWorkspace, WorkspaceView};

use super::provider::choose_provider;
use super::{accept, end, find};
use crate::args::workspace::{Act, Create, Shape, Which};
use crate::client::{Client, Request};
use crate::commands::register;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::source;

pub(super) async fn run(context: &Context, arguments: &Create) -> Result<Exit> {
    if let Some(workspace) = make(context, arguments).await? {
        context.show(&workspace)?;
    }
    Ok(Exit::Ok)
}

/// Starts the workspace, or makes it when there is none (`ws start`).
pub(in crate::commands) async fn create_or_start(
    context: &Context,
    arguments: &Create,
) -> Result<Exit> {
    match find(&context.client()?, &arguments.name, None).await {
        Ok(workspace) => {
            let act = Act {
                which: Which {
                    name: Some(workspace.id.to_string()),
                },
                waiting: arguments.waiting,
                change: arguments.change,
            };
            super::change::start(context, &act).await
        }
        Err(error) if error.exit == Exit::NotFound => run(context, arguments).await,
        Err(error) => Err(error),
    }
}

/// Makes the workspace; `None` when only its acceptance or request was to be shown.
async fn make(context: &Context, arguments: &Create) -> Result<Option<WorkspaceView>> {
    let client = context.client()?;
    let request = request(
        context,
        &client,
        &arguments.name,
        &arguments.shape,
        arguments.change.dry_run,
    )
    .await?;
    if arguments.change.dry_run {
        context.show_request(&request)?;
        return Ok(None);
    }
    let Some((accepted, view)) = accept(context, &client, &request, &arguments.waiting).await?
    else {
        return Ok(None);
    };
    if let Some(view) = &view {
        end(context, view)?;
    }
    let sequence = view.map_or(accepted.sequence, |view| view.sequence);
    find(&client, &accepted.workspace.to_string(), Some(sequence))
        .await
        .map(Some)
}

/// The request for a workspace; `text` is its name, or a repository that gives it one.
pub(in crate::commands) async fn request(
    context: &Context,
    client: &Client,
    text: &str,
    shape: &Shape,
    dry_run: bool,
) -> Result<Request> {
    let positional = source::is_repository(text).then_some(text);
    let repository = match (positional, shape.repo.as_deref()) {
        (Some(_), Some(_)) => {
            let why = "a repository was named twice";
            let next = "nexus workspace create NAME --repo REPO";
            return Err(Error::new(Exit::Usage, "create a workspace", why, next));
        }
        (one, other) => one.or(other),
    };
    let repository = repository
        .map(|text| source::repository(text, shape.branch.as_deref()))
        .transpose()?;
    let name = match (&repository, positional) {
        (Some(repository), Some(_)) => source::name_of(repository)?,
        _ => source::name(text)?,
    };
    let mut spec = source::spec(repository, shape)?;
    spec.provider = choose_provider(client, shape.provider.as_deref()).await?;
    let owner = register::owner(context, client, dry_run).await?;
    Ok(
        Request::post(format!("create workspace {name}"), "/api/v1/workspaces")
            .maybe("owner", owner)
            .json(&NewWorkspace { name, spec }),
    )
}
