//! What every command is given: where it runs, whom it asks and how it prints.

use serde::Serialize;

use crate::args::{Global, Output, ProgressForm};
use crate::client::{Client, Request};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::home::{self, Home};
use crate::out;
use crate::render::{self, Show};
use crate::screen::Screen;
use crate::server::Server;

/// What every command is given.
pub(crate) struct Context {
    /// Where things are kept.
    pub(crate) home: Home,
    /// What output is shown on.
    pub(crate) screen: Screen,
    /// How data is printed.
    pub(crate) output: Output,
    /// How progress is shown.
    pub(crate) progress: ProgressForm,
    /// Whether talk is wanted.
    quiet: bool,
    address: Option<String>,
}

impl Context {
    /// What the options and the environment say.
    pub(crate) fn new(global: &Global) -> Result<Self> {
        Ok(Self {
            home: Home::from_environment()?,
            screen: Screen::from_environment(),
            output: global.output,
            progress: match global.quiet {
                true => ProgressForm::None,
                false => global.progress,
            },
            quiet: global.quiet,
            address: global.server.clone().filter(|address| !address.is_empty()),
        })
    }

    /// A context of no home and no server.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self {
            home: Home::at("/nowhere"),
            screen: Screen::from_environment(),
            output: Output::Table,
            progress: ProgressForm::None,
            quiet: true,
            address: None,
        }
    }

    /// Whether talk is unwanted.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The address typed or set, if any; without it the socket of this machine is asked.
    pub(crate) fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// The server to ask.
    pub(crate) fn server(&self) -> Result<Server> {
        Server::choose(self.address.as_deref(), &self.home)
    }

    /// A connection to it.
    pub(crate) fn client(&self) -> Result<Client> {
        Client::new(self.server()?)
    }

    /// Says something to the person, unless they want quiet.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            out::say(text);
        }
    }

    /// Prints a command's result in the form asked for.
    pub(crate) fn show<T: Show>(&self, value: &T) -> Result<()> {
        out::data(&render::text(value, self.output, &self.screen)?)
    }

    /// Prints a request instead of sending it (`--dry-run`).
    pub(crate) fn show_request(&self, request: &Request) -> Result<()> {
        self.show(&DryRun::from(request))
    }

    /// The workspace meant: the one named, else `NEXUS_WORKSPACE`, else the active one.
    pub(crate) fn workspace(&self, named: Option<&str>) -> Result<String> {
        if let Some(name) = named {
            return Ok(name.to_owned());
        }
        if let Ok(name) = std::env::var("NEXUS_WORKSPACE")
            && !name.is_empty()
        {
            return Ok(name);
        }
        self.active_workspace()?.ok_or_else(|| {
            Error::new(
                Exit::Usage,
                "tell which workspace is meant",
                "no name was given, and no workspace is active",
                "nexus workspace use NAME (or name it: nexus workspace list)",
            )
        })
    }

    /// The active workspace, kept across commands.
    pub(crate) fn active_workspace(&self) -> Result<Option<String>> {
        let path = self.home.active_workspace();
        let text = home::read_if_there(&path).map_err(|error| {
            Error::new(
                Exit::Failure,
                format!("read {}", path.display()),
                error,
                "nexus workspace use --clear",
            )
        })?;
        Ok(text
            .map(|text| text.trim().to_owned())
            .filter(|name| !name.is_empty()))
    }
}

/// A request that is only shown.
#[derive(Debug, Serialize)]
struct DryRun {
    method: String,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<serde_json::Value>,
}

impl From<&Request> for DryRun {
    fn from(request: &Request) -> Self {
        Self {
            method: request.method.to_string(),
            path: request.target(),
            body: request.body.clone(),
        }
    }
}

impl Show for DryRun {
    fn table(&self, _screen: &Screen) -> String {
        let body = self.body.as_ref().map(|body| format!("{body:#}\n"));
        format!(
            "{} {}\n{}",
            self.method,
            self.path,
            body.unwrap_or_default()
        )
    }

    fn names(&self) -> Vec<String> {
        vec![self.path.clone()]
    }
}
