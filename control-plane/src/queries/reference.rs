//! How people name things: by id, or by a name of theirs.

use std::fmt;
use std::str::FromStr;

use nexus_events::id::{UserId, WorkspaceId};
use nexus_events::name::WorkspaceName;
use rusqlite::params;

use super::{Queries, QueryError};
use crate::identity::Identity;
use crate::projections::{self, Record};

/// A workspace, by id or by its owner's name for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WorkspaceRef {
    /// By id.
    Id(WorkspaceId),
    /// By name, among the asker's own; for administrators among all, where it is unambiguous.
    Name(WorkspaceName),
}

impl FromStr for WorkspaceRef {
    type Err = nexus_events::name::InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(id) => Ok(Self::Id(id)),
            Err(_) => text.parse().map(Self::Name),
        }
    }
}

impl fmt::Display for WorkspaceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// A user, by id or as whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserRef {
    /// Whoever asks.
    Me,
    /// By id.
    Id(UserId),
}

impl FromStr for UserRef {
    type Err = nexus_events::id::ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "me" {
            Ok(Self::Me)
        } else {
            text.parse().map(Self::Id)
        }
    }
}

type Found = (WorkspaceId, Record<nexus_events::workspace::Workspace>);

impl Queries {
    /// The workspace meant, if `identity` may see it. A name means the newest that is not deleted.
    pub(crate) fn find(
        &self,
        identity: &Identity,
        reference: &WorkspaceRef,
    ) -> Result<Found, QueryError> {
        let none = || QueryError::not_found("workspace", reference);
        let id = match reference {
            WorkspaceRef::Id(id) => *id,
            WorkspaceRef::Name(name) => self.by_name(identity, name)?.ok_or_else(none)?,
        };
        let record = self
            .database
            .read(|connection| projections::workspace(connection, id))?
            .ok_or_else(none)?;
        let visible = record
            .state
            .definition
            .as_ref()
            .is_some_and(|definition| identity.may_see(definition.owner));
        if visible {
            Ok((id, record))
        } else {
            Err(none())
        }
    }

    fn by_name(
        &self,
        identity: &Identity,
        name: &WorkspaceName,
    ) -> Result<Option<WorkspaceId>, QueryError> {
        if let Some(own) = identity
            .user()
            .map(|user| self.named(Some(user), name))
            .transpose()?
            && let Some(id) = own.first()
        {
            return Ok(Some(*id));
        }
        if !identity.is_admin() {
            return Ok(None);
        }
        match self.named(None, name)?.as_slice() {
            [] => Ok(None),
            [id] => Ok(Some(*id)),
            [_, _, ..] => Err(QueryError::Ambiguous {
                name: name.to_string(),
            }),
        }
    }

    /// Up to two workspaces of that name that are not deleted.
    fn named(
        &self,
        owner: Option<UserId>,
        name: &WorkspaceName,
    ) -> Result<Vec<WorkspaceId>, QueryError> {
        let owner = owner.map(|owner| *owner.uuid().as_bytes());
        self.database.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id FROM workspaces
                 WHERE name = ?1 AND (?2 IS NULL OR owner = ?2) AND phase <> 'deleted' LIMIT 2",
            )?;
            let rows = statement.query_map(params![name.as_str(), owner], |row| {
                row.get(0)
                    .map(|bytes| WorkspaceId::from_uuid(uuid::Uuid::from_bytes(bytes)))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
