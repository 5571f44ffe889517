//! `nexus completion SHELL`: the script that completes commands and options.

use clap::CommandFactory as _;

use crate::args::Nexus;
use crate::error::Result;
use crate::exit::Exit;
use crate::out;

pub(super) fn run(shell: clap_complete::Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Nexus::command(), "nexus", &mut script);
    out::bytes(&script)?;
    Ok(Exit::Ok)
}
