//! For whom something is: over the socket of this machine the server is told, since whoever asks
//! there is its operator and no user.

use nexus_events::id::UserId;
use nexus_events::view::{Page, UserView};

use super::workspace::all_pages;
use crate::client::{Client, Request};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::identity::Identity;

/// Whose it is to be: the one named, else who registered here, else whoever the server takes us
/// for.
pub(super) async fn user(
    context: &Context,
    client: &Client,
    named: Option<&str>,
) -> Result<Option<UserId>> {
    let remembered = || {
        let identity = Identity::remembered(&context.home)?;
        Some(identity.github_username.to_string())
    };
    let wanted = match (named, context.server()?.is_operator()) {
        (Some(named), _) => named.to_owned(),
        (None, true) => match remembered() {
            Some(login) => login,
            None => return Ok(None),
        },
        (None, false) => return Ok(None),
    };
    if let Ok(id) = wanted.parse() {
        return Ok(Some(id));
    }
    let users: Page<UserView> =
        all_pages(client, &Request::get("find the user", "/api/v1/users")).await?;
    let called = |user: &&UserView| {
        let login = user.github_login.as_deref();
        login.is_some_and(|login| login.eq_ignore_ascii_case(&wanted))
    };
    let found = users.items.iter().find(called).map(|user| user.id);
    found.map(Some).ok_or_else(|| {
        let what = format!("find user {wanted}");
        Error::new(
            Exit::NotFound,
            what,
            "nobody registered as that",
            "nexus user list",
        )
    })
}
