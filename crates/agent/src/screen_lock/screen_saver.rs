//! The desktop's screen saver on the session bus: KDE's, GNOME's and those of GNOME's relatives say
//! whether they cover the screen by the same signal.

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use zbus::message::Type;
use zbus::{Connection, MatchRule, MessageStream};

use super::state::Told;

/// Who says it. Only programs of the same user speak on a session bus.
const INTERFACES: [&str; 5] = [
    "org.freedesktop.ScreenSaver",
    "org.gnome.ScreenSaver",
    "org.cinnamon.ScreenSaver",
    "org.mate.ScreenSaver",
    "org.xfce.ScreenSaver",
];

/// Tells what the screen savers say, until the bus is gone.
pub(super) async fn follow(bus: &Connection, told: &mpsc::Sender<Told>) -> zbus::Result<()> {
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .member("ActiveChanged")
        .build()?;
    let mut signals = MessageStream::for_match_rule(rule, bus, None).await?;
    while let Some(signal) = signals.next().await {
        let signal = signal?;
        let of_saver = signal
            .header()
            .interface()
            .is_some_and(|interface| INTERFACES.contains(&interface.as_str()));
        if of_saver && let Ok(active) = signal.body().deserialize::<bool>() {
            let _ = told.send(Told::SaverActive(active)).await;
        }
    }
    Ok(())
}
