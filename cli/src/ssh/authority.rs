//! Who signs the host keys of workspaces, as the server says.

use nexus_events::view::{AuthorityView, JumpHostView};

use super::text::{is_host, public_key};
use crate::client::{Client, Request};
use crate::error::{Error, Result};
use crate::exit::Exit;

/// Whom to trust, and where the jump host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    /// The public key that signs host keys: type and key.
    pub(crate) host_key: String,
    /// Host and port of the jump host, where there is one.
    pub(crate) jump_host: Option<(String, u16)>,
}

/// Asks the server.
///
/// # Errors
/// It does not answer, or with something that is no key or host.
pub(crate) async fn authority(client: &Client) -> Result<Authority> {
    let what = "learn who signs host keys";
    let odd = |part: &str| {
        let why = format!("the server sent {part} that cannot be one");
        Error::new(Exit::Failure, what, why, "nexus doctor")
    };
    let reply: AuthorityView = client
        .send(&Request::get(what, "/api/v1/ssh/authority"))
        .await?;
    let jump_host = match reply.jump_host {
        Some(JumpHostView { host, port }) if is_host(&host) => Some((host, port)),
        Some(_) => return Err(odd("a host")),
        None => None,
    };
    Ok(Authority {
        host_key: public_key(&reply.host_authority).ok_or_else(|| odd("a key"))?,
        jump_host,
    })
}
