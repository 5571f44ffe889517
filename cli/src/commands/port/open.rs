//! `nexus port open`: an address that lets a browser in, once.
//!
//! The ticket stands behind the `#`: it is sent to no server and written to no log, and it counts
//! once. It is printed for the person, never put into the arguments of another program.

use nexus_events::view::{OpenPreviewRequest, OpenedPreview};

use super::inside;
use crate::args::port::Open;
use crate::client::{Request, workspace_path};
use crate::commands::workspace::find;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::reference;
use crate::render::Show;
use crate::screen::Screen;

pub(super) async fn run(context: &Context, arguments: &Open) -> Result<Exit> {
    let client = context.client()?;
    let workspace = find(&client, reference::workspace(&arguments.name)?, None).await?;
    let port = inside(&workspace, &arguments.port)?;
    let what = format!("open port {port} of workspace {}", workspace.name);
    let path = workspace_path(&workspace.id.to_string(), "/previews");
    let request = Request::post(what, path).json(&OpenPreviewRequest { port });
    let opened: OpenedPreview = client.send(&request).await?;
    context.say(&format!(
        "open it in a browser before {:.0}; it counts once, then {} goes on",
        opened.expires_at,
        crate::clean::clean(&opened.url)
    ));
    context.show(&opened)?;
    Ok(Exit::Ok)
}

impl Show for OpenedPreview {
    fn table(&self, _screen: &Screen) -> String {
        format!("{}\n", crate::clean::clean(&self.enter_url))
    }

    fn names(&self) -> Vec<String> {
        vec![self.url.clone()]
    }
}
