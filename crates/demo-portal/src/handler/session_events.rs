//! `GET /session/events`: a stream that says `ended` the moment the session is over.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};

use crate::handler::cookie::Cookie;
use crate::router;

pub(crate) async fn watch_session(
    State(state): State<Arc<router::State>>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let receiver = Cookie::Session
        .read(state.relying_party.config(), &headers)
        .and_then(|cookie| state.sessions.watch(cookie));
    let ended = stream::once(async move {
        if let Some(mut receiver) = receiver {
            // Nothing is ever sent: the wait ends when the session is dropped.
            while receiver.changed().await.is_ok() {}
        }
        Ok(Event::default().event("ended").data("ended"))
    });
    Sse::new(ended).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}
