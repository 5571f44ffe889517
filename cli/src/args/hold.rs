//! `nexus workspace hold` and `release`.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use super::Change;
use super::workspace::Which;
use crate::duration;

/// What to hold.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  nexus workspace hold hello --for 2h --reason 'long build'
  nexus workspace hold hello --name nightly --until 2026-11-22T06:00:00Z
  nexus workspace release hello")]
pub(crate) struct Hold {
    #[command(flatten)]
    pub(crate) which: Which,
    /// What the hold is called; one of the same name is replaced
    #[arg(long = "name", default_value = "manual", value_name = "NAME")]
    pub(crate) hold: String,
    /// What it is held for, for whoever wonders later
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// When it ends by itself
    #[arg(long, value_name = "TIME", conflicts_with = "lasting")]
    pub(crate) until: Option<Timestamp>,
    /// After how long it ends by itself; without either, when released
    #[arg(long = "for", value_parser = duration::parse, value_name = "TIME")]
    pub(crate) lasting: Option<Duration>,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// What to release.
#[derive(Debug, Clone, Args)]
pub(crate) struct Release {
    #[command(flatten)]
    pub(crate) which: Which,
    /// What the hold is called
    #[arg(long = "name", default_value = "manual", value_name = "NAME")]
    pub(crate) hold: String,
    #[command(flatten)]
    pub(crate) change: Change,
}
