//! logind on the system bus (org.freedesktop.login1(5)): the session's signals and properties, and
//! the machine's sleep.

use std::os::fd::OwnedFd;

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use zbus::message::Type;
use zbus::{
    Connection, DynamicType, MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant,
};

use super::state::Told;

const LOGIND: &str = "org.freedesktop.login1";
const MANAGER_PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
const USER: &str = "org.freedesktop.login1.User";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const DBUS: &str = "org.freedesktop.DBus";
const DBUS_PATH: &str = "/org/freedesktop/DBus";

/// One logind, followed from its start to its end.
struct Logind<'a> {
    bus: &'a Connection,
    /// Its name on the bus. A match rule alone does not keep signals out that another program
    /// sends to this connection alone, so each sender is compared.
    owner: String,
    session_id: Option<&'a str>,
    session: Option<OwnedObjectPath>,
    told: &'a mpsc::Sender<Told>,
    /// Held while the machine is awake: it sleeps once this is given up.
    delay: Option<OwnedFd>,
}

/// Tells what logind says about the session, until logind or the bus is gone.
pub(super) async fn follow(
    bus: &Connection,
    session_id: Option<&str>,
    told: &mpsc::Sender<Told>,
) -> zbus::Result<()> {
    let signals = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(LOGIND)
        .path_namespace(MANAGER_PATH)
        .build()?;
    let owners = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(DBUS)
        .member("NameOwnerChanged")
        .add_arg(LOGIND)
        .build()?;
    // Before anything is asked, so that no change falls between answer and signal.
    let mut signals = MessageStream::for_match_rule(signals, bus, None).await?;
    let mut owners = MessageStream::for_match_rule(owners, bus, None).await?;
    let owner = call(bus, (DBUS, DBUS_PATH, DBUS), "GetNameOwner", &LOGIND).await?;
    let mut logind = Logind {
        bus,
        owner: owner.body().deserialize()?,
        session_id,
        session: None,
        told,
        delay: None,
    };
    logind.find_session().await;
    logind.delay_sleep().await;
    loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Some(signal) => logind.hear(&signal?).await,
                None => return Ok(()),
            },
            // Another logind: everything is asked anew.
            _ = owners.next() => return Ok(()),
        }
    }
}

impl Logind<'_> {
    async fn hear(&mut self, signal: &Message) {
        let header = signal.header();
        let (Some(sender), Some(path), Some(member)) =
            (header.sender(), header.path(), header.member())
        else {
            return;
        };
        if sender.as_str() != self.owner {
            return;
        }
        let own = self
            .session
            .as_ref()
            .is_some_and(|session| session.as_str() == path.as_str());
        match (own, member.as_str()) {
            (true, "Lock") => self.tell(Told::Lock).await,
            (true, "Unlock") => self.tell(Told::Unlock).await,
            (true, "PropertiesChanged") => self.describe().await,
            (false, "PrepareForSleep") => match signal.body().deserialize() {
                Ok(true) => {
                    let delay = self.delay.take();
                    self.tell(Told::FallsAsleep(delay)).await;
                }
                Ok(false) => {
                    self.delay_sleep().await;
                    self.tell(Told::WokeUp).await;
                }
                Err(_) => {}
            },
            (false, "SessionRemoved") => {
                let removed = signal.body().deserialize::<(String, OwnedObjectPath)>();
                let removed = removed.ok().map(|(_, path)| path);
                if removed.is_some() && removed == self.session {
                    self.session = None;
                    self.tell(Told::SessionOver).await;
                    self.find_session().await;
                }
            }
            (false, "SessionNew") if self.session.is_none() => self.find_session().await,
            _ => {}
        }
    }

    /// Finds this process's session: by its name, by the process, or as the one that shows this
    /// user's screen. A service of the user's own manager is in none (`sd_pid_get_session(3)`).
    async fn find_session(&mut self) {
        self.session = None;
        if let Some(id) = self.session_id {
            self.session = self.object("GetSession", &id).await;
        }
        if self.session.is_none() {
            self.session = self.object("GetSessionByPID", &std::process::id()).await;
        }
        if self.session.is_none() {
            self.session = self.session_on_screen().await;
        }
        match &self.session {
            Some(session) => tracing::debug!(session = session.as_str(), "session found"),
            None => {
                tracing::debug!("this process has no session of logind's");
                self.tell(Told::NoSession).await;
            }
        }
        self.describe().await;
    }

    async fn session_on_screen(&self) -> Option<OwnedObjectPath> {
        let user_id = rustix::process::getuid().as_raw();
        let user = self.object("GetUser", &user_id).await?;
        let display = self.property(&user, USER, "Display").await?;
        let (_, session) = <(String, OwnedObjectPath)>::try_from(display).ok()?;
        (session.as_str() != "/").then_some(session)
    }

    /// Tells how the session describes itself now.
    async fn describe(&self) {
        let Some(session) = &self.session else {
            return;
        };
        let flag = async |name| {
            let value = self.property(session, SESSION, name).await?;
            bool::try_from(value).ok()
        };
        // What cannot be read is not "unlocked": what was said last counts.
        if let (Some(locked), Some(active)) = (flag("LockedHint").await, flag("Active").await) {
            self.tell(Told::Session { locked, active }).await;
        }
    }

    /// Asks to be heard before the machine sleeps. It may be refused: then the departure races
    /// with the sleep, and the server's grace period decides.
    async fn delay_sleep(&mut self) {
        let request = (
            "sleep",
            "Cardea",
            "tells portals that the card is away",
            "delay",
        );
        let manager = (LOGIND, MANAGER_PATH, MANAGER);
        let answer = call(self.bus, manager, "Inhibit", &request).await;
        let delay = answer.and_then(|answer| {
            let delay: zbus::OwnedFd = answer.body().deserialize()?;
            Ok(delay.into())
        });
        self.delay = delay.ok();
    }

    async fn object(
        &self,
        method: &str,
        argument: &(impl serde::Serialize + DynamicType),
    ) -> Option<OwnedObjectPath> {
        let manager = (LOGIND, MANAGER_PATH, MANAGER);
        let answer = call(self.bus, manager, method, argument).await.ok()?;
        answer.body().deserialize().ok()
    }

    async fn property(
        &self,
        object: &OwnedObjectPath,
        interface: &str,
        name: &str,
    ) -> Option<OwnedVariant> {
        let target = (LOGIND, object.as_str(), PROPERTIES);
        let answer = call(self.bus, target, "Get", &(interface, name))
            .await
            .ok()?;
        answer.body().deserialize().ok()
    }

    async fn tell(&self, told: Told) {
        let _ = self.told.send(told).await;
    }
}

async fn call(
    bus: &Connection,
    (destination, path, interface): (&str, &str, &str),
    method: &str,
    body: &(impl serde::Serialize + DynamicType),
) -> zbus::Result<Message> {
    bus.call_method(Some(destination), path, Some(interface), method, body)
        .await
}
