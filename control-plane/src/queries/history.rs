//! How a workspace stood when an event was the newest one: its events up to there, folded anew.

use nexus_events::aggregate::Aggregate as _;
use nexus_events::id::WorkspaceId;
use nexus_events::upcast;
use nexus_events::view::WorkspaceView;
use nexus_events::workspace::{Workspace, WorkspaceEvent};
use rusqlite::{Connection, params};

use super::{Queries, QueryError, WorkspaceRef};
use crate::identity::Identity;
use crate::projections::Record;

impl Queries {
    /// The workspace as of event `at` of the log. Whether its node was lost then is not told.
    ///
    /// Blocks for as long as its events take to be read: a few microseconds each.
    ///
    /// # Errors
    /// When there is none that `identity` may see, when it was not asked for yet by then, or when
    /// the log does not reach so far.
    pub fn workspace_at(
        &self,
        identity: &Identity,
        reference: &WorkspaceRef,
        at: u64,
    ) -> Result<WorkspaceView, QueryError> {
        let (id, _) = self.find(identity, reference)?;
        let sequence = self.sequence();
        if at > sequence {
            let cause = format!("the newest event is {sequence}");
            return Err(QueryError::invalid("sequence", cause));
        }
        let record = self
            .database
            .read(|connection| folded(connection, id, at))?;
        self.view_of(id, &record, sequence, false)
            .ok_or_else(|| QueryError::not_found("workspace", format!("{reference} at event {at}")))
    }
}

fn folded(
    connection: &Connection,
    id: WorkspaceId,
    at: u64,
) -> Result<Record<Workspace>, QueryError> {
    let mut statement = connection.prepare_cached(
        "SELECT sequence, payload FROM timeline
         WHERE workspace = ?1 AND sequence <= ?2 AND type LIKE 'nexus.workspace.%'
         ORDER BY sequence",
    )?;
    let mut rows = statement.query(params![id.uuid().as_bytes(), at])?;
    let mut record = Record::<Workspace>::default();
    while let Some(row) = rows.next()? {
        let payload = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        // Only what can be read was projected in the first place.
        let Ok(event) = upcast::decode::<WorkspaceEvent>(payload) else {
            continue;
        };
        record.state = std::mem::take(&mut record.state).evolve(&event.data);
        record.sequence = row.get(0)?;
        record.updated_at = event.time;
    }
    Ok(record)
}
