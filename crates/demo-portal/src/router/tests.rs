use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use tower::ServiceExt;

use super::{State, router, routes};
use crate::clock;
use crate::config::Config;
use crate::look_up::desk::tests::Issuer;
use crate::relying_party::RelyingParty;
use crate::session::tests::{access, session};
use crate::session::{Session, Sessions};

/// A portal whose provider does not exist: nothing here may need it.
fn config(public_url: &str) -> Config {
    let text = format!(
        "issuer = \"https://op.test\"\nclient_id = \"portal\"\nlisten = \"127.0.0.1:1\"\n\
         public_url = \"{public_url}\"\n"
    );
    toml::from_str(&text).unwrap()
}

async fn ask(request: Request<Body>) -> (Response<()>, String) {
    let portal = router(config("https://portal.test"), None).unwrap();
    let (parts, body) = portal.oneshot(request).await.unwrap().into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap();
    (
        Response::from_parts(parts, ()),
        String::from_utf8(bytes.to_vec()).unwrap(),
    )
}

fn get(path: &str, header: (&str, &str)) -> Request<Body> {
    Request::get(path)
        .header(header.0, header.1)
        .body(Body::empty())
        .unwrap()
}

fn header<'a>(response: &'a Response<()>, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_first_page_speaks_the_visitors_language() {
    let cases = [
        (("accept-language", "fr-FR"), "Me connecter avec ma carte"),
        (("accept-language", "en-GB"), "Sign in with my card"),
        (("accept-language", "de"), "Me connecter avec ma carte"),
        (
            ("cookie", "a=b; __Host-portal-language=en"),
            "Sign in with my card",
        ),
    ];
    for (sent, words) in cases {
        let (response, page) = ask(get("/", sent)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(page.contains(words), "{sent:?}");
    }
}

#[tokio::test]
async fn pages_run_and_load_nothing_from_elsewhere() {
    for path in ["/", "/session/ended"] {
        let (response, page) = ask(get(path, ("accept-language", "fr"))).await;
        let policy = header(&response, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("form-action 'self' https://op.test;"));
        assert!(policy.contains("frame-ancestors 'none'"));
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert!(
            !page.contains("<script>") && !page.contains(" style="),
            "{path}"
        );
        assert!(
            !page.contains("http://") && !page.contains("https://"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_login_that_this_browser_did_not_begin_is_refused() {
    let path = "/callback?code=abc&state=xyz";
    let (response, page) = ask(get(path, ("accept-language", "en"))).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(page.contains("portal.login_unknown"), "{page}");
    assert!(header(&response, "set-cookie").starts_with("__Host-portal-login=; "));
}

#[tokio::test]
async fn a_page_without_session_hears_at_once_that_it_is_over() {
    let sent = ("cookie", "__Host-portal-session=unknown");
    let (response, events) = ask(get("/session/events", sent)).await;
    assert_eq!(header(&response, "content-type"), "text/event-stream");
    assert!(events.contains("event: ended"), "{events}");
}

#[tokio::test]
async fn nobody_looks_patients_up_who_is_not_signed_in() {
    let sent = ("cookie", "__Host-portal-session=unknown");
    let walk = Request::post("/patients/walk")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from("from=0"))
        .unwrap();
    for request in [
        get("/patients", sent),
        get("/patients?name=Abricot", sent),
        walk,
    ] {
        let (response, page) = ask(request).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(header(&response, "location"), "/");
        assert!(page.is_empty(), "{page}");
    }
}

/// A portal where somebody is signed in, and her cookie.
async fn portal_of(issuer: &Issuer, folder: &std::path::Path) -> (Router, String) {
    let config = config("https://portal.test");
    let state = State {
        relying_party: RelyingParty::new(config).unwrap(),
        sessions: Sessions::default(),
        look_ups: Some(issuer.desk(folder).await),
    };
    let signed_in = Session {
        access: access(issuer.token("a-person")),
        ..session("a-person", "a-session")
    };
    let cookie = state.sessions.open(signed_in, clock::unix_seconds());
    let cookie = format!("__Host-portal-session={}", cookie.unwrap());
    (routes(Arc::new(state)), cookie)
}

#[tokio::test]
async fn a_person_sees_patients_what_she_may_and_how_a_robot_ends() {
    let (issuer, folder) = (Issuer::start().await, tempfile::tempdir().unwrap());
    let (portal, cookie) = portal_of(&issuer, folder.path()).await;
    let ask = async |request: http::request::Builder, body: String| {
        let request = request.header("cookie", &cookie);
        let request = request
            .header("accept-language", "en")
            .header("content-type", "application/x-www-form-urlencoded");
        let request = request.body(Body::from(body)).unwrap();
        let response = portal.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    let home = ask(Request::get("/"), String::new()).await;
    assert!(home.contains("href=\"/patients\""), "{home}");
    let empty = ask(Request::get("/patients"), String::new()).await;
    assert!(empty.contains("<strong id=\"seen\">0</strong>"), "{empty}");
    assert!(empty.contains("40 pass in a minute and 300 in an hour"));
    let found = ask(Request::get("/patients?name=lou%20saule"), String::new()).await;
    assert!(found.contains("</code> Lou Saule</li>"), "{found}");
    assert!(!found.contains("id=\"withheld\""), "{found}");
    let marked = ask(Request::get("/patients?name=%3Cb%3E"), String::new()).await;
    assert!(!marked.contains("<b>") && marked.contains("This search counts, too"));
    let mut last = String::new();
    for from in (0..200).step_by(20) {
        last = ask(Request::post("/patients/walk"), format!("from={from}")).await;
        if last.contains("id=\"withheld\"") {
            break;
        }
    }
    assert!(last.contains("guard.step_up_required"), "{last}");
    assert!(last.contains("href=\"/login?fresh=1\""), "{last}");
}

#[tokio::test]
async fn signing_out_needs_a_form_of_the_portal() {
    let (response, _) = ask(get("/logout", ("accept-language", "fr"))).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn an_unreachable_provider_is_explained_kindly() {
    let (response, page) = ask(get("/login", ("accept-language", "en"))).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert!(page.contains("It is not your fault"), "{page}");
    assert!(page.contains("portal.provider_unusable"));
    assert!(
        !page.contains("op.test/"),
        "inner details are for the log alone"
    );
}
