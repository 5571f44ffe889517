//! `nexus dashboard`: where the dashboard is, and how to sign in.
//!
//! The address holds no secret, so it can be an argument of the browser and stay in its history:
//! the person signs in with a token, which is pasted once.

use std::process::{Command, Stdio};

use serde::Serialize;

use crate::args::settings::Dashboard as Arguments;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::home;
use crate::render::{Show, facts};
use crate::screen::Screen;
use crate::server::{Server, loopback_origin};

/// Where it is.
#[derive(Debug, Serialize)]
struct Dashboard {
    url: String,
    sign_in: &'static str,
}

pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<Exit> {
    let server = context.server()?;
    // Somebody who is told an address wants it to answer.
    context.client()?.health("find the dashboard").await?;
    let url = match &server {
        Server::Address { origin, .. } => format!("{origin}/"),
        Server::Socket(_) => format!("{}/", written_down(context)?),
    };
    let dashboard = Dashboard {
        sign_in: "paste a token: nexus token create",
        url,
    };
    context.show(&dashboard)?;
    if arguments.open {
        open(&dashboard.url)?;
    }
    Ok(Exit::Ok)
}

/// Where the server on this machine listens for browsers.
fn written_down(context: &Context) -> Result<String> {
    let path = context.home.address();
    let unknown = |why: &dyn std::fmt::Display| {
        let next = "nexus daemon stop && nexus daemon start";
        Error::new(Exit::Failure, "find the dashboard", why, next)
    };
    let text = home::read_if_there(&path).map_err(|error| unknown(&error))?;
    let text = text.ok_or_else(|| unknown(&format!("{} is not there", path.display())))?;
    loopback_origin(text.trim())
}

/// Hands the address to whatever opens addresses here, and does not wait for it.
fn open(url: &str) -> Result<()> {
    let opened = ["xdg-open", "open"].iter().any(|program| {
        Command::new(program)
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .is_ok()
    });
    match opened {
        true => Ok(()),
        false => Err(Error::new(
            Exit::Failure,
            "open a browser",
            "neither xdg-open nor open is there",
            format!("open {url} yourself"),
        )),
    }
}

impl Show for Dashboard {
    fn table(&self, _screen: &Screen) -> String {
        facts(&[
            ("dashboard", self.url.clone()),
            ("sign in", self.sign_in.into()),
        ])
    }

    fn names(&self) -> Vec<String> {
        vec![self.url.clone()]
    }
}
