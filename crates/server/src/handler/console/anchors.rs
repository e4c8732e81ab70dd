//! Trust anchors: which certificates are believed, and adding and taking away, with a second
//! operator where four eyes are asked for.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use cardea_pki::Certificate;
use cardea_provider::{AnchorRole, Error, Outcome, Permission, check_fingerprint};

use crate::admin_api::{AnchorSource, AnchorView};
use crate::anchor_reload::follow_anchors;
use crate::anchor_view::{added_view, configured_views};
use crate::console::{AtConsole, Said, Visit, one, unavailable};
use crate::form::Body;
use crate::language::Text;
use crate::page::console_page::{Block, Cell, Field, FieldKind, Form, Part, Section, Table};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

const PATH: &str = "/console/anchors";
/// Characters of a certificate as PEM that a form takes.
const PEM_MAX: usize = 16_000;
/// Characters of a SHA-256, with something between each two of them.
const SHA256_MAX: usize = 128;

/// Lists them.
pub(crate) async fn get_anchors(
    State(state): State<AppState>,
    Visit(at): Visit,
) -> Result<Response, Refusal> {
    show(&state, &at, Said::default()).await
}

/// Adds a certificate, takes one away, or proposes it.
pub(crate) async fn post_anchors(
    State(state): State<AppState>,
    at: AtConsole,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = at.read_form(&state, &headers, body)?;
    let rules = one(&pairs, "trust_anchor")?.to_owned();
    let approvals = at.approvals(&state);
    let outcome = match one(&pairs, "change")? {
        "remove" => {
            let (all, sha256) = (state.clone(), one(&pairs, "sha256")?.to_ascii_lowercase());
            let removed = to_the_end(async move {
                let removed = approvals.remove_anchor(&rules, &sha256).await?;
                follow_anchors(&all).await;
                Ok(is_proposed(&removed))
            });
            removed.await
        }
        "add" => {
            let role = match one(&pairs, "role")? {
                "anchor" => AnchorRole::Anchor,
                "intermediate" => AnchorRole::Intermediate,
                _ => return Err(Refusal::page(Problem::RequestMalformed)),
            };
            let (all, pem) = (state.clone(), one(&pairs, "certificate")?.to_owned());
            let sha256 = one(&pairs, "sha256")?.to_owned();
            let added = to_the_end(async move {
                let certificate = read_one(&pem)?;
                check_fingerprint(&certificate, &sha256)?;
                let configured = all.administration().configured_anchors();
                let mut named = configured.iter().map(|anchor| &anchor.rules);
                let found = named.find(|it| it.name == rules);
                let found = found.ok_or(Error::AnchorRulesUnknown { name: rules })?;
                let store = &found.trust_store;
                let own: Vec<_> = store.anchors().chain(store.intermediates()).collect();
                let added = approvals.add_anchor(&found.name, role, &certificate, &own);
                let added = added.await?;
                follow_anchors(&all).await;
                Ok(is_proposed(&added))
            });
            added.await
        }
        _ => return Err(Refusal::page(Problem::RequestMalformed)),
    };
    let said = match outcome.ok_or_else(|| Refusal::page(Problem::Internal))? {
        Ok(true) => Said::done(PROPOSED, at.language),
        Ok(false) => Said::done(CHANGED, at.language),
        Err(error) => Said::refused(&error, at.language)?,
    };
    show(&state, &at, said).await
}

fn is_proposed<T>(outcome: &Outcome<T>) -> bool {
    matches!(outcome, Outcome::Proposed(_))
}

/// The one certificate of a text.
fn read_one(pem: &str) -> Result<Certificate, Error> {
    let mut all = Certificate::parse_pem_bundle(pem.as_bytes()).map_err(Error::Pki)?;
    match (all.pop(), all.is_empty()) {
        (Some(certificate), true) => Ok(certificate),
        _ => Err(Error::AnchorNotAuthority),
    }
}

async fn show(state: &AppState, at: &AtConsole, said: Said) -> Result<Response, Refusal> {
    let registrations = state.provider().anchor_registrations(&at.session.operator);
    let listed = registrations.list().await;
    let (added, _) = listed.map_err(|error| unavailable(&error))?;
    let configured = state.administration().configured_anchors();
    let mut anchors = configured_views(&configured);
    anchors.extend(added.iter().map(added_view));
    let may_change = at.rules.anchors == Permission::Allowed;
    let rows = anchors.iter().map(|anchor| row(at, anchor, may_change));
    let head = [RULES, ROLE, SUBJECT, UNTIL, SOURCE].map(|text| at.say(text));
    let list = Block::Table(Table {
        caption: at.say(HEADING),
        head: head.to_vec(),
        rows: rows.collect(),
    });
    let mut sections = vec![Section::new(at.say(HEADING), vec![list])];
    let names = configured.iter().map(|anchor| anchor.rules.name.clone());
    let add = match may_change {
        true => vec![Block::Text(at.say(ADD_TOLD)), Block::Form(add(at, names))],
        false => vec![Block::Text(at.say(OFF))],
    };
    sections.push(Section::new(at.say(ADD), add));
    Ok(at.show(state, (Part::Anchors, PATH), sections, said))
}

