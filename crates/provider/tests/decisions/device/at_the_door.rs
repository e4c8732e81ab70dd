//! Who stands at a host's door, and what becomes of a request whose asker goes away.

use cardea_oauth2_types::{ErrorCode, HostAccountParameters, TokenParameters};
use cardea_provider::{DeviceAuthorization, DeviceRequest, DpopRequest, TokenLookup};
use cardea_storage::event::list_newest;
use serde_json::json;
use time::Duration;

use super::super::world::{PORTAL, World, claims_of};
use super::{ADDRESS, HOST, PENDING, asked, world};

const FLOOD: (&str, &str) = ("alice", "203.0.113.9");

impl World {
    /// A request of a client that says for whom, from where.
    async fn ask_saying(
        &self,
        client_id: &str,
        (account, remote): (&str, &str),
    ) -> Result<DeviceAuthorization, &'static str> {
        let credentials = Self::credentials(client_id, &mut TokenParameters::default());
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let host_account = HostAccountParameters {
            cardea_host_account: some(account),
            cardea_host_service: some("sshd"),
            cardea_host_remote: some(remote),
        };
        let request = DeviceRequest {
            parameters: &asked(),
            host_account: &host_account,
            remote_source: some(remote),
            dpop: DpopRequest::default(),
            address: ADDRESS,
        };
        let asking = self.provider.authorize_device(&credentials, request);
        asking.await.map_err(|error| error.code())
    }

    /// Gives a device code back, as the revocation endpoint does.
    async fn withdraw(&self, client_id: &str, device: &DeviceAuthorization) -> bool {
        let credentials = Self::credentials(client_id, &mut TokenParameters::default());
        let lookup = TokenLookup {
            credentials: &credentials,
            token: Some(device.device_code.expose()),
        };
        self.provider.revoke_token(lookup).await.unwrap()
    }
}

/// RFC 8628 section 5.4: the person sees who stands at the host's door, on the page and in what her
/// card signs; a public client's word for it is that of whoever wants to be let in.
#[tokio::test]
async fn what_a_host_says_is_shown_and_signed_for_a_proven_client_alone() {
    let world = world().await;
    for (client, shown) in [(PORTAL, true), (HOST, false)] {
        let device = world.ask_saying(client, FLOOD).await.unwrap();
        let begun = world.type_code(&device.user_code).await;
        let (id, cookie) = (begun.request_id.as_str(), begun.cookie());
        let page = world.provider.describe_device(id, cookie).await.unwrap();
        let told = page.host_account;
        let told = told.map(|it| (it.account().to_owned(), it.remote_host().map(str::to_owned)));
        let expected = (FLOOD.0.to_owned(), Some(FLOOD.1.to_owned()));
        assert_eq!(told, shown.then_some(expected));
        let challenge = world.provider.issue_challenge(id, cookie).await.unwrap();
        let signed = claims_of(&challenge)["host_account"].clone();
        let expected = json!({ "account": "alice", "service": "sshd", "remote_host": FLOOD.1 });
        assert_eq!(signed, if shown { expected } else { json!(null) });
    }
    let long = "a".repeat(65);
    for bad in [
        ("", "203.0.113.9"),
        ("alice", long.as_str()),
        ("alice", "your own workstation"),
        ("<b>", ""),
    ] {
        let refused = world.ask_saying(PORTAL, bad).await.unwrap_err();
        assert_eq!(refused, "provider.host_account_invalid", "{bad:?}");
        // To a public client these parameters are unknown (RFC 6749 section 3.1).
        world.ask_saying(HOST, bad).await.unwrap();
    }
}

