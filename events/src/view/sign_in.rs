//! What the API answers to pages that let people in, and to sockets that pages open.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::user::Scope;

/// A request to be let in as the bearer of a token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    /// The token's text. It is not kept: the cookie holds a token of its own.
    pub token: String,
}

impl std::fmt::Debug for SignInRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SignInRequest(…)")
    }
}

/// Who is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignInView {
    /// The user; absent for the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Whether it is whoever reached the server over its local socket.
    pub operator: bool,
    /// What they may do.
    pub scope: Scope,
}

/// A ticket: lets one WebSocket in, once, soon.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TicketView {
    /// Offered as the subprotocol `nexus.ticket.<ticket>` beside the one that is to be spoken.
    pub ticket: String,
    /// When it is worth nothing any more.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for TicketView {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TicketView(…)")
    }
}
