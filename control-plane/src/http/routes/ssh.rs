//! SSH: whom to trust, and certificates.

use axum::extract::State;
use axum::http::StatusCode;
use nexus_events::view::{AuthorityView, CertificateReply, CertificateRequest, JumpHostView};

use crate::http::Api;
use crate::http::asked::Asked;
use crate::http::error::Answer;
use crate::http::extract::Body;
use crate::http::openapi::USERS;
use crate::http::reply::Fresh;

/// The keys that vouch for hosts and users, and where the jump host listens.
#[utoipa::path(
    get, path = "/api/v1/ssh/authority", tag = USERS,
    responses((status = 200, description = "Whom to trust", body = AuthorityView)),
)]
pub(crate) async fn authority(State(api): State<Api>) -> Answer<Fresh<AuthorityView>> {
    let authorities = api.app().authorities();
    let view = AuthorityView {
        host_authority: authorities.host_authority(),
        user_authority: authorities.user_authority(),
        jump_host: api.app().jump_host().map(|address| JumpHostView {
            // Listening on every address says nothing of where to connect.
            host: match address.ip().is_unspecified() {
                true => api.app().settings().public_host.clone(),
                false => address.ip().to_string(),
            },
            port: address.port(),
        }),
    };
    Ok(Fresh::ok(api.queries().sequence(), view))
}

/// Certify a public key: for one workspace, or for all of yours. It is told this once.
#[utoipa::path(
    post, path = "/api/v1/ssh/certificates", tag = USERS, request_body = CertificateRequest,
    responses((status = 201, description = "Certified", body = CertificateReply)),
)]
pub(crate) async fn certify(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Body(request): Body<CertificateRequest>,
) -> Answer<Fresh<CertificateReply>> {
    api.visible(None).await?;
    let written = api
        .commands()
        .issue_certificate(&identity, request, &context)
        .await?;
    api.in_force(written.sequence).await;
    Ok(Fresh::ok(written.sequence, written.value).with_status(StatusCode::CREATED))
}
