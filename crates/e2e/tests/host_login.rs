//! A Linux host asks for the card at the workstation: a real `sshd` on the loopback, `pamtester`
//! and `sudo`, with the PAM module and its helper, a real browser and the real agent.

mod host_login {
    pub(crate) mod host;
    pub(crate) mod terminal;
}

use std::time::Duration;

use anyhow::Result;
use cardea_e2e::{Browser, ForeignClient, SCREENS, Stage};
use cardea_xtask::system::Part;
use host_login::host::{CLIENT_ID, Host, SECRET, register};
use host_login::terminal::{Process, Terminal};

/// Types a code at the workstation, up to the page that says who asks.
async fn type_code(browser: &Browser, stage: &Stage, code: &str, language: &str) -> Result<()> {
    let origin = stage.system().addresses().origin();
    browser
        .goto(&format!("{origin}/device?lang={language}"))
        .await?;
    browser.wait_for("#user_code").await?;
    browser
        .run(&format!(
            "document.querySelector('#user_code').value = '{code}'"
        ))
        .await?;
    browser.click("form button").await
}

/// Goes on to the card, and sees that the other device goes on.
async fn approve(browser: &Browser) -> Result<()> {
    browser.click("form[method=get] button").await?;
    browser.press_start_if_asked().await?;
    browser.wait_for(".body.success h1").await?;
    Ok(())
}

fn shows(terminal: &str, words: &str) {
    assert!(terminal.contains(words), "{words} is not in:\n{terminal}");
}

/// A workstation and a host.
struct Scene {
    host: Host,
    browser: Browser,
    stage: Stage,
}

impl Scene {
    /// A terminal's code is typed at the workstation, and the card answers.
    async fn answer(&self, terminal: &mut impl Terminal) -> Result<()> {
        let code = terminal.wait_for_prompt().await?.code()?;
        type_code(&self.browser, &self.stage, &code, "fr").await?;
        approve(&self.browser).await?;
        terminal.press_enter()
    }

    /// What ssh shows is there before anything is answered, and says where to go.
    async fn ssh_opens_the_account(&self) -> Result<()> {
        let (system, browser) = (self.stage.system(), &self.browser);
        shows(
            &self.host.check_online()?,
            "the issuer takes this host's requests",
        );
        let mut ssh = self.host.ssh("alice")?;
        let shown = ssh.wait_for_prompt().await?;
        shows(&shown, &format!("{}/device", system.addresses().origin()));
        let code = shown.code()?;
        type_code(browser, &self.stage, "BBBB-BBBB", "fr").await?;
        browser.wait_for("[role=alert]").await?;
        browser.check_accessible("device-code-unknown-fr").await?;
        browser.screenshot("device-code-unknown-fr").await?;
        for language in ["fr", "en"] {
            type_code(browser, &self.stage, &code, language).await?;
            let text = browser.wait_for(".body.warning .data").await?;
            shows(&text, "Serveur db01");
            shows(&text, "127.0.0.1");
            let said = browser.wait_for(".host-says").await?;
            shows(&said, "127.0.0.1");
            shows(&said, self.host.user("alice"));
            for (screen, shape) in SCREENS.iter().zip(["wide", "phone"]) {
                browser.resize(*screen).await?;
                let name = format!("device-confirmation-{language}-{shape}");
                browser.check_accessible(&name).await?;
                browser.screenshot(&name).await?;
            }
            browser.resize(SCREENS[0]).await?;
        }
        approve(browser).await?;
        browser.screenshot("device-approved-en").await?;
        let prompted = system.pin_prompt_log();
        shows(&prompted, "AUTRE APPAREIL");
        shows(&prompted, "Serveur db01");
        shows(&prompted, "quelqu’un, à l’adresse 127.0.0.1");
        shows(&prompted, self.host.user("alice"));
        ssh.press_enter()?;
        let (success, output) = ssh.finish().await?;
        assert!(success, "{output}");
        shows(&output, self.host.user("alice"));
        let log = system.log_of(Part::Server);
        assert!(!log.contains(&code), "no code is logged");
        Ok(())
    }

    async fn another_person_s_account_stays_shut(&self) -> Result<()> {
        let mut ssh = self.host.ssh("bob")?;
        self.answer(&mut ssh).await?;
        let (success, output) = ssh.finish().await?;
        assert!(!success, "{output}");
        shows(&output, "Permission denied");
        Ok(())
    }

    async fn sudo_asks_each_time(&self) -> Result<()> {
        let prompts = || {
            let log = self.stage.system().pin_prompt_log();
            log.matches("GETPIN").count()
        };
        for _ in 0..2 {
            let before = prompts();
            let mut sudo = self.host.sudo("alice")?;
            self.answer(&mut sudo).await?;
            let (success, output) = sudo.finish().await?;
            assert!(success, "{output}");
            shows(&output, "uid=0");
            assert_eq!(prompts(), before + 1, "a PIN for each");
        }
        Ok(())
    }

