//! What one operator has proposed and another confirms with her own card.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use cardea_provider::event::ConsoleView;
use cardea_provider::{AnchorRole, Author, FourEyes, Proposal, ProposedChange};
use cardea_storage::approval::ApprovalState;

use super::stops;
use crate::anchor_reload::follow_anchors;
use crate::console::events::person_path;
use crate::console::{AtConsole, Said, Visit, one, unavailable};
use crate::form::Body;
use crate::language::Text;
use crate::page::console_page::{Block, Cell, Form, Part, Section, Table};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;
use crate::stop_view::StopView;
use crate::uninterrupted::to_the_end;

const PATH: &str = "/console/approvals";

/// Lists what waits, and what was decided lately.
pub(crate) async fn get_approvals(
    State(state): State<AppState>,
    Visit(at): Visit,
) -> Result<Response, Refusal> {
    show(&state, &at, Said::default()).await
}

/// Confirms a proposal, takes a command's over, or cancels one.
pub(crate) async fn post_approval(
    State(state): State<AppState>,
    at: AtConsole,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = at.read_form(&state, &headers, body)?;
    let approvals = at.approvals(&state);
    let said = match one(&pairs, "change")? {
        "confirm" => {
            let all = state.clone();
            let confirmed = to_the_end(async move {
                let confirmed = approvals.confirm(&id).await?;
                if confirmed.change.is_of_anchors() {
                    follow_anchors(&all).await;
                }
                Ok(confirmed)
            });
            let confirmed = confirmed.await;
            match confirmed.ok_or_else(|| Refusal::page(Problem::Internal))? {
                Ok(_) => Said::done(DONE, at.language),
                Err(error) => Said::refused(&error, at.language)?,
            }
        }
        "take_over" => match approvals.take_over(&id).await {
            Ok(_) => Said::done(TAKEN_OVER, at.language),
            Err(error) => Said::refused(&error, at.language)?,
        },
        "cancel" => match approvals.cancel(&id).await {
            Ok(_) => Said::done(CANCELLED, at.language),
            Err(error) => Said::refused(&error, at.language)?,
        },
        _ => return Err(Refusal::page(Problem::RequestMalformed)),
    };
    show(&state, &at, said).await
}

async fn show(state: &AppState, at: &AtConsole, said: Said) -> Result<Response, Refusal> {
    let approvals = at.approvals(state);
    let proposals = approvals.list().await;
    let proposals = proposals.map_err(|error| unavailable(&error))?;
    let stops = proposals.iter().flat_map(|it| &it.stops);
    let subs: Vec<String> = stops.filter_map(|stop| stop.sub.clone()).collect();
    let operator = &at.session.operator;
    let look = state
        .provider()
        .record_look(operator, ConsoleView::Stops, subs);
    look.await.map_err(|error| unavailable(&error))?;
    let told = match approvals.four_eyes() {
        FourEyes::Required => TOLD,
        FourEyes::NotAsked => NOT_ASKED,
    };
    let (waiting, decided): (Vec<_>, Vec<_>) = proposals
        .into_iter()
        .partition(|it| it.state == ApprovalState::Open);
    let sections = vec![
        Section::new(
            at.say(WAITING),
            vec![Block::Text(at.say(told)), table(at, WAITING, &waiting)],
        ),
        Section::new(at.say(DECIDED), vec![table(at, DECIDED, &decided)]),
    ];
    Ok(at.show(state, (Part::Approvals, PATH), sections, said))
}

fn table(at: &AtConsole, caption: Text, proposals: &[Proposal]) -> Block {
    if proposals.is_empty() {
        return Block::Text(at.say(NONE));
    }
    let rows = proposals.iter().map(|proposal| {
        let last = match proposal.state {
            ApprovalState::Open => Cell::Forms(forms(at, proposal)),
            state => Cell::Text(at.say(outcome(state))),
        };
        let until = proposal.decided_at.unwrap_or(proposal.expires_at);
        vec![
            Cell::Lines(what(at, proposal)),
            Cell::Text(by(at, proposal)),
            Cell::Text(at.written(until)),
            last,
        ]
    });
    let when = match caption.en == WAITING.en {
        true => UNTIL,
        false => WHEN,
    };
    let head = [WHAT, BY, when, DECISION].map(|text| at.say(text));
    Block::Table(Table {
        caption: at.say(caption),
        head: head.to_vec(),
        rows: rows.collect(),
    })
}

/// What can be done by whoever looks: her own proposal she can take back alone.
fn forms(at: &AtConsole, proposal: &Proposal) -> Vec<Form> {
    let path = at.href(&format!("{PATH}/{}", proposal.id));
    let what = words(at, &proposal.change);
    let form = |text: Text, word: &str| {
        Form::new(path.clone(), at.say(text))
            .labelled(format!("{}: {what}", at.say(text)))
            .hiding("change", word)
    };
    let mut forms = Vec::new();
    if proposal.is_for_another {
        let (text, word) = match proposal.proposer {
            Some(_) => (CONFIRM, "confirm"),
            None => (TAKE_OVER, "take_over"),
        };
        forms.push(form(text, word).main());
    }
    forms.push(form(CANCEL, "cancel"));
    forms
}

