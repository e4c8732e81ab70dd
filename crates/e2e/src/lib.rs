//! The end-to-end tests' stage: a whole system a test, a real browser, and a client that can do
//! what no browser does.
//!
//! What it is: support for the tests in `tests/`. Each test starts its own system, with its own
//! pcscd, ports and folder, so they run side by side.
//!
//! What it does not do: replace parts by fakes. Only the PIN prompt is scripted, through the same
//! pinentry protocol that the real prompts speak.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let stage = cardea_e2e::Stage::open("greeting").await?;
//! let browser = cardea_e2e::Browser::open().await?;
//! browser.goto(&stage.system().addresses().portal_url()).await?;
//! # Ok(())
//! # }
//! ```

mod accessibility;
mod apache;
mod authorization;
mod browser;
pub mod business_software;
pub mod conformance;
mod devtools;
mod firefox;
mod flood;
mod footprint;
mod foreign_client;
mod framing_site;
mod logout_forgery;
mod page_script;
mod patience;
mod process_group;
mod reader;
mod second_portal;
mod stage;
mod stale_publication;
mod wire_tap;

pub use accessibility::SCREENS;
pub use apache::Apache;
pub use authorization::{AuthorizationRequest, CLIENT_ID, CLIENTS, REDIRECT_URI};
pub use browser::Browser;
pub use firefox::Firefox;
pub use flood::{Flood, FloodSize};
pub use footprint::{Allowance, Footprint, Growth};
pub use foreign_client::{ForeignClient, register, sources};
pub use framing_site::FramingSite;
pub use logout_forgery::LogoutForgery;
pub use page_script::{PageScript, Signed};
pub use reader::{exchange_card, wait_for_card};
pub use second_portal::{RunningPortal, SecondPortal};
pub use stage::Stage;
pub use stale_publication::StalePublication;
pub use wire_tap::{Frame, Passed, WireTap};
