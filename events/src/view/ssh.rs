//! What the API answers about SSH: whom to trust, and certificates.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::WorkspaceId;

/// Whom to trust, and where the jump host listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuthorityView {
    /// The public key host certificates are signed with, in one line: goes behind
    /// `@cert-authority *` in `known_hosts`.
    pub host_authority: String,
    /// The public key user certificates are signed with, in one line.
    pub user_authority: String,
    /// Where the jump host listens; absent when it is switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jump_host: Option<JumpHostView>,
}

/// Where the jump host listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JumpHostView {
    /// The host to connect to.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// A request for a user certificate (`POST /api/v1/ssh/certificates`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CertificateRequest {
    /// The public key to certify, in one line: ed25519, ECDSA, or RSA of at least 2048 bits.
    pub public_key: String,
    /// The one workspace it is to open, by id or name; absent: every workspace of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Seconds it is to be valid: 3600 unless told, 43200 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_seconds: Option<u32>,
}

/// A user certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CertificateReply {
    /// The certificate in one line, as in `id_ed25519-cert.pub`.
    pub certificate: String,
    /// When it ends.
    pub valid_before: Timestamp,
    /// The workspaces it opens.
    pub principals: Vec<WorkspaceId>,
}