/// What is proposed, with all that an operator has to check before she says yes.
fn what(at: &AtConsole, proposal: &Proposal) -> Vec<Cell> {
    let mut lines = vec![Cell::Text(words(at, &proposal.change))];
    for stop in proposal.stops.iter().cloned().map(StopView::from) {
        lines.push(match &stop.sub {
            Some(sub) => Cell::Link(at.link(&person_path(sub), sub.clone())),
            None => Cell::Text(stop.subject.clone()),
        });
        let since = at.written(stop.stopped_at);
        let told = at.say(STOP);
        let told = told.replace("{portal}", &stop.client_id);
        let told = told.replace("{service}", &stop.service);
        lines.push(Cell::Text(told.replace("{since}", &since)));
        lines.push(stops::why(at, &stop));
    }
    if proposal.stops.len() > 1 {
        let count = proposal.stops.len().to_string();
        lines.push(Cell::Text(at.say(TOGETHER).replace("{count}", &count)));
    }
    lines
}

fn words(at: &AtConsole, change: &ProposedChange) -> String {
    match change {
        ProposedChange::LiftStop {
            stop,
            service,
            reason,
            ..
        } => at
            .say(LIFT_STOP)
            .replace("{service}", service)
            .replace("{stop}", stop)
            .replace("{reason}", reason),
        ProposedChange::AddAnchor {
            rules,
            role,
            sha256,
            subject,
            ..
        } => at
            .say(match role {
                AnchorRole::Anchor => ADD_ANCHOR,
                AnchorRole::Intermediate => ADD_INTERMEDIATE,
            })
            .replace("{rules}", rules)
            .replace("{sha256}", sha256)
            .replace("{subject}", subject),
        ProposedChange::RemoveAnchor { rules, sha256 } => at
            .say(REMOVE_ANCHOR)
            .replace("{rules}", rules)
            .replace("{sha256}", sha256),
        _ => at.say(OTHER),
    }
}

fn by(at: &AtConsole, proposal: &Proposal) -> String {
    let person = proposal.proposer.as_ref().map(|person| person.name.clone());
    match (&proposal.proposed_by, person) {
        (Author::Account(account), person) => {
            let user = account.login_user.as_ref().or(account.user.as_ref());
            let user = user.cloned().unwrap_or_else(|| account.uid.to_string());
            let command = at.say(COMMAND).replace("{user}", &user);
            match person {
                Some(person) => format!("{command}, {person}"),
                None => command,
            }
        }
        (_, Some(person)) => person,
        (_, None) => String::new(),
    }
}

fn outcome(state: ApprovalState) -> Text {
    match state {
        ApprovalState::Open => Text::new("waits", "en attente"),
        ApprovalState::Confirmed => Text::new("confirmed and done", "confirmée et exécutée"),
        ApprovalState::Cancelled => Text::new("cancelled", "annulée"),
        ApprovalState::Expired => Text::new("expired", "expirée"),
    }
}

const WAITING: Text = Text::new("To confirm", "À confirmer");
const DECIDED: Text = Text::new("Decided lately", "Décidées récemment");
const TOLD: Text = Text::new(
    "Lifting a stop and changing trust anchors take two operators: one proposes, another confirms \
     with her own card. Confirm only what you have checked yourself.",
    "Rétablir un accès et modifier les ancres de confiance demandent deux exploitants\u{a0}: l’un \
     propose, un autre confirme avec sa propre carte. Ne confirmez que ce que vous avez vérifié \
     vous-même.",
);
const NOT_ASKED: Text = Text::new(
    "One operator decides here: the configuration asks for no second one.",
    "Un seul exploitant décide ici\u{a0}: la configuration n’en demande pas un second.",
);
const NONE: Text = Text::new("There is none.", "Il n’y en a aucune.");
const WHAT: Text = Text::new("What", "Quoi");
const BY: Text = Text::new("Proposed by", "Proposée par");
const UNTIL: Text = Text::new("Until", "Jusqu’au");
const WHEN: Text = Text::new("When", "Quand");
const DECISION: Text = Text::new("Decision", "Décision");
const CONFIRM: Text = Text::new("Confirm", "Confirmer");
const TAKE_OVER: Text = Text::new("Take over", "Reprendre à mon compte");
const CANCEL: Text = Text::new("Cancel", "Annuler");
const LIFT_STOP: Text = Text::new(
    "Lift the stop {stop} at {service}: {reason}",
    "Rétablir l’accès {stop} à {service}\u{a0}: {reason}",
);
const STOP: Text = Text::new(
    "Stopped since {since}, at {portal} – {service}",
    "Arrêté depuis le {since}, {portal} – {service}",
);
const TOGETHER: Text = Text::new(
    "{count} stops of this account are lifted together.",
    "{count} arrêts de ce compte sont levés ensemble.",
);
const ADD_ANCHOR: Text = Text::new(
    "Add the root {subject} (SHA-256 {sha256}) to {rules}",
    "Ajouter la racine {subject} (SHA-256 {sha256}) à {rules}",
);
const ADD_INTERMEDIATE: Text = Text::new(
    "Add the issuing authority {subject} (SHA-256 {sha256}) to {rules}",
    "Ajouter l’autorité émettrice {subject} (SHA-256 {sha256}) à {rules}",
);
const REMOVE_ANCHOR: Text = Text::new(
    "Take the certificate {sha256} away from {rules}",
    "Retirer le certificat {sha256} de {rules}",
);
const OTHER: Text = Text::new(
    "A change of a newer program",
    "Une modification d’un programme plus récent",
);
const COMMAND: Text = Text::new("command of {user}", "commande de {user}");
const DONE: Text = Text::new("Confirmed and done.", "Confirmé et exécuté.");
const TAKEN_OVER: Text = Text::new(
    "The proposal is yours now. Another operator confirms it.",
    "La proposition est désormais la vôtre. Un autre exploitant la confirme.",
);
const CANCELLED: Text = Text::new("Cancelled.", "Annulé.");
