use std::io::Write;
use std::sync::{Mutex, PoisonError};

use super::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&log).into_owned()
    }
}

#[tokio::test]
async fn a_bus_that_is_not_there_is_worth_one_warning() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let nowhere = ScreenLock {
        system_bus: Some("unix:path=/nonexistent/bus".to_owned()),
        ..ScreenLock::default()
    };
    let (told, mut news) = mpsc::channel(TOLD_MAX);
    let three_tries = async {
        for _ in 0..3 {
            assert!(matches!(news.recv().await, Some(Told::LogindGone)));
        }
    };
    tokio::select! {
        () = nowhere.follow_logind(told, Duration::from_millis(1)) => {}
        () = three_tries => {}
    }
    let warned = log.text().matches("agent.screen_lock_unwatched").count();
    assert_eq!(warned, 1, "{}", log.text());
}
