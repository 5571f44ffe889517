//! `nexus workspace use`: the workspace that is meant when none is named.

use super::find;
use crate::args::workspace::Use;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::{home, out};

pub(super) async fn run(context: &Context, arguments: &Use) -> Result<Exit> {
    match &arguments.name {
        Some(name) => {
            let workspace = find(&context.client()?, name, None).await?;
            remember(context, workspace.name.as_str())?;
            context.say(&format!("{} is the active workspace", workspace.name));
        }
        None if arguments.clear => {
            remember(context, "")?;
            context.say("no workspace is active");
        }
        None => out::data(&format!("{}\n", context.workspace(None)?))?,
    }
    Ok(Exit::Ok)
}

fn remember(context: &Context, name: &str) -> Result<()> {
    let path = context.home.active_workspace();
    home::replace_private_file(&path, format!("{name}\n").as_bytes()).map_err(|error| {
        let what = format!("write {}", path.display());
        Error::new(Exit::Failure, what, error, "nexus doctor")
    })
}
