//! Two users of one machine, each with an agent, at one reader with one card.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{Context, Result};
use cardea_e2e::{AuthorizationRequest, PageScript, Stage};
use cardea_xtask::system::{Options, Part, PinPolicy, System, unused_port};
use cardea_xtask::workspace;
use serde_json::{Value, json};

mod two_users {
    pub(super) mod user;
}

use two_users::user::User;

/// Beyond the accounts of people, so that no account of this machine is meant.
const ALICE: u32 = 70_001;
const BOB: u32 = 70_002;

/// A system whose files other users can come to, with a server that lets a kept PIN count.
async fn stage() -> Result<Stage> {
    let folder = std::env::temp_dir().join(format!("cardea-two-users-{}", std::process::id()));
    let change = |options: &mut Options| {
        options.folder.clone_from(&folder);
        options.pin_policy = PinPolicy::Pharmacy;
    };
    let mut stage = Stage::open_with("two-users", change).await?;
    stage.system_mut().stop_part(Part::Agent)?;
    fs::copy(
        workspace::binary("cardea-agent")?,
        folder.join("cardea-agent"),
    )?;
    // As the system's own pcscd has it: every user of the machine reaches the readers.
    fs::set_permissions(folder.join("pcscd.comm"), Permissions::from_mode(0o777))?;
    Ok(stage)
}

/// A statement of the card for a login that begins now, by way of this user's host and agent.
async fn sign(system: &System, user: &User) -> Result<Value> {
    let request = AuthorizationRequest::new()?;
    let page = PageScript::open(system, &request).await?;
    let challenge = page.challenge().await?;
    let answer = user.sign(&system.addresses().issuer(), &challenge).await?;
    let attestation = answer.get("attestation").and_then(Value::as_str);
    let attestation = attestation.with_context(|| format!("{answer} {}", user.log()))?;
    let claims = attestation.split('.').nth(1).context("no claims")?;
    Ok(serde_json::from_slice(&cardea_jose::parse_base64url(
        claims,
    )?)?)
}

/// The first answer at a port that an agent is going to take.
async fn first_answer(user: &User, port: u16, issuer: &str) -> Result<String> {
    for _ in 0..600 {
        let answered = user.ask_port(port, issuer)?;
        if !answered.is_empty() {
            return Ok(answered);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("nothing answers at the port: {}", user.log())
}

fn reason(status: &Value) -> Option<&str> {
    status.pointer("/loopback/reason").and_then(Value::as_str)
}

/// Attack D6: another local user calls the agent's port or socket, squats its port first, or spawns
/// the native host. Attack D14 besides: a PIN that one user's agent verified serves no other's.
/// Attack D5: what listens is 127.0.0.1 alone.
#[tokio::test(flavor = "multi_thread")]
async fn one_users_page_and_programs_never_reach_another_users_agent_or_card() -> Result<()> {
    let stage = stage().await?;
    let system = stage.system();
    let issuer = system.addresses().issuer();
    let port = unused_port()?;
    let mut alice = User::new(system, "alice", ALICE, port)?;
    let mut bob = User::new(system, "bob", BOB, port)?;

    // Bob takes the port that Alice's agent wants. Hers goes on with its socket, and says so.
    bob.start_agent().await?;
    assert_eq!(reason(&bob.status("agent.toml")?), Some("configured"));
    alice.start_agent().await?;
    assert_eq!(
        reason(&alice.status("agent.toml")?),
        Some("address_unavailable")
    );
    assert!(alice.log().contains("agent.address_unavailable"));
    assert_eq!(
        (alice.mode("run")?, alice.mode("run/agent.sock")?),
        (0o700, 0o600)
    );
    assert_eq!(bob.listening(), [format!("0100007F:{port:04X}")]);
    assert_eq!(alice.listening(), [""; 0]);

    // Her page gets nothing from Bob's port, which closes unread.
    assert_eq!(alice.ask_port(port, &issuer)?, "");
    assert!(bob.ask_port(port, &issuer)?.starts_with("HTTP/1.1 200"));

    // Each one's host reaches the own agent alone, whatever its settings say.
    let origins = json!({"type": "origins"});
    let own = json!({"type": "origins", "origins": [issuer]});
    for (user, other) in [(&alice, "bob"), (&bob, "alice")] {
        assert_eq!(user.ask_host("agent.toml", origins.clone()).await?, own);
        let settings = format!("agent-of-{other}.toml");
        let answer = user.ask_host(&settings, origins.clone()).await?;
        let refused = json!({"type": "unavailable", "code": "agent.file_unsafe"});
        assert_eq!(answer, refused);
        assert_eq!(
            user.status(&settings)?.pointer("/running"),
            Some(&json!(false))
        );
    }

    // Alice types her PIN, and the card stays open to her agent.
    assert_ne!(reason(&alice.status("auto.toml")?), Some("several_users"));
    let verified = sign(system, &alice).await?;
    assert_eq!(verified.pointer("/uv"), Some(&json!("now")));
    let again = sign(system, &alice).await?;
    let log = alice.log();
    assert_eq!(again.pointer("/uv"), Some(&json!("cached")), "{log}");
    assert_eq!(alice.pins_asked(), 1);
    assert_eq!(bob.pins_asked(), 0);
    // Bob's agent asks for the PIN all the same.
    let bobs = sign(system, &bob).await?;
    assert_eq!(bobs.pointer("/uv"), Some(&json!("now")));
    assert_eq!(bob.pins_asked(), 1);

    // When Bob's program has gone, Alice's agent takes its port, and Bob gets nothing there.
    bob.stop_agent();
    let answered = first_answer(&alice, port, &issuer).await?;
    assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
    assert_eq!(bob.ask_port(port, &issuer)?, "");
    assert!(alice.log().contains("agent.peer_refused"));
    assert_eq!(alice.listening(), [format!("0100007F:{port:04X}")]);
    Ok(())
}
