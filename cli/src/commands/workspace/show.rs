//! `nexus workspace status` and `services`.

use jiff::Timestamp;
use nexus_events::view::{OperationView, Page};

use super::find;
use crate::args::workspace::Which;
use crate::client::{Client, Request, workspace_path};
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::render::{Services, WorkspaceStatus};
use crate::waterfall::Waterfall;

pub(super) async fn status(context: &Context, which: &Which) -> Result<Exit> {
    let name = context.workspace(which.name.as_deref())?;
    let client = context.client()?;
    let workspace = find(&client, &name, None).await?;
    let waterfall = last_operation(&client, &workspace.id.to_string()).await?;
    context.show(&WorkspaceStatus {
        workspace,
        waterfall,
    })?;
    Ok(Exit::Ok)
}

/// The waterfall of the newest operation of a workspace.
async fn last_operation(client: &Client, workspace: &str) -> Result<Option<Waterfall>> {
    let path = workspace_path(workspace, "/operations");
    let request = Request::get("read the operations of the workspace", path);
    let operations: Page<OperationView> = client.send(&request).await?;
    let newest = operations
        .items
        .iter()
        .max_by_key(|operation| operation.requested_at);
    Ok(newest.map(|operation| Waterfall::of(operation, Timestamp::now())))
}

pub(super) async fn services(context: &Context, which: &Which) -> Result<Exit> {
    let name = context.workspace(which.name.as_deref())?;
    let workspace = find(&context.client()?, &name, None).await?;
    if workspace.services.is_empty() {
        context.say(&format!("workspace {} has no services", workspace.name));
    }
    context.show(&Services(workspace.services))?;
    Ok(Exit::Ok)
}
