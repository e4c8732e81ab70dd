//! com.canonical.dbusmenu: the menu as the desktop asks for it.

use std::collections::HashMap;
use std::sync::Arc;

use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedObjectPath, OwnedVariant, Variant, fdo, interface};

use super::Desk;
use crate::language::Language;

pub(super) const PATH: &str = "/MenuBar";

const ROOT: i32 = 0;
const STATE: i32 = 1;
const SEPARATOR: i32 = 2;
const PAGE: i32 = 3;
const END: i32 = 4;
const ENTRIES: [i32; 4] = [STATE, SEPARATOR, PAGE, END];

type Properties = HashMap<String, OwnedVariant>;
/// An entry, its properties and the entries below it.
type Layout = (i32, Properties, Vec<OwnedVariant>);
/// What happened to an entry: its number, what, more about it, when.
type Happened = (i32, String, OwnedVariant, u32);

pub(super) struct Menu(pub(super) Arc<Desk>);

/// The menu's place on the bus.
pub(super) fn path() -> OwnedObjectPath {
    OwnedObjectPath::try_from(PATH).unwrap_or_default()
}

/// Tells that the menu has changed.
pub(super) async fn tell(bus: &Connection, revision: u32) -> zbus::Result<()> {
    let emitter = SignalEmitter::new(bus, PATH)?;
    Menu::layout_updated(&emitter, revision, ROOT).await
}

impl Menu {
    /// An entry's properties: those of these names, or all. None for an entry that is not there.
    fn properties(&self, id: i32, names: &[String]) -> Option<Properties> {
        let language = self.0.language();
        let say = |french: &str, english: &str| match language {
            Language::French => Variant::from(french.to_owned()),
            Language::English => Variant::from(english.to_owned()),
        };
        let face = self.0.face();
        let all = match id {
            ROOT => vec![("children-display", Variant::from("submenu"))],
            STATE => vec![
                ("label", Variant::from(face.words(language))),
                ("enabled", Variant::from(false)),
            ],
            SEPARATOR => vec![("type", Variant::from("separator"))],
            PAGE => vec![(
                "label",
                say("Ouvrir la page d’état", "Open the status page"),
            )],
            END => vec![
                (
                    "label",
                    say("Mettre fin à toutes mes sessions", "End all my sessions"),
                ),
                ("enabled", Variant::from(face.sessions > 0)),
            ],
            _ => return None,
        };
        let wanted = |name: &str| names.is_empty() || names.iter().any(|it| it == name);
        let properties = all.into_iter().filter(|(name, _)| wanted(name));
        let owned = properties
            .filter_map(|(name, value)| Some((name.to_owned(), value.try_into_owned().ok()?)));
        Some(owned.collect())
    }

    fn entry(&self, id: i32, names: &[String]) -> fdo::Result<Layout> {
        let properties = self.properties(id, names).ok_or_else(|| unknown(id))?;
        Ok((id, properties, Vec::new()))
    }

    /// What a click does. An entry that cannot be clicked does nothing.
    fn happened(&self, id: i32, event: &str) {
        if event != "clicked" {
            return;
        }
        match id {
            PAGE => self.0.open_page(),
            END if self.0.face().sessions > 0 => self.0.end_sessions(),
            _ => {}
        }
    }
}

fn is_entry(id: i32) -> bool {
    id == ROOT || ENTRIES.contains(&id)
}

fn unknown(id: i32) -> fdo::Error {
    fdo::Error::InvalidArgs(format!("the menu has no entry {id}"))
}

#[interface(name = "com.canonical.dbusmenu")]
impl Menu {
    #[zbus(out_args("revision", "layout"))]
    fn get_layout(
        &self,
        parent: i32,
        depth: i32,
        names: Vec<String>,
    ) -> fdo::Result<(u32, Layout)> {
        let mut layout = self.entry(parent, &names)?;
        if parent == ROOT && depth != 0 {
            for id in ENTRIES {
                let entry = Variant::from(self.entry(id, &names)?);
                layout.2.extend(entry.try_into_owned().ok());
            }
        }
        Ok((self.0.shown().revision, layout))
    }

    fn get_group_properties(&self, ids: Vec<i32>, names: Vec<String>) -> Vec<(i32, Properties)> {
        // No numbers: all of them.
        let ids = match ids.is_empty() {
            true => ENTRIES.to_vec(),
            false => ids,
        };
        ids.into_iter()
            .filter_map(|id| Some((id, self.properties(id, &names)?)))
            .take(ENTRIES.len() + 1)
            .collect()
    }

    fn get_property(&self, id: i32, name: String) -> fdo::Result<OwnedVariant> {
        let mut properties = self.properties(id, &[]).ok_or_else(|| unknown(id))?;
        let missing = || fdo::Error::InvalidArgs("the entry has no such property".to_owned());
        properties.remove(&name).ok_or_else(missing)
    }

    fn event(&self, id: i32, event: &str, _about: OwnedVariant, _at: u32) -> fdo::Result<()> {
        if !is_entry(id) {
            return Err(unknown(id));
        }
        self.happened(id, event);
        Ok(())
    }

    /// Tells which entries are not there.
    fn event_group(&self, events: Vec<Happened>) -> Vec<i32> {
        let (known, unknown): (Vec<_>, Vec<_>) =
            events.into_iter().partition(|(id, ..)| is_entry(*id));
        for (id, event, ..) in known.iter().take(ENTRIES.len()) {
            self.happened(*id, event);
        }
        unknown.into_iter().map(|(id, ..)| id).collect()
    }

    /// Whether it must be asked for anew before it is shown: never, because changes are told.
    fn about_to_show(&self, _id: i32) -> bool {
        false
    }

    #[zbus(out_args("updates", "errors"))]
    fn about_to_show_group(&self, ids: Vec<i32>) -> (Vec<i32>, Vec<i32>) {
        let unknown = ids.into_iter().filter(|id| !is_entry(*id));
        (Vec::new(), unknown.collect())
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> u32 {
        3
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn text_direction(&self) -> String {
        "ltr".to_owned()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn status(&self) -> String {
        "normal".to_owned()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn icon_theme_path(&self) -> Vec<String> {
        Vec::new()
    }

    #[zbus(signal)]
    async fn layout_updated(
        emitter: &SignalEmitter<'_>,
        revision: u32,
        parent: i32,
    ) -> zbus::Result<()>;
}
