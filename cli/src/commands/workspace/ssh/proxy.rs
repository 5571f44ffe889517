//! `nexus ssh --stdio` and `--fdpass`: what ssh runs as its `ProxyCommand`.

use std::io;

use super::super::find;
use super::awake;
use crate::client::workspace_path;
use crate::commands::blocking;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ssh::certificate;
use crate::stream::{self, Stream};

/// Opens a stream to the SSH transport of the workspace called `name`, and lets `use_it`.
pub(super) async fn run(
    context: &Context,
    name: &str,
    use_it: fn(Stream) -> io::Result<()>,
) -> Result<Exit> {
    let client = context.client()?;
    let workspace = find(&client, name, None).await?;
    // Without a certificate a registered key may still let in; ssh will tell.
    if let Err(error) = certificate::ensure(context, &client, &workspace, name).await {
        context.say(&format!("no certificate: {}", error.why));
    }
    let workspace = awake(context, &client, workspace).await?;
    let what = format!("reach the SSH of workspace {}", workspace.name);
    let path = workspace_path(&workspace.id.to_string(), "/ssh");
    let server = context.server()?;
    blocking(move || {
        let stream = stream::open(&server, &what, &path)?;
        use_it(stream)
            .map(|()| Exit::Ok)
            .map_err(|error| Error::new(Exit::Unreachable, what, error, "nexus daemon status"))
    })
    .await
}

/// Sees to it that there is a certificate for the workspace called `name`.
///
/// Run by ssh while it reads its configuration; then (`--quiet`) a failure is an exit code only,
/// since the connection that follows tells it.
pub(super) async fn certificate(context: &Context, name: &str) -> Result<Exit> {
    match get(context, name).await {
        Ok(path) => {
            context.say(&format!("the certificate is {path}"));
            Ok(Exit::Ok)
        }
        Err(error) if context.is_quiet() => Ok(error.exit),
        Err(error) => Err(error),
    }
}

async fn get(context: &Context, name: &str) -> Result<String> {
    let client = context.client()?;
    let workspace = find(&client, name, None).await?;
    let (_, path) = certificate::ensure(context, &client, &workspace, name).await?;
    Ok(path.display().to_string())
}
