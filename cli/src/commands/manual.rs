//! `nexus man`: the manual pages, made from the same tree as the help.

use std::path::Path;

use clap::CommandFactory as _;

use crate::args::Nexus;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::out;

pub(super) fn run(folder: Option<&Path>) -> Result<Exit> {
    let failed = |error| {
        Error::new(
            Exit::Failure,
            "write the manual pages",
            error,
            "nexus man --dir DIR, with a folder you may write to",
        )
    };
    match folder {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Nexus::command())
                .render(&mut page)
                .map_err(failed)?;
            out::bytes(&page)?;
        }
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(failed)?;
            clap_mangen::generate_to(Nexus::command(), folder).map_err(failed)?;
        }
    }
    Ok(Exit::Ok)
}
