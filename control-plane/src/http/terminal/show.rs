//! From a workspace that may not even run to what a viewer sees.

use std::pin::pin;
use std::time::Duration;

use nexus_events::view::{TerminalTold, WorkspaceView};
use nexus_init_protocol::Client;
use nexus_init_protocol::client::{TerminalEvent, TerminalEvents, TerminalInput};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

use super::close::Close;
use super::listen::Typed;
use super::out::Out;
use super::{Opening, Shared};
use crate::gateway::{Departures, Progress, ReachError, exit};
use crate::http::Api;

/// How often the other end is asked for a sign of life.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// After how much silence it is taken to be gone.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a viewer that acknowledges may leave the window shut.
const SHUT: Duration = Duration::from_secs(30);
/// How long programs have to say good-bye once their workspace stops.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// How long the news of a machine's end may come behind the end of its connections.
const NEWS: Duration = Duration::from_secs(1);

/// How long what was typed before a viewer left may take to reach the program.
pub(super) const LAST_KEYS: Duration = Duration::from_secs(1);

/// What is typed, and what is to be answered.
type Incoming = (mpsc::Receiver<Typed>, mpsc::Receiver<TerminalTold>);

/// Wakes the workspace, attaches, and shows what there is until it ends. What a viewer typed before
/// it left is still typed.
pub(super) async fn show(
    api: &Api,
    opening: &Opening,
    out: &mut Out,
    (typing, mut answers): Incoming,
    shared: &Shared,
) -> Close {
    let attached = attach(api, opening, out, &mut answers, shared).await;
    let (view, stream) = match attached {
        Ok(attached) => attached,
        Err(close) => return close,
    };
    let mut departures = match api.app().gateway().departures(&view) {
        Ok(departures) => departures,
        Err(error) => return Close::of_reach(ReachError::from(error)),
    };
    let at = stream.from();
    let (input, events) = stream.split();
    let mut pouring = Pouring {
        events,
        out,
        shared,
        at,
    };
    let (mut typing, mut typed) = (pin!(type_in(input, typing, shared)), None);
    let close = tokio::select! {
        close = pouring.pour(answers) => close,
        input = &mut typing => {
            typed = Some(input);
            Close::Gone
        }
        close = departed(&mut departures) => close,
    };
    if close == Close::Gone {
        let last = async {
            let mut input = match typed {
                Some(input) => input,
                None => typing.await,
            };
            if input.finish().await.is_ok() {
                while pouring.events.next().await.is_ok() {}
            }
        };
        // A program that does not read is not waited for.
        let _ = tokio::time::timeout(LAST_KEYS, last).await;
    }
    match close {
        // A machine that goes takes its programs and its connections along.
        Close::Ended | Close::Unreachable(_) => {
            let news = tokio::time::timeout(news_of(&close), departures.begun()).await;
            news.map_or(close, Close::of_departure)
        }
        close => close,
    }
}

/// A program's end comes after the wish to stop; the end of a connection may come before the news.
fn news_of(close: &Close) -> Duration {
    match close {
        Close::Unreachable(_) => NEWS,
        _ => Duration::ZERO,
    }
}

async fn attach(
    api: &Api,
    opening: &Opening,
    out: &mut Out,
    answers: &mut mpsc::Receiver<TerminalTold>,
    shared: &Shared,
) -> Result<(WorkspaceView, nexus_init_protocol::client::TerminalStream), Close> {
    let (view, client) = awake(api, opening, out, answers, shared).await?;
    let stream = opening.attach.to(&client).await;
    let stream = stream.map_err(|error| Close::of_init(&error))?;
    remember(api, shared, &view, stream.session(), client);
    shared.window.begin(stream.from());
    out.tell(&TerminalTold::Attached {
        session: stream.session().to_string(),
        created: stream.created(),
        from: stream.from(),
        end: stream.end(),
        read_only: opening.attach.read_only,
    })
    .await?;
    if opening.reconnects && stream.created() {
        out.tell_new_session().await?;
    }
    Ok((view, stream))
}

/// Notes what is watched, for the time after, and looks after sessions nobody came back to.
fn remember(
    api: &Api,
    shared: &Shared,
    view: &WorkspaceView,
    session: &nexus_init_protocol::SessionId,
    client: Client,
) {
    let leavings = api.app().gateway().leavings().clone();
    let (workspace, noticing) = (view.id, client.clone());
    tokio::spawn(async move { leavings.notice(workspace, noticing).await });
    let mut attached = shared
        .attached
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    *attached = Some((view.id, session.clone(), client));
}

