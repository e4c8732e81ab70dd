//! The person's screen: locked, taken by another session, asleep. The bus is a real dbus-daemon,
//! and python3-dbusmock speaks as logind.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cardea_agent::pin_policy::{KEPT_MAX, PinPolicy};
use cardea_agent::screen_lock::ScreenLock;
use cardea_assertion::{DepartureReason, PresenceState, UserVerification};
use cardea_virtual_card::VirtualCard;
use tokio::task::JoinHandle;
use zbus::{Connection, DynamicType, Message, Variant};

use crate::readers::{Readers, pharmacist};
use crate::workstation::{Setup, Workstation};

const PATIENCE: Duration = Duration::from_secs(30);
const LOGIND: &str = "org.freedesktop.login1";
const MANAGER: (&str, &str) = (LOGIND, "/org/freedesktop/login1");
const SESSION: (&str, &str) = (LOGIND, "/org/freedesktop/login1/session/c1");
const SESSION_INTERFACE: &str = "org.freedesktop.login1.Session";
const MANAGER_INTERFACE: &str = "org.freedesktop.login1.Manager";
const MOCK: &str = "org.freedesktop.DBus.Mock";

/// A bus with a logind that knows one session; both end with it.
pub(crate) struct Bus {
    pub(crate) address: String,
    pub(crate) connection: Connection,
    processes: Vec<Child>,
}

