//! The first administrator's token: written (0600) when a home has none, and shown once to
//! whoever started the server by hand.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use nexus_events::user::Scope;

use crate::app::App;
use crate::commands::{RequestContext, TokenRequest};
use crate::identity::Identity;

/// The login of the administrator; no GitHub login has brackets.
const ADMINISTRATOR: &str = "(administrator)";
/// Their account; GitHub counts from 1.
const ACCOUNT: u64 = 0;

/// Makes sure that the home has a token.
pub(super) async fn ensure(app: &App) -> anyhow::Result<()> {
    let path = app.settings().in_this_home("token");
    if path.exists() {
        return Ok(());
    }
    let context = RequestContext::new(app.now());
    let commands = app.commands();
    let user = commands
        .enrol_account(&Identity::Operator, ACCOUNT, ADMINISTRATOR, &context)
        .await
        .context("making the administrator")?;
    let request = TokenRequest {
        user: Some(user),
        scope: Some(Scope::Admin),
        expires_in_seconds: None,
    };
    let issued = commands
        .issue_token(&Identity::Operator, request, &context)
        .await
        .context("issuing the administrator's token")?;
    let text = issued.value.token;
    crate::private_file::replace(&path, format!("{text}\n").as_bytes())
        .with_context(|| format!("writing {}", path.display()))?;
    if std::io::stderr().is_terminal() {
        let path = path.display();
        writeln!(
            std::io::stderr(),
            "The administrator's token, kept in {path}:\n\n  {text}\n"
        )?;
    }
    Ok(())
}
