//! What repositories, users and peers bring into a workspace, thrown at what reads it: each of these
//! takes any bytes, and panics when a promise does not hold.

use nexus_init_protocol::frame::{FrameError, FrameKind, FrameReader, MAX_PAYLOAD};
use nexus_init_protocol::hello::{Hello, HelloReply};
use nexus_init_protocol::request::{HandOver, Input, Request};
use nexus_init_protocol::{Access, Answer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::access;
use crate::setup;

/// One of them.
pub type Parser = fn(&[u8]);

/// All of them; the name is also the folder of what is kept for it.
pub const PARSERS: [(&str, Parser); 3] = [("config", config), ("access", access), ("init", init)];

/// `.nexus/config.yaml`.
pub fn config(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        setup::read_config(text);
    }
}

/// Keys, authorities and certificates, one a line: the document that says who may log in.
pub fn access(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        access::read_lines(text);
    }
    if let Ok(document) = serde_json::from_slice::<Access>(bytes) {
        access::read_document(&document);
    }
}

/// A connection of the protocol, as either side reads it.
///
/// # Panics
/// When a promise of the framing does not hold.
pub fn init(bytes: &[u8]) {
    // A slice never waits, so a runtime without drivers will do.
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime
        .expect("a runtime without drivers")
        .block_on(frames(bytes));
}

async fn frames(bytes: &[u8]) {
    let mut reader = FrameReader::new(bytes);
    let mut taken = 0;
    loop {
        match reader.next().await {
            Ok(None) => {
                assert_eq!(taken, bytes.len(), "nothing is left out");
                return;
            }
            Ok(Some(frame)) => {
                assert!(frame.payload.len() <= MAX_PAYLOAD);
                taken += 5 + frame.payload.len();
                match frame.kind {
                    FrameKind::Control => messages(&frame.payload),
                    FrameKind::Input | FrameKind::Output | FrameKind::ErrorOutput => {
                        let length = frame.payload.len();
                        let data = frame.into_data();
                        assert_eq!(data.is_ok(), length >= 8, "an offset comes first");
                    }
                }
            }
            Err(FrameError::Io(error)) => panic!("a slice does not fail: {error}"),
            Err(
                FrameError::UnknownKind { .. }
                | FrameError::TooLong { .. }
                | FrameError::NoOffset { .. }
                | FrameError::Truncated,
            ) => return,
        }
    }
}

fn messages(payload: &[u8]) {
    same_as_json::<Hello>(payload);
    same_as_json::<HelloReply>(payload);
    same_as_json::<Request>(payload);
    same_as_json::<Answer>(payload);
    same_as_json::<Input>(payload);
    same_as_json::<HandOver>(payload);
}

fn same_as_json<T: Serialize + DeserializeOwned + PartialEq>(payload: &[u8]) {
    if let Ok(message) = serde_json::from_slice::<T>(payload) {
        let text = serde_json::to_vec(&message).expect("it came from JSON");
        let again = serde_json::from_slice::<T>(&text).expect("what was written is read");
        assert!(again == message, "{}", String::from_utf8_lossy(payload));
    }
}
