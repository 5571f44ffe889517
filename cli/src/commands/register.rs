//! Registering the person who types, once for all commands that need an owner.

use std::path::Path;

use nexus_events::view::{RegisterUserReply, RegisterUserRequest};

use crate::client::{Client, Request};
use crate::context::Context;
use crate::error::Result;
use crate::identity::Identity;
use crate::ssh_key;

/// A registration that is ready to be sent.
pub(super) struct Registration {
    /// The request.
    pub(super) request: Request,
    identity: Identity,
}

impl Registration {
    /// Registers `identity` with the key in `key`, or the one found or made.
    pub(super) fn new(context: &Context, identity: Identity, key: Option<&Path>) -> Result<Self> {
        let key = ssh_key::find_or_make(context, key)?;
        let body = RegisterUserRequest {
            github_username: identity.github_username.clone(),
            github_id: identity.github_id,
            ssh_pubkey: key.line,
            ssh_pubkey_fingerprint: key.fingerprint,
        };
        Ok(Self {
            request: Request::post("register you", "/api/v1/users/register").json(&body),
            identity: Identity {
                private_key: Some(key.private),
                ..identity
            },
        })
    }

    /// Sends it, and remembers who registered.
    pub(super) async fn send(
        &self,
        context: &Context,
        client: &Client,
    ) -> Result<RegisterUserReply> {
        let reply = client.send(&self.request).await?;
        self.identity.remember(&context.home)?;
        Ok(reply)
    }
}

/// Who the person is: remembered, else found out.
pub(super) fn who(context: &Context) -> Result<Identity> {
    match Identity::remembered(&context.home) {
        Some(identity) => Ok(identity),
        None => Identity::find(context),
    }
}

/// For whom a workspace is made; `None` where the token says it. Registers the person first if
/// that has not been done.
pub(super) async fn owner(
    context: &Context,
    client: &Client,
    dry_run: bool,
) -> Result<Option<String>> {
    if !context.server()?.is_operator() {
        return Ok(None);
    }
    let identity = match Identity::remembered(&context.home) {
        Some(identity) => identity,
        None => {
            let identity = Identity::find(context)?;
            if !dry_run {
                let registration = Registration::new(context, identity.clone(), None)?;
                registration.send(context, client).await?;
            }
            identity
        }
    };
    Ok(Some(identity.github_username.to_string()))
}
