//! The prompt programs that run, so that all of them can be ended at once.

use std::io::Read as _;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::assuan::Refused;
use super::start::PromptCommand;

/// How often is looked whether a program has left.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long what a program said last may take to come.
const LAST_WORDS_LIMIT: Duration = Duration::from_millis(500);
/// What pinentry-gtk-2 says on standard error when another window has the keyboard or the pointer.
/// Its answer is that of a Cancel. It does not translate it.
const COULD_NOT_GRAB: &[u8] = b"could not grab";

/// Every program that one [`super::Pinentry`] and its copies have on the screen.
#[derive(Clone, Debug, Default)]
pub(super) struct RunningPrompts(Arc<Mutex<All>>);

#[derive(Debug, Default)]
struct All {
    stopped: bool,
    children: Vec<Weak<Mutex<Child>>>,
}

/// One program.
pub(super) struct Running {
    child: Arc<Mutex<Child>>,
    all: RunningPrompts,
    complaints: Complaints,
}

impl RunningPrompts {
    pub(super) fn start(
        &self,
        PromptCommand(mut command): PromptCommand,
    ) -> Result<(Running, ChildStdin, ChildStdout), Refused> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // Held until it is listed: one that starts while all are stopped is stopped, too.
        let mut all = lock(&self.0);
        if all.stopped {
            return Err(Refused::Stopped);
        }
        let mut child = command.spawn().map_err(|_| Refused::Broken)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let child = Arc::new(Mutex::new(child));
        all.children.retain(|child| child.strong_count() > 0);
        all.children.push(Arc::downgrade(&child));
        drop(all);
        let (Some(requests), Some(answers), Some(complaints)) = pipes else {
            return Err(Refused::Broken);
        };
        let running = Running {
            child,
            all: self.clone(),
            complaints: Complaints::read(complaints),
        };
        Ok((running, requests, answers))
    }

    /// Takes every window away. None is shown from now on.
    pub(super) fn stop(&self) {
        let mut all = lock(&self.0);
        all.stopped = true;
        for child in all.children.drain(..) {
            if let Some(child) = child.upgrade() {
                terminate(&mut lock(&child));
            }
        }
    }

    fn is_stopped(&self) -> bool {
        lock(&self.0).stopped
    }
}

impl Running {
    pub(super) fn was_stopped(&self) -> bool {
        self.all.is_stopped()
    }

    /// Whether the window went by itself, since it could not have the keyboard alone. To be asked
    /// after [`Running::end`].
    pub(super) fn lacked_the_keyboard(&self) -> bool {
        self.complaints.are_about_the_keyboard()
    }

    /// Waits until the program has left, and ends it when it does not within `limit`.
    pub(super) fn end(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while matches!(lock(&self.child).try_wait(), Ok(None)) {
            if Instant::now() >= deadline {
                let mut child = lock(&self.child);
                let _ = child.kill();
                let _ = child.wait();
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// Asks a program to end, if it still runs: its number is not given to another one before it was
/// waited for, which happens under the same lock.
fn terminate(child: &mut Child) {
    if matches!(child.try_wait(), Ok(None)) {
        let _ = kill_process(Pid::from_child(child), Signal::TERM);
    }
}

/// What a program says on standard error, of which one thing matters. The rest is dropped: nobody
/// promises that it is fit for a log.
struct Complaints {
    about_the_keyboard: Arc<AtomicBool>,
    over: mpsc::Receiver<()>,
}

impl Complaints {
    fn read(mut from: ChildStderr) -> Self {
        let about_the_keyboard = Arc::new(AtomicBool::new(false));
        let (over_now, over) = mpsc::channel();
        let found = Arc::clone(&about_the_keyboard);
        let reading = move || {
            let mut text = Vec::new();
            let mut piece = [0_u8; 1024];
            while let Ok(read @ 1..) = from.read(&mut piece) {
                text.extend_from_slice(piece.get(..read).unwrap_or_default());
                if text
                    .windows(COULD_NOT_GRAB.len())
                    .any(|part| part == COULD_NOT_GRAB)
                {
                    found.store(true, Ordering::SeqCst);
                }
                // The words may be cut in two.
                let seen = text.len().saturating_sub(COULD_NOT_GRAB.len());
                text.drain(..seen);
            }
            drop(over_now);
        };
        // Without the thread its pipe closes, and every "cancelled" is the person's.
        let _ = std::thread::Builder::new()
            .name("prompt-errors".to_owned())
            .spawn(reading);
        Self {
            about_the_keyboard,
            over,
        }
    }

    fn are_about_the_keyboard(&self) -> bool {
        // A program that it started may hold the pipe open longer.
        let _ = self.over.recv_timeout(LAST_WORDS_LIMIT);
        self.about_the_keyboard.load(Ordering::SeqCst)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
