//! `nexus workspace create`, and the choice of a provider when none is named.

use std::time::Duration;

use nexus_events::node::NodeStatus;
use nexus_events::spec::Provider;
use nexus_events::view::{NewWorkspace, NodeView, Page, WorkspaceView};

use super::{accept, all_pages, end, find};
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
    let provider = choose_provider(client, shape.provider.as_deref()).await?;
    let spec = source::spec(provider, repository, shape)?;
    let owner = register::owner(context, client, dry_run).await?;
    Ok(
        Request::post(format!("create workspace {name}"), "/api/v1/workspaces")
            .maybe("owner", owner)
            .json(&NewWorkspace { name, spec }),
    )
}

/// How long a worker that has just been started may take to say so.
const JOINING: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The provider named, else the best one somebody is there for: Docker, then the rest in their
/// order. Workers that are just starting are waited for.
async fn choose_provider(client: &Client, named: Option<&str>) -> Result<Provider> {
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        return source::provider(named);
    }
    let started = std::time::Instant::now();
    loop {
        let request = Request::get("choose a provider", "/api/v1/nodes");
        let nodes: Page<NodeView> = all_pages(client, &request).await?;
        match best(&nodes.items) {
            Some(provider) => return Ok(provider),
            None if started.elapsed() < JOINING => tokio::time::sleep(LOOK_AGAIN).await,
            None => {
                let why = "no worker is online";
                return Err(Error::new(
                    Exit::Conflict,
                    "choose a provider",
                    why,
                    "nexus doctor",
                ));
            }
        }
    }
}

fn best(nodes: &[NodeView]) -> Option<Provider> {
    let online = |provider: Provider| {
        nodes
            .iter()
            .any(|node| node.status == NodeStatus::Online && node.profile.provider == provider)
    };
    [Provider::Docker]
        .into_iter()
        .chain(Provider::ALL)
        .find(|provider| online(*provider))
}
