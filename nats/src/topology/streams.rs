//! What each stream is to be.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};

use super::{
    COMMANDS, EVENTS, LOGS, NODES, PARKED, PREVIEWS, REFUSALS, Replicas, TICKETS, USER_KEYS,
    USER_VALUES,
};
use crate::subject::{CommandSubject, EventSubject, LogSubject, ParkedSubject};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Every stream, in the order they are made.
pub fn wanted(replicas: Replicas) -> Vec<Config> {
    [
        events(),
        commands(),
        logs(),
        parked(),
        refusals(),
        nodes(),
        user_keys(),
        user_values(),
        tickets(),
        previews(),
    ]
    .map(|config| Config {
        num_replicas: replicas.0,
        ..config
    })
    .into()
}

/// The truth: full means an error, never silent loss.
fn events() -> Config {
    Config {
        description: text("What happened. The truth: never delete or purge"),
        subjects: vec![EventSubject::ALL.into()],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        deny_delete: true,
        deny_purge: true,
        allow_direct: true,
        max_message_size: 64 << 10,
        duplicate_window: Duration::from_secs(10 * 60),
        ..file(EVENTS)
    }
}

/// One message a subject, so the server keeps it to one open command a workspace and route.
fn commands() -> Config {
    Config {
        description: text("Open commands, one a workspace"),
        subjects: vec![CommandSubject::ALL.into()],
        retention: RetentionPolicy::WorkQueue,
        discard: DiscardPolicy::New,
        discard_new_per_subject: true,
        max_messages_per_subject: 1,
        max_message_size: 256 << 10,
        duplicate_window: Duration::from_secs(2 * 60),
        ..file(COMMANDS)
    }
}

fn logs() -> Config {
    Config {
        description: text("Output of steps and services"),
        subjects: vec![LogSubject::ALL.into()],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        max_age: 7 * DAY,
        max_bytes: 1 << 30,
        max_message_size: 256 << 10,
        duplicate_window: Duration::from_secs(2 * 60),
        ..file(LOGS)
    }
}

/// Also takes the server's own word that it has given up on a command.
fn parked() -> Config {
    Config {
        description: text("Messages nobody could work on"),
        subjects: vec![
            ParkedSubject::ALL.into(),
            format!("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{COMMANDS}.>"),
            format!("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.{COMMANDS}.>"),
        ],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        max_age: 30 * DAY,
        max_bytes: 256 << 20,
        max_message_size: 1 << 20,
        duplicate_window: Duration::from_secs(2 * 60),
        ..file(PARKED)
    }
}

/// Nothing happened, so nothing is lost with the oldest of them.
fn refusals() -> Config {
    Config {
        description: text("Requests that were refused"),
        subjects: vec![crate::refusals::SUBJECT.into()],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        max_age: 90 * DAY,
        max_bytes: 64 << 20,
        max_message_size: 16 << 10,
        duplicate_window: Duration::from_secs(2 * 60),
        ..file(REFUSALS)
    }
}

/// On disk, as a lone server forgets streams in memory when it restarts.
fn nodes() -> Config {
    Config {
        description: text("Last heartbeat of each node"),
        max_age: Duration::from_secs(60),
        duplicate_window: Duration::from_secs(60),
        ..bucket(NODES)
    }
}

fn user_keys() -> Config {
    Config {
        description: text("Keys of users' personal data; forgetting one erases the data"),
        duplicate_window: Duration::from_secs(2 * 60),
        ..bucket(USER_KEYS)
    }
}

/// A value is kept once under its digest, so there is nothing to repeat but what is the same.
fn user_values() -> Config {
    Config {
        description: text("Users' credentials, sealed; what no event names is not in force"),
        duplicate_window: Duration::from_secs(2 * 60),
        ..bucket(USER_VALUES)
    }
}

/// Twice as long as a ticket counts.
fn tickets() -> Config {
    Config {
        description: text("Tickets that were used"),
        max_age: Duration::from_secs(60),
        duplicate_window: Duration::from_secs(60),
        ..bucket(TICKETS)
    }
}

/// As long as a browser stays let in. The oldest gives way, so no entry outlives a closing after it.
fn previews() -> Config {
    Config {
        description: text("Who was let into which preview, and which were closed since"),
        max_age: DAY / 2,
        max_messages: 10_000,
        discard: DiscardPolicy::Old,
        duplicate_window: Duration::from_secs(60),
        ..bucket(PREVIEWS)
    }
}

/// A bucket as key-value clients expect it (ADR-8).
fn bucket(name: &str) -> Config {
    Config {
        subjects: vec![format!("$KV.{name}.>")],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        max_messages_per_subject: 1,
        max_message_size: 64 << 10,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        ..file(&format!("KV_{name}"))
    }
}

fn file(name: &str) -> Config {
    Config {
        name: name.to_owned(),
        storage: StorageType::File,
        max_messages: -1,
        max_bytes: -1,
        max_messages_per_subject: -1,
        max_message_size: -1,
        max_consumers: -1,
        ..Config::default()
    }
}

fn text(description: &str) -> Option<String> {
    Some(description.to_owned())
}
