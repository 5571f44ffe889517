//! What comes from outside, thrown at what reads it: each of these takes any bytes, and panics when
//! a promise does not hold. Fuzz targets and ordinary tests call the same functions.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use crate::aggregate::Kind;
use crate::claim::ClaimId;
use crate::envelope::{Actor, EventType};
use crate::id::{CommandId, EventId, NodeId, OperationId, UserId, WorkspaceId};
use crate::name::{
    GitRef, GithubLogin, HoldName, HoldReason, ImageName, RepositorySegment, ServiceName,
    WorkspaceName,
};
use crate::spec::{Provider, RepositoryUrl, SourceRules, WorkspaceSpec};
use crate::upcast::{AnyEvent, decode_any, encode};
use crate::user::CredentialName;
use crate::view::TerminalAsk;
use crate::work::WorkCommand;
use crate::workspace::Step;

/// One of them.
pub type Parser = fn(&[u8]);

/// All of them; the name is also the folder of what is kept for it.
pub const PARSERS: [(&str, Parser); 6] = [
    ("repository", repository),
    ("names", names),
    ("ids", ids),
    ("event", event),
    ("spec", spec),
    ("work", work),
];

/// The address of a repository: what is taken is given to git as it is, so it holds nothing git or
/// a shell would take for more than an address.
pub fn repository(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(url) = text.parse::<RepositoryUrl>() else {
        return;
    };
    assert_eq!(url.as_str(), text);
    assert!(!text.starts_with('-') && text.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!text.contains(['"', '\'', '`', '\\']));
    let open = SourceRules {
        hosts: Vec::new(),
        local_files: false,
    };
    if url.allowed_by(&open).is_ok() {
        let host = url.host().expect("only addresses with a host are allowed");
        let is_address = host.parse::<std::net::IpAddr>().is_ok();
        assert!(
            !is_address && host != "localhost" && !host.starts_with('-'),
            "{text}"
        );
    }
    if let Some((owner, name)) = url.segments() {
        round_trip::<RepositorySegment>(owner.as_str());
        round_trip::<RepositorySegment>(name.as_str());
    }
}

/// Names, which become parts of subjects, paths and arguments.
pub fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for parse in [
        round_trip::<WorkspaceName>,
        round_trip::<ServiceName>,
        round_trip::<HoldName>,
        round_trip::<GithubLogin>,
        round_trip::<GitRef>,
        round_trip::<ImageName>,
        round_trip::<RepositorySegment>,
        round_trip::<CredentialName>,
    ] {
        if parse(text) {
            assert!(
                !text.starts_with('-') && !text.contains(char::is_control),
                "{text:?}"
            );
            assert!(
                !text.contains(char::is_whitespace) && !text.contains("../"),
                "{text:?}"
            );
        }
    }
    if round_trip::<HoldReason>(text) {
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

/// Ids and the closed words.
pub fn ids(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for parse in [
        round_trip::<WorkspaceId>,
        round_trip::<UserId>,
        round_trip::<NodeId>,
        round_trip::<OperationId>,
        round_trip::<CommandId>,
        round_trip::<EventId>,
        round_trip::<ClaimId>,
        round_trip::<Actor>,
        round_trip::<EventType>,
        round_trip::<Kind>,
        round_trip::<Step>,
        round_trip::<Provider>,
    ] {
        parse(text);
    }
}

/// A stored event of any version; the first byte says of which aggregate.
pub fn event(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let kinds = [Kind::Workspace, Kind::User, Kind::Node, Kind::Claim];
    let kind = kinds[usize::from(*first) % kinds.len()];
    let Ok(event) = decode_any(kind, rest) else {
        return;
    };
    let again = match &event {
        AnyEvent::Workspace(envelope) => encode(envelope),
        AnyEvent::User(envelope) => encode(envelope),
        AnyEvent::Node(envelope) => encode(envelope),
        AnyEvent::Claim(envelope) => encode(envelope),
    };
    // What was written in an old version is written in the current one, so it is not compared
    // with the bytes but with what they mean.
    if let Ok(read) = decode_any(kind, &again) {
        assert_eq!(read, event);
    }
}

/// A request's specification, checked and written again.
pub fn spec(bytes: &[u8]) {
    if let Ok(spec) = serde_json::from_slice::<WorkspaceSpec>(bytes)
        && let Ok(valid) = spec.clone().validated()
    {
        assert_eq!(valid, spec, "checking changes nothing");
        same_as_json(&valid);
    }
    if let Ok(ask) = serde_json::from_slice::<TerminalAsk>(bytes) {
        same_as_json(&ask);
    }
}

/// A command from the queue.
pub fn work(bytes: &[u8]) {
    if let Ok(work) = serde_json::from_slice::<WorkCommand>(bytes) {
        same_as_json(&work);
    }
}

fn same_as_json<T>(value: &T)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + Debug,
{
    let text = serde_json::to_vec(value).expect("it came from JSON");
    let again: T = serde_json::from_slice(&text).expect("what was written is read");
    assert_eq!(&again, value);
}

/// Whether it is taken; then it is written as it was read.
fn round_trip<T: FromStr + Display>(text: &str) -> bool {
    match text.parse::<T>() {
        Ok(value) => {
            let written = value.to_string();
            let again = written.parse::<T>().ok().map(|again| again.to_string());
            assert_eq!(again.as_deref(), Some(written.as_str()), "{text:?}");
            true
        }
        Err(_) => false,
    }
}
