//! One request through a preview: who, from where, is it up, then on to the service.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::header::{CONNECTION, HeaderValue, UPGRADE};
use axum::http::{Extensions, HeaderMap, Method, StatusCode, Uri, Version};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use nexus_events::id::NodeId;
use nexus_events::problem::Problem;
use nexus_events::workspace::Phase;

use super::answer::Answer;
use super::lane::Lane;
use super::pool::Place;
use super::upload::Upload;
use super::{Entry, HostName, Previews, enter, headers, pages, site, upgrade};
use crate::http::Peer;
use crate::queries::WorkspaceRef;
use pages::Said;

/// How long a service may take to begin its answer; some build first.
const ANSWERING: Duration = Duration::from_secs(600);

impl Previews {
    /// The preview a request is for, if it is for one.
    pub(crate) fn named(&self, request: &Request) -> Option<HostName> {
        self.parts.naming.named(request.headers())
    }

    /// Answers a request for the preview `host`.
    pub(crate) async fn serve(&self, host: HostName, request: Request) -> Response {
        if request.uri().path() == enter::PATH {
            return self.enter(host, request).await;
        }
        let page = pages::wants_a_page(request.method(), request.headers());
        if request.method() == Method::CONNECT {
            return Said::no_tunnel().respond(page);
        }
        match self.pass(host, request, page).await {
            Ok(response) => response,
            Err(said) => said.respond(page),
        }
    }

    async fn pass(&self, host: HostName, request: Request, page: bool) -> Result<Response, Said> {
        let entry = self.entry(host, request.method(), request.headers());
        let entry = entry.await?;
        let node = self.place(&entry, page).await?;
        self.note_use(&entry);
        self.forward(&entry, node, request).await
    }

    /// Who asks, where they may.
    async fn entry(
        &self,
        host: HostName,
        method: &Method,
        given: &HeaderMap,
    ) -> Result<Arc<Entry>, Said> {
        if let Some(token) = headers::our_token(given) {
            // A browser never sends it by itself, so it may come from anywhere.
            return self.bearer(token, host);
        }
        let secret = headers::our_cookie(given).ok_or_else(Said::unknown)?;
        let known = self.parts.entries.of(secret, host);
        match (
            known,
            site::may_act(&self.parts.naming, host, method, given),
        ) {
            (Some(entry), true) => Ok(entry),
            (Some(_), false) => Err(Said::foreign()),
            (None, true) => {
                let found = self.parts.entries.find(secret, host).await;
                found
                    .map_err(|error| Said::unsure(&error))?
                    .ok_or_else(Said::unknown)
            }
            // Nothing is looked for on behalf of another site's page.
            (None, false) => Err(Said::unknown()),
        }
    }

    fn bearer(&self, token: &str, host: HostName) -> Result<Arc<Entry>, Said> {
        if let Some(entry) = self.parts.entries.of(token, host) {
            return Ok(entry);
        }
        let app = &self.parts.app;
        let identity = app
            .queries()
            .identify(token, app.now())
            .map_err(|error| Said::of(error.into()))?
            .ok_or_else(Said::unknown)?;
        Ok(self.parts.entries.bearer(token, host, identity))
    }

    /// The node the workspace runs on; one that is stopped is started.
    async fn place(&self, entry: &Entry, page: bool) -> Result<NodeId, Said> {
        let queries = self.parts.app.queries();
        let sequence = queries.sequence();
        let known = *entry.lock_place();
        if let Some((_, node)) = known.filter(|(at, _)| *at == sequence) {
            return Ok(node);
        }
        let workspace = WorkspaceRef::Id(entry.host.workspace);
        let view = queries
            .workspace(&entry.identity, &workspace)
            .map_err(|error| Said::of(error.into()))?;
        let up = matches!(view.phase, Phase::Running | Phase::Starting) && !view.unknown;
        let node = match view.node.filter(|_| up) {
            Some(node) => node,
            None if page && !view.unknown => {
                self.wake_aside(entry);
                return Err(Said::starting(view.name.as_str()));
            }
            None => self.wake(entry).await.map_err(Said::of)?,
        };
        *entry.lock_place() = Some((sequence, node));
        Ok(node)
    }

    async fn wake(&self, entry: &Entry) -> Result<NodeId, Problem> {
        let workspace = WorkspaceRef::Id(entry.host.workspace);
        let gateway = self.parts.app.gateway();
        let awake = gateway.awake(&entry.identity, &workspace, |_| {}).await;
        let (view, _) = awake.map_err(crate::gateway::ReachError::problem)?;
        view.node.ok_or_else(|| {
            let error = crate::queries::QueryError::not_found("workspace", workspace);
            Problem::from(error)
        })
    }

