//! `nexus port list`: what listens inside, and where a browser finds it.

use std::collections::BTreeMap;

use nexus_events::view::{PreviewView, WorkspaceView};
use serde::Serialize;

use crate::args::workspace::Which;
use crate::client::{Client, Request, workspace_path};
use crate::commands::workspace::find;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::reference;
use crate::render::{Row, Show, table};
use crate::screen::Screen;

/// A port of a workspace.
#[derive(Debug, Default, Serialize)]
struct Listed {
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// The port of the node that leads to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mapped_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Ports(Vec<Listed>);

pub(super) async fn run(context: &Context, which: &Which) -> Result<Exit> {
    let name = context.workspace(which.name.as_deref())?;
    let client = context.client()?;
    let workspace = find(&client, reference::workspace(&name)?, None).await?;
    let previews = previews(&client, &workspace).await?;
    let ports = Ports(listed(&workspace, previews));
    if ports.0.is_empty() {
        context.say(&format!(
            "workspace {name} has no service with a port; any port can be forwarded"
        ));
    }
    context.show(&ports)?;
    Ok(Exit::Ok)
}

async fn previews(client: &Client, workspace: &WorkspaceView) -> Result<Vec<PreviewView>> {
    let path = workspace_path(&workspace.id.to_string(), "/previews");
    client.send(&Request::get("list the previews", path)).await
}

/// One row a port, whoever told of it.
fn listed(workspace: &WorkspaceView, previews: Vec<PreviewView>) -> Vec<Listed> {
    let mut ports: BTreeMap<u16, Listed> = BTreeMap::new();
    for (name, service) in &workspace.services {
        if let Some(port) = service.port {
            let row = ports.entry(port).or_default();
            row.service = Some(name.to_string());
            row.mapped_port = service.mapped_port;
        }
    }
    for preview in previews {
        let row = ports.entry(preview.port).or_default();
        let service = preview.service.map(|name| name.to_string());
        row.service = row.service.take().or(service);
        row.preview = Some(preview.url);
    }
    for (port, row) in &mut ports {
        row.port = *port;
    }
    ports.into_values().collect()
}

impl Row for Listed {
    const HEADINGS: &'static [&'static str] = &["PORT", "SERVICE", "NODE PORT", "PREVIEW"];

    fn cells(&self) -> Vec<String> {
        let number = |port: Option<u16>| port.map_or(String::new(), |port| port.to_string());
        vec![
            self.port.to_string(),
            self.service.clone().unwrap_or_default(),
            number(self.mapped_port),
            self.preview.clone().unwrap_or_default(),
        ]
    }

    fn name(&self) -> String {
        self.port.to_string()
    }
}

impl Show for Ports {
    fn table(&self, _screen: &Screen) -> String {
        table(&self.0)
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(Row::name).collect()
    }

    fn documents(&self) -> serde_json::Result<Vec<String>> {
        self.0.iter().map(serde_json::to_string).collect()
    }
}
