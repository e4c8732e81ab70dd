//! Every route of the server.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::Uri;
use axum::middleware::{Next, from_fn_with_state, map_request};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use cardea_oauth2_types::ErrorCode;
use cardea_provider::{ACCOUNT_CALLBACK_PATH, ACCOUNT_PATH, CONSOLE_PATH};

use crate::body_limit::{BODY_BYTES_MAX, limit_body_and_address};
use crate::cross_origin::{allow_pages_of_clients, refuse_foreign_pages};
use crate::endpoint::{DISCOVERY, OAUTH_METADATA, TRANSMITTER};
use crate::error_response::render_refusals;
use crate::handler::proof::add_dpop_nonce;
use crate::handler::{
    account, admin, agentless, authorize, card_grant, card_news, challenge_keys, consent, console,
    device, device_authorization, discovery, end_session, enrolment, error_page, guard_news,
    guard_reports, health, introspect, jwks, login_answer, login_assertion, login_cancel,
    login_challenge, login_page, new_workstations, not_me, openapi, par, presence, refused_uses,
    register, revoke, security_events, static_file, suspend, token, userinfo,
};
use crate::page::{SIGNED_OUT_PATH, STAYED_PATH, SUSPEND_PATH};
use crate::problem::Problem;
use crate::refusal::{Form, Refusal};
use crate::request_log::log_request;
use crate::security_headers::add_security_headers;
use crate::settled_answers::settle_answers;
use crate::state::AppState;
use crate::uninterrupted::answer_to_the_end;

/// Longer than any wait that this server imposes itself: revocation evidence and presence.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(45);

/// The endpoints that speak OAuth to programs.
const PATHS_OF_CLIENTS: [&str; 9] = [
    "/par",
    "/device_authorization",
    "/card-grant/challenge",
    "/token",
    "/introspect",
    "/revoke",
    "/events",
    "/guard/reports",
    "/userinfo",
];

/// The routes, with what every request and answer passes through.
pub(crate) fn router(state: AppState) -> Router {
    led(routes(state.clone()), &state)
}

/// What clients with certificates call, at a listener of their own (`mtls.rs`).
pub(crate) fn mtls_router(
    state: AppState,
    with_certificates: impl FnOnce(Router<AppState>) -> Router<AppState>,
) -> Router {
    let routes = with_certificates(routes_of_clients(&state));
    led(finished(routes, state.clone()), &state)
}

/// Has requests reach their routes below the issuer's path and by a profile's own paths.
fn led(routes: Router, state: &AppState) -> Router {
    let endpoints = state.endpoints();
    if !endpoints.lead_anywhere() {
        return routes;
    }
    // In front of the routes: a middleware of theirs would come after the choice of one.
    let lead = move |request: Request| std::future::ready(endpoints.lead(request));
    Router::new()
        .fallback_service(routes)
        .layer(map_request(lead))
}

fn routes(state: AppState) -> Router {
    let routes = Router::new()
        .merge(routes_of_clients(&state))
        .merge(documents())
        .merge(routes_of_registration(&state))
        .merge(routes_of_operators(&state))
        .route(
            "/authorize",
            // HEAD would begin a login that nobody sees.
            get(authorize::get_authorize)
                .post(authorize::post_authorize)
                .head(refuse_method),
        )
        .route("/login/{id}", get(login_page::get_login_page))
        .route(
            "/login/{id}/challenge",
            post(login_challenge::post_challenge),
        )
        .route(
            "/login/{id}/assertion",
            post(login_assertion::post_assertion),
        )
        .route("/login/{id}/cancel", post(login_cancel::post_cancel))
        .route(
            "/login/{id}/agentless",
            // HEAD would spend a code without its answer.
            get(agentless::get_return).head(refuse_method),
        )
        .route(
            "/login/{id}/answer",
            // HEAD would spend a login without its answer.
            get(login_answer::get_answer).head(refuse_method),
        )
        .merge(routes_on_the_way())
        .route(
            SUSPEND_PATH,
            get(suspend::get_suspend).post(suspend::post_suspend),
        )
        .route("/suspend/confirm", post(suspend::post_confirmation))
        .route(
            "/logout",
            get(end_session::get_logout)
                .post(end_session::post_logout)
                .head(refuse_method),
        )
        .merge(routes_of_the_account())
        .merge(routes_of_the_console(&state))
        .route(SIGNED_OUT_PATH, get(end_session::get_signed_out))
        .route(STAYED_PATH, get(end_session::get_stayed))
        .merge(routes_of_devices(&state))
        .route("/presence", get(presence::open_presence))
        .route("/healthz", get(health::get_health))
        .route("/readyz", get(health::get_readiness))
        .route("/openapi.json", get(openapi::get_openapi))
        .route("/errors/{code}", get(error_page::get_error_page))
        .route("/static/{name}", get(static_file::get_static_file));
    finished(routes, state)
}

