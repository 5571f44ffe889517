//! `nexus settings scripts`: what is run inside after a start.

use nexus_events::view::Scripts as View;

use super::Place;
use crate::args::settings::Scripts;
use crate::client::Request;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::render::{Show, facts};
use crate::screen::Screen;
use crate::ssh::text::shell_line;

const PATH: &str = "/api/v1/settings/scripts";

pub(super) async fn run(context: &Context, place: &Place, arguments: &Scripts) -> Result<Exit> {
    let change = arguments.post_start || arguments.clear;
    let read = place.of(Request::get("read the scripts", PATH));
    let request = match change {
        false => read.clone(),
        true => place.of(Request::put("set the scripts", PATH).json(&View {
            post_start: arguments.post_start.then(|| arguments.command.clone()),
        })),
    };
    if change && arguments.change.dry_run {
        context.show_request(&request)?;
        return Ok(Exit::Ok);
    }
    if change {
        place.client.perform(&request).await?;
    }
    let view: View = place.client.send(&read).await?;
    if view.post_start.is_none() {
        context.say("nothing is run after a start");
    }
    context.show(&view)?;
    Ok(Exit::Ok)
}

impl Show for View {
    fn table(&self, _screen: &Screen) -> String {
        let line = self.post_start.as_deref().map(shell_line);
        facts(&[("after start", line.unwrap_or_default())])
    }

    fn names(&self) -> Vec<String> {
        self.post_start
            .iter()
            .map(|_| "post_start".to_owned())
            .collect()
    }
}
