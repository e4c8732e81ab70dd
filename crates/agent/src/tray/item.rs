//! org.kde.StatusNotifierItem: the icon as the desktop asks for it.

use std::sync::Arc;

use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedObjectPath, interface};

use super::{Desk, menu, picture};

pub(super) const PATH: &str = "/StatusNotifierItem";

/// Pictures: width, height, and each pixel as alpha, red, green, blue.
type Pixmaps = Vec<(i32, i32, Vec<u8>)>;

pub(super) struct Item(pub(super) Arc<Desk>);

/// Tells of another picture and another sentence.
pub(super) async fn tell(bus: &Connection) -> zbus::Result<()> {
    let emitter = SignalEmitter::new(bus, PATH)?;
    Item::new_icon(&emitter).await?;
    Item::new_tool_tip(&emitter).await
}

#[interface(name = "org.kde.StatusNotifierItem")]
impl Item {
    #[zbus(property(emits_changed_signal = "const"))]
    fn category(&self) -> String {
        "Hardware".to_owned()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn id(&self) -> String {
        "cardea-agent".to_owned()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn title(&self) -> String {
        "Cardea".to_owned()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn status(&self) -> String {
        "Active".to_owned()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn window_id(&self) -> i32 {
        0
    }

    /// None: no theme has these pictures.
    #[zbus(property(emits_changed_signal = "const"))]
    fn icon_name(&self) -> String {
        String::new()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn icon_pixmap(&self) -> Pixmaps {
        picture::of(self.0.face().sign)
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn overlay_icon_name(&self) -> String {
        String::new()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn attention_icon_name(&self) -> String {
        String::new()
    }

    /// For those who point at it, and for screen readers.
    #[zbus(property(emits_changed_signal = "false"))]
    fn tool_tip(&self) -> (String, Pixmaps, String, String) {
        let words = self.0.face().words(self.0.language());
        (String::new(), Vec::new(), "Cardea".to_owned(), words)
    }

    /// A click shows the menu.
    #[zbus(property(emits_changed_signal = "const"))]
    fn item_is_menu(&self) -> bool {
        true
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn menu(&self) -> OwnedObjectPath {
        menu::path()
    }

    /// Desktops that show no menu at a click get the page.
    fn activate(&self, _x: i32, _y: i32) {
        self.0.open_page();
    }

    fn secondary_activate(&self, _x: i32, _y: i32) {}

    fn context_menu(&self, _x: i32, _y: i32) {}

    fn scroll(&self, _delta: i32, _orientation: &str) {}

    #[zbus(signal)]
    async fn new_icon(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn new_tool_tip(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn new_status(emitter: &SignalEmitter<'_>, status: &str) -> zbus::Result<()>;
}
