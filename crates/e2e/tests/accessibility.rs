//! Every page of the server in both languages, on a pharmacy's screen and on a phone: axe-core
//! finds nothing, nothing lies beside the screen, the keyboard leads to the button, nothing comes
//! from elsewhere, and without JavaScript the page says what is needed.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use cardea_e2e::{AuthorizationRequest, Browser, CLIENTS, SCREENS, Stage};
use cardea_xtask::system::Part;
use serde_json::json;
use url::Url;

const LANGUAGES: [&str; 2] = ["fr", "en"];

/// A pharmacy's screen at 200 %, and the narrowest phone.
const NARROW: [(u32, u32); 2] = [(512, 384), (320, 640)];

/// The client whose users are asked what it may know.
const ASKING_CLIENT: &str = "\n[[client]]\nclient_id = \"asking\"\n\
    name = \"Réseau régional d’échange de documents de santé de l’Amandier\"\n\
    redirect_uris = [\"http://127.0.0.1:9/callback\"]\n\
    token_endpoint_auth_method = \"none\"\nconsent = \"explicit\"\n\
    id_token_signed_response_alg = \"RS256\"\n\
    scopes = [\"openid\", \"profile\", \"professional\", \"patients.write\"]\n\
    resources = [\"https://dossiers-partages.sante.example/api/patients/v2\"]\n";

async fn stage(name: &str) -> Result<Stage> {
    Stage::open_with(name, |options| {
        let clients = options.folder.join("clients.toml");
        let written = fs::write(&clients, format!("{CLIENTS}{ASKING_CLIENT}"));
        assert!(written.is_ok(), "the clients cannot be written");
    })
    .await
}

fn request(stage: &Stage, parameters: &[(&str, &str)]) -> Result<Url> {
    let mut request = AuthorizationRequest::new()?;
    for (name, value) in parameters {
        request = request.with(name, Some(value));
    }
    request.address(stage.system())
}

/// Looks at the page that is open on each screen, and takes its pictures.
async fn look_at(browser: &Browser, name: &str, language: &str) -> Result<()> {
    let lang = browser.run("return document.documentElement.lang").await?;
    assert_eq!(lang, language, "{name}");
    for (screen, shape) in SCREENS.iter().zip(["wide", "phone"]) {
        browser.resize(*screen).await?;
        browser
            .check_accessible(&format!("{name} {language} {shape}"))
            .await?;
        let picture = format!("page-{name}-{language}-{shape}");
        browser.screenshot(&picture).await?;
    }
    for screen in NARROW {
        browser.resize(screen).await?;
        browser.check_fits(&format!("{name} {screen:?}")).await?;
    }
    browser.resize(SCREENS[0]).await
}

/// The measure itself: a page with faults does not pass.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_with_faults_is_told_apart() -> Result<()> {
    let browser = Browser::open().await?;
    for (rule, page) in [
        ("html-has-lang", "<title>T</title><main><h1>T</h1></main>"),
        (
            "color-contrast",
            "<html lang=en><title>T</title><main><h1 style=color:%23ccc>Pale words</h1></main>",
        ),
        (
            "pixels",
            "<html lang=en><title>T</title><main><h1>T</h1><p style=width:3000px>T</p></main>",
        ),
    ] {
        browser.goto(&format!("data:text/html,{page}")).await?;
        let fault = browser.check_accessible("a faulty page").await.err();
        let fault = fault.with_context(|| format!("{rule} was not found"))?;
        assert!(fault.to_string().contains(rule), "{fault}");
    }
    browser.close().await
}

/// Attack E23 too: no page brings anything from elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn pages_without_a_login_are_accessible_and_wholly_ours() -> Result<()> {
    let stage = stage("pages").await?;
    let issuer = stage.system().addresses().issuer();
    let browser = Browser::open_recording().await?;
    let unknown_client = request(&stage, &[("client_id", "nobody")])?;
    for language in LANGUAGES {
        let pages = [
            (
                "code-of-a-card",
                format!("{issuer}/errors/login.card_revoked?lang={language}"),
            ),
            (
                "code-of-a-portal",
                format!("{issuer}/errors/provider.pkce_missing?lang={language}"),
            ),
            (
                "code-with-long-words",
                format!("{issuer}/errors/pki.critical_extension_unknown?lang={language}"),
            ),
            ("refused", format!("{unknown_client}&ui_locales={language}")),
            ("not-found", format!("{issuer}/nowhere?lang={language}")),
            (
                "logout-refused",
                format!("{issuer}/logout/stay?lang={language}"),
            ),
            (
                "logout-question",
                format!("{issuer}/logout?ui_locales={language}"),
            ),
        ];
        for (name, address) in pages {
            browser.goto(&address).await?;
            look_at(&browser, name, language).await?;
        }
        // From the question's button, by keyboard, to the last page.
        browser
            .tab_to("form[action^=\"/logout\"] button", 3)
            .await?;
        browser.press_key('\u{e007}').await?;
        browser.wait_for(".success").await?;
        look_at(&browser, "signed-out", language).await?;
    }
    let ours = BTreeSet::from([issuer]);
    let requested: BTreeSet<String> = browser
        .requested_origins()
        .await?
        .into_iter()
        .filter(|origin| origin != "null")
        .collect();
    assert_eq!(requested, ours);
    browser.close().await
}