/// Brings the workspace up, and says so meanwhile.
async fn awake(
    api: &Api,
    opening: &Opening,
    out: &mut Out,
    answers: &mut mpsc::Receiver<TerminalTold>,
    shared: &Shared,
) -> Result<(WorkspaceView, Client), Close> {
    let (progress, mut told) = mpsc::unbounded_channel::<Progress>();
    let gateway = api.app().gateway();
    let awake = gateway.awake(&opening.identity, &opening.workspace, move |step| {
        // The steps of one start are few.
        let _ = progress.send(step.clone());
    });
    tokio::pin!(awake);
    let mut heartbeat = heartbeat();
    loop {
        tokio::select! {
            biased;
            Some(step) = told.recv() => out.tell(&status(step)).await?,
            woken = &mut awake => return woken.map_err(Close::of_reach),
            Some(answer) = answers.recv() => out.tell(&answer).await?,
            _ = heartbeat.tick() => beat(out, shared).await?,
        }
    }
}

fn status(progress: Progress) -> TerminalTold {
    TerminalTold::Status {
        message: progress.message,
        step: progress.step,
    }
}

fn heartbeat() -> Interval {
    let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat
}

async fn beat(out: &mut Out, shared: &Shared) -> Result<(), Close> {
    match shared.silent_for() > SILENCE {
        true => Err(Close::Gone),
        false => out.ping().await,
    }
}

/// What the program wrote, on its way to the viewer.
struct Pouring<'s> {
    events: TerminalEvents,
    out: &'s mut Out,
    shared: &'s Shared,
    at: u64,
}

impl Pouring<'_> {
    async fn pour(&mut self, mut answers: mpsc::Receiver<TerminalTold>) -> Close {
        let mut heartbeat = heartbeat();
        // Since when the window is shut without a word of what was taken; pings are no such word.
        let mut shut = None;
        loop {
            let room = self.shared.window.has_room();
            let deadline = *shut.get_or_insert_with(Instant::now) + SHUT;
            if room {
                shut = None;
            }
            let step = tokio::select! {
                biased;
                Some(answer) = answers.recv() => self.out.tell(&answer).await,
                _ = heartbeat.tick() => beat(self.out, self.shared).await,
                event = self.events.next(), if room => match event {
                    Ok(event) => self.show(event).await,
                    Err(error) => Err(Close::of_init(&error)),
                },
                () = self.shared.window.moved(), if !room => {
                    shut = None;
                    Ok(())
                }
                () = sleep_until(deadline), if !room => Err(Close::Slow),
            };
            if let Err(close) = step {
                return close;
            }
        }
    }

    async fn show(&mut self, event: TerminalEvent) -> Result<(), Close> {
        match event {
            TerminalEvent::Output { offset, bytes } => {
                if offset != self.at {
                    self.out.tell(&TerminalTold::Gap { from: offset }).await?;
                }
                self.at = offset + bytes.len() as u64;
                self.shared.window.sent(self.at);
                self.out.show(bytes).await
            }
            TerminalEvent::Ended(outcome) => {
                let exit = exit(&outcome);
                self.out.tell(&TerminalTold::Ended { exit }).await?;
                Err(Close::Ended)
            }
        }
    }
}

/// Types what the viewer types, until there is no more, and tells init how far the viewer is.
async fn type_in(
    mut input: TerminalInput,
    mut typing: mpsc::Receiver<Typed>,
    shared: &Shared,
) -> TerminalInput {
    loop {
        let step = tokio::select! {
            typed = typing.recv() => match typed {
                Some(Typed::Bytes(bytes)) => {
                    shared.window.typing(true);
                    let written = input.write(&bytes).await;
                    shared.window.typing(false);
                    written
                }
                Some(Typed::Size(size)) => input.resize(size).await,
                None => return input,
            },
            taken = shared.window.due() => input.taken(taken).await,
        };
        if let Err(error) = step {
            tracing::debug!(%error, "a terminal takes nothing any more");
            // Why shows on the way out.
            return std::future::pending().await;
        }
    }
}

/// Waits until the workspace is down, or had long enough to go down.
async fn departed(departures: &mut Departures) -> Close {
    let departure = departures.begun().await;
    let over = tokio::time::timeout(LAST_WORDS, departures.over()).await;
    Close::of_departure(over.unwrap_or(departure))
}