/// What a person is shown, or asked, between the card's answer and the portal.
fn routes_on_the_way() -> Router<AppState> {
    Router::new()
        .route(
            "/consent/{id}",
            get(consent::get_consent).post(consent::post_consent),
        )
        .route(
            "/card-news/{id}",
            get(card_news::get_card_news).post(card_news::post_card_news),
        )
        .route(
            "/guard-news/{id}",
            get(guard_news::get_guard_news).post(guard_news::post_guard_news),
        )
        .route(
            "/refused-uses/{id}",
            get(refused_uses::get_refused_uses).post(refused_uses::post_refused_uses),
        )
        .route(
            "/new-workstations/{id}",
            get(new_workstations::get_new_workstations)
                .post(new_workstations::post_new_workstations),
        )
}

/// Routes with what every request and answer passes through.
fn finished(routes: Router<AppState>, state: AppState) -> Router {
    // One layer: each copies all below it for each request, twice.
    let passing = from_fn_with_state(state.clone(), pass_through);
    routes
        .fallback(refuse_address)
        .method_not_allowed_fallback(refuse_method)
        .layer((passing, DefaultBodyLimit::max(BODY_BYTES_MAX)))
        .with_state(state)
}

/// What every request and answer passes through, from the outside to the inside.
async fn pass_through(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let own = state.clone();
    answer_to_the_end(&state, async move {
        let state = &own;
        log_request(state, request, |request| {
            add_security_headers(state, request, |request| {
                allow_pages_of_clients(state, request, |request| {
                    render_refusals(state, request, |request| {
                        limit_time(request, |request| {
                            settle_answers(state, request, |request| {
                                limit_body_and_address(request, |request| next.run(request))
                            })
                        })
                    })
                })
            })
        })
        .await
    })
    .await
}

/// Clients that register themselves (RFC 7591, RFC 7592), where the operator lets them.
fn routes_of_registration(state: &AppState) -> Router<AppState> {
    if !state.administration().registration().enabled {
        return Router::new();
    }
    Router::new()
        .route("/register", post(register::post_registration))
        .route(
            "/register/{client_id}",
            get(register::get_registration)
                .put(register::put_registration)
                .delete(register::delete_registration),
        )
        .route_layer(from_fn_with_state(state.clone(), refuse_foreign_pages))
}

/// The pages where a person answers for a device (RFC 8628), where devices may ask.
fn routes_of_devices(state: &AppState) -> Router<AppState> {
    if !state.provider().offers_device_grant() {
        return Router::new();
    }
    Router::new()
        .route(
            "/device",
            get(device::get_device).post(device::post_user_code),
        )
        .route("/device/approved", get(device::get_approved))
        .route("/device/refused", get(device::get_refused))
        .route("/device/{id}", get(device::get_confirmation))
}

/// The admin API, where there is one.
fn routes_of_operators(state: &AppState) -> Router<AppState> {
    if state.administration().admin().is_none() {
        return Router::new();
    }
    Router::new()
        .route(
            "/admin/clients",
            get(admin::clients::list_clients).post(admin::clients::post_client),
        )
        .route(
            "/admin/clients/{client_id}",
            get(admin::clients::get_client)
                .put(admin::clients::put_client)
                .delete(admin::clients::delete_client),
        )
        .route(
            "/admin/clients/{client_id}/secret",
            post(admin::clients::post_client_secret),
        )
        .route(
            "/admin/anchors",
            get(admin::anchors::list_anchors).post(admin::anchors::post_anchor),
        )
        .route(
            "/admin/anchors/{trust_anchor}/{sha256}",
            delete(admin::anchors::delete_anchor),
        )
        .route(
            "/admin/initial-access-tokens",
            get(admin::initial_access_tokens::list_tokens)
                .post(admin::initial_access_tokens::post_token),
        )
        .route(
            "/admin/initial-access-tokens/{id}",
            delete(admin::initial_access_tokens::delete_token),
        )
        .merge(routes_of_what_people_need())
        .route("/admin/reload", post(admin::post_reload))
        .route_layer(from_fn_with_state(state.clone(), add_dpop_nonce))
        .route_layer(from_fn_with_state(state.clone(), refuse_foreign_pages))
}

