//! `nexus operation list` and `wait`.

use nexus_events::id::OperationId;
use nexus_events::view::{OperationView, Page};

use super::workspace::{all_pages, find};
use crate::args::operation::{List, Operation, Wait};
use crate::client::Request;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::wait;

pub(super) async fn run(context: &Context, command: &Operation) -> Result<Exit> {
    match command {
        Operation::List(arguments) => list(context, arguments).await,
        Operation::Wait(arguments) => wait_for(context, arguments).await,
    }
}

async fn list(context: &Context, arguments: &List) -> Result<Exit> {
    let client = context.client()?;
    let workspace = match &arguments.workspace {
        Some(name) => Some(find(&client, name, None).await?.id),
        None => None,
    };
    let request = Request::get("list the operations", "/api/v1/operations")
        .maybe("workspace", workspace)
        .maybe("state", arguments.state.as_deref());
    let mut operations: Page<OperationView> = all_pages(&client, &request).await?;
    operations
        .items
        .sort_by_key(|operation| std::cmp::Reverse(operation.requested_at));
    context.show(&operations)?;
    Ok(Exit::Ok)
}

async fn wait_for(context: &Context, arguments: &Wait) -> Result<Exit> {
    let operation: OperationId = arguments.operation.parse().map_err(|error| {
        Error::new(
            Exit::Usage,
            "tell which operation is meant",
            error,
            "nexus operation list",
        )
    })?;
    let client = context.client()?;
    let view = match arguments.waiting.no_wait {
        true => return show_now(context, wait::read(&client, operation, None).await?),
        false => {
            let timeout = arguments.waiting.timeout;
            wait::to_the_end(context, &client, operation, None, timeout).await?
        }
    };
    context.show(&view)?;
    wait::outcome(&view).map(|()| Exit::Ok)
}

fn show_now(context: &Context, view: OperationView) -> Result<Exit> {
    context.show(&view)?;
    Ok(Exit::Ok)
}
