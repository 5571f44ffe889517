//! `nexus port …`.

mod forward;
mod list;
mod mapping;
mod open;

use nexus_events::view::WorkspaceView;

use crate::args::port::Port;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;

pub(super) async fn run(context: &Context, command: &Port) -> Result<Exit> {
    match command {
        Port::Forward(arguments) => forward::run(context, arguments).await,
        Port::List(which) => list::run(context, which).await,
        Port::Open(arguments) => open::run(context, arguments).await,
    }
}

/// A port inside `workspace`: by its number, or by the service that listens there.
fn inside(workspace: &WorkspaceView, text: &str) -> Result<u16> {
    let name = &workspace.name;
    let refused = |exit, why: String| {
        let what = format!("find port `{}` of workspace {name}", text.escape_debug());
        Error::new(exit, what, why, format!("nexus port list {name}"))
    };
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let port = text.parse().ok().filter(|port| *port > 0);
        return port
            .ok_or_else(|| refused(Exit::Usage, "a port is a number from 1 to 65535".into()));
    }
    let service = workspace
        .services
        .iter()
        .find(|(service, _)| service.as_str() == text);
    match service {
        Some((_, view)) => view
            .port
            .ok_or_else(|| refused(Exit::Conflict, "this service has no port".into())),
        None => Err(refused(
            Exit::NotFound,
            "it has no service of that name".into(),
        )),
    }
}
