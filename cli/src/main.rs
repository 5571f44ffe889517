//! `nexus`, the command line; called `ws` it takes the shorter verbs of `ws`.
//!
//! Everything it knows it asks the server: the unix socket of this machine, or an address with a
//! token. Data goes to standard output, talk to standard error, and the exit code says how it
//! went ([`exit`]). Progress is the event stream itself ([`wait`]), shown by [`progress`].

mod args;
mod clean;
mod client;
mod commands;
mod context;
mod difference;
mod duration;
mod error;
mod exit;
mod history;
mod home;
mod identity;
mod moment;
mod out;
mod progress;
mod reference;
mod render;
mod screen;
mod server;
mod sink;
mod source;
mod ssh;
mod ssh_key;
mod stream;
mod tail;
mod wait;
mod waterfall;

use std::process::ExitCode;

fn main() -> ExitCode {
    let exit = match commands::run(std::env::args_os()) {
        Ok(exit) => exit,
        Err(error) => {
            out::complain(&error);
            error.exit
        }
    };
    ExitCode::from(exit.code())
}
