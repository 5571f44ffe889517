//! `nexus settings …`.

mod credentials;
mod scripts;

use nexus_events::id::UserId;

use super::whose;
use crate::args::settings::{Settings, Which};
use crate::client::{Client, Request};
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;

pub(super) async fn run(context: &Context, settings: &Settings) -> Result<Exit> {
    let client = context.client()?;
    let user = whose::user(context, &client, settings.user.as_deref()).await?;
    let place = Place { client, user };
    match &settings.which {
        Which::Credentials(command) => credentials::run(context, &place, command).await,
        Which::Scripts(arguments) => scripts::run(context, &place, arguments).await,
    }
}

/// Where the settings are.
struct Place {
    client: Client,
    /// Whose; `None`: whoever the server takes us for.
    user: Option<UserId>,
}

impl Place {
    /// The same request, about this person.
    fn of(&self, request: Request) -> Request {
        request.maybe("user", self.user)
    }
}
