//! What comes over the bus, thrown at what reads it (see `nexus_events::testing::outside`).

use std::fmt::{Debug, Display};
use std::str::FromStr;

use crate::link::relay::frame;
use crate::subject::{CommandSubject, EventSubject, LogSubject, ParkedSubject};

/// One of them.
pub type Parser = fn(&[u8]);

/// All of them; the name is also the folder of what is kept for it.
pub const PARSERS: [(&str, Parser); 2] = [("subject", subject), ("relay", relay)];

/// A subject: what is taken is written as it came, and has no wildcard in it.
pub fn subject(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    exact::<EventSubject>(text);
    exact::<CommandSubject>(text);
    exact::<LogSubject>(text);
    exact::<ParkedSubject>(text);
}

/// A frame of a relayed stream.
pub fn relay(bytes: &[u8]) {
    frame::read_and_write(bytes);
}

fn exact<T: FromStr + Display + Debug>(text: &str) {
    if let Ok(subject) = text.parse::<T>() {
        assert_eq!(subject.to_string(), text);
        assert!(
            !text.contains(['*', '>', ' ']) && !text.contains(".."),
            "{subject:?}"
        );
    }
}
