//! `cardea-agent sign-in`: tokens for a program of this user, and the card's presence for as long
//! as the program wants them to live.

use std::io::{BufRead as _, Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::business_software::{GrantRequest, Granted, PROOF_REQUEST_BYTES_MAX};
use crate::language::Language;
use crate::{Agent, Error, agent_socket};

/// How long the departure may take that a person wants.
const DEPARTURE_LIMIT: Duration = Duration::from_secs(3);

/// How the command behaves.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Documents for a program, not words for a person.
    pub json: bool,
    /// End at once, and the session with it.
    pub once: bool,
    /// Answer each line of standard input with a proof of possession.
    pub proofs: bool,
    /// The language of the words.
    pub language: Language,
}

/// Gets tokens, prints them, and stays until the card has left, the server or the person has ended
/// the session, standard input is closed, or `stop` resolves. The caller tells the departure
/// afterwards.
///
/// # Errors
/// As [`Agent::grant`]; [`Error::Interrupted`] when `stop` came first.
pub async fn run(
    agent: &Arc<Agent>,
    request: &GrantRequest,
    options: Options,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    tokio::pin!(stop);
    let Options { json, language, .. } = options;
    let tell = move |state| {
        if !json && let Some(words) = language.sign_in_state(state) {
            eprintln!("{words}");
        }
    };
    let mut granted = tokio::select! {
        granted = agent.grant(request, tell) => granted?,
        () = &mut stop => return Err(Error::Interrupted),
    };
    let document = if options.json {
        granted.response.to_string()
    } else {
        language.signed_in(&granted.response, options.once)
    };
    if !print(&document) || options.once {
        return Ok(());
    }
    let mut lines = standard_input();
    let portal = granted.client_name.clone();
    let ended = agent_socket::hear_of_end(&agent.socket, &request.issuer, &portal);
    tokio::pin!(ended);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            _held = &mut ended => {
                // Kept until the departure is told: the agent waits for it.
                agent.end_sessions(DEPARTURE_LIMIT).await;
                return Ok(());
            }
            () = agent.outlast(&mut granted) => return Ok(()),
            line = lines.recv() => match line {
                None => return Ok(()),
                Some(line) if options.proofs => {
                    if !answer(agent, &granted, &line) {
                        return Ok(());
                    }
                }
                // A person may press Enter.
                Some(_) => {}
            },
        }
    }
}

/// What the command prints about a failure: a document for a program, a sentence for a person.
#[must_use]
pub fn failure(error: &Error, options: Options) -> String {
    let title = error.title(options.language);
    if !options.json {
        return format!("{title} [{}: {error}]", error.code());
    }
    let mut document = json!({
        "code": error.code(),
        "title": title,
        "detail": error.to_string(),
    });
    if let (Value::Object(members), Some(tries)) = (&mut document, error.tries_left()) {
        members.insert("tries_left".to_owned(), tries.into());
    }
    document.to_string()
}

fn answer(agent: &Agent, granted: &Granted, line: &str) -> bool {
    print(&agent.answer_proof_request(granted, line))
}

/// Prints a line. False when nobody reads any more.
fn print(line: &str) -> bool {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")
        .and_then(|()| output.flush())
        .is_ok()
}

/// The lines of standard input, each cut to a bound; they end with it. A thread of its own reads,
/// because nothing can call a blocking read off.
fn standard_input() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        let bytes_max = u64::try_from(PROOF_REQUEST_BYTES_MAX).unwrap_or(u64::MAX);
        let mut input = std::io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let read = input.by_ref().take(bytes_max).read_until(b'\n', &mut line);
            let Ok(1..) = read else { return };
            let line = String::from_utf8_lossy(&line).trim().to_owned();
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

impl Language {
    /// Where a sign-in stands, for a person at a terminal.
    fn sign_in_state(self, state: &str) -> Option<&'static str> {
        let (french, english) = match state {
            "insert_card" => ("Insérez votre carte.", "Insert your card."),
            "reader_missing" => ("Branchez votre lecteur.", "Plug your card reader in."),
            "reader_service_down" => (
                "Le service des cartes à puce (pcscd) ne répond pas.",
                "The smart-card service (pcscd) does not answer.",
            ),
            "reader_busy" => (
                "Un autre logiciel occupe le lecteur\u{a0}; un instant…",
                "Another program holds the reader; one moment…",
            ),
            "pin_asked" => (
                "Saisissez le code de la carte dans la fenêtre qui s’ouvre.",
                "Type the card's PIN in the window that opens.",
            ),
            "pin_incorrect" => ("Code incorrect.", "Incorrect PIN."),
            "signing" => ("La carte signe…", "The card signs…"),
            _ => return None,
        };
        Some(match self {
            Self::French => french,
            Self::English => english,
        })
    }

    /// The end for a person: the tokens themselves are a program's affair.
    fn signed_in(self, response: &Value, once: bool) -> String {
        let scope = response.get("scope").and_then(Value::as_str);
        let scope = scope.unwrap_or_default();
        let seconds = response.get("expires_in").and_then(Value::as_i64);
        let seconds = seconds.unwrap_or_default();
        let (signed_in, stays) = match self {
            Self::French => (
                format!("Accès accordé ({scope}), {seconds} secondes. --json affiche les jetons."),
                "Il prend fin quand la carte est retirée ou l’entrée fermée (Ctrl-D).",
            ),
            Self::English => (
                format!("Access granted ({scope}), {seconds} seconds. --json shows the tokens."),
                "It ends when the card is removed or the input is closed (Ctrl-D).",
            ),
        };
        if once {
            signed_in
        } else {
            format!("{signed_in}\n{stays}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options = Options {
        json: true,
        once: false,
        proofs: false,
        language: Language::English,
    };

    #[test]
    fn failures_are_a_document_for_programs_and_a_sentence_for_people() {
        let error = Error::Card(cardea_card::Error::PinBlocked);
        let document: Value = serde_json::from_str(&failure(&error, OPTIONS)).unwrap();
        assert_eq!(document["code"], "card.pin_blocked");
        assert_eq!(document["tries_left"], 0);
        let words = Options {
            json: false,
            ..OPTIONS
        };
        let sentence = failure(&Error::IssuerUnknown, words);
        assert!(
            sentence.starts_with("This workstation is not enrolled"),
            "{sentence}"
        );
        assert!(sentence.contains("agent.issuer_unknown"), "{sentence}");
    }

    #[test]
    fn words_never_show_a_token() {
        let response = json!({"access_token": "secret", "scope": "openid", "expires_in": 120});
        for language in [Language::French, Language::English] {
            let words = language.signed_in(&response, true);
            assert!(
                words.contains("openid") && !words.contains("secret"),
                "{words}"
            );
        }
    }
}
