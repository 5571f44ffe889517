//! The tables. Another version means: drop the file and project the log again.

use rusqlite::Connection;

use super::ProjectionError;

/// Goes up with every change of a table or of what is written to it.
pub(super) const VERSION: i64 = 2;

const TABLES: &str = "
CREATE TABLE checkpoint (
    name TEXT PRIMARY KEY, sequence INTEGER NOT NULL, event TEXT, log_created INTEGER NOT NULL
) STRICT;
CREATE TABLE workspaces (
    id BLOB PRIMARY KEY, sequence INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    owner BLOB, name TEXT, phase TEXT NOT NULL, provider TEXT, node BLOB, operation BLOB,
    deadline INTEGER, idle_at INTEGER, created_at INTEGER, ssh_port INTEGER,
    state TEXT NOT NULL
) STRICT;
CREATE TABLE users (
    id BLOB PRIMARY KEY, sequence INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    registered_at INTEGER, state TEXT NOT NULL
) STRICT;
CREATE TABLE tokens (
    id BLOB PRIMARY KEY, digest TEXT NOT NULL UNIQUE, user BLOB NOT NULL, scope TEXT NOT NULL,
    issued_at INTEGER NOT NULL, expires_at INTEGER
) STRICT;
CREATE TABLE nodes (
    id BLOB PRIMARY KEY, sequence INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    provider TEXT, status TEXT NOT NULL, state TEXT NOT NULL
) STRICT;
CREATE TABLE claims (
    id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, updated_at INTEGER NOT NULL, holder BLOB,
    state TEXT NOT NULL
) STRICT;
CREATE TABLE operations (
    id BLOB PRIMARY KEY, workspace BLOB NOT NULL, owner BLOB, state TEXT NOT NULL,
    requested_at INTEGER NOT NULL, document TEXT NOT NULL
) STRICT;
CREATE TABLE timeline (
    sequence INTEGER PRIMARY KEY, workspace BLOB, owner BLOB, type TEXT NOT NULL,
    payload BLOB NOT NULL
) STRICT;
";

/// Apart, since a rebuild adds them once all rows are there.
const INDEXES: &str = "
CREATE INDEX workspaces_by_owner ON workspaces (owner, name);
CREATE INDEX workspaces_by_deadline ON workspaces (deadline) WHERE deadline IS NOT NULL;
CREATE INDEX workspaces_by_idle ON workspaces (idle_at) WHERE idle_at IS NOT NULL;
CREATE INDEX workspaces_by_node ON workspaces (node) WHERE node IS NOT NULL;
CREATE INDEX tokens_by_user ON tokens (user);
CREATE INDEX claims_held ON claims (updated_at) WHERE holder IS NOT NULL;
CREATE INDEX operations_by_workspace ON operations (workspace, requested_at);
CREATE INDEX operations_by_time ON operations (requested_at);
CREATE INDEX timeline_by_workspace ON timeline (workspace, sequence) WHERE workspace IS NOT NULL;
CREATE INDEX timeline_by_owner ON timeline (owner, sequence) WHERE owner IS NOT NULL;
";

/// Every table with the columns that order it, for the digest.
pub(super) const ORDER: [(&str, &str); 8] = [
    ("checkpoint", "name"),
    ("workspaces", "id"),
    ("users", "id"),
    ("tokens", "id"),
    ("nodes", "id"),
    ("claims", "id"),
    ("operations", "id"),
    ("timeline", "sequence"),
];

pub(super) fn create_tables(connection: &Connection) -> Result<(), ProjectionError> {
    connection
        .execute_batch(TABLES)
        .map_err(ProjectionError::database(
            "making the tables of the read model",
        ))
}

pub(super) fn create_indexes(connection: &Connection) -> Result<(), ProjectionError> {
    connection
        .execute_batch(INDEXES)
        .and_then(|()| connection.pragma_update(None, "user_version", VERSION))
        .map_err(ProjectionError::database("indexing the read model"))
}

/// Whether the file was finished by this version of the program.
pub(super) fn is_current(connection: &Connection) -> Result<bool, ProjectionError> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
        .map(|version| version == VERSION)
        .map_err(ProjectionError::database(
            "reading the version of the read model",
        ))
}
