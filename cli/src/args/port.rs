//! `nexus port …`.

use std::net::IpAddr;

use clap::{Args, Subcommand};

use super::workspace::Which;

/// Ports of workspaces: forward them here, look at them in a browser.
#[derive(Debug, Subcommand)]
pub(crate) enum Port {
    /// Make ports of a workspace ports of this machine, until Ctrl-C
    Forward(Forward),
    /// List the ports of a workspace and where a browser finds them
    #[command(visible_alias = "ls")]
    List(Which),
    /// Print an address that lets a browser in to a port of a workspace, once
    Open(Open),
}

/// Which ports.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  nexus port forward hello 8000              127.0.0.1:8000 is port 8000 of hello
  nexus port forward hello 9000:8000 web     another port here; a service by its name
  nexus port forward hello 0:5432            whichever port is free, which is printed

A stopped workspace is started by the first connection.")]
pub(crate) struct Forward {
    /// The workspace's name or id
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// A port of the workspace or a service's name, after a port of this machine if it is
    /// another; 0 takes any
    #[arg(value_name = "[LOCAL:]REMOTE", required = true)]
    pub(crate) ports: Vec<String>,
    /// The address to listen on; anything but the usual one lets other machines in
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub(crate) bind: IpAddr,
}

/// Which port.
#[derive(Debug, Clone, Args)]
pub(crate) struct Open {
    /// The workspace's name or id
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The port inside, or the service's name
    #[arg(value_name = "PORT")]
    pub(crate) port: String,
}