impl Bus {
    pub(crate) async fn start() -> Self {
        let mut daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon (Debian: dbus-daemon) is needed");
        let mut address = String::new();
        let mut lines = BufReader::new(daemon.stdout.take().unwrap());
        lines.read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        // Debian's own Python, which knows Debian's modules.
        let logind = Command::new("/usr/bin/python3")
            .args(["-m", "dbusmock", "--template", "logind"])
            .env("DBUS_SYSTEM_BUS_ADDRESS", &address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("python3-dbusmock (Debian) is needed");
        let connection = zbus::connection::Builder::address(address.as_str());
        let bus = Self {
            connection: connection.build().await.unwrap(),
            address,
            processes: vec![logind, daemon],
        };
        let session = ("c1", "seat0", 1000_u32, "camille", true);
        let begun = std::time::Instant::now();
        while bus
            .try_call(MANAGER, MOCK, "AddSession", &session)
            .await
            .is_err()
        {
            assert!(
                begun.elapsed() < PATIENCE,
                "python3-dbusmock does not start"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bus
    }

    pub(crate) async fn try_call(
        &self,
        (name, path): (&str, &str),
        interface: &str,
        method: &str,
        body: &(impl serde::Serialize + DynamicType),
    ) -> zbus::Result<Message> {
        self.connection
            .call_method(Some(name), path, Some(interface), method, body)
            .await
    }

    pub(crate) async fn call(
        &self,
        target: (&str, &str),
        interface: &str,
        method: &str,
        body: &(impl serde::Serialize + DynamicType),
    ) -> Message {
        self.try_call(target, interface, method, body)
            .await
            .unwrap()
    }

    async fn lock(&self) {
        self.call(SESSION, SESSION_INTERFACE, "Lock", &()).await;
    }

    pub(crate) async fn set_locked_hint(&self, locked: bool) {
        self.call(SESSION, SESSION_INTERFACE, "SetLockedHint", &locked)
            .await;
    }

    async fn set_active(&self, active: bool) {
        let properties = HashMap::from([("Active", Variant::from(active))]);
        let body = (SESSION_INTERFACE, properties);
        self.call(SESSION, MOCK, "UpdateProperties", &body).await;
    }

    async fn prepare_for_sleep(&self, begins: bool) {
        let arguments = vec![Variant::from(begins)];
        let body = (MANAGER_INTERFACE, "PrepareForSleep", "b", arguments);
        self.call(MANAGER, MOCK, "EmitSignal", &body).await;
    }

    /// How many programs delay a sleep.
    async fn delays(&self) -> usize {
        let list = self
            .call(MANAGER, MANAGER_INTERFACE, "ListInhibitors", &())
            .await;
        let list = list.body();
        let list: Vec<(String, String, String, String, u32, u32)> = list.deserialize().unwrap();
        list.iter()
            .filter(|(what, _, _, mode, ..)| what == "sleep" && mode == "delay")
            .count()
    }

    pub(crate) async fn wait_for_delays(&self, count: usize) {
        let begun = std::time::Instant::now();
        while self.delays().await != count {
            assert!(
                begun.elapsed() < PATIENCE,
                "never {count} delays of the sleep"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A workstation whose agent follows the bus.
struct Watched {
    bus: Bus,
    workstation: Workstation,
    card: VirtualCard,
    watch: JoinHandle<()>,
}

impl Watched {
    async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    async fn start_with(setup: Setup) -> Self {
        let bus = Bus::start().await;
        let card = pharmacist();
        let readers = Readers::holding(&card);
        let workstation = Workstation::start_with(&readers, &["pin 1234"; 4], setup).await;
        let watch = tokio::spawn(screen(&bus).watch(workstation.agent.clone()));
        // The last thing that the agent asks for before it listens.
        bus.wait_for_delays(1).await;
        Self {
            bus,
            workstation,
            card,
            watch,
        }
    }

    /// Signs in; the first statement of the presence key, if the page was heard at all.
    async fn sign_in(&self) -> Option<PresenceState> {
        let challenge = self.workstation.issuer.challenge();
        let answer = self.workstation.page().ask(&challenge).await;
        if answer.status == 409 {
            assert_eq!(answer.json()["code"], "agent.screen_locked");
            return None;
        }
        Some(self.workstation.issuer.statement().await.state())
    }

    /// Behind a locked screen nobody is asked, or what was asked departs at once.
    async fn cannot_sign_in(&self) {
        assert_ne!(self.sign_in().await, Some(PresenceState::Present));
    }

    /// Behind the locked screen no PIN is asked and nothing is signed.
    async fn asks_nothing(&self) {
        let asked = self.workstation.person.was_told().len();
        assert_eq!(self.sign_in().await, None);
        assert_eq!(self.workstation.person.was_told().len(), asked);
    }

    async fn signs_in_and_stays(&self) {
        assert_eq!(self.sign_in().await, Some(PresenceState::Present));
    }

    /// The screen was opened, which the agent may hear only after it has begun to sign in.
    async fn may_sign_in_again(&self) {
        let begun = std::time::Instant::now();
        self.workstation.person.will_answer(&["pin 1234"]);
        while self.sign_in().await != Some(PresenceState::Present) {
            assert!(begun.elapsed() < PATIENCE, "still locked");
            self.workstation.person.will_answer(&["pin 1234"]);
        }
    }

    /// Signs in by the PIN, for a challenge that lets it count for others.
    async fn sign_in_to_keep(&self) {
        let mut claims = self.workstation.issuer.claims();
        claims.uv = UserVerification::Cached;
        let challenge = claims.sign(&self.workstation.issuer.challenge_key).unwrap();
        self.workstation.person.will_answer(&["pin 1234"]);
        let answer = self.workstation.page().ask(&challenge).await;
        assert!([200, 409].contains(&answer.status), "{answer:?}");
    }

    /// Whether the card's PIN stays verified on some channel.
    fn keeps_pin(&self) -> bool {
        (0..=3).any(|channel| {
            let asked = [channel, 0x20, 0x00, 0x80];
            self.card.connect().transmit(&asked).unwrap() == [0x90, 0x00]
        })
    }

    /// Signs in until the PIN is kept, which it is from when the agent has heard of the session.
    async fn has_its_pin_kept(&self) {
        let begun = std::time::Instant::now();
        while !self.keeps_pin() {
            assert!(begun.elapsed() < PATIENCE, "no PIN is kept");
            self.sign_in_to_keep().await;
        }
    }

    async fn forgets_its_pin(&self) {
        let begun = std::time::Instant::now();
        while self.keeps_pin() {
            assert!(begun.elapsed() < PATIENCE, "the PIN stays verified");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn departs_for(&self, reason: DepartureReason) {
        let departure = self.workstation.issuer.departure().await;
        assert_eq!(departure.reason(), Some(reason));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

pub(crate) fn screen(bus: &Bus) -> ScreenLock {
    ScreenLock {
        system_bus: Some(bus.address.clone()),
        session_bus: Some(bus.address.clone()),
        session_id: Some("c1".to_owned()),
    }
}

#[tokio::test]
async fn a_lock_signal_ends_presence_and_an_unlocked_screen_may_have_it_again() {
    let watched = Watched::start().await;
    watched.signs_in_and_stays().await;
    watched.bus.lock().await;
    watched.departs_for(DepartureReason::ScreenLocked).await;
    watched
        .bus
        .call(SESSION, SESSION_INTERFACE, "Unlock", &())
        .await;
    watched.may_sign_in_again().await;
}

#[tokio::test]
async fn behind_a_locked_screen_no_session_stands() {
    let watched = Watched::start().await;
    watched.signs_in_and_stays().await;
    watched.bus.set_locked_hint(true).await;
    watched.departs_for(DepartureReason::ScreenLocked).await;
    watched.asks_nothing().await;
    watched.bus.set_locked_hint(false).await;
    watched.may_sign_in_again().await;
}

#[tokio::test]
async fn another_session_on_the_screen_ends_presence() {
    let watched = Watched::start().await;
    watched.signs_in_and_stays().await;
    watched.bus.set_active(false).await;
    watched.departs_for(DepartureReason::ScreenLocked).await;
}

#[tokio::test]
async fn a_machine_sleeps_once_the_departure_is_told() {
    let watched = Watched::start().await;
    watched.signs_in_and_stays().await;
    watched.bus.prepare_for_sleep(true).await;
    watched.departs_for(DepartureReason::Sleep).await;
    watched.bus.wait_for_delays(0).await;
    watched.bus.prepare_for_sleep(false).await;
    watched.bus.wait_for_delays(1).await;
    watched.may_sign_in_again().await;
}

#[tokio::test]
async fn the_desktops_screen_saver_is_heard_as_well() {
    let watched = Watched::start().await;
    watched.signs_in_and_stays().await;
    let path = "/org/gnome/ScreenSaver";
    let say = async |interface: &str, active: bool| {
        let bus = &watched.bus.connection;
        bus.emit_signal(None::<&str>, path, interface, "ActiveChanged", &active)
            .await
            .unwrap();
    };
    say("org.example.SomethingElse", true).await;
    let quiet = watched
        .workstation
        .issuer
        .is_quiet(Duration::from_millis(300));
    assert!(quiet.await);
    say("org.gnome.ScreenSaver", true).await;
    watched.departs_for(DepartureReason::ScreenLocked).await;
}

#[tokio::test]
async fn a_screen_saver_that_dies_covers_the_screen_no_more() {
    let watched = Watched::start().await;
    watched.signs_in_and_stays().await;
    let saver = zbus::connection::Builder::address(watched.bus.address.as_str());
    let saver = saver.build().await.unwrap();
    let (path, interface) = ("/org/gnome/ScreenSaver", "org.gnome.ScreenSaver");
    saver
        .emit_signal(None::<&str>, path, interface, "ActiveChanged", &true)
        .await
        .unwrap();
    watched.departs_for(DepartureReason::ScreenLocked).await;
    watched.cannot_sign_in().await;
    saver.close().await.unwrap();
    watched.may_sign_in_again().await;
}

/// Any user of a machine may send a signal to any connection of the system bus.
#[tokio::test]
async fn a_lock_signal_of_another_program_ends_nothing() {
    let watched = Watched::start().await;
    watched.signs_in_and_stays().await;
    let bus = &watched.bus;
    let dbus = ("org.freedesktop.DBus", "/org/freedesktop/DBus");
    let names = bus
        .call(dbus, "org.freedesktop.DBus", "ListNames", &())
        .await;
    let names: Vec<String> = names.body().deserialize().unwrap();
    for name in names.iter().filter(|name| name.starts_with(':')) {
        let forged = bus.connection.emit_signal(
            Some(name.as_str()),
            SESSION.1,
            SESSION_INTERFACE,
            "Lock",
            &(),
        );
        forged.await.unwrap();
    }
    let quiet = watched
        .workstation
        .issuer
        .is_quiet(Duration::from_millis(300));
    assert!(quiet.await);
    bus.lock().await;
    watched.departs_for(DepartureReason::ScreenLocked).await;
}

fn pharmacy(before: &str) -> Setup {
    Setup {
        pin_policy: PinPolicy::Pharmacy { kept_max: KEPT_MAX },
        before: before.to_owned(),
        ..Setup::default()
    }
}

/// Attack D14: the setting is about sessions, never about a card that signs by a click.
#[tokio::test]
async fn d14_a_kept_pin_ends_at_the_lock_also_where_sessions_outlast_it() {
    for setting in ["", "end_at_screen_lock = false"] {
        let watched = Watched::start_with(pharmacy(setting)).await;
        watched.has_its_pin_kept().await;
        while !watched
            .workstation
            .issuer
            .is_quiet(Duration::from_millis(300))
            .await
        {}
        watched.bus.set_locked_hint(true).await;
        watched.forgets_its_pin().await;
        if !setting.is_empty() {
            let quiet = watched
                .workstation
                .issuer
                .is_quiet(Duration::from_millis(300));
            assert!(quiet.await, "the session goes on");
        }
        // Behind the locked screen none is kept, where one is asked at all.
        if setting.is_empty() {
            watched.asks_nothing().await;
        } else {
            watched.sign_in_to_keep().await;
        }
        assert!(!watched.keeps_pin());
        watched.bus.set_locked_hint(false).await;
        watched.has_its_pin_kept().await;
    }
}

/// Attack D14: what is kept ends, too, when nobody tells of the lock any more.
#[tokio::test]
async fn d14_a_kept_pin_ends_when_logind_goes_away() {
    let mut watched = Watched::start_with(pharmacy("")).await;
    watched.has_its_pin_kept().await;
    let logind = &mut watched.bus.processes[0];
    logind.kill().unwrap();
    logind.wait().unwrap();
    watched.forgets_its_pin().await;
    watched.sign_in_to_keep().await;
    assert!(!watched.keeps_pin());
}

#[tokio::test]
async fn behind_a_locked_screen_no_session_stands_when_logind_goes_away() {
    let mut watched = Watched::start().await;
    watched.signs_in_and_stays().await;
    watched.bus.set_locked_hint(true).await;
    watched.departs_for(DepartureReason::ScreenLocked).await;
    let logind = &mut watched.bus.processes[0];
    logind.kill().unwrap();
    logind.wait().unwrap();
    for _ in 0..3 {
        watched.workstation.person.will_answer(&["pin 1234"]);
        watched.cannot_sign_in().await;
    }
}

#[tokio::test]
async fn an_operator_may_have_sessions_outlast_a_locked_screen() {
    let setup = Setup {
        before: "end_at_screen_lock = false".to_owned(),
        ..Setup::default()
    };
    let workstation = Workstation::start_with(&Readers::none(), &[], setup).await;
    // Nothing is followed.
    ScreenLock::default().watch(workstation.agent.clone()).await;
}
