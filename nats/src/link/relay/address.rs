//! Where frames of a stream are sent: two families of subjects, one a direction.

use async_nats::Subject;
use nexus_events::id::NodeId;
use uuid::Uuid;

/// What leads to workers; a node and a stream follow.
pub(crate) const TO_WORKERS: &str = "nexus.link";

/// What leads to gateways; a gateway and a stream follow. Apart from the other replies, which a
/// worker must not be able to forge.
pub(crate) const TO_GATEWAYS: &str = "_INBOX_control-plane.link";

/// A stream, on both sides. Nobody guesses one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::link) struct StreamId(Uuid);

impl StreamId {
    pub(super) fn draw() -> Self {
        Self(Uuid::now_v7())
    }

    /// The stream a message on `subject` is about.
    pub(super) fn of(subject: &str) -> Option<Self> {
        let (_, last) = subject.rsplit_once('.')?;
        Uuid::try_parse(last).ok().map(Self)
    }
}

/// Where one side of a link hears everything of its streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::link) enum Side {
    /// The worker of a node.
    Worker(NodeId),
    /// One `nexusd`, since it was started.
    Gateway(Uuid),
}

impl Side {
    /// The subject for one stream.
    pub(super) fn subject(&self, stream: StreamId) -> Subject {
        let stream = stream.0.simple();
        match self {
            Self::Worker(node) => format!("{TO_WORKERS}.{node}.{stream}").into(),
            Self::Gateway(gateway) => format!("{TO_GATEWAYS}.{}.{stream}", gateway.simple()).into(),
        }
    }

    /// The subject of all its streams.
    pub(super) fn all(&self) -> String {
        match self {
            Self::Worker(node) => format!("{TO_WORKERS}.{node}.*"),
            Self::Gateway(gateway) => format!("{TO_GATEWAYS}.{}.*", gateway.simple()),
        }
    }

    /// Whether frames from this side may be answered on `subject`: a subject somebody names is
    /// used only when it leads to streams of the other kind, and to nothing else.
    pub(super) fn may_answer(&self, subject: &str) -> bool {
        let family = match self {
            Self::Worker(_) => TO_GATEWAYS,
            Self::Gateway(_) => TO_WORKERS,
        };
        let rest = subject
            .strip_prefix(family)
            .and_then(|rest| rest.strip_prefix('.'));
        let mut tokens = rest.unwrap_or_default().split('.');
        let plain = |token: &str| {
            !token.is_empty()
                && token
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        tokens.next().is_some_and(plain) && StreamId::of(subject).is_some() && tokens.count() == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_other_side_is_answered() {
        let node = NodeId::from_uuid(Uuid::now_v7());
        let worker = Side::Worker(node);
        let gateway = Side::Gateway(Uuid::now_v7());
        let stream = StreamId::draw();
        assert!(gateway.may_answer(&worker.subject(stream)));
        assert!(worker.may_answer(&gateway.subject(stream)));
        assert!(!worker.may_answer(&worker.subject(stream)));
        let id = Uuid::now_v7().simple().to_string();
        for elsewhere in [
            format!("nexus.evt.workspace.{id}"),
            format!("nexus.link.{id}"),
            format!("nexus.link.*.{id}"),
            format!("nexus.link..{id}"),
            format!("nexus.link.a.b.{id}"),
            format!("nexus.linked.a.{id}"),
            format!("$JS.API.STREAM.INFO.{id}"),
            "nexus.link.a.b".into(),
        ] {
            assert!(!gateway.may_answer(&elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn a_stream_is_told_by_the_last_token() {
        let stream = StreamId::draw();
        let side = Side::Gateway(Uuid::now_v7());
        assert_eq!(StreamId::of(&side.subject(stream)), Some(stream));
        assert!(
            side.subject(stream)
                .starts_with(side.all().trim_end_matches('*'))
        );
    }
}
