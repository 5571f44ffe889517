//! How the server fares, as it says itself.

use std::collections::BTreeMap;

use nexus_events::node::NodeStatus;
use nexus_events::view::{NodeView, Page};

use super::Finding;
use crate::client::{Client, Request};
use crate::commands::daemon::{Running, running};
use crate::commands::workspace::all_pages;
use crate::context::Context;

const START: &str = "nexus daemon start";

pub(super) async fn checks(context: &Context) -> Vec<Finding> {
    if context.server().is_ok_and(|server| server.is_operator()) {
        match running(&context.home).await {
            Ok(None) => return vec![Finding::fail("daemon", "does not run", START)],
            Err(error) => return vec![Finding::fail("daemon", error.why, &error.next)],
            Ok(Some(Running { pid })) => {
                let mut checks = vec![Finding::pass("daemon", format!("process {pid}"))];
                checks.extend(answers(context).await);
                return checks;
            }
        }
    }
    answers(context).await
}

async fn answers(context: &Context) -> Vec<Finding> {
    let client = match context.client() {
        Ok(client) => client,
        Err(error) => return vec![Finding::fail("server", error.why, &error.next)],
    };
    let mut checks = vec![ready(context, &client).await];
    checks.extend(health(context, &client).await);
    checks.extend(workers(&client).await);
    checks
}

fn log(context: &Context) -> String {
    format!("less {}", context.home.daemon_log().display())
}

async fn ready(context: &Context, client: &Client) -> Finding {
    match client
        .perform(&Request::get("ask whether it is ready", "/readyz"))
        .await
    {
        Ok(()) => Finding::pass("ready", "yes"),
        Err(error) => Finding::fail("ready", error.why, &log(context)),
    }
}

async fn health(context: &Context, client: &Client) -> Vec<Finding> {
    let health = match client.health("ask how it fares").await {
        Ok(health) => health,
        Err(error) => return vec![Finding::fail("health", error.why, &error.next)],
    };
    health
        .checks
        .iter()
        .map(|(name, state)| match state.as_str() {
            "ok" | "pass" => Finding::pass(name, state),
            _ if health.status == "ok" => Finding::pass(name, state),
            _ if health.status == "unavailable" => Finding::fail(name, state, &log(context)),
            _ => Finding::warn(name, state, &log(context)),
        })
        .collect()
}

/// One finding for each provider somebody works for, or the one that nobody does.
async fn workers(client: &Client) -> Vec<Finding> {
    let request = Request::get("list the nodes", "/api/v1/nodes");
    let nodes: Page<NodeView> = match all_pages(client, &request).await {
        Ok(nodes) => nodes,
        Err(error) => return vec![Finding::fail("workers", error.why, &error.next)],
    };
    let mut providers: BTreeMap<&str, Vec<&NodeView>> = BTreeMap::new();
    for node in &nodes.items {
        let provider = node.profile.provider.as_str();
        providers.entry(provider).or_default().push(node);
    }
    if !nodes
        .items
        .iter()
        .any(|node| node.status == NodeStatus::Online)
    {
        let fix = "nexus daemon stop && nexus daemon start";
        return vec![Finding::fail("workers", "no worker is online", fix)];
    }
    providers
        .iter()
        .map(|(provider, nodes)| worker(provider, nodes))
        .collect()
}

fn worker(provider: &str, nodes: &[&NodeView]) -> Finding {
    let name = format!("worker {provider}");
    let online: Vec<&&NodeView> = nodes
        .iter()
        .filter(|node| node.status == NodeStatus::Online)
        .collect();
    match online.first() {
        Some(node) => Finding::pass(
            &name,
            format!("{} online, {}", online.len(), node.profile.engine),
        ),
        None => Finding::warn(&name, "none is online", "nexus node list"),
    }
}
