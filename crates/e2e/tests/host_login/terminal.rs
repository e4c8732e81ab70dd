//! What a person sees on the terminal of `ssh`, `sudo` or `pamtester`, and her Enter.

use std::fs;
use std::io::Write as _;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long a program may take to ask, or to end: two time limits of the host.
const PATIENCE: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_millis(100);

/// What was shown before somebody was asked.
pub(crate) struct Shown(String);

impl Shown {
    /// The code for the workstation.
    pub(crate) fn code(&self) -> Result<String> {
        let is_code = |word: &&str| {
            word.len() == 9
                && word.chars().enumerate().all(|(at, letter)| match at {
                    4 => letter == '-',
                    _ => letter.is_ascii_uppercase(),
                })
        };
        let mut words = self
            .0
            .split(|it: char| !it.is_ascii_alphanumeric() && it != '-');
        let code = words.find(is_code);
        code.map(str::to_owned)
            .with_context(|| format!("no code in:\n{}", self.0))
    }
}

impl Deref for Shown {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A terminal on which somebody waits.
pub(crate) trait Terminal {
    /// Waits until everything is shown and Enter is asked for.
    async fn wait_for_prompt(&mut self) -> Result<Shown>;

    /// The person's Enter.
    fn press_enter(&mut self) -> Result<()>;

    /// Waits for the end: whether it was a good one, and all that was written.
    async fn finish(&mut self) -> Result<(bool, String)>;
}

/// A program that reads Enter from its input.
pub(crate) struct Process {
    child: Child,
    written: Arc<Mutex<String>>,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("can't run {command:?}"))?;
        let written = Arc::default();
        listen(child.stdout.take(), &written);
        listen(child.stderr.take(), &written);
        Ok(Self { child, written })
    }

    /// Waits until it has written some words.
    pub(crate) async fn wait_for(&mut self, words: &str) -> Result<Shown> {
        let mut waited = Duration::ZERO;
        loop {
            let written = self.written();
            if written.contains(words) {
                return Ok(Shown(written));
            }
            if waited > PATIENCE || self.child.try_wait()?.is_some() {
                bail!("nothing is asked:\n{written}");
            }
            tokio::time::sleep(LOOK).await;
            waited += LOOK;
        }
    }

    /// Whoever sat there is gone, without a word.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn written(&self) -> String {
        let written = self.written.lock();
        written.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Terminal for Process {
    async fn wait_for_prompt(&mut self) -> Result<Shown> {
        self.wait_for("Entrée : ").await
    }

    fn press_enter(&mut self) -> Result<()> {
        let input = self.child.stdin.as_mut().context("it takes no input")?;
        Ok(input.write_all(b"\n")?)
    }

    async fn finish(&mut self) -> Result<(bool, String)> {
        let status = wait(&mut self.child).await?;
        // What was written last may still be on its way.
        tokio::time::sleep(LOOK).await;
        Ok((status, self.written()))
    }
}

/// `ssh`, which asks a program of the test instead of a terminal.
pub(crate) struct SshProcess {
    process: Process,
    folder: PathBuf,
}

impl SshProcess {
    pub(crate) fn start(folder: &Path, mut command: Command) -> Result<Self> {
        let folder = folder.join("asked");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        let asking = folder.join("askpass");
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$1\" > {0}/writing\nmv {0}/writing {0}/shown\n\
             while [ ! -e {0}/enter ]; do sleep 0.1; done\necho\n",
            folder.display()
        );
        fs::write(&asking, script)?;
        fs::set_permissions(&asking, fs::Permissions::from_mode(0o755))?;
        command
            .env("SSH_ASKPASS", &asking)
            .env("SSH_ASKPASS_REQUIRE", "force");
        let process = Process::start(command)?;
        Ok(Self { process, folder })
    }
}

impl SshProcess {
    /// The connection is gone.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }
}

impl Terminal for SshProcess {
    async fn wait_for_prompt(&mut self) -> Result<Shown> {
        let mut waited = Duration::ZERO;
        loop {
            if let Ok(shown) = fs::read_to_string(self.folder.join("shown")) {
                return Ok(Shown(shown));
            }
            if waited > PATIENCE || self.process.child.try_wait()?.is_some() {
                bail!("nothing is asked:\n{}", self.process.written());
            }
            tokio::time::sleep(LOOK).await;
            waited += LOOK;
        }
    }

    fn press_enter(&mut self) -> Result<()> {
        Ok(fs::write(self.folder.join("enter"), "")?)
    }

    async fn finish(&mut self) -> Result<(bool, String)> {
        self.process.finish().await
    }
}

async fn wait(child: &mut Child) -> Result<bool> {
    let mut waited = Duration::ZERO;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if waited > PATIENCE {
            child.kill()?;
            bail!("it does not end");
        }
        tokio::time::sleep(LOOK).await;
        waited += LOOK;
    }
}

fn listen(output: Option<impl std::io::Read + Send + 'static>, written: &Arc<Mutex<String>>) {
    let Some(mut output) = output else {
        return;
    };
    let written = Arc::clone(written);
    std::thread::spawn(move || {
        let mut piece = [0; 1024];
        while let Ok(length) = output.read(&mut piece) {
            let Some(read) = piece.get(..length).filter(|read| !read.is_empty()) else {
                break;
            };
            let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
            written.push_str(&String::from_utf8_lossy(read));
        }
    });
}
