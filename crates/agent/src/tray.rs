//! The card's state among the desktop's icons, with a menu: the status page and the end of all
//! sessions.
//!
//! It is a StatusNotifierItem with a menu of com.canonical.dbusmenu on the session bus. The desktop
//! draws both; what it may not have is drawn in `picture`. It shows what `cardea-agent status`
//! shows and nothing else, waits for news and never looks by the clock. Where there is no
//! session bus, or nobody on it who shows such icons, that is said once for whoever debugs it.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::Semaphore;
use zbus::message::Type;
use zbus::{Connection, MatchRule, Message, MessageStream, connection};

use crate::Agent;
use crate::config::Config;
use crate::language::Language;
use crate::own_status::Standing;
use crate::pin_prompt::OWN_PROGRAM;

mod face;
mod item;
mod menu;
mod picture;

use face::Face;

/// Who shows such icons.
const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const WATCHER_PATH: &str = "/StatusNotifierWatcher";
const DBUS: &str = "org.freedesktop.DBus";
/// How long somebody on the bus may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long the departures may take that the person asks for; they go on being told.
const DEPARTURE_LIMIT: Duration = Duration::from_secs(3);
/// Status pages that may be open at once.
const PAGES_MAX: usize = 4;

/// The icon of this session's desktop.
#[derive(Debug)]
pub struct Tray {
    is_enabled: bool,
    /// The session bus's address; the usual one where there is none.
    address: Option<String>,
    /// The configuration that the status page needs, too; none where there is no such file.
    config: Option<PathBuf>,
}

impl Tray {
    /// As a configuration wants it.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            is_enabled: config.tray,
            address: None,
            config: config.file.exists().then(|| config.file.clone()),
        }
    }

    /// On the bus at this address.
    #[must_use]
    pub fn at(self, address: &str) -> Self {
        Self {
            address: Some(address.to_owned()),
            ..self
        }
    }

    /// Shows the agent's state until this is dropped. Returns where nothing can be shown.
    pub async fn show(self, agent: Arc<Agent>) {
        if !self.is_enabled {
            return;
        }
        match self.follow(agent).await {
            Ok(()) => tracing::debug!("the session bus is gone, and the tray icon with it"),
            Err(error) => tracing::debug!(%error, "no tray icon: there is no session bus"),
        }
    }

    async fn follow(self, agent: Arc<Agent>) -> zbus::Result<()> {
        let builder = match &self.address {
            Some(address) => connection::Builder::address(address.as_str()),
            None => connection::Builder::session(),
        };
        let bus = builder.method_timeout(ANSWER_LIMIT).build().await?;
        let owners = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(DBUS)
            .member("NameOwnerChanged")
            .add_arg(WATCHER)
            .build()?;
        // Before anybody is called, so that no watcher comes unnoticed.
        let mut owners = MessageStream::for_match_rule(owners, &bus, None).await?;
        let mut readers = agent.cards.watch().subscribe();
        let mut sessions = agent.presence.changes();
        let mut screen = agent.screen.changes();
        let desk = Arc::new(Desk::new(agent, self.config));
        let name = format!("org.kde.StatusNotifierItem-{}-1", std::process::id());
        let objects = bus.object_server();
        objects
            .at(item::PATH, item::Item(Arc::clone(&desk)))
            .await?;
        objects
            .at(menu::PATH, menu::Menu(Arc::clone(&desk)))
            .await?;
        bus.request_name(name.as_str()).await?;
        if !register(&bus, &name).await {
            tracing::debug!("no tray icon yet: nobody shows such icons on this session bus");
        }
        loop {
            tokio::select! {
                owner = owners.next() => match owner {
                    Some(owner) => if is_there(&owner?) {
                        register(&bus, &name).await;
                    },
                    None => return Ok(()),
                },
                Ok(()) = readers.changed() => desk.look(&bus).await?,
                Ok(()) = sessions.changed() => desk.look(&bus).await?,
                Ok(()) = screen.changed() => desk.look(&bus).await?,
            }
        }
    }
}

/// Whether the desktop took the icon.
async fn register(bus: &Connection, name: &str) -> bool {
    let method = "RegisterStatusNotifierItem";
    let registered = bus.call_method(Some(WATCHER), WATCHER_PATH, Some(WATCHER), method, &name);
    registered.await.is_ok()
}

/// Whether the watcher has an owner since this change.
fn is_there(changed: &Message) -> bool {
    let body = changed.body().deserialize::<(String, String, String)>();
    body.is_ok_and(|(_, _, owner)| !owner.is_empty())
}

/// What icon and menu are made of, and what their clicks do.
struct Desk {
    agent: Arc<Agent>,
    config: Option<PathBuf>,
    shown: Mutex<Shown>,
    pages: Arc<Semaphore>,
}

#[derive(Clone)]
struct Shown {
    face: Face,
    /// Counts the changes of the menu.
    revision: u32,
}

impl Desk {
    fn new(agent: Arc<Agent>, config: Option<PathBuf>) -> Self {
        let face = Face::of(&Standing::of(&agent));
        Self {
            agent,
            config,
            shown: Mutex::new(Shown { face, revision: 1 }),
            pages: Arc::new(Semaphore::new(PAGES_MAX)),
        }
    }

    fn language(&self) -> Language {
        self.agent.language
    }

    fn face(&self) -> Face {
        self.shown().face.clone()
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up how things stand now, and tells whoever shows it of a change.
    async fn look(&self, bus: &Connection) -> zbus::Result<()> {
        let face = Face::of(&Standing::of(&self.agent));
        let revision = {
            let mut shown = self.shown();
            if shown.face == face {
                return Ok(());
            }
            shown.face = face;
            shown.revision = shown.revision.wrapping_add(1);
            shown.revision
        };
        item::tell(bus).await?;
        menu::tell(bus, revision).await
    }

    /// The person wants all sessions to end.
    fn end_sessions(&self) {
        let agent = Arc::clone(&self.agent);
        tokio::spawn(async move { agent.end_sessions(DEPARTURE_LIMIT).await });
    }

    /// Opens the status page, which is a program of its own.
    fn open_page(&self) {
        let Ok(place) = Arc::clone(&self.pages).try_acquire_owned() else {
            return;
        };
        let Some(program) = OWN_PROGRAM else { return };
        let mut command = tokio::process::Command::new(program);
        command.args(["status", "--page"]);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        match command.spawn() {
            Ok(mut page) => {
                tokio::spawn(async move {
                    let _ = page.wait().await;
                    drop(place);
                });
            }
            Err(error) => tracing::warn!(%error, "the status page cannot be opened"),
        }
    }
}
