//! What each user may publish and hear: the least it needs.
//!
//! A refused publish is answered by nothing, so it looks like a time-out; the client logs the
//! server's complaint. The matrix of what is allowed and denied is tested against a real server.
//!
//! A worker's subjects name its node wherever they can, so one worker neither hears what is for
//! another nor speaks in its place. What no subject tells is which node has a workspace: a worker
//! can append to the events of any, and those of a provider share the queue of what may go to
//! any of them.

use nexus_events::id::NodeId;
use nexus_events::spec::Provider;
use serde_json::{Value, json};

use super::credentials::User;
use crate::command_queue::consumer_name;
use crate::link::relay::address::{TO_GATEWAYS, TO_WORKERS};
use crate::link::tls::TICKETS;
use crate::subject::{CommandSubject, Route};
use crate::topology::{COMMANDS, EVENTS, LOGS, NODES, PARKED, REFUSALS};

/// The permissions of `user`, as the server's configuration has them.
pub(crate) fn of(user: User) -> Value {
    let (publish, deny) = match user {
        User::ControlPlane => control_plane(),
        User::Worker { node, provider } => (worker(node, provider), Vec::new()),
        User::Cli => (cli(), Vec::new()),
    };
    json!({
        "publish": { "allow": publish, "deny": deny },
        // Never the streams' subjects: a plain subscriber hears appends that are refused.
        "subscribe": { "allow": hears(user) },
    })
}

/// Its own replies; a worker also the streams opened to it (`link/relay.rs`) and who asks it for a
/// ticket (`link/tls.rs`).
fn hears(user: User) -> Vec<String> {
    let replies = format!("{}.>", user.role().inbox());
    match user {
        User::Worker { node, .. } => vec![
            replies,
            format!("{TO_WORKERS}.{node}.*"),
            format!("{TICKETS}.{node}"),
        ],
        User::ControlPlane | User::Cli => vec![replies],
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

/// Its two consumers, its aggregates' events, its output, its heartbeat.
fn worker(node: NodeId, provider: Provider) -> Vec<String> {
    let mut allow = vec![
        "nexus.evt.workspace.*".into(),
        format!("nexus.evt.node.{node}"),
        "nexus.log.*.*.*".into(),
        "nexus.parked.command.*".into(),
        // The bytes of relayed streams and the tickets of others, to whoever asked.
        format!("{TO_GATEWAYS}.{node}.*.*"),
        format!("$KV.{NODES}.{node}"),
        "$JS.API.INFO".into(),
        // Catching up after a conflict.
        format!("$JS.API.STREAM.MSG.GET.{EVENTS}"),
    ];
    for route in [Route::Any, Route::Node(node)] {
        let name = consumer_name(provider, route);
        let filter = CommandSubject::all_for(provider, route);
        allow.extend([
            // With the filter in the subject, so it cannot be widened.
            format!("$JS.API.CONSUMER.CREATE.{COMMANDS}.{name}.{filter}"),
            format!("$JS.API.CONSUMER.INFO.{COMMANDS}.{name}"),
            format!("$JS.API.CONSUMER.MSG.NEXT.{COMMANDS}.{name}"),
            format!("$JS.ACK.{COMMANDS}.{name}.>"),
            format!("$JS.ACK.*.*.{COMMANDS}.{name}.>"),
        ]);
    }
    allow
}

/// Looks, for `nexus doctor`; changes nothing.
fn cli() -> Vec<String> {
    let mut allow = vec!["$JS.API.INFO".to_owned()];
    for stream in [EVENTS, COMMANDS, LOGS, PARKED, REFUSALS] {
        allow.push(format!("$JS.API.STREAM.INFO.{stream}"));
    }
    allow
}