/// What operators do about cards, workstations, incidents and stops; proven by what it is merged
/// into.
fn routes_of_what_people_need() -> Router<AppState> {
    Router::new()
        .route("/admin/cards", get(admin::cards::list_cards))
        .route("/admin/cards/search", post(admin::cards::post_search))
        .route(
            "/admin/cards/{id}/suspend",
            post(admin::cards::post_suspension),
        )
        .route(
            "/admin/cards/{id}/resume",
            post(admin::cards::post_resumption),
        )
        .route("/admin/instances", get(admin::instances::list_instances))
        .route(
            "/admin/instances/{instance_jkt}",
            put(admin::instances::put_instance).delete(admin::instances::delete_instance),
        )
        .route(
            "/admin/incidents",
            get(admin::incidents::list_incidents).post(admin::incidents::post_incident),
        )
        .route(
            "/admin/incidents/report",
            post(admin::incidents::post_report),
        )
        .route("/admin/incidents/{id}", get(admin::incidents::get_incident))
        .route(
            "/admin/incidents/{id}/take",
            post(admin::incidents::post_take),
        )
        .route(
            "/admin/incidents/{id}/notes",
            post(admin::incidents::post_note),
        )
        .route(
            "/admin/incidents/{id}/close",
            post(admin::incidents::post_close),
        )
        .route("/admin/stops", get(admin::stops::list_stops))
        .route("/admin/stops/{id}/lift", post(admin::stops::post_lift))
        .route("/admin/approvals", get(admin::approvals::list_approvals))
        .route(
            "/admin/approvals/{id}/take-over",
            post(admin::approvals::post_taking_over),
        )
        .route(
            "/admin/approvals/{id}/confirm",
            post(admin::approvals::post_confirmation),
        )
        .route(
            "/admin/approvals/{id}/cancel",
            post(admin::approvals::post_cancellation),
        )
}

/// The operators' console, where there are operators.
fn routes_of_the_console(state: &AppState) -> Router<AppState> {
    if state.administration().admin().is_none() {
        return Router::new();
    }
    Router::new()
        // HEAD would begin a login that nobody sees, or put on record a look at nothing.
        .route(
            CONSOLE_PATH,
            get(console::overview::get_overview).head(refuse_method),
        )
        .route(
            "/console/callback",
            get(console::get_callback).head(refuse_method),
        )
        .route("/console/close", post(console::post_close))
        .route("/console/closed", get(console::get_closed))
        .route(
            "/console/search",
            get(console::search::get_search)
                .post(console::search::post_search)
                .head(refuse_method),
        )
        .route(
            "/console/person/{sub}",
            get(console::timelines::get_person).head(refuse_method),
        )
        .route(
            "/console/session/{id}",
            get(console::timelines::get_session).head(refuse_method),
        )
        .route(
            "/console/card/{id}",
            get(console::timelines::get_card)
                .post(console::cards::post_card)
                .head(refuse_method),
        )
        .route(
            "/console/portal/{id}",
            get(console::timelines::get_portal).head(refuse_method),
        )
        .merge(routes_of_the_consoles_work())
}

/// What operators do at the console, each part with its page.
fn routes_of_the_consoles_work() -> Router<AppState> {
    Router::new()
        .route(
            "/console/incidents",
            get(console::incidents::get_incidents)
                .post(console::incidents::post_incidents)
                .head(refuse_method),
        )
        .route(
            "/console/incidents/closed",
            get(console::incidents::get_closed).head(refuse_method),
        )
        .route(
            "/console/incidents/{id}",
            get(console::incidents::get_incident)
                .post(console::incidents::post_incident)
                .head(refuse_method),
        )
        .route(
            "/console/stops",
            get(console::stops::get_stops)
                .post(console::stops::post_lift)
                .head(refuse_method),
        )
        .route(
            "/console/report",
            get(console::report::get_report)
                .post(console::report::post_report)
                .head(refuse_method),
        )
        .route(
            "/console/cards",
            get(console::cards::get_cards).head(refuse_method),
        )
        .route(
            "/console/anchors",
            get(console::anchors::get_anchors)
                .post(console::anchors::post_anchors)
                .head(refuse_method),
        )
        .route(
            "/console/approvals",
            get(console::approvals::get_approvals).head(refuse_method),
        )
        .route(
            "/console/approvals/{id}",
            post(console::approvals::post_approval),
        )
}

