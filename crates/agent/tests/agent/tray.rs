//! The card's state among the desktop's icons: on a real session bus, with Debian's
//! ayatana-indicator-application as the program that gathers such icons.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cardea_agent::Tray;
use cardea_agent::config::{Config, Environment};
use cardea_assertion::DepartureReason;
use zbus::{DynamicType, Message, OwnedObjectPath, OwnedVariant, Variant};

use crate::issuer::Issuer;
use crate::program::Running;
use crate::readers::{Readers, pharmacist};
use crate::screen_lock::{Bus, screen};
use crate::service::wait_until;
use crate::sign_in::verify;
use crate::workstation::{Person, Setup, Workstation, enrolment};

const GATHERER: &str =
    "/usr/libexec/ayatana-indicator-application/ayatana-indicator-application-service";
const ITEM: &str = "org.kde.StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const PAGE: i32 = 3;
const END: i32 = 4;

type Application = (
    String,
    i32,
    String,
    OwnedObjectPath,
    String,
    String,
    String,
    String,
    String,
    String,
);
type Pixmaps = Vec<(i32, i32, Vec<u8>)>;
type Layout = (i32, HashMap<String, OwnedVariant>, Vec<OwnedVariant>);

/// A desktop's part that shows such icons, ended when dropped.
struct Gatherer(Child);

impl Gatherer {
    fn start(bus: &Bus) -> Self {
        let gatherer = Command::new(GATHERER)
            .env("DBUS_SESSION_BUS_ADDRESS", &bus.address)
            .env_remove("DISPLAY")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(gatherer.expect("ayatana-indicator-application (Debian) is needed"))
    }
}

impl Drop for Gatherer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The icon of one process, as the desktop has it.
struct Icon<'a> {
    bus: &'a Bus,
    name: String,
}

impl<'a> Icon<'a> {
    fn of(bus: &'a Bus, process: u32) -> Self {
        let name = format!("{ITEM}-{process}-1");
        Self { bus, name }
    }

    /// How many icons the desktop has gathered, with the menu in its place.
    async fn gathered(&self) -> usize {
        let name = "org.ayatana.indicator.application";
        let target = (name, "/org/ayatana/indicator/application/service");
        let service = "org.ayatana.indicator.application.service";
        let gathered = self
            .bus
            .try_call(target, service, "GetApplications", &())
            .await;
        let Ok(gathered) = gathered else { return 0 };
        let gathered: Vec<Application> = gathered.body().deserialize().unwrap();
        let own = gathered
            .iter()
            .filter(|it| it.3.as_str() == "/MenuBar" && it.9 == "Cardea");
        own.count()
    }

    async fn is_gathered(&self) {
        let what = "the desktop has the icon";
        wait_until(what, async || self.gathered().await == 1).await;
    }

    async fn get<T: TryFrom<OwnedVariant>>(&self, name: &str) -> T {
        let target = (self.name.as_str(), "/StatusNotifierItem");
        let body = (ITEM, name);
        let answer = self.bus.call(target, PROPERTIES, "Get", &body).await;
        let value: OwnedVariant = answer.body().deserialize().unwrap();
        T::try_from(value).ok().unwrap()
    }

    async fn says(&self, words: &str) {
        let what = format!("the icon says: {words}");
        wait_until(&what, async || {
            let tip: (String, Pixmaps, String, String) = self.get("ToolTip").await;
            tip.3 == words
        })
        .await;
    }

    /// The picture in the size that most panels want.
    async fn picture(&self) -> Vec<u8> {
        let pictures: Pixmaps = self.get("IconPixmap").await;
        let usual = pictures.into_iter().find(|it| (it.0, it.1) == (22, 22));
        usual.unwrap().2
    }

    async fn menu(&self, method: &str, body: &(impl serde::Serialize + DynamicType)) -> Message {
        let target = (self.name.as_str(), "/MenuBar");
        self.bus.call(target, MENU, method, body).await
    }

    async fn click(&self, entry: i32) {
        let body = (entry, "clicked", Variant::from(0_i32), 0_u32);
        self.menu("Event", &body).await;
    }

