//! `nexus backup`: the whole log in a file, with what is kept of users beside it, encrypted;
//! `nexusd restore` makes a log of it again. The key to what is encrypted stays in the home folder.

use super::audit::{told, write};
use crate::args::audit::Backup;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::history::{History, Part};

const WHAT: &str = "back up the log";

pub(super) async fn run(context: &Context, arguments: &Backup) -> Result<Exit> {
    let path = &arguments.file;
    if path.exists() {
        let why = format!("{} is there already", path.display());
        let next = "choose another name: a backup is never written over another";
        return Err(Error::new(Exit::Conflict, WHAT, why, next));
    }
    let history = History::Server(context.client()?);
    let part = Part {
        refusals: true,
        kept: true,
        ..Part::default()
    };
    let end = write(&history, WHAT, &part, Some(path)).await?;
    told(context, &end);
    context.say(&format!(
        "check it: nexus audit verify {0} --live; restore it into an empty home: nexusd restore {0}",
        path.display()
    ));
    Ok(Exit::Ok)
}