/// Every panel that the page's script can show, put in place as the script does it.
async fn look_at_every_state(language: &str) -> Result<()> {
    let mut stage = stage(&format!("panels-{language}")).await?;
    // Without an agent the page waits, and nothing but this test changes its panel.
    stage.system_mut().stop_part(Part::Agent)?;
    let browser = Browser::open_recording().await?;
    let begun = request(&stage, &[("ui_locales", language)])?;
    browser.goto(begun.as_str()).await?;
    browser.wait_for_login_state("agent_missing").await?;
    let title = browser.run("return document.title").await?;
    let heading = browser.text("#panel h2").await?;
    assert!(title.as_str().unwrap_or_default().starts_with(&heading));
    // The script changes what this element holds, so that screen readers tell of each state.
    let live = "const it = document.getElementById('panel');
         return [it.getAttribute('role'), it.getAttribute('aria-live')]";
    assert_eq!(browser.run(live).await?, json!(["status", "polite"]));
    let states = browser
        .run("return [...document.querySelectorAll('template')].map((it) => it.dataset.state)")
        .await?;
    let states = states.as_array().context("no panels")?.clone();
    assert!(states.len() >= 30, "{states:?}");
    for state in states {
        let state = state.as_str().unwrap_or_default();
        browser
            .run(&format!(
                "const it = document.querySelector('template[data-state=\"{state}\"]');
                 const panel = document.getElementById('panel');
                 panel.replaceChildren(it.content.cloneNode(true));
                 for (const place of panel.querySelectorAll('[data-tries]')) {{
                   place.textContent = '2';
                 }}
                 const reference = document.getElementById('reference');
                 reference.hidden = 'quiet' in it.dataset;
                 reference.querySelector('code').textContent = '0123456789abcdef';"
            ))
            .await?;
        look_at(&browser, &format!("login-{state}"), language).await?;
    }
    // Who asked for stillness gets it.
    let show_busy = "const it = document.querySelector('template[data-state=\"looking\"]');
         document.getElementById('panel').replaceChildren(it.content.cloneNode(true));
         return getComputedStyle(document.querySelector('.turn')).animationName";
    assert_eq!(browser.run(show_busy).await?, "turn");
    browser.reduce_motion().await?;
    assert_eq!(browser.run(show_busy).await?, "none");
    // The page talks to the server and to the agent on this machine, and to nobody else.
    let addresses = stage.system().addresses();
    let known = BTreeSet::from([addresses.issuer(), addresses.agent_url()]);
    let requested = browser.requested_origins().await?;
    assert!(requested.is_subset(&known), "{requested:?}");
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_of_the_login_page_is_accessible_in_french() -> Result<()> {
    look_at_every_state("fr").await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_of_the_login_page_is_accessible_in_english() -> Result<()> {
    look_at_every_state("en").await
}

/// By keyboard alone from the login page to the consent, in both languages.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_with_consent_needs_no_mouse() -> Result<()> {
    let mut stage = stage("consent").await?;
    for language in LANGUAGES {
        // One that has no session, whatever the language before left behind.
        let browser = Browser::open_recording().await?;
        browser.reduce_motion().await?;
        let scope = "openid profile professional patients.write";
        let service = "https://dossiers-partages.sante.example/api/patients/v2";
        let asked = [
            ("client_id", "asking"),
            ("scope", scope),
            ("resource", service),
            ("ui_locales", language),
            ("prompt", "consent"),
        ];
        stage.system_mut().stop_part(Part::Agent)?;
        browser.goto(request(&stage, &asked)?.as_str()).await?;
        browser.wait_for_login_state("agent_missing").await?;
        // The button has the focus already; after it come the way back, the lost card, and round
        // the page's end the other language.
        let focus = browser
            .run("return document.activeElement.className")
            .await?;
        assert_eq!(focus, "action");
        browser.tab_to("a.switch", 4).await?;
        browser.tab_to("#panel button", 1).await?;
        stage.system_mut().start_part(Part::Agent)?;
        browser.press_key('\u{e007}').await?;
        browser.wait_for("form[action^=\"/consent/\"]").await?;
        look_at(&browser, "consent", language).await?;
        browser.tab_to("button[value=\"allow\"]", 4).await?;
        browser.tab_to("button[value=\"refuse\"]", 1).await?;
        let addresses = stage.system().addresses();
        let known = BTreeSet::from([addresses.issuer(), addresses.agent_url()]);
        let requested = browser.requested_origins().await?;
        assert!(requested.is_subset(&known), "{requested:?}");
        browser.close().await?;
    }
    Ok(())
}

/// Between the card and the portal: a person in a hurry sees what happened, and one button.
#[tokio::test(flavor = "multi_thread")]
async fn the_notice_of_new_workstations_is_accessible() -> Result<()> {
    let stage = stage("new-workstations").await?;
    let portal = stage.system().addresses().portal_url();
    let browser = Browser::open().await?;
    browser.reduce_motion().await?;
    browser.press_sign_in(&portal, "fr").await?;
    browser.wait_for("#greeting").await?;
    stage
        .use_elsewhere("Comptoir 2 – Pharmacie de l’Amandier")
        .await?;
    for language in LANGUAGES {
        browser
            .goto(request(&stage, &[("ui_locales", language)])?.as_str())
            .await?;
        browser.press_start_if_asked().await?;
        let form = "form[action^=\"/new-workstations/\"]";
        browser.wait_for(form).await?;
        look_at(&browser, "new-workstations", language).await?;
        browser.tab_to(&format!("{form} button"), 3).await?;
    }
    browser.close().await
}

/// The answer by form, seen before its script sends it.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_that_carries_an_answer_is_accessible() -> Result<()> {
    let stage = stage("form-post").await?;
    let browser = Browser::open().await?;
    browser.block("*/static/form_post.js").await?;
    for language in LANGUAGES {
        let asked = [
            ("prompt", "none"),
            ("response_mode", "form_post"),
            ("ui_locales", language),
        ];
        browser.goto(request(&stage, &asked)?.as_str()).await?;
        browser.wait_for("form#answer").await?;
        look_at(&browser, "form-post", language).await?;
        browser.tab_to("#answer button", 2).await?;
    }
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_each_page_says_what_is_needed() -> Result<()> {
    let stage = stage("no-script").await?;
    let issuer = stage.system().addresses().issuer();
    let browser = Browser::open().await?;
    browser.allow_scripts(false).await?;
    for (language, words, button) in [
        (
            "fr",
            "Cette page a besoin de JavaScript",
            "Continuer vers le portail",
        ),
        ("en", "This page needs JavaScript", "Continue to the portal"),
    ] {
        let begun = request(&stage, &[("ui_locales", language)])?;
        browser.goto(begun.as_str()).await?;
        let text = browser.text("#panel").await?;
        assert!(text.contains(words), "{text}");
        for (screen, shape) in SCREENS.iter().zip(["wide", "phone"]) {
            browser.resize(*screen).await?;
            browser
                .screenshot(&format!("page-no-script-{language}-{shape}"))
                .await?;
        }
        // The answer to the portal goes on by a press instead.
        let asked = [
            ("prompt", "none"),
            ("response_mode", "form_post"),
            ("ui_locales", language),
        ];
        browser.goto(request(&stage, &asked)?.as_str()).await?;
        assert_eq!(browser.text("#answer button").await?, button);
        // Signing out and the explanations need no script at all.
        browser
            .goto(&format!("{issuer}/logout?ui_locales={language}"))
            .await?;
        browser.click("form[action^=\"/logout\"] button").await?;
        browser.wait_for(".success").await?;
    }
    browser.close().await
}

/// The portal that people are shown first holds itself to the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_portal_is_accessible_too() -> Result<()> {
    let stage = stage("portal").await?;
    let portal = stage.system().addresses().portal_url();
    let browser = Browser::open().await?;
    for language in LANGUAGES {
        browser
            .goto(&format!("{portal}/language/{language}"))
            .await?;
        browser.wait_for("#sign-in").await?;
        look_at(&browser, "portal-welcome", language).await?;
        browser.click("#sign-in").await?;
        browser.wait_for("#greeting").await?;
        look_at(&browser, "portal-space", language).await?;
        stage.system().card().remove()?;
        browser.wait_for("#ended").await?;
        look_at(&browser, "portal-ended", language).await?;
        stage.system().card().insert()?;
    }
    browser.close().await
}