fn row(at: &AtConsole, anchor: &AnchorView, may_change: bool) -> Vec<Cell> {
    let role = match anchor.role {
        AnchorRole::Anchor => ROOT,
        AnchorRole::Intermediate => INTERMEDIATE,
    };
    let until = at.written(anchor.not_after);
    let until = match anchor.expires_soon {
        true => format!("{until} – {}", at.say(SOON)),
        false => until,
    };
    let last = match anchor.source {
        AnchorSource::File => Cell::Text(at.say(FILE)),
        AnchorSource::Database if !may_change => Cell::Text(at.say(ADDED)),
        AnchorSource::Database => {
            let label = format!("{}: {}", at.say(REMOVE), anchor.subject);
            let form = Form::new(at.href(PATH), at.say(REMOVE))
                .labelled(label)
                .hiding("change", "remove")
                .hiding("trust_anchor", anchor.trust_anchor.clone())
                .hiding("sha256", anchor.sha256.clone());
            Cell::Forms(vec![form])
        }
    };
    vec![
        Cell::Text(anchor.trust_anchor.clone()),
        Cell::Text(at.say(role)),
        Cell::Text(format!("{} – SHA-256 {}", anchor.subject, anchor.sha256)),
        Cell::Text(until),
        last,
    ]
}

fn add(at: &AtConsole, names: impl Iterator<Item = String>) -> Form {
    let field = |id: &str, name, label: Text, kind| Field {
        id: id.to_owned(),
        name,
        label: at.say(label),
        kind,
        length_max: PEM_MAX,
    };
    let names = names.map(|name| (name.clone(), name)).collect();
    let roles = [("anchor", ROOT), ("intermediate", INTERMEDIATE)];
    let roles = roles.map(|(word, text)| (word.to_owned(), at.say(text)));
    Form::new(at.href(PATH), at.say(ADD))
        .hiding("change", "add")
        .with(field(
            "rules",
            "trust_anchor",
            RULES,
            FieldKind::Choice(names),
        ))
        .with(field(
            "role",
            "role",
            ROLE,
            FieldKind::Choice(roles.to_vec()),
        ))
        .with(field("pem", "certificate", PEM, FieldKind::Lines))
        .with(Field {
            length_max: SHA256_MAX,
            ..field("anchor-sha256", "sha256", SHA256, FieldKind::Line)
        })
}

const HEADING: Text = Text::new("Trust anchors", "Ancres de confiance");
const RULES: Text = Text::new("Trust anchor", "Ancre de confiance");
const ROLE: Text = Text::new("Role", "Rôle");
const SUBJECT: Text = Text::new("Certificate", "Certificat");
const UNTIL: Text = Text::new("Valid until", "Valable jusqu’au");
const SOON: Text = Text::new("soon", "bientôt");
const SOURCE: Text = Text::new("Stands in", "Se trouve dans");
const ROOT: Text = Text::new("root", "racine");
const INTERMEDIATE: Text = Text::new("issuing authority", "autorité émettrice");
const FILE: Text = Text::new("a file", "un fichier");
const ADDED: Text = Text::new("the database", "la base de données");
const REMOVE: Text = Text::new("Take away", "Retirer");
const ADD: Text = Text::new("Add a certificate", "Ajouter un certificat");
const ADD_TOLD: Text = Text::new(
    "Have the fingerprint from the authority by another way than the certificate: it is added only \
     where both agree. Whoever adds a root decides whose cards are believed.",
    "Obtenez l’empreinte auprès de l’autorité par une autre voie que le certificat\u{a0}: il n’est \
     ajouté que si les deux concordent. Ajouter une racine, c’est décider quelles cartes sont \
     crues.",
);
const PEM: Text = Text::new("The certificate, as PEM", "Le certificat, au format PEM");
const SHA256: Text = Text::new(
    "Its SHA-256, as the authority publishes it",
    "Son empreinte SHA-256, telle que la publie l’autorité",
);
const OFF: Text = Text::new(
    "Not changed over the network here: use cardea anchors on the server, or set admin.anchors.",
    "Ici, pas de modification par le réseau\u{a0}: utilisez cardea anchors sur le serveur, ou \
     activez admin.anchors.",
);
const CHANGED: Text = Text::new("It is done, and in force.", "C’est fait, et en vigueur.");
const PROPOSED: Text = Text::new(
    "It is proposed. Another operator confirms it under “To confirm”, with her own card, within a \
     day.",
    "La proposition est enregistrée. Un autre exploitant la confirme sous «\u{a0}À \
     confirmer\u{a0}», avec sa propre carte, dans la journée.",
);
