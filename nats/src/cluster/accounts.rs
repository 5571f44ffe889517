//! Who may do what on the servers: public keys and permissions, one account for Nexus and one for
//! the servers themselves.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::connect::Role;
use crate::topology::{COMMANDS, EVENTS, LOGS, PARKED, REFUSALS};

/// One user.
#[derive(Debug)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) public_key: String,
    pub(super) permissions: Value,
    /// Of the account of the servers themselves.
    pub(super) of_system: bool,
}

/// Reads everything and changes nothing: streams and what is in them, but no user's keys.
pub(super) fn operator() -> Value {
    let mut publish = vec!["$JS.API.INFO".to_owned()];
    for stream in [EVENTS, COMMANDS, LOGS, PARKED, REFUSALS] {
        publish.push(format!("$JS.API.STREAM.INFO.{stream}"));
        publish.push(format!("$JS.API.STREAM.MSG.GET.{stream}"));
    }
    // Not of the commands: a consumer of a work queue takes them away.
    for stream in [EVENTS, LOGS, PARKED, REFUSALS] {
        for call in ["CREATE", "INFO", "MSG.NEXT", "DELETE"] {
            publish.push(format!("$JS.API.CONSUMER.{call}.{stream}.>"));
        }
    }
    json!({
        "publish": { "allow": publish },
        "subscribe": { "allow": [format!("{}.>", Role::Cli.inbox())] },
    })
}

/// Asks servers how they are, and takes a lost one out of the cluster.
pub(super) fn system() -> Value {
    json!({
        "publish": { "allow": [
            "$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.>", "$SYS.REQ.SERVER.*.*",
            "$JS.API.SERVER.REMOVE", "$JS.API.META.LEADER.STEPDOWN",
        ] },
        "subscribe": { "allow": ["_INBOX.>", "_INBOX_cli.>"] },
    })
}

/// The file, as the servers read it.
pub(super) fn text(users: &[User]) -> String {
    let list = |of_system| {
        let mut list = String::new();
        for user in users.iter().filter(|user| user.of_system == of_system) {
            let entry = json!({ "nkey": user.public_key, "permissions": user.permissions });
            let _ = writeln!(list, "      # {}\n      {entry}", user.name);
        }
        list
    };
    format!(
        "# Made by `nexusd cluster init`. Public keys: whoever reads this can do nothing with it.\n\
         accounts {{\n  \
           NEXUS {{\n    jetstream: enabled\n    users: [\n{}    ]\n  }}\n  \
           SYS {{\n    users: [\n{}    ]\n  }}\n\
         }}\n\
         system_account: SYS\n",
        list(false),
        list(true)
    )
}
