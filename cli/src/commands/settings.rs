//! `nexus settings …`.

mod credentials;
mod scripts;

use crate::args::settings::Settings;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;

pub(super) async fn run(context: &Context, command: &Settings) -> Result<Exit> {
    match command {
        Settings::Credentials(command) => credentials::run(context, command).await,
        Settings::Scripts(arguments) => scripts::run(context, arguments).await,
    }
}
