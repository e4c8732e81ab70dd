//! What the demo says when it is ready.

use serde_json::{Value, json};

use crate::system::{DEFAULT_PIN, System, extension_folder, quoted};

/// The JSON document of `--json`.
pub(super) fn document(system: &System) -> Value {
    let addresses = system.addresses();
    json!({
        "issuer": addresses.issuer(),
        "ca_file": system.ca_file(),
        "agent_url": addresses.agent_url(),
        "portal_url": addresses.portal_url(),
        "pin": DEFAULT_PIN,
        "card_dir": system.card().folder(),
        "remove_card": system.card().remove_command(),
        "insert_card": system.card().insert_command(),
        "agent_config": system.agent_settings(),
        "pcscd_socket": system.pcscd_socket(),
    })
}

/// The shell command for a Chromium with the extension, in a profile of its own.
fn browser_command(system: &System) -> String {
    let (profile, extension) = (system.browser_profile(), extension_folder());
    format!(
        "chromium --user-data-dir={} --load-extension={} {}/",
        quoted(&profile),
        quoted(&extension),
        system.addresses().portal_url()
    )
}

/// The same for a person.
pub(super) fn text(system: &System, answers_itself: bool, prompt_is_possible: bool) -> String {
    let portal = system.addresses().portal_url();
    let mut lines = vec![
        String::new(),
        "Cardea is running, with a virtual card in a real PC/SC reader.".into(),
        String::new(),
        format!("  1. Open          {portal}/"),
        "  2. Press         “Me connecter avec ma carte” / “Sign in with my card”".into(),
    ];
    lines.push(if answers_itself {
        format!("  3. The PIN       {DEFAULT_PIN} is typed for you")
    } else {
        format!("  3. Type the PIN  {DEFAULT_PIN}, into the agent’s own prompt")
    });
    lines.extend([
        format!("  4. Pull the card {}", system.card().remove_command()),
        format!("     put it back   {}", system.card().insert_command()),
        format!("  5. Patients      {portal}/patients, once signed in: what the guard lets pass"),
        String::new(),
    ]);
    lines.extend([
        "The page reaches the agent by its port. To try the main way, the browser extension:"
            .into(),
        format!("  {}", browser_command(system)),
        String::new(),
    ]);
    if let Some(ca) = system.ca_file() {
        lines.push(format!(
            "The browser must trust this demo CA: {}",
            ca.display()
        ));
    }
    lines.push(format!("Logs and settings: {}", system.folder().display()));
    lines.push(format!(
        "The virtual reader’s driver listens on port {} of all addresses: whoever connects is the \
         card. For test machines only.",
        system.addresses().vpcd_port()
    ));
    if !prompt_is_possible {
        lines.push(
            "There is neither a display nor a terminal for the PIN prompt here: use `--auto`."
                .into(),
        );
    }
    lines.push("Ctrl-C ends everything.".into());
    lines.join("\n")
}
