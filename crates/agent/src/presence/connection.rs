//! One WebSocket to an issuer's presence endpoint (RFC 6455).

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};

use super::frame::{AgentFrame, FRAME_BYTES_MAX, Head, ServerFrame};
use super::log_check::Announced;
use crate::enrolled_issuers::EnrolledIssuer;
use crate::log_memory::Question;
use crate::step_up::StepUpAnswer;

/// How long connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long sending one frame may take.
const SEND_LIMIT: Duration = Duration::from_secs(5);
/// Bytes of an answer that go into one frame, with room for what stands around them.
const PART_BYTES_MAX: usize = 3_500;
/// After this silence the agent asks whether the server is still there.
const PING_AFTER: Duration = Duration::from_secs(15);
/// After this silence it is not: a connection can die without a word.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What a connection keeps for reading: a nonce, or the state of a session, is smaller. A longer
/// frame makes it grow.
const BUFFER_BYTES: usize = 512;

/// A connection that works as far as anyone knows.
pub(super) struct Connection {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    heard_at: Instant,
    pinged: bool,
}

/// Why a connection is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// It could not be made.
    Unreachable,
    /// The server closed it as done: nothing is left to say about the session (RFC 6455 section
    /// 7.4.1, code 1000).
    Finished,
    /// The server closed it for another reason: it stops, has a fault, or refuses the agent.
    Closed {
        /// Over how long all its agents are to spread when they come back; zero unless it said so.
        spread: Duration,
    },
    /// It broke, fell silent, or carried something else than frames.
    Broken,
}

impl Connection {
    /// Connects to the issuer.
    pub(super) async fn open(issuer: &EnrolledIssuer) -> Result<Self, Lost> {
        let config = small_buffers()
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX));
        let connector = Connector::NativeTls(issuer.presence_tls.clone());
        let url = issuer.enrolment.issuer.presence_url();
        let connecting = connect_async_tls_with_config(url, Some(config), true, Some(connector));
        match tokio::time::timeout(CONNECT_LIMIT, connecting).await {
            Ok(Ok((socket, _))) => Ok(Self {
                socket,
                heard_at: Instant::now(),
                pinged: false,
            }),
            Ok(Err(_)) | Err(_) => Err(Lost::Unreachable),
        }
    }

    /// The next frame of the server. Nothing is lost when this future is dropped.
    pub(super) async fn receive(&mut self) -> Result<ServerFrame, Lost> {
        loop {
            let patience = if self.pinged { SILENCE_MAX } else { PING_AFTER };
            let message = tokio::time::timeout_at(self.heard_at + patience, self.socket.next());
            match message.await {
                Err(_) if self.pinged => return Err(Lost::Broken),
                Err(_) => {
                    self.pinged = true;
                    self.send_message(Message::Ping(Vec::new().into())).await?;
                    continue;
                }
                Ok(None | Some(Err(_))) => return Err(Lost::Broken),
                Ok(Some(Ok(Message::Close(frame)))) => {
                    // Lets the library send its half of the closing handshake.
                    let _ = tokio::time::timeout(SEND_LIMIT, self.socket.close(None)).await;
                    let finished = frame
                        .as_ref()
                        .is_some_and(|frame| frame.code == CloseCode::Normal);
                    if finished {
                        return Err(Lost::Finished);
                    }
                    let reason = frame.as_ref().map_or("", |frame| frame.reason.as_str());
                    let spread = spread_of(reason);
                    return Err(Lost::Closed { spread });
                }
                Ok(Some(Ok(Message::Text(text)))) => {
                    self.hear();
                    return serde_json::from_str(&text).map_err(|_| Lost::Broken);
                }
                Ok(Some(Ok(Message::Binary(_)))) => return Err(Lost::Broken),
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => {
                    self.hear()
                }
            }
        }
    }

    /// Sends a statement.
    pub(super) async fn send(&mut self, statement: &str) -> Result<(), Lost> {
        self.send_frame(&AgentFrame::Presence { statement }).await
    }

    /// Asks for the log, and how it goes on from what is kept; for as much as is announced.
    pub(super) async fn ask_for_log(
        &mut self,
        question: &Question,
        announced: Announced,
    ) -> Result<(), Lost> {
        let (size, root) = &question.cosigned;
        let (newest_size, newest_root) = &question.newest;
        let newest = Head {
            size: *newest_size,
            root: newest_root,
        };
        let is_both = matches!(announced, Announced::Both | Announced::BothByName);
        let is_by_name = announced == Announced::BothByName && question.quorum > 0;
        let frame = AgentFrame::Log {
            size: *size,
            root,
            newest: Some(newest).filter(|_| is_both),
            quorum: Some(question.quorum).filter(|_| is_both),
            witnesses: Some(&question.witnesses[..]).filter(|_| is_by_name),
        };
        self.send_frame(&frame).await
    }

    async fn send_frame(&mut self, frame: &AgentFrame<'_>) -> Result<(), Lost> {
        let frame = serde_json::to_string(frame).map_err(|_| Lost::Broken)?;
        self.send_message(Message::Text(frame.into())).await
    }

    /// Answers a question for a fresh signature. The answer is longer than a frame.
    pub(super) async fn answer_step_up(&mut self, answer: &StepUpAnswer) -> Result<(), Lost> {
        match answer {
            StepUpAnswer::Declined { jti, reason } => {
                let reason = *reason;
                self.send_frame(&AgentFrame::StepUpDeclined { jti, reason })
                    .await
            }
            StepUpAnswer::Signed {
                statement,
                attestation,
            } => {
                // Letters of base64url, full stops and one space: any byte ends a part.
                let mut rest = format!("{statement} {attestation}");
                while rest.len() > PART_BYTES_MAX {
                    let after = rest.split_off(PART_BYTES_MAX);
                    let (part, last) = (rest.as_str(), false);
                    self.send_frame(&AgentFrame::StepUp { part, last }).await?;
                    rest = after;
                }
                let (part, last) = (rest.as_str(), true);
                self.send_frame(&AgentFrame::StepUp { part, last }).await
            }
        }
    }

    async fn send_message(&mut self, message: Message) -> Result<(), Lost> {
        match tokio::time::timeout(SEND_LIMIT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Lost::Broken),
        }
    }

    fn hear(&mut self) {
        self.heard_at = Instant::now();
        self.pinged = false;
    }
}

/// The library's own choice is 128 KiB each, which every session would keep for hours.
fn small_buffers() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
}

/// Reads the hint of a server that loses all its agents at once: `spread=SECONDS`.
fn spread_of(reason: &str) -> Duration {
    let seconds = reason.strip_prefix("spread=").map(str::parse::<u8>);
    match seconds {
        Some(Ok(seconds)) => Duration::from_secs(seconds.into()),
        Some(Err(_)) | None => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Up to 32 connections live for hours, and each keeps its buffers.
    #[test]
    fn a_connection_keeps_little_memory() {
        let config = small_buffers();
        assert!(config.read_buffer_size <= 4096 && config.write_buffer_size <= 4096);
    }

    #[test]
    fn only_a_hint_of_seconds_is_one() {
        for (reason, seconds) in [
            ("spread=15", 15),
            ("spread=0", 0),
            ("", 0),
            ("refused", 0),
            ("spread=", 0),
            ("spread=-1", 0),
            ("spread=99999", 0),
        ] {
            assert_eq!(spread_of(reason), Duration::from_secs(seconds), "{reason}");
        }
    }
}
