//! `nexus user …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Change;

/// People.
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Register yourself and your public SSH key; again is harmless
    Register(Register),
    /// List them
    #[command(visible_alias = "ls")]
    List,
}

/// Who.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Register {
    /// The GitHub login; without it `gh`, then git's configuration, then the local user decide
    #[arg(long, value_name = "LOGIN", requires = "github_id")]
    pub(crate) github_username: Option<String>,
    /// The number of the GitHub account
    #[arg(long, value_name = "NUMBER", requires = "github_username")]
    pub(crate) github_id: Option<u64>,
    /// The public key; without it ~/.ssh/id_ed25519.pub, or a new one made for Nexus
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) change: Change,
}
