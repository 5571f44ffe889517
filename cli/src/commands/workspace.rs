//! `nexus workspace …`: what the verbs share.

mod active;
mod change;
mod create;
mod exec;
mod hold;
mod list;
mod logs;
mod provider;
mod show;
mod ssh;
mod terminal;

pub(super) use change::{accept, end};
pub(super) use create::{create_or_start, request};
pub(super) use ssh::{run as ssh, ssh_command};

use nexus_events::view::{Page, WorkspaceView};
use serde::de::DeserializeOwned;

use crate::args::workspace::Workspace;
use crate::client::{Client, Request, workspace_path};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;

pub(super) async fn run(context: &Context, command: &Workspace) -> Result<Exit> {
    match command {
        Workspace::Create(arguments) => create::run(context, arguments).await,
        Workspace::Start(arguments) => change::start(context, arguments).await,
        Workspace::Stop(arguments) => change::stop(context, arguments).await,
        Workspace::Delete(arguments) => change::delete(context, arguments).await,
        Workspace::List(arguments) => list::run(context, arguments).await,
        Workspace::Status(which) => show::status(context, which).await,
        Workspace::Services(which) => show::services(context, which).await,
        Workspace::Exec(arguments) => exec::run(context, arguments).await,
        Workspace::Ssh(arguments) => ssh::run(context, arguments).await,
        Workspace::Terminal(arguments) => terminal::run(context, arguments).await,
        Workspace::Hold(arguments) => hold::hold(context, arguments).await,
        Workspace::Release(arguments) => hold::release(context, arguments).await,
        Workspace::Logs(arguments) => logs::run(context, arguments).await,
        Workspace::Use(arguments) => active::run(context, arguments).await,
    }
}

/// The workspace called `name`, as of `sequence` at least.
pub(super) async fn find(
    client: &Client,
    name: &str,
    sequence: Option<u64>,
) -> Result<WorkspaceView> {
    let request = Request::get(format!("find workspace {name}"), workspace_path(name, ""))
        .maybe("min_seq", sequence);
    client.send(&request).await.map_err(pointing_to_list)
}

/// Somebody who mistyped a name needs the list of names, whatever the server suggests.
pub(super) fn pointing_to_list(error: Error) -> Error {
    match error.exit == Exit::NotFound {
        true => Error {
            next: "nexus workspace list".into(),
            ..error
        },
        false => error,
    }
}

/// All pages of a list as one.
pub(super) async fn all_pages<T: DeserializeOwned>(
    client: &Client,
    request: &Request,
) -> Result<Page<T>> {
    let mut all: Page<T> = client.send(request).await?;
    while let Some(cursor) = all.next.take() {
        let page: Page<T> = client
            .send(&request.clone().query("cursor", cursor))
            .await?;
        all.items.extend(page.items);
        all.next = page.next;
        all.sequence = page.sequence;
    }
    Ok(all)
}
