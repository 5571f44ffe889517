//! Starting, serving and stopping, in order.

use std::sync::Arc;

use anyhow::Context as _;
use nexus_nats::link::{LinkOptions, Links};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::DaemonArguments;
use super::backbone::Connected;
use super::descriptors;
use super::first_token;
use super::lock::HomeLock;
use super::randomness;
use super::room;
use super::workers::Workers;
use crate::app::{Options, Plane};
use crate::backbone::Backbone;
use crate::clock::Clock;
use crate::http::{self, HostNames, Listeners, LocalSocket, bind_network};
use crate::private_file;
use crate::ssh::JumpHost;

/// Serves until told to stop.
///
/// # Errors
/// When something it needs is not there; the sentence says what to do.
pub async fn run(arguments: DaemonArguments) -> anyhow::Result<()> {
    descriptors::raise_limit();
    let mut settings = arguments.settings()?;
    private_file::make_folder(&settings.home)
        .with_context(|| format!("making {}", settings.home.display()))?;
    let _lock = HomeLock::take(&settings.in_this_home("daemon.pid"))?;
    let network = bind_network(settings.listen).await?;
    settings.listen = network.local_addr().unwrap_or(settings.listen);
    // With port 0 nobody else could tell where a browser finds the dashboard.
    let address = format!("http://{}\n", settings.listen);
    std::fs::write(settings.in_this_home("address"), address)
        .context("writing down where the API is")?;
    let local = LocalSocket::bind(&settings.socket()).await?;
    let stop = stop_on_signals()?;
    randomness::draw_first();

    let providers = arguments.worker.providers();
    let connected = Connected::establish(&arguments, &settings, &providers).await?;
    let links = Links::on(
        &connected.link,
        LinkOptions {
            only: arguments.link,
            ..LinkOptions::default()
        },
    );
    let options = Options {
        settings: settings.clone(),
        backbone: Backbone::on(&connected.bus).with_lines(Arc::new(links)),
        clock: Clock::system(),
    };
    let healing = connected
        .embedded
        .clone()
        .map(|embedded| tokio::spawn(room::heal(embedded, settings.clone(), stop.clone())));
    let plane = Plane::start(options).await?;
    plane.app().caught_up().await;
    first_token::ensure(&plane.app()).await?;
    let jump_host = JumpHost::bind(settings.ssh_listen, plane.app()).await?;
    let workers = Workers::start(providers, &settings, &connected.worker)?;
    workers.joined(plane.app().queries()).await;
    let listeners = Listeners {
        network: Some(network),
        local: Some(local),
    };
    tracing::info!(listen = %settings.listen, home = %settings.home.display(), "nexusd serves");

    let hosts = HostNames::loopback_and([settings.public_host.clone()]);
    let router = http::router(plane.app(), hosts, stop.clone());
    let jumping = jump_host.map(|jump_host| tokio::spawn(jump_host.serve(stop.clone())));
    http::serve(router, listeners, stop).await;
    if let Some(jumping) = jumping {
        // It ends by the same token.
        let _ = jumping.await;
    }
    tracing::info!("nexusd stops");
    if let Some(healing) = healing {
        // It ends by the same token.
        let _ = healing.await;
    }
    workers.stop().await;
    plane.shutdown().await;
    connected.close().await;
    Ok(())
}

/// Cancelled by the first SIGTERM or SIGINT.
fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("listening for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for signals")?;
    let cancelled = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancelled.cancel();
    });
    Ok(stop)
}
