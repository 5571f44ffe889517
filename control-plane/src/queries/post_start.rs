//! Whether the script a person has now is the one that was in force when a workspace came up.

use nexus_events::id::{UserId, WorkspaceId};
use rusqlite::OptionalExtension as _;

use super::{Queries, QueryError};

impl Queries {
    /// Whether `owner`'s script was set before the workspace was last ready. One that was changed
    /// since is meant for the next start.
    pub(crate) fn script_precedes_ready(
        &self,
        owner: UserId,
        workspace: WorkspaceId,
    ) -> Result<bool, QueryError> {
        self.database.read(|connection| {
            let ready: Option<u64> = connection
                .prepare_cached(
                    "SELECT sequence FROM timeline
                     WHERE workspace = ?1 AND type LIKE 'nexus.workspace.ready.%'
                     ORDER BY sequence DESC LIMIT 1",
                )?
                .query_row([workspace.uuid().as_bytes()], |row| row.get(0))
                .optional()?;
            let Some(ready) = ready else { return Ok(false) };
            let changed = connection
                .prepare_cached(
                    "SELECT 1 FROM timeline
                     WHERE owner = ?1 AND sequence > ?2
                       AND type LIKE 'nexus.user.scripts_changed.%' LIMIT 1",
                )?
                .exists((owner.uuid().as_bytes(), ready))?;
            Ok(!changed)
        })
    }
}
