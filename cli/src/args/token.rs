//! `nexus token …`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::Change;
use crate::duration;

/// Access tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make one; its text is told this once
    Create(Create),
    /// List those in force
    #[command(visible_alias = "ls")]
    List,
    /// Make one count no more
    Revoke(Revoke),
}

/// What sort of token.
#[derive(Debug, Clone, Args)]
pub(crate) struct Create {
    /// For this user (id or login); without it, for you
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// What it may do
    #[arg(long, value_enum, default_value = "user")]
    pub(crate) scope: Scope,
    /// How long it counts; without it until revoked
    #[arg(long, value_parser = duration::parse, value_name = "TIME")]
    pub(crate) expires_in: Option<Duration>,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scope {
    /// Everything its user may
    User,
    /// Everything
    Admin,
}

/// Which token.
#[derive(Debug, Clone, Args)]
pub(crate) struct Revoke {
    /// Its id, `tok-…`
    #[arg(value_name = "TOKEN")]
    pub(crate) token: String,
    #[command(flatten)]
    pub(crate) change: Change,
}
