//! The child's configuration: a file, since flags show in the list of processes.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::credentials::Known;
use super::store::{private_folder, write_private};
use super::{Durability, EmbeddedError, permissions};

/// Where the server says what it does.
pub(super) fn log_file(folder: &Path) -> PathBuf {
    folder.join("nats-server.log")
}

/// Writes the configuration and gives its path.
pub(super) fn write(
    folder: &Path,
    port: u16,
    durability: Durability,
    users: &[Known],
) -> Result<PathBuf, EmbeddedError> {
    let store = folder.join("store");
    private_folder(&store)?;
    let path = folder.join("nats-server.json");
    let text = format!("{:#}\n", config(folder, &store, port, durability, users));
    write_private(&path, text.as_bytes())?;
    Ok(path)
}

/// The server's configuration language is a superset of JSON.
fn config(
    folder: &Path,
    store: &Path,
    port: u16,
    durability: Durability,
    users: &[Known],
) -> Value {
    let sync = match durability {
        Durability::Always => "always",
        Durability::Relaxed => "2m",
    };
    let users: Vec<Value> = users
        .iter()
        .map(|user| json!({ "nkey": user.public_key, "permissions": permissions::of(user.user) }))
        .collect();
    json!({
        "server_name": "nexus-embedded",
        "listen": format!("127.0.0.1:{port}"),
        "max_payload": 1 << 20,
        "max_connections": 1024,
        "write_deadline": "10s",
        "log_file": log_file(folder),
        "logfile_size_limit": 8 << 20,
        "logfile_max_num": 3,
        "jetstream": {
            "store_dir": store,
            "sync_interval": sync,
            "max_memory_store": 64 << 20,
            // Unset it would be three quarters of what is free at this start, and a disk that is
            // nearly full would have the server refuse streams it has. Who watches the disk is us.
            "max_file_store": 1_u64 << 40,
        },
        "accounts": {
            "NEXUS": { "jetstream": "enabled", "users": users },
            "SYS": {},
        },
        "system_account": "SYS",
    })
}
