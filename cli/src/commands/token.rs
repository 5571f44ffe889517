//! `nexus token …`.

use nexus_events::id::UserId;
use nexus_events::view::{IssuedToken, Page, TokenView};
use serde::Serialize;

use super::whose;
use super::workspace::all_pages;
use crate::args::token::{Create, Revoke, Scope, Token};
use crate::client::{Request, encoded};
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;

/// What is asked for.
#[derive(Debug, Serialize)]
struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
    scope: nexus_events::user::Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_seconds: Option<u64>,
}

pub(super) async fn run(context: &Context, command: &Token) -> Result<Exit> {
    match command {
        Token::Create(arguments) => create(context, arguments).await,
        Token::List => list(context).await,
        Token::Revoke(arguments) => revoke(context, arguments).await,
    }
}

async fn create(context: &Context, arguments: &Create) -> Result<Exit> {
    let client = context.client()?;
    let request = Request::post("make a token", "/api/v1/tokens").json(&Body {
        user: whose::user(context, &client, arguments.user.as_deref()).await?,
        scope: match arguments.scope {
            Scope::User => nexus_events::user::Scope::User,
            Scope::Admin => nexus_events::user::Scope::Admin,
        },
        expires_in_seconds: arguments.expires_in.map(|time| time.as_secs()),
    });
    if arguments.change.dry_run {
        context.show_request(&request)?;
        return Ok(Exit::Ok);
    }
    let issued: IssuedToken = client.send(&request).await?;
    context.say(&format!(
        "{}: keep the text, it is not told again; export NEXUS_TOKEN to use it",
        issued.id
    ));
    context.show(&issued)?;
    Ok(Exit::Ok)
}

async fn list(context: &Context) -> Result<Exit> {
    let request = Request::get("list the tokens", "/api/v1/tokens");
    let tokens: Page<TokenView> = all_pages(&context.client()?, &request).await?;
    context.show(&tokens)?;
    Ok(Exit::Ok)
}

async fn revoke(context: &Context, arguments: &Revoke) -> Result<Exit> {
    let token = &arguments.token;
    let path = format!("/api/v1/tokens/{}", encoded(token));
    let request = Request::delete(format!("revoke token {token}"), path);
    if arguments.change.dry_run {
        context.show_request(&request)?;
        return Ok(Exit::Ok);
    }
    context.client()?.perform(&request).await?;
    context.say(&format!("{token} counts no more"));
    Ok(Exit::Ok)
}
