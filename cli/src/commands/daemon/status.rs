//! `nexus daemon status`: exits 0 when it runs and is ready, 7 when it does not run.

use std::collections::BTreeMap;

use nexus_events::view::HealthView;
use serde::Serialize;

use super::running;
use crate::client::Client;
use crate::context::Context;
use crate::duration;
use crate::error::Result;
use crate::exit::Exit;
use crate::render::{Show, facts};
use crate::screen::Screen;
use crate::server::Server;

/// The server on this machine.
#[derive(Debug, Serialize)]
struct DaemonStatus {
    running: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<i32>,
    socket: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<HealthView>,
}

impl Show for DaemonStatus {
    fn table(&self, _screen: &Screen) -> String {
        let pid = self.pid.map(|pid| format!("process {pid}"));
        let mut lines = vec![
            ("nexusd", pid.unwrap_or_else(|| "does not run".into())),
            ("socket", self.socket.clone()),
        ];
        let mut checks = BTreeMap::new();
        if let Some(health) = &self.health {
            lines.push(("status", health.status.clone()));
            lines.push(("version", health.version.clone()));
            lines.push((
                "up for",
                duration::show(health.uptime_seconds.saturating_mul(1000)),
            ));
            lines.push((
                "events",
                format!("{} ({} not projected yet)", health.sequence, health.lag),
            ));
            checks.clone_from(&health.checks);
        }
        for (name, state) in &checks {
            lines.push((name, state.clone()));
        }
        facts(&lines)
    }

    fn names(&self) -> Vec<String> {
        vec!["nexusd".into()]
    }
}

pub(super) async fn run(context: &Context) -> Result<Exit> {
    let server = running(&context.home).await?;
    let health = match server {
        None => None,
        Some(_) => {
            let client = Client::new(Server::Socket(context.home.socket()))?;
            Some(client.health("ask nexusd how it fares").await?)
        }
    };
    context.show(&DaemonStatus {
        running: server.is_some(),
        pid: server.map(|server| server.pid),
        socket: context.home.socket().display().to_string(),
        health,
    })?;
    match server {
        Some(_) => Ok(Exit::Ok),
        None => {
            context.say("start it with `nexus daemon start`");
            Ok(Exit::Unreachable)
        }
    }
}
