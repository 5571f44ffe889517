//! `config.*`: what goes into every workspace of the caller. Values of credentials are never
//! given out; [`MASK`] stands for each, and sent back it means "as it is".

use std::collections::BTreeMap;
use std::fmt;

use axum::extract::State;
use nexus_events::id::UserId;
use nexus_events::view::{CredentialView, CredentialsChange, CredentialsView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Bare, Call, NoInput, RpcInput, RpcOutput};
use crate::http::Api;
use crate::http::asked::Asked;
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::openapi::RPC;
use crate::identity::Identity;

/// What is shown for a value that is kept.
const MASK: &str = "********";

/// What every workspace of the caller gets.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserCredentials {
    /// Variables of the environment, by name.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Contents of files, by where they go. (Not a path on the server: a caller is not to read its
    /// files.)
    #[serde(default)]
    files: BTreeMap<String, String>,
}

/// Only names: the values are secret.
impl fmt::Debug for UserCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserCredentials")
            .field("env", &self.env.keys())
            .field("files", &self.files.keys())
            .finish()
    }
}

/// What runs in every workspace of the caller.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserScripts {
    /// A program in the workspace, run after each start; arguments stand behind it, between spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    post_start: Option<String>,
}

/// The names of the caller's credentials.
#[utoipa::path(
    post, path = "/rpc/config/credentials/get", tag = RPC, operation_id = "rpc_credentials_get",
    request_body = Option<NoInput>,
    responses((status = 200, description = "Their names", body = RpcOutput<UserCredentials>)),
)]
pub(super) async fn credentials(
    State(api): State<Api>,
    Caller(identity): Caller,
    _: Bare,
) -> Answer<RpcOutput<UserCredentials>> {
    api.visible(None).await?;
    let kept = api.queries().credentials(&identity, own(&identity)?)?;
    let json = masked(kept);
    Ok(RpcOutput { json })
}

/// Make the caller's credentials these: what is not named is removed.
#[utoipa::path(
    post, path = "/rpc/config/credentials/update", tag = RPC,
    operation_id = "rpc_credentials_update", request_body = RpcInput<UserCredentials>,
    responses((status = 200, description = "Their names", body = RpcOutput<UserCredentials>)),
)]
pub(super) async fn update_credentials(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Call(wanted): Call<UserCredentials>,
) -> Answer<RpcOutput<UserCredentials>> {
    let user = own(&identity)?;
    api.visible(None).await?;
    let kept = api.queries().credentials(&identity, user)?;
    let change = CredentialsChange {
        env: changed(&kept.env, wanted.env),
        files: changed(&kept.files, wanted.files),
    };
    let written = api
        .commands()
        .change_credentials(&identity, user, change, &context)
        .await?;
    let json = masked(written.value);
    Ok(RpcOutput { json })
}

/// What runs in every workspace of the caller.
#[utoipa::path(
    post, path = "/rpc/config/scripts/get", tag = RPC, operation_id = "rpc_scripts_get",
    request_body = Option<NoInput>,
    responses((status = 200, description = "The scripts", body = RpcOutput<UserScripts>)),
)]
pub(super) async fn scripts(
    State(api): State<Api>,
    Caller(identity): Caller,
    _: Bare,
) -> Answer<RpcOutput<UserScripts>> {
    api.visible(None).await?;
    let kept = api.queries().scripts(&identity, own(&identity)?).await?;
    let json = in_a_line(kept);
    Ok(RpcOutput { json })
}

/// Make what runs in every workspace of the caller this.
#[utoipa::path(
    post, path = "/rpc/config/scripts/update", tag = RPC, operation_id = "rpc_scripts_update",
    request_body = RpcInput<UserScripts>,
    responses((status = 200, description = "The scripts", body = RpcOutput<UserScripts>)),
)]
pub(super) async fn update_scripts(
    State(api): State<Api>,
    Asked { identity, context }: Asked,
    Call(wanted): Call<UserScripts>,
) -> Answer<RpcOutput<UserScripts>> {
    let words = |line: String| -> Vec<String> {
        line.split_ascii_whitespace().map(str::to_owned).collect()
    };
    let post_start = wanted.post_start.map(words);
    let wanted = nexus_events::view::Scripts {
        post_start: post_start.filter(|words| !words.is_empty()),
    };
    let written = api
        .commands()
        .change_scripts(&identity, own(&identity)?, wanted, &context)
        .await?;
    let json = in_a_line(written.value);
    Ok(RpcOutput { json })
}

/// The operator is no user and has no credentials.
fn own(identity: &Identity) -> Result<UserId, Refusal> {
    identity.user().ok_or_else(|| {
        let cause = "the operator is no user and has no settings of that kind";
        Refusal::invalid("token", cause, "send a user's token: `nexus token issue`")
    })
}

fn masked(kept: CredentialsView) -> UserCredentials {
    let hidden = |kept: BTreeMap<String, CredentialView>| {
        kept.into_keys()
            .map(|name| (name, MASK.to_owned()))
            .collect()
    };
    UserCredentials {
        env: hidden(kept.env),
        files: hidden(kept.files),
    }
}

/// What has to change for `kept` to become `wanted`.
fn changed(
    kept: &BTreeMap<String, CredentialView>,
    wanted: BTreeMap<String, String>,
) -> BTreeMap<String, Option<String>> {
    let gone = kept.keys().filter(|name| !wanted.contains_key(*name));
    let mut changes: BTreeMap<_, _> = gone.map(|name| (name.clone(), None)).collect();
    for (name, value) in wanted {
        if value != MASK || !kept.contains_key(&name) {
            changes.insert(name, Some(value));
        }
    }
    changes
}

fn in_a_line(kept: nexus_events::view::Scripts) -> UserScripts {
    UserScripts {
        post_start: kept.post_start.map(|words| words.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_is_masked_stays_and_what_is_missing_goes() {
        let view = CredentialView {
            digest: "x".into(),
            changed_at: Timestamp::UNIX_EPOCH,
        };
        let kept = ["A", "B", "C"].map(|name| (name.to_owned(), view.clone()));
        let wanted = [("A", MASK), ("B", "new"), ("D", "more")];
        let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let changes = changed(&kept.into(), wanted.into());
        let expected = [("B", Some("new")), ("C", None), ("D", Some("more"))];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
        assert_eq!(changes, expected.into());
    }

    #[test]
    fn values_are_not_shown_for_debugging() {
        let credentials = UserCredentials {
            env: [("TOKEN".to_owned(), "secret".to_owned())].into(),
            files: BTreeMap::new(),
        };
        let text = format!("{credentials:?}");
        assert!(text.contains("TOKEN") && !text.contains("secret"), "{text}");
    }
}
