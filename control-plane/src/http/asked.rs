//! A request to change something: who asks, and what it brings besides its body.

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;

use super::Api;
use super::auth::Caller;
use super::error::Refusal;
use super::trace::Trace;
use crate::commands::{IdempotencyKey, RequestContext};
use crate::identity::Identity;

/// The caller's own name for a request, so that sending it twice does it once.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Who asks for a change, and in which context.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Who asks.
    pub(crate) identity: Identity,
    /// Trace, idempotency key, time.
    pub(crate) context: RequestContext,
}

impl FromRequestParts<Api> for Asked {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let Caller(identity) = Caller::from_request_parts(parts, api).await?;
        let mut context = RequestContext::new(api.app().now());
        context.traceparent = parts
            .extensions
            .get::<Trace>()
            .map(|trace| trace.traceparent().to_owned());
        context.idempotency_key = idempotency_key(parts)?;
        Ok(Self { identity, context })
    }
}

fn idempotency_key(parts: &Parts) -> Result<Option<IdempotencyKey>, Refusal> {
    let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(value), more) = (values.next(), values.next()) else {
        return Ok(None);
    };
    let text = value
        .to_str()
        .ok()
        .filter(|_| more.is_none())
        .unwrap_or_default();
    text.parse()
        .map(Some)
        .map_err(|error: crate::commands::InvalidIdempotencyKey| {
            Refusal::invalid(
                "Idempotency-Key",
                error.to_string(),
                "send one fresh UUID as the key",
            )
        })
}
