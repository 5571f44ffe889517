//! Issue token: a new text that lets its bearer in; only its digest is kept.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use nexus_events::id::{EventId, TokenId, UserId};
use nexus_events::user::{Scope, Token, UserCommand};
use nexus_events::view::IssuedToken;
use serde::{Deserialize, Serialize};

use super::{CommandError, Commands, RequestContext, Written};
use crate::identity::Identity;
use crate::queries::{TOKEN_PREFIX, token_digest};

/// A request for a token.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Whose it is to be; absent: the asker's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// What it may do; absent: what its user may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Seconds until it ends; absent: when it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = Int64)]
    pub expires_in_seconds: Option<u32>,
}

impl Commands {
    /// Issues a token. Its text is told this once.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn issue_token(
        &self,
        identity: &Identity,
        request: TokenRequest,
        context: &RequestContext,
    ) -> Result<Written<IssuedToken>, CommandError> {
        let user = request.user.or(identity.user()).ok_or_else(|| {
            CommandError::field(
                "user",
                "the operator is no user: name whose token it is to be",
            )
        })?;
        self.may_change(identity, user)?;
        let scope = request.scope.unwrap_or(Scope::User);
        if scope == Scope::Admin && !identity.is_admin() {
            let what = "only an administrator may issue an administrator's token".into();
            return Err(CommandError::Forbidden { what });
        }
        if request.expires_in_seconds == Some(0) {
            return Err(CommandError::field(
                "expires_in_seconds",
                "at least 1 second",
            ));
        }
        let seed = context.seed(identity);
        let id = TokenId::derived(format!("{seed}:token"));
        let text = self.token_text(context, &seed);
        let expires_at = request.expires_in_seconds.map(|seconds| {
            let lasts = SignedDuration::from_secs(i64::from(seconds));
            context.now.saturating_add(lasts).unwrap_or(Timestamp::MAX)
        });
        let token = Token {
            digest: token_digest(&text),
            scope,
            expires_at,
        };
        let command = UserCommand::IssueToken {
            id,
            token,
            at: context.now,
        };
        let event = EventId::derived(format!("{seed}:token"));
        let outcome = self
            .on_user(user, &command, context.event(identity.actor(), event))
            .await?;
        let value = IssuedToken { id, token: text };
        Ok(Written {
            value,
            sequence: outcome.snapshot.sequence,
        })
    }

    /// 256 bits: of chance, or, so that a request sent again gets the same token, of the master
    /// key and the request's key.
    fn token_text(&self, context: &RequestContext, seed: &str) -> String {
        let secret = match &context.idempotency_key {
            Some(_) => self.sealer.digest(&format!("token:{seed}")),
            None => URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()),
        };
        format!("{TOKEN_PREFIX}{secret}")
    }
}