    /// A library that we did not write goes the same way.
    async fn a_library_signs_in(&self) -> Result<()> {
        let mut command = ForeignClient::node(self.stage.system(), "device.mjs")?;
        command.envs([("CLIENT_ID", CLIENT_ID), ("CLIENT_SECRET", SECRET)]);
        let mut library = Process::start(command)?;
        let code = library.wait_for("user_code").await?.code()?;
        type_code(&self.browser, &self.stage, &code, "en").await?;
        approve(&self.browser).await?;
        let (success, output) = library.finish().await?;
        assert!(success, "{output}");
        let told = r#"{"acr":"urn:cardea:acr:card-pin","aud":"db01","family":"cps"}"#;
        shows(&output, told);
        Ok(())
    }

    async fn a_no_is_heard_on_the_host(&self) -> Result<()> {
        let mut asked = self.host.pamtester("alice")?;
        let code = asked.wait_for_prompt().await?.code()?;
        type_code(&self.browser, &self.stage, &code, "fr").await?;
        self.browser.click("form[action*=cancel] button").await?;
        self.browser.wait_for(".body.warning h1").await?;
        self.browser.screenshot("device-refused-fr").await?;
        asked.press_enter()?;
        refused(&mut asked, "host_login.person_refused").await
    }

    /// Nobody answers, and the host's time runs out.
    async fn a_card_that_left_opens_nothing(&self) -> Result<()> {
        self.stage.system().card().remove()?;
        let mut asked = self.host.pamtester("alice")?;
        let code = asked.wait_for_prompt().await?.code()?;
        type_code(&self.browser, &self.stage, &code, "fr").await?;
        self.browser.click("form[method=get] button").await?;
        self.browser.press_start_if_asked().await?;
        asked.press_enter()?;
        refused(&mut asked, "host_login.timed_out").await
    }

    /// Whoever asked is gone: no helper of root's waits on, and the code opens nothing any more.
    async fn who_goes_away_leaves_nothing_behind(&self) -> Result<()> {
        let mut ssh = self.host.ssh("alice")?;
        let of_ssh = ssh.wait_for_prompt().await?.code()?;
        let mut asked = self.host.pamtester_from("203.0.113.9", "alice")?;
        let of_pam = asked.wait_for_prompt().await?.code()?;
        assert_eq!(self.host.helpers()?, 2);
        type_code(&self.browser, &self.stage, &of_pam, "en").await?;
        let said = self.browser.wait_for(".host-says").await?;
        shows(&said, "somebody at 203.0.113.9 wants to enter the account");
        ssh.kill()?;
        asked.kill()?;
        for _ in 0..200 {
            if self.host.helpers()? == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(self.host.helpers()?, 0);
        for code in [of_ssh, of_pam] {
            type_code(&self.browser, &self.stage, &code, "fr").await?;
            self.browser.wait_for("[role=alert]").await?;
        }
        Ok(())
    }

    /// Attack H9: strangers who hold the door fill it no further than their own places.
    async fn h9_so_many_wait_at_once_and_no_more(&self) -> Result<()> {
        let mut waiting = Vec::new();
        for _ in 0..4 {
            let mut asked = self.host.pamtester_from("203.0.113.9", "alice")?;
            asked.wait_for_prompt().await?;
            waiting.push(asked);
        }
        let mut one_more = self.host.pamtester_from("203.0.113.9", "alice")?;
        refused(&mut one_more, "host_login.too_many_at_once").await?;
        let mut elsewhere = self.host.pamtester_from("192.0.2.9", "alice")?;
        elsewhere.wait_for_prompt().await?;
        waiting.push(elsewhere);
        for mut asked in waiting {
            asked.kill()?;
        }
        Ok(())
    }

    /// A program that leaves `SIGPIPE` as it was lives on, and shows what the helper said last.
    async fn a_helper_that_ends_first_ends_nobody_else(&self) -> Result<()> {
        let mut asked = self.host.pamtester_whose_helper_ends()?;
        asked.wait_for_prompt().await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        asked.press_enter()?;
        refused(&mut asked, "said at the end").await
    }
}

async fn refused(asked: &mut impl Terminal, code: &str) -> Result<()> {
    let (success, output) = asked.finish().await?;
    assert!(!success, "{output}");
    shows(&output, code);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_and_sudo_ask_for_the_card_at_the_workstation() -> Result<()> {
    let stage = Stage::open_with("host-login", register).await?;
    let scene = Scene {
        host: Host::set_up(stage.system())?,
        browser: Browser::open().await?,
        stage,
    };
    scene.ssh_opens_the_account().await?;
    scene.another_person_s_account_stays_shut().await?;
    scene.sudo_asks_each_time().await?;
    scene.a_library_signs_in().await?;
    scene.a_no_is_heard_on_the_host().await?;
    scene.a_helper_that_ends_first_ends_nobody_else().await?;
    scene.who_goes_away_leaves_nothing_behind().await?;
    scene.h9_so_many_wait_at_once_and_no_more().await?;
    scene.a_card_that_left_opens_nothing().await?;
    // Nobody is let in for whom nothing is configured, and nobody is asked.
    let mut unmapped = scene.host.pamtester("carol")?;
    refused(&mut unmapped, "host_login.account_unmapped").await?;
    scene.browser.close().await
}
