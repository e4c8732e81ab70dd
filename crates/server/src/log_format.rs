//! The log: one JSON object a line on standard error, with the fields of all open spans beside
//! the event's own, so that `login_id` stands on every line of a login.

use std::fmt;
use std::ops::Range;

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use cardea_provider::Clock as _;

use crate::clock::SystemClock;
use crate::telemetry::Telemetry;

/// Starts logging, and telling `telemetry` of spans; `CARDEA_LOG` sets the log's levels, such as
/// `info,cardea_server=debug`.
pub(crate) fn start_logging(telemetry: &Telemetry) {
    let filter = EnvFilter::try_from_env("CARDEA_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer()
        .event_format(JsonLines)
        .fmt_fields(NoFields)
        .with_writer(std::io::stderr);
    let lines = KeepFields.and_then(lines).with_filter(filter);
    // A second start, as in tests, keeps the first.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(telemetry.layer())
        .try_init();
}

/// What a span says of itself to traces alone.
const FOR_TRACES: &str = "otel.";

/// Members and bytes of a line: room is made once. Of a span, which a connection keeps for hours, a
/// quarter.
const MEMBERS: usize = 16;
const BYTES: usize = 256;

/// Values of a span or event, each as it stands in the line. serde_json escapes control characters
/// (attack H17).
#[derive(Default)]
struct Fields {
    /// Where each value stands in `text`.
    places: Vec<(&'static str, Range<usize>)>,
    text: Vec<u8>,
}

impl Fields {
    /// The last value of a name counts.
    fn set<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        if name.starts_with(FOR_TRACES) {
            return;
        }
        if self.text.is_empty() {
            self.places.reserve_exact(MEMBERS / 4);
            self.text.reserve_exact(BYTES / 4);
        }
        let begin = self.text.len();
        if serde_json::to_writer(&mut self.text, value).is_err() {
            self.text.truncate(begin);
            self.text.extend_from_slice(b"null");
        }
        let place = begin..self.text.len();
        match self.places.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = place,
            None => self.places.push((name, place)),
        }
    }
}

/// The members of a line's object, each name once.
struct Line {
    names: Vec<&'static str>,
    text: String,
}

impl Line {
    fn new() -> Self {
        Self {
            names: Vec::with_capacity(MEMBERS),
            text: String::with_capacity(BYTES),
        }
    }

    fn add(&mut self, fields: &Fields) {
        for (name, place) in &fields.places {
            if self.names.contains(name) {
                continue;
            }
            if !self.names.is_empty() {
                self.text.push(',');
            }
            self.names.push(name);
            let value = fields.text.get(place.clone()).unwrap_or_default();
            // JSON is UTF-8; names are identifiers of ours.
            let value = std::str::from_utf8(value).unwrap_or("null");
            for part in ["\"", name, "\":", value] {
                self.text.push_str(part);
            }
        }
    }
}

/// Keeps each span's fields for the lines within it.
struct KeepFields;

/// Nothing: the fields of spans are kept by [`KeepFields`].
struct NoFields;

struct JsonLines;

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), &value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        // The whole chain: the first sentence alone rarely tells the cause.
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        self.set(field.name(), &text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), &format!("{value:?}"));
    }
}

impl<S> Layer<S> for KeepFields
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().replace(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }
}

impl<'writer> FormatFields<'writer> for NoFields {
    fn format_fields<R: RecordFields>(&self, _: Writer<'writer>, _: R) -> fmt::Result {
        Ok(())
    }
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let time = SystemClock
            .now()
            .format(&time::format_description::well_known::Rfc3339)
            .unwrap_or_default();
        let mut own = Fields::default();
        event.record(&mut own);
        own.set("time", &time);
        own.set("level", metadata.level().as_str());
        own.set("target", metadata.target());
        let mut line = Line::new();
        line.add(&own);
        // What is nearer to the event counts.
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.add(fields);
            }
        }
        writer.write_char('{')?;
        writer.write_str(&line.text)?;
        writer.write_str("}\n")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::{JsonLines, KeepFields};

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_line_carries_the_fields_of_its_spans() {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let lines = tracing_subscriber::fmt::layer()
            .event_format(JsonLines)
            .with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(KeepFields).with(lines);
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("request", login_id = tracing::field::Empty);
            span.record("login_id", "abcdefgh");
            span.in_scope(|| tracing::info!(client_id = "a\r\n\u{1b}[31mb", "answered"));
        });
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            text.lines().count(),
            1,
            "one line, whatever the values hold"
        );
        assert!(!text.contains('\u{1b}'));
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["login_id"], "abcdefgh");
        assert_eq!(line["message"], "answered");
        assert_eq!(line["client_id"], "a\r\n\u{1b}[31mb");
    }

    #[test]
    fn a_name_stands_once_and_the_nearest_value_counts() {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let lines = tracing_subscriber::fmt::layer()
            .event_format(JsonLines)
            .with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(KeepFields).with(lines);
        tracing::subscriber::with_default(subscriber, || {
            let outer = tracing::info_span!("outer", code = "outer", route = "outer");
            let inner = tracing::info_span!("inner", code = "inner", route = "inner");
            let _outer = outer.entered();
            let _inner = inner.entered();
            tracing::info!(code = "own", number = 7, level = "mine", "said");
        });
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        for name in ["code", "route", "number", "level"] {
            assert_eq!(text.matches(&format!("\"{name}\":")).count(), 1, "{text}");
        }
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["code"], "own");
        assert_eq!(line["number"], 7);
        assert_eq!(line["level"], "INFO");
    }
}
