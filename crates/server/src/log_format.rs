//! The log: one JSON object a line on standard error, with the fields of all open spans beside
//! the event's own, so that `login_id` stands on every line of a login.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
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

/// Values of a span or event. serde_json escapes control characters (attack H17).
#[derive(Clone, Default)]
struct Fields(BTreeMap<&'static str, Value>);

/// Keeps each span's fields for the lines within it.
struct KeepFields;

struct JsonLines;

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name(), value.into());
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
        self.0.insert(field.name(), text.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}").into());
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
            fields.0.retain(|name, _| !name.starts_with(FOR_TRACES));
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
        let mut line = Fields::default();
        if let Some(scope) = context.event_scope() {
            for span in scope.from_root() {
                if let Some(fields) = span.extensions().get::<Fields>() {
                    line.0.extend(fields.0.clone());
                }
            }
        }
        event.record(&mut line);
        let metadata = event.metadata();
        let time = SystemClock
            .now()
            .format(&time::format_description::well_known::Rfc3339)
            .unwrap_or_default();
        line.0.insert("time", time.into());
        line.0.insert("level", metadata.level().as_str().into());
        line.0.insert("target", metadata.target().into());
        writeln!(
            writer,
            "{}",
            serde_json::to_string(&line.0).map_err(|_| fmt::Error)?
        )
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
    }
}
