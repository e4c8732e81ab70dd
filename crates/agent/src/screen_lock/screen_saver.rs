//! The desktop's screen saver on the session bus: KDE's, GNOME's and those of GNOME's relatives say
//! whether they cover the screen by the same signal.

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream};

use super::state::Told;

/// The bus itself.
const BUS_NAME: &str = "org.freedesktop.DBus";
/// What is listened for.
const RULES: [&str; 2] = [
    "type='signal',member='ActiveChanged'",
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'",
];
/// Who says it. Only programs of the same user speak on a session bus.
const INTERFACES: [&str; 5] = [
    "org.freedesktop.ScreenSaver",
    "org.gnome.ScreenSaver",
    "org.cinnamon.ScreenSaver",
    "org.mate.ScreenSaver",
    "org.xfce.ScreenSaver",
];

/// Tells what the screen savers say, until the bus is gone. One that goes without a word covers
/// nothing any more.
pub(super) async fn follow(bus: &Connection, told: &mpsc::Sender<Told>) -> zbus::Result<()> {
    // One stream for both signals: the bus tells of a program's end after what it said.
    let mut messages = MessageStream::from(bus);
    for rule in RULES {
        let path = "/org/freedesktop/DBus";
        bus.call_method(Some(BUS_NAME), path, Some(BUS_NAME), "AddMatch", &rule)
            .await?;
    }
    let mut covering = None;
    while let Some(message) = messages.next().await {
        let message = message?;
        if let Some(active) = said_by_saver(&message) {
            let sender = message.header().sender().map(ToString::to_string);
            covering = sender.filter(|_| active);
            let _ = told.send(Told::SaverActive(active)).await;
        } else if covering.is_some() && gone(&message) == covering {
            covering = None;
            let _ = told.send(Told::SaverActive(false)).await;
        }
    }
    Ok(())
}

fn said_by_saver(message: &Message) -> Option<bool> {
    let header = message.header();
    let is_saver = INTERFACES.contains(&header.interface()?.as_str());
    let is_news = message.message_type() == Type::Signal && header.member()? == "ActiveChanged";
    (is_saver && is_news)
        .then(|| message.body().deserialize().ok())
        .flatten()
}

/// The name that the bus says nobody has any more.
fn gone(message: &Message) -> Option<String> {
    let header = message.header();
    let is_news = message.message_type() == Type::Signal
        && header.sender()? == BUS_NAME
        && header.member()? == "NameOwnerChanged";
    let body = message.body();
    let (name, _, owner): (String, String, String) =
        is_news.then(|| body.deserialize().ok()).flatten()?;
    owner.is_empty().then_some(name)
}
