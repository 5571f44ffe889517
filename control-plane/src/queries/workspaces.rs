//! Workspaces: one, or a page of them.

use nexus_events::id::{UserId, WorkspaceId};
use nexus_events::name::WorkspaceName;
use nexus_events::spec::Provider;
use nexus_events::view::{Page, WorkspaceView};
use nexus_events::workspace::{Phase, Workspace};
use rusqlite::{Connection, params};
use serde::Deserialize;

use super::{PAGE, Queries, QueryError, WorkspaceRef};
use crate::identity::Identity;
use crate::projections::{self, Record};

/// Which workspaces to list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceQuery {
    /// Only those called so.
    pub name: Option<String>,
    /// Only those of this user: an id or a GitHub login.
    pub owner: Option<String>,
    /// Only those in this phase; deleted ones are listed only when asked for.
    pub phase: Option<Phase>,
    /// Only those of this provider.
    pub provider: Option<Provider>,
    /// How many at most (100 unless told, 500 at most).
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At least this event must be in the answer.
    pub min_seq: Option<u64>,
}

impl Queries {
    /// One workspace.
    ///
    /// # Errors
    /// When there is none of that name that `identity` may see.
    pub fn workspace(
        &self,
        identity: &Identity,
        reference: &WorkspaceRef,
    ) -> Result<WorkspaceView, QueryError> {
        let sequence = self.sequence();
        let (id, record) = self.find(identity, reference)?;
        self.database
            .read(|connection| self.workspace_view(connection, id, &record, sequence))?
            .ok_or_else(|| QueryError::not_found("workspace", reference))
    }

    /// A page of workspaces, in the order they were asked for.
    ///
    /// # Errors
    /// When a part of the query is not of the right form.
    pub fn workspaces(
        &self,
        identity: &Identity,
        query: &WorkspaceQuery,
    ) -> Result<Page<WorkspaceView>, QueryError> {
        let sequence = self.sequence();
        let limit = query.limit.unwrap_or(PAGE.1).clamp(1, PAGE.0);
        let empty = Page {
            items: Vec::new(),
            next: None,
            sequence,
        };
        let Some(owner) = self.owner_filter(identity, query.owner.as_deref())? else {
            return Ok(empty);
        };
        let name = query
            .name
            .as_deref()
            .map(str::parse::<WorkspaceName>)
            .transpose();
        let name = name.map_err(|error| QueryError::invalid("name", error))?;
        let after = query
            .cursor
            .as_deref()
            .map(str::parse::<WorkspaceId>)
            .transpose();
        let after = after.map_err(|error| QueryError::invalid("cursor", error))?;
        self.database.read(|connection| {
            let mut rows = select(connection, query, owner, name.as_ref(), after, limit + 1)?;
            let more = rows.len() > limit;
            rows.truncate(limit);
            let next = rows.last().filter(|_| more).map(|(id, _)| id.to_string());
            let mut items = Vec::with_capacity(rows.len());
            for (id, record) in &rows {
                items.extend(self.workspace_view(connection, *id, record, sequence)?);
            }
            Ok(Page {
                items,
                next,
                sequence,
            })
        })
    }

    /// Whose workspaces are meant: `None` for nobody's, `Some(None)` for everybody's.
    pub(super) fn owner_filter(
        &self,
        identity: &Identity,
        wanted: Option<&str>,
    ) -> Result<Option<Option<UserId>>, QueryError> {
        let wanted = wanted.map(|text| self.user_named(text)).transpose()?;
        Ok(match (wanted, identity.is_admin()) {
            (None, true) => Some(None),
            (None, false) => Some(identity.user()),
            (Some(Some(user)), _) if identity.may_see(user) => Some(Some(user)),
            (Some(_), _) => None,
        })
    }

    /// The user with this id or login.
    pub(crate) fn user_named(&self, text: &str) -> Result<Option<UserId>, QueryError> {
        if let Ok(id) = text.parse() {
            return Ok(Some(id));
        }
        let login: nexus_events::name::GithubLogin = text
            .parse()
            .map_err(|error| QueryError::invalid("owner", error))?;
        Ok(self.directory.by_login(login.as_str()))
    }
}

type Row = (WorkspaceId, Record<Workspace>);

fn select(
    connection: &Connection,
    query: &WorkspaceQuery,
    owner: Option<UserId>,
    name: Option<&WorkspaceName>,
    after: Option<WorkspaceId>,
    limit: usize,
) -> Result<Vec<Row>, QueryError> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM workspaces
         WHERE (?1 IS NULL OR owner = ?1) AND (?2 IS NULL OR name = ?2)
           AND (?3 IS NULL AND phase <> 'deleted' OR phase = ?3)
           AND (?4 IS NULL OR provider = ?4)
           AND (?5 IS NULL OR (created_at, id) >
                (SELECT created_at, id FROM workspaces WHERE id = ?5))
         ORDER BY created_at, id LIMIT ?6",
    )?;
    let ids = statement.query_map(
        params![
            owner.map(|owner| *owner.uuid().as_bytes()),
            name.map(WorkspaceName::as_str),
            query.phase.map(Phase::as_str),
            query.provider.map(Provider::as_str),
            after.map(|id| *id.uuid().as_bytes()),
            limit,
        ],
        |row| {
            row.get(0)
                .map(|bytes| WorkspaceId::from_uuid(uuid::Uuid::from_bytes(bytes)))
        },
    )?;
    let mut rows = Vec::new();
    for id in ids {
        let id = id?;
        rows.extend(projections::workspace(connection, id)?.map(|record| (id, record)));
    }
    Ok(rows)
}
