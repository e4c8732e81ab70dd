//! The words around signing out in both languages, and the question's no.

use crate::test_app::{TestApp, header};

async fn page(app: &TestApp, path: &str, cookie: &str) -> String {
    let response = app.get(path).header("Cookie", cookie).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.unwrap()
}

/// Where the page's other language is.
fn switch(page: &str) -> String {
    let (_, rest) = page.split_once("<a class=\"switch\"").unwrap();
    let (_, rest) = rest.split_once("href=\"").unwrap();
    let (address, _) = rest.split_once('"').unwrap();
    address.replace("&#38;", "&")
}

#[tokio::test]
async fn the_question_changes_its_language_and_repeats_nothing_but_the_portal() {
    let app = TestApp::start().await;
    let asked = "/logout?ui_locales=fr&client_id=portal&id_token_hint=secret-hint&state=kept";
    let french = page(&app, asked, "").await;
    assert!(french.contains("Rester connecté"), "{french}");
    assert!(!french.contains("secret-hint"), "{french}");
    let other = switch(&french);
    assert_eq!(other, "/logout?lang=en&client_id=portal");
    let english = page(&app, &other, "").await;
    assert!(english.contains("Sign out?") && english.contains("Stay signed in"));
    assert!(english.contains("Portail d’essai"), "{english}");
    assert_eq!(switch(&english), "/logout?lang=fr&client_id=portal");
    // What nobody registered is no portal's name, and is not repeated.
    let nobody = page(&app, "/logout?lang=fr&client_id=nobody", "").await;
    assert_eq!(switch(&nobody), "/logout?lang=en");
}

#[tokio::test]
async fn a_no_changes_nothing() {
    let app = TestApp::start().await;
    let question = page(&app, "/logout?lang=en", "").await;
    assert!(question.contains(r#"href="/logout/stay?lang=en""#));
    let response = app.get("/logout/stay?lang=en").send().await.unwrap();
    assert_eq!(header(&response, "set-cookie"), "");
    let stayed = response.text().await.unwrap();
    assert!(stayed.contains("Nothing was changed"), "{stayed}");
    let french = page(&app, &switch(&stayed), "").await;
    assert!(french.contains("Rien n’a été changé"), "{french}");
}

/// A link must not tell people that they are signed out when they are not.
#[tokio::test]
async fn signed_out_is_said_to_those_who_are() {
    let app = TestApp::start().await;
    let confirm = app
        .post("/logout?lang=fr")
        .header("Origin", &app.issuer)
        .form(&[("confirmed", "yes")]);
    let french = confirm.send().await.unwrap().text().await.unwrap();
    let other = switch(&french);
    let english = page(&app, &other, "").await;
    assert!(english.contains("You are signed out"), "{english}");
    let asked = page(&app, &other, "cardea-session=some-session").await;
    assert!(asked.contains("Sign out?"), "{asked}");
}

#[tokio::test]
async fn an_error_page_s_other_language_explains_its_code() {
    let app = TestApp::start().await;
    let refused = app.get("/nowhere?lang=fr").send().await.unwrap();
    assert_eq!(refused.status(), 404);
    let other = switch(&refused.text().await.unwrap());
    assert_eq!(other, "/errors/server.not_found?lang=en");
    let english = page(&app, &other, "").await;
    assert!(english.contains("Nothing is here"), "{english}");
}
