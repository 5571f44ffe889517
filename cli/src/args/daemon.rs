//! `nexus daemon …`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::duration;

/// The server on this machine.
#[derive(Debug, Subcommand)]
pub(crate) enum Daemon {
    /// Start it in the background and wait until it is ready; harmless when it runs
    Start(Start),
    /// Stop it and wait until it has ended; harmless when it does not run
    Stop(Stop),
    /// Say whether it runs and how it fares
    Status,
}

/// How to start.
#[derive(Debug, Clone, Args)]
pub(crate) struct Start {
    /// Where it listens besides its socket
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Which workers it starts: auto, none, or providers with commas between
    #[arg(long, value_name = "PROVIDERS")]
    pub(crate) worker: Option<String>,
    /// Use this NATS server instead of one of its own
    #[arg(long, value_name = "URL")]
    pub(crate) nats_url: Option<String>,
    /// Stay in the foreground and print its log here
    #[arg(long)]
    pub(crate) foreground: bool,
    /// How long to wait until it is ready
    #[arg(long, default_value = "60s", value_parser = duration::parse, value_name = "TIME")]
    pub(crate) timeout: Duration,
}

impl Default for Start {
    fn default() -> Self {
        Self {
            listen: None,
            worker: None,
            nats_url: None,
            foreground: false,
            timeout: Duration::from_secs(60),
        }
    }
}

/// How to stop.
#[derive(Debug, Clone, Args)]
pub(crate) struct Stop {
    /// How long to wait until it has ended
    #[arg(long, default_value = "60s", value_parser = duration::parse, value_name = "TIME")]
    pub(crate) timeout: Duration,
}
