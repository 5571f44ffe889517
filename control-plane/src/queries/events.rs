//! The timeline, page by page.

use nexus_events::aggregate::Kind;
use nexus_events::id::{UserId, WorkspaceId};
use nexus_events::view::{EventView, Page};
use rusqlite::params;
use serde::Deserialize;

use super::{PAGE, Queries, QueryError, WorkspaceRef};
use crate::hub::{EventFilter, TailEvent};
use crate::identity::Identity;
use crate::projections::timeline::Concern;

/// Rows looked at for one page at most: a filter that matches little must not stall a reader.
const LOOKED_AT: usize = 5_000;

/// Which events to give.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    /// Only events after this sequence.
    pub after: Option<u64>,
    /// Only those about this workspace: an id or a name.
    pub workspace: Option<String>,
    /// Only those of this kind of aggregate: workspace, user, node or claim.
    pub kind: Option<String>,
    /// Only those whose type matches; `*` is any text (`workspace.*`, `*.ready`).
    #[serde(rename = "type")]
    #[param(rename = "type")]
    pub event_type: Option<String>,
    /// How many at most (100 unless told, 500 at most).
    pub limit: Option<usize>,
}

/// Some events of the timeline.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) events: Vec<TailEvent>,
    /// The last sequence looked at.
    pub(crate) looked_at: u64,
    /// Whether that was the end of the timeline.
    pub(crate) complete: bool,
}

impl Queries {
    /// A page of events, oldest first.
    ///
    /// # Errors
    /// When the workspace asked for is not there, or a part of the query is not of the right form.
    pub fn events(
        &self,
        identity: &Identity,
        query: &EventQuery,
    ) -> Result<Page<EventView>, QueryError> {
        let filter = self.event_filter(identity, query)?;
        let limit = query.limit.unwrap_or(PAGE.1).clamp(1, PAGE.0);
        let sequence = self.sequence();
        let history = self.history(&filter, query.after.unwrap_or(0), limit, usize::MAX)?;
        let next = (!history.complete).then(|| history.looked_at.to_string());
        Ok(Page {
            items: history.events.iter().map(TailEvent::view).collect(),
            next,
            sequence,
        })
    }

    /// What `identity` may see of what `query` asks for.
    pub(crate) fn event_filter(
        &self,
        identity: &Identity,
        query: &EventQuery,
    ) -> Result<EventFilter, QueryError> {
        let workspace = match &query.workspace {
            None => None,
            Some(text) => {
                let reference: WorkspaceRef = text
                    .parse()
                    .map_err(|error| QueryError::invalid("workspace", error))?;
                Some(self.find(identity, &reference)?.0)
            }
        };
        let kind = query.kind.as_deref().map(str::parse::<Kind>).transpose();
        let kind = kind.map_err(|error| QueryError::invalid("kind", error))?;
        Ok(EventFilter {
            owner: if identity.is_admin() {
                None
            } else {
                identity.user()
            },
            workspace,
            prefix: kind.map(|kind| format!("nexus.{kind}.")),
            pattern: query.event_type.clone(),
        })
    }

    /// Up to `limit` events after `after` that the filter wants, and no more once they have
    /// `bytes` together.
    pub(crate) fn history(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<History, QueryError> {
        let column = match (filter.workspace, filter.owner) {
            (Some(_), _) => "workspace = ?2",
            (None, Some(_)) => "owner = ?2",
            (None, None) => "?2 IS NULL",
        };
        let id = filter
            .workspace
            .map(|id| id.uuid())
            .or(filter.owner.map(|id| id.uuid()));
        let sql = format!(
            "SELECT sequence, workspace, owner, type, payload FROM timeline
             WHERE sequence > ?1 AND {column} ORDER BY sequence LIMIT ?3"
        );
        self.database.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows =
                statement.query(params![after, id.map(|id| *id.as_bytes()), LOOKED_AT])?;
            let mut history = History {
                events: Vec::new(),
                looked_at: after,
                complete: false,
            };
            let (mut seen, mut held) = (0, 0);
            while history.events.len() < limit && held < bytes {
                let Some(row) = rows.next()? else {
                    history.complete = seen < LOOKED_AT;
                    break;
                };
                seen += 1;
                history.looked_at = row.get(0)?;
                let concern = Concern {
                    workspace: row.get::<_, Option<[u8; 16]>>(1)?.map(workspace),
                    owner: row.get::<_, Option<[u8; 16]>>(2)?.map(user),
                };
                let event_type = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
                if filter.wants(&concern, event_type) {
                    let payload = row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?;
                    let event = TailEvent::new(history.looked_at, event_type, concern, payload);
                    held += event.json().len();
                    history.events.push(event);
                }
            }
            Ok(history)
        })
    }
}

fn workspace(bytes: [u8; 16]) -> WorkspaceId {
    WorkspaceId::from_uuid(uuid::Uuid::from_bytes(bytes))
}

fn user(bytes: [u8; 16]) -> UserId {
    UserId::from_uuid(uuid::Uuid::from_bytes(bytes))
}
