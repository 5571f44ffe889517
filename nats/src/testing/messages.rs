//! What bare messages cost: the part of a relayed stream that is the server's.

use async_nats::{Subject, Subscriber};
use bytes::Bytes;
use futures::StreamExt as _;
use nexus_events::id::NodeId;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::connect::Bus;
use crate::link::relay::address::{TO_GATEWAYS, TO_WORKERS};

/// Two connections with the subjects of a relayed stream between them, and nothing of the relay.
#[derive(Debug)]
pub struct Messages {
    near: Bus,
    answers: Subscriber,
    to: Subject,
    back: Subject,
    _answering: AbortOnDropHandle<()>,
}

impl Messages {
    /// From a control plane's connection to that of the worker of `node`, which answers.
    ///
    /// # Panics
    /// When either may not subscribe.
    pub async fn between(near: &Bus, far: &Bus, node: NodeId) -> Self {
        let stream = Uuid::now_v7().simple();
        let to = Subject::from(format!("{TO_WORKERS}.{node}.{stream}"));
        let back = Subject::from(format!("{TO_GATEWAYS}.{node}.{stream}.{stream}"));
        let subscribe = async |bus: &Bus, subject: &Subject| {
            let subscribed = bus.client.subscribe(subject.clone()).await;
            let messages = subscribed.expect("a subscription");
            bus.client.flush().await.expect("a connection");
            messages
        };
        let answers = subscribe(near, &back).await;
        let mut asked = subscribe(far, &to).await;
        let far = far.clone();
        let answering = tokio::spawn(async move {
            while let Some(message) = asked.next().await {
                if let Some(back) = message.reply {
                    let answered = far.client.publish(back, message.payload).await;
                    answered.expect("a connection");
                }
            }
        });
        Self {
            near: near.clone(),
            answers,
            to,
            back,
            _answering: AbortOnDropHandle::new(answering),
        }
    }

    /// One byte there and back.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn round_trip(&mut self) {
        let (to, back) = (self.to.clone(), self.back.clone());
        let byte = Bytes::from_static(b"k");
        let client = &self.near.client;
        let asked = client.publish_with_reply(to, back, byte).await;
        asked.expect("a connection");
        self.answers.next().await.expect("an answer");
    }
}
