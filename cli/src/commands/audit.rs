//! `nexus audit`: the log as evidence.

mod export;
mod verify;

pub(super) use export::{told, write};

use crate::args::audit::Audit;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;

pub(super) async fn run(context: &Context, command: &Audit) -> Result<Exit> {
    match command {
        Audit::Export(arguments) => export::run(context, arguments).await,
        Audit::Verify(arguments) => verify::run(context, arguments).await,
    }
}
