//! What each role may publish and hear: the least it needs.
//!
//! A refused publish is answered by nothing, so it looks like a time-out; the client logs the
//! server's complaint. The matrix of what is allowed and denied is tested against a real server.

use serde_json::{Value, json};

use crate::connect::Role;
use crate::link::relay::address::{TO_GATEWAYS, TO_WORKERS};
use crate::topology::{COMMANDS, EVENTS, LOGS, NODES, PARKED, REFUSALS};

/// The permissions of `role`, as the server's configuration has them.
pub(super) fn of(role: Role) -> Value {
    let (publish, deny) = match role {
        Role::ControlPlane => control_plane(),
        Role::Worker => (worker(), Vec::new()),
        Role::Cli => (cli(), Vec::new()),
    };
    json!({
        "publish": { "allow": publish, "deny": deny },
        // Never the streams' subjects: a plain subscriber hears appends that are refused.
        "subscribe": { "allow": hears(role) },
    })
}

/// Its own replies; a worker also the streams opened to it (`link/relay.rs`).
fn hears(role: Role) -> Vec<String> {
    let replies = format!("{}.>", role.inbox());
    match role {
        Role::Worker => vec![replies, format!("{TO_WORKERS}.*.*")],
        Role::ControlPlane | Role::Cli => vec![replies],
    }
}

/// Everything of ours, except what destroys: no code path may delete or purge a stream,
/// or an event.
fn control_plane() -> (Vec<String>, Vec<String>) {
    let allow = ["nexus.>", "$KV.>", "$JS.API.>", "$JS.ACK.>"].map(String::from);
    let deny = [
        "$JS.API.STREAM.DELETE.>",
        "$JS.API.STREAM.PURGE.>",
        "$JS.API.STREAM.RESTORE.>",
        "$JS.API.STREAM.MSG.DELETE.NEXUS_EVENTS",
    ];
    (allow.into(), deny.map(String::from).into())
}

/// Its queue's consumers, its aggregates' events, its output, its heartbeat.
fn worker() -> Vec<String> {
    vec![
        "nexus.evt.workspace.*".into(),
        "nexus.evt.node.*".into(),
        "nexus.log.>".into(),
        "nexus.parked.command.*".into(),
        // The bytes of relayed streams, to whoever opened them.
        format!("{TO_GATEWAYS}.*.*"),
        format!("$KV.{NODES}.*"),
        "$JS.API.INFO".into(),
        // Catching up after a conflict.
        format!("$JS.API.STREAM.MSG.GET.{EVENTS}"),
        // With the filter in the subject, so it cannot be widened.
        format!("$JS.API.CONSUMER.CREATE.{COMMANDS}.*.nexus.cmd.*.*.*"),
        format!("$JS.API.CONSUMER.INFO.{COMMANDS}.*"),
        format!("$JS.API.CONSUMER.MSG.NEXT.{COMMANDS}.*"),
        format!("$JS.ACK.{COMMANDS}.>"),
        format!("$JS.ACK.*.*.{COMMANDS}.>"),
    ]
}

/// Looks, for `nexus doctor`; changes nothing.
fn cli() -> Vec<String> {
    let mut allow = vec!["$JS.API.INFO".to_owned()];
    for stream in [EVENTS, COMMANDS, LOGS, PARKED, REFUSALS] {
        allow.push(format!("$JS.API.STREAM.INFO.{stream}"));
    }
    allow
}
