//! The choice of a provider, made against the workers that are there.

use std::path::Path;
use std::time::Duration;

use nexus_events::node::NodeStatus;
use nexus_events::spec::Provider;
use nexus_events::view::{NodeView, Page};

use super::all_pages;
use crate::client::{Client, Request};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::source;

/// A server that has been up for less may still be starting its workers, so they are waited for.
const YOUNG_SECONDS: u64 = 10;
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The provider named, else the best one somebody is there for: Docker, then the rest in their
/// order. Whether a named one can be had is for the server to say.
pub(super) async fn choose_provider(client: &Client, named: Option<&str>) -> Result<Provider> {
    let named = named.filter(|named| !named.is_empty());
    let named = named.map(source::provider).transpose()?;
    // Where an engine is, its worker is on its way, and worth more than one that is there first.
    let engine = Path::new("/var/run/docker.sock").exists();
    let preferred = named.unwrap_or(if engine {
        Provider::Docker
    } else {
        Provider::Process
    });
    loop {
        let request = Request::get("choose a provider", "/api/v1/nodes");
        let nodes: Page<NodeView> = all_pages(client, &request).await?;
        if online(&nodes.items, preferred) {
            return Ok(preferred);
        }
        if client.health("choose a provider").await?.uptime_seconds < YOUNG_SECONDS {
            tokio::time::sleep(LOOK_AGAIN).await;
            continue;
        }
        return named.or_else(|| best(&nodes.items)).ok_or_else(|| {
            let why = "no worker is online";
            Error::new(Exit::Conflict, "choose a provider", why, "nexus doctor")
        });
    }
}

fn best(nodes: &[NodeView]) -> Option<Provider> {
    [Provider::Docker]
        .into_iter()
        .chain(Provider::ALL)
        .find(|provider| online(nodes, *provider))
}

fn online(nodes: &[NodeView], provider: Provider) -> bool {
    nodes
        .iter()
        .any(|node| node.status == NodeStatus::Online && node.profile.provider == provider)
}
