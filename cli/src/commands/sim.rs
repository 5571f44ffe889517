//! `nexus sim …`: becomes `nexus-sim`, the program found beside it. It is built with the tests and
//! not with the product, so it may be missing.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::daemon::find_binary;
use crate::error::{Error, Result};
use crate::exit::Exit;

const BUILD: &str = "in the sources of Nexus: ./dev sim";

pub(super) fn run(arguments: &[OsString]) -> Result<Exit> {
    let Some(program) = find_binary("nexus-sim") else {
        let why = "its program `nexus-sim` is neither beside nexus nor on the PATH";
        return Err(Error::new(Exit::Failure, "simulate", why, BUILD));
    };
    // It only comes back when it cannot begin.
    let error = Command::new(&program).args(arguments).exec();
    let why = format!("{}: {error}", program.display());
    Err(Error::new(Exit::Failure, "simulate", why, BUILD))
}
