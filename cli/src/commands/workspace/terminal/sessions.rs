//! The terminal sessions of a workspace: listed, and ended.

use nexus_events::view::{TerminalList, TerminalView, WorkspaceView};

use crate::client::{Client, Request, encoded, workspace_path};
use crate::context::Context;
use crate::duration;
use crate::error::Result;
use crate::exit::Exit;
use crate::render::{Row, Show, table};
use crate::screen::Screen;
use crate::ssh::text::shell_line;

pub(super) async fn list(
    context: &Context,
    client: &Client,
    workspace: &WorkspaceView,
) -> Result<Exit> {
    let what = format!("list the terminals of workspace {}", workspace.name);
    let path = workspace_path(&workspace.id.to_string(), "/terminals");
    let list: TerminalList = client.send(&Request::get(what, path)).await?;
    if list.sessions.is_empty() {
        context.say(&format!("workspace {} has no terminals", workspace.name));
    }
    context.show(&list)?;
    Ok(Exit::Ok)
}

pub(super) async fn close(
    context: &Context,
    client: &Client,
    workspace: &WorkspaceView,
    session: &str,
) -> Result<Exit> {
    let rest = format!("/terminals/{}", encoded(session));
    let path = workspace_path(&workspace.id.to_string(), &rest);
    let request = Request::delete(format!("end terminal {session}"), path);
    client.perform(&request).await?;
    context.say(&format!("terminal {session} is ended"));
    Ok(Exit::Ok)
}

impl Row for TerminalView {
    const HEADINGS: &'static [&'static str] = &[
        "SESSION", "COMMAND", "AGE", "VIEWERS", "SIZE", "OUTPUT", "STATE",
    ];

    fn cells(&self) -> Vec<String> {
        let now = jiff::Timestamp::now();
        vec![
            self.id.clone(),
            shell_line(&self.argv),
            duration::show(duration::between(self.started_at, now)),
            self.viewers.to_string(),
            format!("{}x{}", self.cols, self.rows),
            format!("{} B", self.end_offset),
            match self.exit {
                None => "lives".into(),
                Some(nexus_events::work::ExecExit::Code(code)) => format!("ended with {code}"),
                Some(nexus_events::work::ExecExit::Signal(signal)) => {
                    format!("ended by signal {signal}")
                }
            },
        ]
    }

    fn name(&self) -> String {
        self.id.clone()
    }
}

impl Show for TerminalList {
    fn table(&self, _screen: &Screen) -> String {
        table(&self.sessions)
    }

    fn names(&self) -> Vec<String> {
        self.sessions.iter().map(Row::name).collect()
    }

    fn documents(&self) -> serde_json::Result<Vec<String>> {
        self.sessions.iter().map(serde_json::to_string).collect()
    }
}
