//! `nexus workspace list`.

use nexus_events::view::{Page, WorkspaceView};

use super::all_pages;
use crate::args::workspace::List;
use crate::client::Request;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;

pub(super) async fn run(context: &Context, arguments: &List) -> Result<Exit> {
    let request = Request::get("list the workspaces", "/api/v1/workspaces")
        .maybe("owner", arguments.owner.as_deref())
        .maybe("phase", arguments.phase.as_deref())
        .maybe("provider", arguments.provider.as_deref());
    let workspaces: Page<WorkspaceView> = all_pages(&context.client()?, &request).await?;
    if workspaces.items.is_empty() {
        context.say("no workspaces; make one with `nexus up`");
    }
    context.show(&workspaces)?;
    Ok(Exit::Ok)
}
