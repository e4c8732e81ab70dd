//! One connection: waiting for a card, then one sign-in, then proofs for as long as its session
//! lasts. Whichever ends first, the session or the connection, takes the other with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};

use super::lines::{Gone, Lines};
use super::message::{Answer, Request, WantedCard};
use super::{CallingProgram, Shared};
use crate::Error;
use crate::business_software::{GrantRequest, Granted};
use crate::progress::{Line, Progress};
use crate::rate_limit::Allowance;

/// How long a connection without a session may say nothing.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
/// How long a program waits for a card at most before it is told how things are.
const WAIT_LIMIT: Duration = Duration::from_secs(3600);
/// What one session may ask in a minute; a third of them at once.
const REQUESTS_PER_MINUTE: u32 = 1200;

pub(super) struct Connection<S> {
    lines: Lines<S>,
    caller: CallingProgram,
    shared: Arc<Shared>,
}

/// Why a connection ends.
enum End {
    /// The program has gone.
    Gone,
    /// The program is told why.
    Failed(Error),
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) fn new(lines: Lines<S>, caller: CallingProgram, shared: Arc<Shared>) -> Self {
        Self {
            lines,
            caller,
            shared,
        }
    }

    /// Serves it to its end.
    pub(super) async fn serve(mut self) {
        if let Err(End::Failed(error)) = self.converse().await {
            self.refuse(error).await;
        }
    }

    /// Tells why there is nothing more.
    pub(super) async fn refuse(mut self, error: Error) {
        let program = self.caller.for_log();
        tracing::warn!(
            code = error.code(),
            program,
            "a program is refused: {error}"
        );
        let answer = Answer::error(&error, self.shared.agent.language);
        let _ = self.lines.tell(&answer).await;
    }

    async fn converse(&mut self) -> Result<(), End> {
        loop {
            // Whoever says nothing gets no answer.
            let Ok(line) = tokio::time::timeout(SILENCE_LIMIT, self.lines.next()).await else {
                return Ok(());
            };
            let Some(line) = line? else { return Ok(()) };
            match Request::parse(&line)? {
                Request::WaitForCard(wanted) => self.wait_for_card(wanted).await?,
                Request::Proof(_) => {
                    let reason = "this connection has opened no session";
                    let reason = reason.into();
                    return Err(Error::ProofRefused { reason }.into());
                }
                Request::SignIn(request) => {
                    let granted = self.sign_in(&request).await?;
                    return self.prove(granted).await;
                }
            }
        }
    }

    async fn wait_for_card(&mut self, wanted: WantedCard) -> Result<(), End> {
        let mut states = self.shared.agent.cards.watch().subscribe();
        let is_so = states.wait_for(|state| match wanted {
            WantedCard::Present => !state.insertions().is_empty(),
            WantedCard::Absent => state.insertions().is_empty(),
        });
        tokio::select! {
            () = self.lines.gone() => return Err(End::Gone),
            _ = is_so => {}
            () = tokio::time::sleep(WAIT_LIMIT) => {}
        }
        let summary = self.shared.agent.cards.watch().now().summary();
        Ok(self.lines.tell(&Answer::Card(summary)).await?)
    }

    /// Asks the person. When the program goes meanwhile, so does the prompt.
    async fn sign_in(&mut self, request: &GrantRequest) -> Result<Granted, End> {
        let Self {
            lines,
            caller,
            shared,
        } = self;
        shared.take_sign_in()?;
        let program = caller.for_log();
        let client = request.client_id_for_log();
        tracing::info!(program, client, "a program asks for tokens");
        let (progress, states) = Progress::channel();
        let mut states = Some(states);
        let granting = shared.agent.grant_for(request, caller, &progress);
        tokio::pin!(granting);
        let granted = loop {
            let Some(told) = &mut states else {
                break granting.await;
            };
            tokio::select! {
                biased;
                granted = &mut granting => break granted,
                line = told.recv() => {
                    if let Some(Line::State { state, .. }) = line
                        && lines.tell(&Answer::State(state)).await.is_err()
                    {
                        states = None;
                    }
                }
                () = lines.gone() => states = None,
            }
        };
        match (granted, states) {
            // What was granted to a program that has gone ends here.
            (_, None) => Err(End::Gone),
            (granted, Some(_)) => Ok(granted?),
        }
    }

    /// Proofs until the session or the connection ends; the other ends with it.
    async fn prove(&mut self, mut granted: Granted) -> Result<(), End> {
        let agent = Arc::clone(&self.shared.agent);
        let tokens = granted.response.clone();
        self.lines.tell(&Answer::Tokens(tokens)).await?;
        let mut allowance = Allowance::new(REQUESTS_PER_MINUTE, Instant::now());
        loop {
            let line = tokio::select! {
                biased;
                () = agent.outlast(&mut granted) => {
                    let reason = agent.why_over(&granted);
                    let ended = Answer::ended(&reason, agent.language);
                    return Ok(self.lines.tell(&ended).await?);
                }
                line = self.lines.next() => line?,
            };
            let Some(line) = line else { return Ok(()) };
            let proven =
                allowance
                    .take(Instant::now())
                    .and_then(|()| match Request::parse(&line)? {
                        Request::Proof(asked) => agent.prove(&granted, &asked),
                        Request::SignIn(_) | Request::WaitForCard(_) => {
                            let reason = "this connection has a session: open another one";
                            Err(Error::ProgramRequestInvalid { reason })
                        }
                    });
            let answer = match proven {
                Ok(proof) => Answer::Dpop(proof),
                Err(error) => Answer::error(&error, agent.language),
            };
            self.lines.tell(&answer).await?;
        }
    }
}