    /// Each entry's words, and whether it can be clicked.
    async fn entries(&self) -> Vec<(String, bool)> {
        let answer = self.menu("GetLayout", &(0, -1, Vec::<String>::new())).await;
        let (_, (root, _, entries)): (u32, Layout) = answer.body().deserialize().unwrap();
        assert_eq!(root, 0);
        let entries = entries.into_iter().map(|entry| {
            let (_, properties, _) = Layout::try_from(entry).unwrap();
            let label = properties
                .get("label")
                .map(|it| it.downcast_ref::<String>().unwrap());
            let enabled = properties
                .get("enabled")
                .map(|it| it.downcast_ref::<bool>().unwrap());
            (label.unwrap_or_default(), enabled.unwrap_or(true))
        });
        entries.collect()
    }
}

async fn sign_in(workstation: &Workstation) {
    let challenge = workstation.issuer.challenge();
    let lines = workstation.page().sign_in(&challenge).await;
    verify(lines.last().unwrap(), workstation, &challenge);
    workstation.issuer.statement().await;
}

fn show(workstation: &Workstation, bus: &Bus) {
    let config = Config::load(&workstation.config_file(), &Environment::default()).unwrap();
    let tray = Tray::of(&config).at(&bus.address);
    tokio::spawn(tray.show(workstation.agent.clone()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_icon_follows_card_and_screen_and_its_menu_ends_the_sessions() {
    let bus = Bus::start().await;
    let _gatherer = Gatherer::start(&bus);
    let readers = Readers::none();
    let workstation =
        Workstation::start_with(&readers, &["pin 1234", "pin 1234"], Setup::default()).await;
    tokio::spawn(screen(&bus).watch(workstation.agent.clone()));
    show(&workstation, &bus);
    let icon = Icon::of(&bus, std::process::id());
    icon.is_gathered().await;
    assert_eq!(icon.get::<String>("Status").await, "Active");

    let mut pictures = Vec::new();
    icon.says("Aucun lecteur de cartes").await;
    pictures.push(icon.picture().await);
    readers.plug("Reader A");
    icon.says("Aucune carte insérée").await;
    pictures.push(icon.picture().await);
    readers.insert("Reader A", &pharmacist());
    icon.says("Carte insérée, aucune session ouverte").await;
    pictures.push(icon.picture().await);
    assert!(!icon.entries().await[3].1, "there is nothing to end");
    icon.click(END).await;
    sign_in(&workstation).await;
    let signed_in = "Connecté avec la carte\u{a0}: une session ouverte";
    icon.says(signed_in).await;
    pictures.push(icon.picture().await);
    let entries = icon.entries().await;
    let labels: Vec<_> = entries.iter().map(|it| it.0.as_str()).collect();
    let end = "Mettre fin à toutes mes sessions";
    assert_eq!(labels, [signed_in, "", "Ouvrir la page d’état", end]);
    assert!(!entries[0].1 && entries[3].1, "{entries:?}");
    let quiet = workstation
        .issuer
        .is_told_nothing(Duration::from_millis(200));
    assert!(quiet.await, "the click before ended nothing");

    icon.click(END).await;
    let departure = workstation.issuer.departure().await;
    assert_eq!(departure.reason(), Some(DepartureReason::PersonEnded));
    icon.says("Carte insérée, aucune session ouverte").await;
    // What begins afterwards is not touched.
    sign_in(&workstation).await;
    icon.says(signed_in).await;

    bus.wait_for_delays(1).await;
    bus.set_locked_hint(true).await;
    icon.says("Écran verrouillé").await;
    pictures.push(icon.picture().await);
    bus.set_locked_hint(false).await;
    icon.says("Carte insérée, aucune session ouverte").await;
    let count = pictures.len();
    pictures.sort();
    pictures.dedup();
    assert_eq!(pictures.len(), count, "each state has its picture");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desktop_that_comes_later_or_again_gets_the_icon() {
    let bus = Bus::start().await;
    let workstation = Workstation::start(&Readers::none(), &["cancel"]).await;
    show(&workstation, &bus);
    let icon = Icon::of(&bus, std::process::id());
    for _ in 0..2 {
        let gatherer = Gatherer::start(&bus);
        icon.is_gathered().await;
        drop(gatherer);
        wait_until("it is gone", async || icon.gathered().await == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_menu_answers_as_its_protocol_wants_it() {
    let bus = Bus::start().await;
    let workstation = Workstation::start(&Readers::none(), &["cancel"]).await;
    show(&workstation, &bus);
    let icon = Icon::of(&bus, std::process::id());
    wait_until("it is on the bus", async || {
        let target = (icon.name.as_str(), "/MenuBar");
        bus.try_call(target, MENU, "AboutToShow", &0).await.is_ok()
    })
    .await;
    let answer = icon
        .menu("GetGroupProperties", &(vec![PAGE, 99], vec!["label"]))
        .await;
    let groups: Vec<(i32, HashMap<String, OwnedVariant>)> = answer.body().deserialize().unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].0, PAGE);
    let answer = icon.menu("GetProperty", &(END, "enabled")).await;
    let enabled: OwnedVariant = answer.body().deserialize().unwrap();
    assert_eq!(enabled.downcast_ref::<bool>(), Ok(false));
    let hovered = vec![
        (END, "hovered", Variant::from(0_i32), 0_u32),
        (99, "clicked", Variant::from(0_i32), 0),
    ];
    let answer = icon.menu("EventGroup", &hovered).await;
    assert_eq!(answer.body().deserialize::<Vec<i32>>().unwrap(), [99]);
    let target = (icon.name.as_str(), "/MenuBar");
    let body = (99, -1, Vec::<String>::new());
    let unknown = bus.try_call(target, MENU, "GetLayout", &body).await;
    assert!(unknown.is_err());
}

/// A workstation that runs the program itself, whose browser notes what it is to open.
async fn folder(more: &str) -> (tempfile::TempDir, String, Issuer) {
    let (issuer, folder) = (Issuer::start().await, tempfile::tempdir().unwrap());
    Person::new(folder.path(), &["cancel"]);
    let script = folder.path().join("browser");
    let text = "#!/bin/sh\necho \"$1\" >\"$(dirname \"$0\")/opened\"\n";
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    let text = format!(
        "port = 0\nloopback = \"off\"\nlanguage = \"en\"\nstate_dir = \"state\"\n\
         pinentry = \"./pinentry\"\nbrowser = \"./browser\"\n{}{more}",
        enrolment(&issuer)
    );
    let config = folder.path().join("agent.toml");
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap().to_owned();
    (folder, config, issuer)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_menu_opens_the_status_page() {
    let bus = Bus::start().await;
    let _gatherer = Gatherer::start(&bus);
    let (folder, config, _issuer) = folder("").await;
    let environment = [("DBUS_SESSION_BUS_ADDRESS", bus.address.as_str())];
    let agent = Running::start_in(folder.path(), &config, &environment);
    let icon = Icon::of(&bus, agent.process());
    icon.is_gathered().await;
    icon.says("The card reader cannot be reached").await;
    icon.click(PAGE).await;
    let opened = folder.path().join("opened");
    wait_until("the browser is opened", async || {
        let url = std::fs::read_to_string(&opened).unwrap_or_default();
        url.starts_with("http://127.0.0.1:") && url.ends_with('\n')
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_can_be_shown_one_debug_line_says_so() {
    let bus = Bus::start().await;
    let logged = async |address: &str, more: &str| {
        let (folder, config, _issuer) = folder(more).await;
        let environment = [
            ("DBUS_SESSION_BUS_ADDRESS", address),
            ("CARDEA_LOG", "debug"),
        ];
        let mut agent = Running::start_in(folder.path(), &config, &environment);
        let about = |line: &serde_json::Value| line["message"].to_string().contains("tray icon");
        let told = more.is_empty().then(|| agent.logged_that(about));
        // An agent without the icon has time to show one.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let name = format!("{ITEM}-{}-1", agent.process());
        let dbus = ("org.freedesktop.DBus", "/org/freedesktop/DBus");
        let owned = bus
            .call(dbus, "org.freedesktop.DBus", "NameHasOwner", &name)
            .await;
        let owned: bool = owned.body().deserialize().unwrap();
        let rest = agent.stopped();
        assert!(!rest.iter().any(about), "{rest:?}");
        (told, owned)
    };
    let (told, owned) = logged("unix:path=/nowhere/bus", "").await;
    assert_eq!(told.unwrap()["level"], "DEBUG");
    assert!(!owned);
    let (told, owned) = logged(&bus.address, "").await;
    assert_eq!(told.unwrap()["level"], "DEBUG");
    assert!(owned, "it waits for a desktop");
    let (_, owned) = logged(&bus.address, "[tray]\nenabled = false\n").await;
    assert!(!owned);
}
