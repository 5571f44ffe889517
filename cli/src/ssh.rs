//! What the stock SSH client is given: words, files and certificates.
//!
//! Names, users and keys come from the server, and go into argument lists, configuration and
//! known_hosts files. A name written there unchecked is code on this machine, so each is held
//! against what it may be, here and nowhere else ([`text`]).

pub(crate) mod authority;
pub(crate) mod certificate;
mod certificate_file;
pub(crate) mod text;