/// Attack H9: any stranger's `ssh` makes a host ask, whose client has proven itself.
#[tokio::test]
async fn h9_strangers_at_a_host_s_door_do_not_shut_it() {
    let world = world().await;
    let ward = world.ask_saying(PORTAL, ("bob", "192.0.2.20")).await;
    let ward = ward.unwrap();
    let begun = world.type_code(&ward.user_code).await;
    let mut asked = Vec::new();
    for number in 0..999 {
        asked.push(world.ask_saying(PORTAL, FLOOD).await.unwrap());
        // The first ones are older than the others.
        if number < 3 {
            world.pass(Duration::SECOND);
        }
    }
    // The flood's own oldest gives way to the flood, and to whoever comes from elsewhere.
    let unknown = "provider.device_code_unknown";
    world.ask_saying(PORTAL, FLOOD).await.unwrap();
    assert_eq!(world.told_to(PORTAL, &asked[0]).await.1, unknown);
    let late = world.ask_saying(PORTAL, ("bob", "192.0.2.21")).await;
    let late = late.unwrap();
    assert_eq!(world.told_to(PORTAL, &asked[1]).await.1, unknown);
    assert_eq!(world.told_to(PORTAL, &asked[2]).await, PENDING);
    // Who names no place, at a console, comes in too.
    world.ask_saying(PORTAL, ("root", "")).await.unwrap();
    assert_eq!(world.told_to(PORTAL, &asked[2]).await.1, unknown);
    assert_eq!(world.told_to(PORTAL, &late).await, PENDING);
    world.sign_in(&begun).await.unwrap();
    world.fetch(PORTAL, &ward).await.unwrap();
}

/// Attack H9: what strangers bring about leaves a bounded number of rows.
#[tokio::test]
async fn h9_what_hosts_ask_is_on_record_within_bounds() {
    let world = world().await;
    for _ in 0..1_100 {
        let device = world.ask(PORTAL).await.unwrap();
        assert!(world.withdraw(PORTAL, &device).await);
    }
    let mut transaction = world.store.begin_read().await.unwrap();
    let recorded = list_newest(&mut transaction, 5_000).await.unwrap();
    let of_devices = recorded.iter().filter(|it| it.kind.starts_with("device."));
    assert_eq!(of_devices.count(), 2_000);
}

/// The host takes back what nobody answers any more: its place is free, its code opens nothing.
#[tokio::test]
async fn a_request_that_its_host_takes_back_is_over_for_the_person() {
    let world = world().await;
    let device = world.ask(HOST).await.unwrap();
    let begun = world.type_code(&device.user_code).await;
    assert!(world.withdraw(PORTAL, &device).await);
    let pending = world.told_to(HOST, &device).await;
    assert_eq!(pending, PENDING, "another client takes nothing back");
    assert!(world.withdraw(HOST, &device).await);
    world.event("device.withdrawn").await;
    let gone = world.told_to(HOST, &device).await;
    assert_eq!(gone.1, "provider.device_code_unknown");
    let typed = world.provider.claim_device(&device.user_code).await;
    let typed = typed.unwrap_err().code();
    assert_eq!(typed, "provider.device_user_code_unknown");
    let (id, cookie) = (begun.request_id.as_str(), begun.cookie());
    let page = world.provider.describe_device(id, cookie).await;
    let over = "provider.device_authorization_over";
    assert_eq!(page.unwrap_err().code(), over);
    let signed = world.provider.issue_challenge(id, cookie).await;
    assert_eq!(signed.unwrap_err().code(), over);
    assert!(!world.withdraw(HOST, &device).await, "nothing is left");
}

#[tokio::test]
async fn what_an_answer_gave_is_taken_back_with_its_device_code() {
    let world = world().await;
    for fetched in [false, true] {
        let device = world.ask(HOST).await.unwrap();
        let begun = world.type_code(&device.user_code).await;
        world.sign_in(&begun).await.unwrap();
        let tokens = if fetched {
            Some(world.fetch(HOST, &device).await.unwrap())
        } else {
            None
        };
        assert!(world.withdraw(HOST, &device).await);
        let again = world.told_to(HOST, &device).await;
        assert_eq!(again, (ErrorCode::InvalidGrant, "provider.code_reused"));
        if let Some(tokens) = tokens {
            let access = world.userinfo(&tokens.access_token).await;
            assert_eq!(access.unwrap_err().code(), "provider.access_token_revoked");
        }
    }
    let revoked = world.event("token.revoked").await;
    let named = revoked.details.contains("device_code");
    assert!(named, "{}", revoked.details);
}
