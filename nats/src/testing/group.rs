//! Who keeps the log at the moment, as the servers of a cluster say.

use serde::Deserialize;

use crate::connect::Bus;
use crate::topology::EVENTS;

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    cluster: Option<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    leader: Option<String>,
    #[serde(default)]
    replicas: Vec<Replica>,
}

#[derive(Deserialize)]
struct Replica {
    #[serde(default)]
    current: bool,
    #[serde(default)]
    offline: bool,
}

async fn group(bus: &Bus) -> Option<Group> {
    let call = format!("STREAM.INFO.{EVENTS}");
    let nothing = serde_json::json!({});
    let info = bus.api::<Info>("asking who leads", &call, &nothing).await;
    info.ok()?.cluster
}

/// The name of the server that leads the log; `None` when nobody does, or nobody can tell.
pub(super) async fn leader(bus: &Bus) -> Option<String> {
    group(bus).await?.leader
}

/// Whether the log has a leader, and both other copies of it are as long.
pub(super) async fn is_whole(bus: &Bus) -> bool {
    group(bus).await.is_some_and(|group| {
        let good = |replica: &Replica| replica.current && !replica.offline;
        group.leader.is_some() && group.replicas.len() == 2 && group.replicas.iter().all(good)
    })
}
