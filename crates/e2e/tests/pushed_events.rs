//! A portal is pushed Security Event Tokens (RFC 8935), which a library checks that we did not
//! write: `jose` for Node.js.

use anyhow::{Context as _, Result};
use cardea_e2e::{Browser, ForeignClient, Stage};
use cardea_xtask::system::{self, PORTAL_CLIENT_ID};

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

#[tokio::test(flavor = "multi_thread")]
async fn a_pulled_card_is_pushed_to_the_portal_as_jose_wants_it() -> Result<()> {
    let port = system::unused_port()?;
    let stage = Stage::open_prepared(
        "pushed-events",
        |_| {},
        move |system| {
            let file = system.folder().join("cardea.toml");
            let text = std::fs::read_to_string(&file).context("no configuration")?;
            let told = format!("event_push_uri = \"http://127.0.0.1:{port}/\"\nredirect_uris");
            std::fs::write(&file, text.replacen("redirect_uris", &told, 1)).context("not written")
        },
    )
    .await?;
    let mut command = ForeignClient::node(stage.system(), "push-receiver.mjs")?;
    command.env("CLIENT_ID", PORTAL_CLIENT_ID);
    let mut receiver = ForeignClient::serve(stage.system(), command, "push-receiver", port)?;
    let browser = Browser::open().await?;
    let portal = stage.system().addresses().portal_url();
    browser.press_sign_in(&portal, "fr").await?;
    browser.wait_for("#greeting").await?;
    stage.system().card().remove()?;
    let told = receiver.wait_for_document("set").await?;
    assert_eq!(told["alg"], "ES256", "as the portal's ID tokens");
    let set = &told["set"];
    assert_eq!(set["events"][SESSION_REVOKED]["initiating_entity"], "user");
    assert_eq!(
        set["sub_id"]["user"]["iss"],
        stage.system().addresses().issuer()
    );
    assert!(set["sub_id"]["session"]["id"].is_string());
    assert!(!receiver.log().contains("refused"), "{}", receiver.log());
    browser.close().await
}
