//! A call's input and output, as they are wrapped on the wire.

use axum::Json;
use axum::body::HttpBody as _;
use axum::extract::{FromRequest, Request};
use axum::http::header::{CACHE_CONTROL, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::Api;
use crate::http::error::Refusal;
use crate::http::extract::Body;

/// What a client sends.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RpcInput<T> {
    /// The input.
    json: T,
    /// Which values of it stand for something JSON has no form of; none is expected.
    #[serde(rename = "meta")]
    _meta: Option<Vec<serde_json::Value>>,
}

/// What a client sends to a procedure without input: nothing, or something without meaning.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NoInput {
    /// Nothing.
    #[serde(rename = "json")]
    _json: Option<serde_json::Value>,
    /// Nothing.
    #[serde(rename = "meta")]
    _meta: Option<Vec<serde_json::Value>>,
}

/// The input of a call.
#[derive(Debug)]
pub(super) struct Call<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for Call<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refusal> {
        let Body(input) = Body::<RpcInput<T>>::from_request(request, api).await?;
        Ok(Self(input.json))
    }
}

/// A call without input.
#[derive(Debug)]
pub(super) struct Bare;

impl FromRequest<Api> for Bare {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refusal> {
        // The client wraps even nothing; whoever calls by hand need not.
        if !request.body().is_end_stream() {
            Body::<Option<NoInput>>::from_request(request, api).await?;
        }
        Ok(Self)
    }
}

/// What a client gets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RpcOutput<T> {
    /// The output.
    pub(super) json: T,
}

impl<T: Serialize> IntoResponse for RpcOutput<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
