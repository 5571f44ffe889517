//! Users and their tokens.

use jiff::Timestamp;
use nexus_events::id::{TokenId, UserId};
use nexus_events::user::{Scope, User};
use nexus_events::view::{Page, TokenView, UserView};
use rusqlite::{Connection, params};

use super::{Queries, QueryError, UserRef};
use crate::identity::Identity;
use crate::projections::{self, ProjectionError};

impl Queries {
    /// One user.
    ///
    /// # Errors
    /// When there is none that `identity` may see; the operator is nobody.
    pub fn user(&self, identity: &Identity, reference: &UserRef) -> Result<UserView, QueryError> {
        let id = match reference {
            UserRef::Id(id) => *id,
            UserRef::Me => identity
                .user()
                .ok_or_else(|| QueryError::not_found("user", "me: the operator"))?,
        };
        let none = || QueryError::not_found("user", id);
        if !identity.may_see(id) {
            return Err(none());
        }
        let record = self
            .database
            .read(|connection| projections::user(connection, id))?;
        record
            .and_then(|record| self.user_view(id, &record.state))
            .ok_or_else(none)
    }

    /// Every user `identity` may see, in the order they registered.
    ///
    /// # Errors
    /// When the read model fails.
    pub fn users(&self, identity: &Identity) -> Result<Page<UserView>, QueryError> {
        let sequence = self.sequence();
        self.database.read(|connection| {
            let mut items = Vec::new();
            for id in user_ids(connection)?
                .into_iter()
                .filter(|id| identity.may_see(*id))
            {
                let record = projections::user(connection, id)?;
                items.extend(record.and_then(|record| self.user_view(id, &record.state)));
            }
            Ok(Page {
                items,
                next: None,
                sequence,
            })
        })
    }

    /// Every token in force `identity` may see, without its text.
    ///
    /// # Errors
    /// When the read model fails.
    pub fn tokens(&self, identity: &Identity) -> Result<Page<TokenView>, QueryError> {
        let sequence = self.sequence();
        let user = if identity.is_admin() {
            None
        } else {
            identity.user()
        };
        self.database.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, user, scope, issued_at, expires_at FROM tokens
                 WHERE ?1 IS NULL OR user = ?1 ORDER BY issued_at, id",
            )?;
            let rows =
                statement.query_map(params![user.map(|id| *id.uuid().as_bytes())], |row| {
                    Ok(TokenView {
                        id: TokenId::from_uuid(uuid::Uuid::from_bytes(row.get(0)?)),
                        user: UserId::from_uuid(uuid::Uuid::from_bytes(row.get(1)?)),
                        scope: scope(row.get_ref(2)?.as_str()?),
                        issued_at: projections::time(row.get(3)?),
                        expires_at: row.get::<_, Option<i64>>(4)?.map(projections::time),
                    })
                })?;
            let items = rows.collect::<Result<_, _>>()?;
            Ok(Page {
                items,
                next: None,
                sequence,
            })
        })
    }

    /// Every user ever registered, as projected.
    pub(crate) fn all_users(&self) -> Result<Vec<(UserId, User)>, QueryError> {
        self.database.read(|connection| {
            let mut users = Vec::new();
            for id in user_ids(connection)? {
                let record = projections::user(connection, id)?;
                users.extend(record.map(|record| (id, record.state)));
            }
            Ok(users)
        })
    }

    /// `None` for a user who never registered or was erased.
    pub(crate) fn user_view(&self, id: UserId, state: &User) -> Option<UserView> {
        let registered_at: Timestamp = state.profile.as_ref()?.registered_at;
        Some(UserView {
            id,
            github_login: self.directory.login(id),
            keys: state.keys.keys().cloned().collect(),
            registered_at,
        })
    }
}

/// The scope a column holds; anything unknown may least.
pub(super) fn scope(word: &str) -> Scope {
    if word == projections::scope_word(Scope::Admin) {
        Scope::Admin
    } else {
        Scope::User
    }
}

/// Every user ever registered.
pub(crate) fn user_ids(connection: &Connection) -> Result<Vec<UserId>, ProjectionError> {
    let mut statement =
        connection.prepare_cached("SELECT id FROM users ORDER BY registered_at, id")?;
    let ids = statement.query_map([], |row| {
        row.get(0)
            .map(|bytes| UserId::from_uuid(uuid::Uuid::from_bytes(bytes)))
    })?;
    Ok(ids.collect::<Result<_, _>>()?)
}
