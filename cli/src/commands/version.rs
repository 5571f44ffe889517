//! `nexus version`: this command's version and the server's, and whether they fit.

use serde::Serialize;

use crate::clean::clean;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::render::Show;
use crate::screen::Screen;

/// Both versions.
#[derive(Debug, Serialize)]
struct Versions {
    client: String,
    /// Absent when no server answers.
    server: Option<String>,
    /// Whether the two differ in a way that matters.
    skew: bool,
}

impl Show for Versions {
    fn table(&self, _screen: &Screen) -> String {
        let server = match &self.server {
            Some(version) => clean(version),
            None => "does not answer".into(),
        };
        format!("client  {}\nserver  {server}\n", self.client)
    }

    fn names(&self) -> Vec<String> {
        vec![self.client.clone()]
    }
}

pub(super) async fn run(context: &Context) -> Result<Exit> {
    let client = env!("CARGO_PKG_VERSION").to_owned();
    let server = match context.client() {
        Ok(connection) => connection.health("ask for its version").await.ok(),
        Err(_) => None,
    };
    let server = server.map(|health| health.version);
    let skew = server
        .as_deref()
        .is_some_and(|server| release(server) != release(&client));
    if skew {
        context.say("client and server are of different releases: restart the older one");
    }
    context.show(&Versions {
        client,
        server,
        skew,
    })?;
    Ok(Exit::Ok)
}

/// Major and minor number: patches of one release understand each other.
fn release(version: &str) -> Option<(&str, &str)> {
    let mut parts = version.split('.');
    Some((parts.next()?, parts.next()?))
}
