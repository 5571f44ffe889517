//! `nexus why`, `replay`, `slo`, `idle`, `what-if`, `audit`, `incident`, `backup`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Where events are read from.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Source {
    /// Read this file instead of the server's log: offline, and after deletion
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// What to explain.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  nexus why hello                      everything that was asked of it, and what followed
  nexus why op-01447d3cb0ce52ce9397f6723c79375a
  nexus why 1200                       what led to event 1200, and what followed from it
  nexus why --verify                   check that every cause in the log is there
  nexus why hello --file log.ndjson    the same from a file")]
pub(crate) struct Why {
    /// A workspace (name or id, deleted ones too), an operation, or an event (id or sequence)
    #[arg(value_name = "WHAT", required_unless_present = "verify")]
    pub(crate) what: Option<String>,
    /// Check that each cause resolves to one request; exits with 1 where one does not
    #[arg(long)]
    pub(crate) verify: bool,
    /// Show observed activity too
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) source: Source,
}

/// Which moment of the past.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  nexus replay --seq 1200                        the workspaces there were after event 1200
  nexus replay --at 2026-11-20T10:00:00Z --show ports
  nexus replay --seq 1200 --workspace hello      one of them
  nexus replay incident.ndjson --assert          decide everything again: same decisions?")]
pub(crate) struct Replay {
    /// A file of a log, instead of the server's
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// As of this event
    #[arg(long, value_name = "SEQ", conflicts_with = "at")]
    pub(crate) seq: Option<u64>,
    /// As of this moment
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<jiff::Timestamp>,
    /// What to show: list, nodes or ports
    #[arg(long, value_enum, default_value = "list", hide_possible_values = true)]
    #[arg(value_name = "WHAT")]
    pub(crate) show: Show,
    /// Show this workspace (name or id)
    #[arg(long, value_name = "NAME", conflicts_with = "show")]
    pub(crate) workspace: Option<String>,
    /// Let the rules decide every recorded event again; exits with 1 where one comes out otherwise
    #[arg(long = "assert", conflicts_with_all = ["show", "workspace"])]
    pub(crate) is_assert: bool,
}

/// What of the past is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Show {
    /// The workspaces
    List,
    /// The nodes
    Nodes,
    /// The ports that led to workspaces
    Ports,
}

/// What to measure.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  nexus slo                    every step there ever was
  nexus slo --since 7d
  nexus slo --since 2026-11-01T00:00:00Z --output json")]
pub(crate) struct Slo {
    /// Only what ended since: a time, or so long ago (`7d`, `12h`)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    #[command(flatten)]
    pub(crate) source: Source,
}

/// Why workspaces stop by themselves, or do not.
#[derive(Debug, Subcommand)]
pub(crate) enum Idle {
    /// Say what keeps one up and when it stops, and decide its past stops again
    Why(IdleWhy),
}

/// Which workspace.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: nexus idle why hello")]
pub(crate) struct IdleWhy {
    /// Its name or id; without it NEXUS_WORKSPACE, else the active workspace
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) source: Source,
}

/// What to imagine.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  nexus what-if --policy idle=5m                 on everything there is
  nexus what-if --policy idle=2h --from 1200     from event 1200 on
  nexus what-if --policy idle=never --from 30d --output json")]
pub(crate) struct WhatIf {
    /// The policy: `idle=TIME` or `idle=never`
    #[arg(long, value_name = "POLICY")]
    pub(crate) policy: String,
    /// From when on: a sequence, a time, or so long ago (`30d`)
    #[arg(long, value_name = "SEQ|TIME")]
    pub(crate) from: Option<String>,
    #[command(flatten)]
    pub(crate) source: Source,
}

/// The log as evidence.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Write the log into a file, with hash chains over it
    Export(Export),
    /// Check a log: nothing changed, nothing missing, every intent with its outcome
    Verify(Verify),
}

/// Where to.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  nexus audit export --out log.ndjson
  nexus audit export --workspace hello | jq .event.message.type")]
pub(crate) struct Export {
    /// The file; without it standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Only what is about this workspace (name or id)
    #[arg(long, value_name = "NAME")]
    pub(crate) workspace: Option<String>,
}

/// What to check.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  nexus audit verify                        the server's log
  nexus audit verify log.ndjson             a file by itself: its chains
  nexus audit verify log.ndjson --live      the file beside the server's log
  nexus audit verify log.ndjson --head 5f0c…   and its last hash is the one written down")]
pub(crate) struct Verify {
    /// The file; without it the server's log
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Compare the file, message by message, with the server's log
    #[arg(long, requires = "file")]
    pub(crate) live: bool,
    /// The last hash has to be this one
    #[arg(long, value_name = "HASH")]
    pub(crate) head: Option<String>,
}

/// What happened around an event.
#[derive(Debug, Subcommand)]
pub(crate) enum Incident {
    /// Write it into one file without anything personal in it
    Export(IncidentExport),
}

/// Around which event.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  nexus incident export --around 1200 --out incident.ndjson
  nexus replay incident.ndjson --assert      on any other machine")]
pub(crate) struct IncidentExport {
    /// The event
    #[arg(long, value_name = "SEQ")]
    pub(crate) around: u64,
    /// How many events before and after it; what they are about comes with its whole history
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) within: u64,
    /// The file; without it standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) source: Source,
}

/// Where to.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  nexus backup nexus-2026-11-30.ndjson
  nexusd restore nexus-2026-11-30.ndjson --home ~/.nexus     into an empty home, offline")]
pub(crate) struct Backup {
    /// The file; it must not exist yet
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}