    /// Starts the workspace while the caller looks at a page; once at a time.
    fn wake_aside(&self, entry: &Entry) {
        let workspace = entry.host.workspace;
        if !self.lock_waking().insert(workspace) {
            return;
        }
        let (previews, identity) = (self.clone(), entry.identity);
        tokio::spawn(async move {
            let gateway = previews.parts.app.gateway();
            let reference = WorkspaceRef::Id(workspace);
            if let Err(error) = gateway.awake(&identity, &reference, |_| {}).await {
                tracing::info!(%error, %workspace, "a preview could not start its workspace");
            }
            previews.lock_waking().remove(&workspace);
        });
    }

    fn lock_waking(
        &self,
    ) -> std::sync::MutexGuard<'_, std::collections::HashSet<nexus_events::id::WorkspaceId>> {
        let waking = self.parts.waking.lock();
        waking.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn forward(
        &self,
        entry: &Arc<Entry>,
        node: NodeId,
        mut request: Request,
    ) -> Result<Response, Said> {
        let peer = request.extensions().get::<Peer>().copied();
        let upgrade = headers::upgrade(request.method(), request.headers());
        let caller = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
        let (mut parts, body) = request.into_parts();
        parts.uri = address(&parts.uri);
        parts.version = Version::HTTP_11;
        parts.extensions = Extensions::new();
        headers::to_service(&mut parts.headers, peer);
        if let Some(protocol) = upgrade {
            let headers = &mut parts.headers;
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, protocol);
        }
        let (port, place) = (entry.host.port, (node, entry.host));
        let (body, upload) = Upload::of(body);
        let request = Request::from_parts(parts, body);
        let asking = async {
            let lane = self.parts.pool.take(place).await;
            let mut lane = lane.map_err(|error| Said::down(port, &cause(&error)))?;
            let answer = lane.ask(request, ANSWERING).await;
            let answer = answer.map_err(|error| Said::down(port, &cause(&error)))?;
            Ok::<_, Said>((lane, answer))
        };
        let asked = entry.gone.run_until_cancelled(asking).await;
        let (lane, answer) = asked.ok_or_else(Said::unknown)??;
        match (answer.status(), caller) {
            (StatusCode::SWITCHING_PROTOCOLS, Some(caller)) => {
                Ok(self.upgraded(entry, caller, lane, answer))
            }
            (StatusCode::SWITCHING_PROTOCOLS, None) => {
                Err(Said::down(port, "it changed the protocol unasked"))
            }
            _ => {
                let lane = going_on(lane, &upload);
                Ok(self.answered(entry, place, lane, answer).await)
            }
        }
    }

    /// The answer as it comes, until whoever asked may not stay.
    async fn answered(
        &self,
        entry: &Entry,
        place: Place,
        lane: Option<Lane>,
        answer: hyper::Response<Incoming>,
    ) -> Response {
        let (mut parts, body) = answer.into_parts();
        headers::to_caller(&mut parts.headers);
        parts.version = Version::HTTP_11;
        parts.extensions = Extensions::new();
        let back = (self.parts.pool.clone(), place);
        let mut body = Answer::new(body, lane, back, entry.gone.clone());
        if body.is_end_stream() {
            poll_fn(|context| {
                body.give_back(context);
                Poll::Ready(())
            })
            .await;
        }
        Response::from_parts(parts, Body::new(body))
    }

    /// Both sides speak another protocol from now on.
    fn upgraded(
        &self,
        entry: &Arc<Entry>,
        caller: OnUpgrade,
        lane: Lane,
        mut answer: hyper::Response<Incoming>,
    ) -> Response {
        let service = hyper::upgrade::on(&mut answer);
        let protocol = answer.headers().get(UPGRADE).cloned();
        let (mut parts, _) = answer.into_parts();
        headers::to_caller(&mut parts.headers);
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("upgrade"));
        if let Some(protocol) = protocol {
            parts.headers.insert(UPGRADE, protocol);
        }
        let (previews, entry) = (self.clone(), Arc::clone(entry));
        let shutdown = self.parts.shutdown.clone();
        tokio::spawn(async move {
            let copying = async {
                let copying = upgrade::copy(caller, service, || previews.note_use(&entry));
                tokio::join!(lane.finish(), copying);
            };
            tokio::select! {
                () = copying => {}
                () = entry.gone.cancelled() => {}
                () = shutdown.cancelled() => {}
            }
        });
        Response::from_parts(parts, Body::empty())
    }
}

/// The connection, for whoever reads the answer; or it goes on by itself, where the service answers
/// before it has heard everything. Then it has to hear the rest even if nobody reads the answer.
fn going_on(lane: Lane, upload: &Upload) -> Option<Lane> {
    if upload.is_under_way() {
        tokio::spawn(lane.finish());
        return None;
    }
    Some(lane)
}

/// What is asked for, without whom it is asked of: a service is no proxy.
fn address(asked: &Uri) -> Uri {
    asked
        .path_and_query()
        .cloned()
        .map_or_else(Uri::default, Uri::from)
}

impl Entry {
    fn lock_place(&self) -> std::sync::MutexGuard<'_, Option<(u64, NodeId)>> {
        let place = self.place.lock();
        place.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The innermost cause, which is what a person can act on.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
