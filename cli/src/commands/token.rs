//! `nexus token …`.

use nexus_events::view::{IssuedToken, Page, TokenView};
use serde_json::json;

use super::workspace::all_pages;
use crate::args::token::{Create, Revoke, Scope, Token};
use crate::client::{Request, encoded};
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::identity::Identity;

pub(super) async fn run(context: &Context, command: &Token) -> Result<Exit> {
    match command {
        Token::Create(arguments) => create(context, arguments).await,
        Token::List => list(context).await,
        Token::Revoke(arguments) => revoke(context, arguments).await,
    }
}

async fn create(context: &Context, arguments: &Create) -> Result<Exit> {
    let remembered = || {
        let identity = Identity::remembered(&context.home)?;
        Some(identity.github_username.to_string())
    };
    let user = match context.server()?.is_operator() {
        true => arguments.user.clone().or_else(remembered),
        false => arguments.user.clone(),
    };
    let request = Request::post("make a token", "/api/v1/tokens").json(&json!({
        "user": user,
        "scope": match arguments.scope {
            Scope::User => "user",
            Scope::Admin => "admin",
        },
        "expires_in_seconds": arguments.expires_in.map(|time| time.as_secs()),
    }));
    if arguments.change.dry_run {
        context.show_request(&request)?;
        return Ok(Exit::Ok);
    }
    let issued: IssuedToken = context.client()?.send(&request).await?;
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