/// The page where people look after what is their own here.
fn routes_of_the_account() -> Router<AppState> {
    Router::new()
        .route(
            ACCOUNT_PATH,
            // HEAD would begin a login that nobody sees.
            get(account::get_account).head(refuse_method),
        )
        .route(
            ACCOUNT_CALLBACK_PATH,
            // HEAD would spend a code without its answer.
            get(account::get_callback).head(refuse_method),
        )
        .route(
            "/account/workstations",
            post(crate::account::workstations::post_workstation),
        )
        .route(
            "/account/sessions",
            post(crate::account::open_sessions::post_sessions),
        )
        .route(
            "/account/history",
            get(crate::account::history::get_history),
        )
        .route(
            "/account/export",
            post(crate::account::take_away::post_export),
        )
        .route("/account/close", post(account::post_close))
        .route("/account/cards", post(crate::account::cards::post_card))
        .route(
            "/account/suspend-code",
            post(crate::account::cards::post_suspend_code),
        )
        .route("/account/stops", post(crate::account::stops::post_stops))
        .route("/account/not-me", post(not_me::post_not_me))
        .route("/account/closed", get(account::get_closed))
}

/// What is published, for whoever asks.
fn documents() -> Router<AppState> {
    Router::new()
        .route(DISCOVERY, get(discovery::get_discovery))
        .route(
            // RFC 8414 section 3: the same document for clients that know OAuth alone.
            OAUTH_METADATA,
            get(discovery::get_discovery),
        )
        .route(TRANSMITTER, get(security_events::get_transmitter))
        .route(
            "/.well-known/cardea-challenge-keys",
            get(challenge_keys::get_challenge_keys),
        )
        .route(
            "/.well-known/cardea-enrolment",
            get(enrolment::get_enrolment),
        )
        .route("/jwks", get(jwks::get_jwks))
}

/// What clients' servers and business software call themselves.
fn routes_of_clients(state: &AppState) -> Router<AppState> {
    let nonces = from_fn_with_state(state.clone(), add_dpop_nonce);
    let device_routes = if state.provider().offers_device_grant() {
        let endpoint = post(device_authorization::post_device_authorization);
        Router::new().route("/device_authorization", endpoint.layer(nonces.clone()))
    } else {
        Router::new()
    };
    Router::new()
        .route("/par", post(par::post_par).layer(nonces.clone()))
        .route(
            "/card-grant/challenge",
            post(card_grant::post_card_grant_challenge).layer(nonces.clone()),
        )
        .merge(device_routes)
        .route("/token", post(token::post_token).layer(nonces.clone()))
        .route("/introspect", post(introspect::post_introspection))
        .route("/revoke", post(revoke::post_revocation))
        .route("/events", post(security_events::post_poll))
        .route("/guard/reports", post(guard_reports::post_reports))
        .route(
            "/userinfo",
            get(userinfo::read_userinfo)
                .post(userinfo::read_userinfo)
                .layer(nonces),
        )
        .route_layer(from_fn_with_state(state.clone(), refuse_foreign_pages))
}

pub(crate) async fn refuse_address() -> Refusal {
    Refusal::page(Problem::NotFound)
}

pub(crate) async fn refuse_method(uri: Uri) -> Refusal {
    refuse_caller(&uri, Problem::MethodNotAllowed)
}

/// Clients' programs read OAuth errors, in English; browsers' scripts read problem details.
fn refuse_caller(uri: &Uri, problem: Problem) -> Refusal {
    let mut refusal = Refusal::json(problem);
    if PATHS_OF_CLIENTS.contains(&uri.path()) {
        refusal.form = Form::OAuth {
            error: ErrorCode::InvalidRequest,
            status: problem.status(),
        };
    }
    refusal
}

/// Bounds a request's time, its body's arrival included (attack H10).
pub(crate) async fn limit_time<F>(request: Request, next: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let uri = request.uri().clone();
    match tokio::time::timeout(REQUEST_TIMEOUT, next(request)).await {
        Ok(response) => response,
        Err(_) => refuse_caller(&uri, Problem::TimedOut).into_response(),
    }
}
