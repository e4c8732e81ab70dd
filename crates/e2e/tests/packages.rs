//! The packages on a Debian that was just installed and has systemd for its first process:
//! installed, configured as docs/packages.md says, used, upgraded with a session alive, removed,
//! and purged without a trace.
//!
//! The programs are those of the tests' own build; `cargo xtask package` packs the optimised ones
//! by the same recipe. The older packages have the same programs under a lower version; what is
//! really older is what they leave behind: the database of the release before.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cardea_e2e::business_software::{
    BusinessSoftware, leaves_with_the_card, userinfo, userinfo_proof,
};
use cardea_e2e::{PageScript, Stage};
use cardea_xtask::package::{PACKAGES, Packing, is_same_from, pack, source_date, stage};
use cardea_xtask::system::{Part, System};
use cardea_xtask::{install, process, workspace};
use reqwest::StatusCode;
use serde_json::Value;

mod packages {
    pub(super) mod clean_root;
    pub(super) mod guarded_api;
    pub(super) mod host;
    pub(super) mod machine;
    pub(super) mod maintainer_scripts;
    pub(super) mod policies;
    pub(super) mod release_before;
    pub(super) mod watched_log;
    pub(super) mod workplace;
}

use packages::clean_root::CleanRoot;
use packages::machine::Machine;
use packages::maintainer_scripts::SERVICES;
use packages::watched_log::WatchedLog;
use packages::workplace::{PERSON, SERVER, Workplace};
use packages::{guarded_api, host, policies, watched_log};

/// What the package replaces: older than the crates' own version.
const OLDER: &str = "0.0.9-1";
/// A service that keeps no log of its own.
const WITNESS_UNIT: &str = "usr/lib/systemd/system/cardea-witness.service";
/// The most that a unit may be exposed, in tenths, of a hundred (systemd-analyze(1)).
const EXPOSURE_MAX: &str = "20";

/// Packs the programs of this build, in the order of [`PACKAGES`].
fn pack_as(folder: &Path, out: &str, version: Option<&str>, date: &str) -> Result<Vec<PathBuf>> {
    pack_from(&workspace::root(), folder, out, version, date)
}

fn pack_from(
    source: &Path,
    folder: &Path,
    out: &str,
    version: Option<&str>,
    date: &str,
) -> Result<Vec<PathBuf>> {
    pack(&Packing {
        source,
        target: &folder.join("target"),
        out: &folder.join(out),
        date,
        version,
        fast: true,
    })
}

/// Packs the programs of this build as [`OLDER`] and as they are.
fn pack_both(folder: &Path) -> Result<[Vec<PathBuf>; 2]> {
    stage(&workspace::binary_folder()?, &folder.join("target"))?;
    // Once: somebody may commit meanwhile.
    let date = source_date(&workspace::root())?;
    let older = pack_as(folder, "older", Some(OLDER), &date)?;
    let newer = pack_as(folder, "newer", None, &date)?;
    // The same programs, packed again by a source that lies elsewhere and was just written, are the
    // same bytes.
    let copy = folder.join("a-copy-of-the-source");
    copy_source(&copy)?;
    let again = pack_from(&copy, folder, "again", None, &date)?;
    for (one, again) in newer.iter().zip(again) {
        ensure!(
            fs::read(one)? == fs::read(&again)?,
            "{} differs",
            again.display()
        );
    }
    Ok([older, newer])
}

/// Copies the source as it stands, committed or not, with times of its own.
fn copy_source(to: &Path) -> Result<()> {
    const COPY: &str = "git ls-files -z --cached --others --exclude-standard | \
        tar --create --null --ignore-failed-read --files-from=- | tar --extract --touch -C \"$0\"";
    fs::create_dir_all(to)?;
    let mut copy = Command::new("sh");
    copy.args(["-c", COPY]).arg(to);
    process::run(copy.current_dir(workspace::root()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_packages_serve_a_login_an_upgrade_and_leave_no_trace() -> Result<()> {
    let mut stage = Stage::prepare("packages", BusinessSoftware::register).await?;
    stage.system_mut().start_part(Part::Pki)?;
    let folder = stage.system().folder().to_owned();
    let [older, newer] = pack_both(&folder.join("packages"))?;
    let root = CleanRoot::open("packages")?;
    let machine = Machine::boot(&root)?;
    stage.system().adopt(machine.manager())?;
    root.run(&["useradd", "--create-home", PERSON])?;
    let before = Trace::of(&root)?;

    let workplace = Workplace::open(&root, &machine, stage.system())?;
    workplace.install(&older)?;
    units_are_sound(&root)?;
    workplace.refuses_to_start_unconfigured()?;
    workplace.configure()?;
    workplace.start_server().await?;
    workplace.enrol()?;
    policies::are_in_force(&root, stage.system()).await?;
    policies::firefox_takes_the_extension(&root, stage.system()).await?;
    guarded_api::start(&root, &machine, stage.system()).await?;
    host::asks_for_the_card(&root)?;
    let log = WatchedLog::begin(&root, &machine, &workplace).await?;
    workplace.start_reader().await?;
    workplace.start_agent().await?;
    stage.system().card().insert()?;

    // A login by the installed programs alone.
    let mut session = Session::begin(&workplace, stage.system()).await?;
    log.is_cosigned("signed-in").await?;
    workplace.is_looked_after().await?;
    workplace.wait_until_reconnected().await?;
    session.lives_on().await?;

    // The newer packages come while the session is alive; what was configured stays.
    let settings = root.read("etc/cardea/cardea.toml")?;
    workplace.upgrade(&newer).await?;
    assert_eq!(root.read("etc/cardea/cardea.toml")?, settings);
    workplace.wait_until_reconnected().await?;
    session.lives_on().await?;
    // So does the witness; the log that it knew went with what the older release did not have.
    log.answers().await?;
    let [server, ..] = newer.as_slice() else {
        anyhow::bail!("no package of the server")
    };
    workplace.is_restarted_by(server).await?;

    // The agent has found the new server: it hears at once that the card is gone.
    workplace.wait_until_reconnected().await?;
    session.ends_with_the_card().await?;

    workplace.next_logon().await?;
    removed_and_purged(&root, &machine, &before)
}

/// A session of the person's, in the hands of business software.
struct Session<'a> {
    system: &'a System,
    http: reqwest::Client,
    software: BusinessSoftware,
    tokens: Value,
}

impl<'a> Session<'a> {
    async fn begin(workplace: &Workplace<'_>, system: &'a System) -> Result<Self> {
        let (software, tokens) = workplace.sign_in()?;
        let mut session = Self {
            system,
            http: PageScript::http()?,
            software,
            tokens,
        };
        assert_eq!(session.userinfo().await?, StatusCode::OK);
        Ok(session)
    }

    /// New tokens are given, and taken.
    async fn lives_on(&mut self) -> Result<()> {
        let token = text(&self.tokens, "refresh_token")?.to_owned();
        let refreshing = self.software.refresh(&self.http, self.system, &token);
        let refreshed = refreshing.await?;
        assert_eq!(refreshed.status(), StatusCode::OK);
        self.tokens = refreshed.json().await?;
        assert_eq!(self.userinfo().await?, StatusCode::OK);
        Ok(())
    }

    /// The card is pulled, and with it goes everything.
    async fn ends_with_the_card(self) -> Result<()> {
        let token = text(&self.tokens, "access_token")?.to_owned();
        leaves_with_the_card(self.software, &self.http, self.system, &token).await
    }

    async fn userinfo(&mut self) -> Result<StatusCode> {
        let token = text(&self.tokens, "access_token")?.to_owned();
        let proof = userinfo_proof(&mut self.software, &self.http, self.system, &token).await?;
        let scheme = format!("DPoP {token}");
        let answer = userinfo(&self.http, self.system, &scheme, Some(&proof)).await?;
        Ok(answer.status())
    }
}

fn text<'a>(document: &'a Value, member: &str) -> Result<&'a str> {
    let value = document.get(member).and_then(Value::as_str);
    value.with_context(|| format!("no {member} in {document}"))
}

/// What a system has that a package may leave behind.
#[derive(Debug, PartialEq, Eq)]
struct Trace {
    paths: BTreeSet<PathBuf>,
    accounts: [String; 2],
}

impl Trace {
    fn of(root: &CleanRoot) -> Result<Self> {
        Ok(Self {
            paths: root.paths()?,
            accounts: [root.read("etc/passwd")?, root.read("etc/group")?],
        })
    }
}

/// Removal takes the programs and leaves what was configured and made; a purge leaves nothing.
fn removed_and_purged(root: &CleanRoot, machine: &Machine, before: &Trace) -> Result<()> {
    let names = PACKAGES.map(|package| package.name);
    let apt = ["apt-get", "-qq", "--yes"];
    // The services run, and are stopped by it.
    let services = [SERVER, guarded_api::SERVICE, watched_log::SERVICE];
    for service in services {
        assert_eq!(machine.property(service, "ActiveState")?, "active");
    }
    machine.run(&[&apt[..], &["remove"], &names].concat())?;
    for service in services {
        assert_eq!(machine.property(service, "ActiveState")?, "inactive");
    }
    for gone in [
        "usr/bin/cardea",
        "usr/bin/cardea-agent",
        "usr/bin/cardea-guard",
        "usr/bin/cardea-witness",
        "usr/lib/security/pam_cardea.so",
        "etc/chromium/policies",
    ] {
        assert!(!root.path(gone).exists(), "{gone} is left");
    }
    host::is_as_before(root)?;
    let kept = [
        "etc/cardea/cardea.toml",
        "var/lib/cardea/cardea.sqlite",
        "etc/cardea-agent/issuers.d",
        "etc/cardea-guard/guard.toml",
        "etc/cardea-witness/witness.toml",
        "var/lib/cardea-witness/witness.key",
        "etc/cardea/host-login.secret",
    ];
    for kept in kept {
        assert!(root.path(kept).exists(), "{kept} is gone");
    }
    fs::remove_file(root.path("usr/local/bin/pinentry-of-the-test"))?;
    machine.run(&[&apt[..], &["purge"], &names].concat())?;
    // The last came with the one before it, and apt would keep it: systemd suggests it.
    let of_the_test = ["pinentry-fltk", "vsmartcard-vpcd", "libqrencode4"];
    machine.run(&[&apt[..], &["purge"], &of_the_test].concat())?;
    machine.run(&[&apt[..], &["autoremove", "--purge"]].concat())?;
    let after = Trace::of(root)?;
    let left: Vec<_> = after.paths.difference(&before.paths).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    // Empty, and no package's own: dpkg takes it away with the last that had something there.
    let lost = before.paths.difference(&after.paths);
    let lost: Vec<_> = lost.filter(|path| *path != Path::new("etc/opt")).collect();
    assert!(lost.is_empty(), "taken along: {lost:?}");
    assert_eq!(after.accounts, before.accounts);
    Ok(())
}

/// The units are what systemd takes, and the services' are exposed to little.
fn units_are_sound(root: &CleanRoot) -> Result<()> {
    let analyze = || {
        let program = process::find_program("systemd-analyze");
        program
            .map(Command::new)
            .with_context(|| install::hint("systemd-analyze"))
    };
    let verify = |words: &[&str], folder: &Path| {
        let mut verify = analyze()?;
        verify
            .args(words)
            .args(["--man=no", "--recursive-errors=no"]);
        let output = verify.env("XDG_RUNTIME_DIR", folder).output()?;
        ensure!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
        Ok(())
    };
    let top = root.path("/");
    let top = top.to_str().context("a path of text")?;
    let units = SERVICES.iter().map(|it| it.unit);
    for unit in units.chain([WITNESS_UNIT]) {
        let unit = root.path(unit);
        let name = unit.file_name().and_then(|name| name.to_str());
        let name = name.context("a unit's name")?;
        verify(&["verify", "--root", top, name], &root.path("tmp"))?;
        let mut exposure = analyze()?;
        exposure.args([
            "security",
            "--offline=yes",
            "--no-pager",
            "--threshold",
            EXPOSURE_MAX,
        ]);
        process::capture(exposure.arg(unit))?;
    }
    // A person's service manager knows no other root: its program is named where it lies.
    let unit = root.read("usr/lib/systemd/user/cardea-agent.service")?;
    let copy = root.path("tmp/cardea-agent.service");
    let program = root.path("usr/bin/cardea-agent").display().to_string();
    fs::write(&copy, unit.replace("/usr/bin/cardea-agent", &program))?;
    let copy = copy.to_str().context("a path of text")?;
    verify(&["--user", "verify", copy], &root.path("tmp"))
}

/// What takes an hour for all programs takes seconds for the one without other people's crates: it
/// is built twice from nothing, at places of different names, by the packages' own recipe.
#[test]
fn a_program_built_at_two_places_is_the_same_bytes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let places = ["one", "another-place"].map(|place| folder.path().join(place));
    for place in &places {
        copy_source(place)?;
    }
    let built = PACKAGES.iter().flat_map(|package| package.built);
    let module = built.last().context("no program")?;
    assert!(is_same_from(module, [&places[0], &places[1]])?);
    Ok(())
}

/// Neither a person's account nor her files are taken over by what runs as root.
#[test]
fn the_maintainer_scripts_take_over_no_person_and_follow_no_link() -> Result<()> {
    let folder = tempfile::tempdir()?;
    stage(&workspace::binary_folder()?, &folder.path().join("target"))?;
    let date = source_date(&workspace::root())?;
    let packed = pack_as(folder.path(), "packed", None, &date)?;
    let root = CleanRoot::open("maintainer-scripts")?;
    for service in &SERVICES {
        let place = PACKAGES.iter().position(|it| it.name == service.name);
        let package = place.and_then(|place| packed.get(place));
        service.leaves_a_person_alone(&root, package.context("no package")?)?;
        service.is_not_led_elsewhere(&root)?;
    }
    Ok(())
}

/// Each page is one that man and mandoc have nothing to say against, in both languages, and speaks
/// of the same commands in each.
#[test]
fn the_manual_pages_are_well_formed_and_say_the_same_in_both_languages() -> Result<()> {
    let mandoc = process::find_program("mandoc").with_context(|| install::hint("mandoc"))?;
    let man = process::find_program("man").with_context(|| install::hint("man"))?;
    for page in [
        "agent/man/cardea-agent.1",
        "server/debian/man/cardea.8",
        "guard/debian/man/cardea-guard.8",
        "witness/debian/man/cardea-witness.8",
        "host-login/debian/man/cardea-host-login.8",
    ] {
        let page = workspace::root().join("crates").join(page);
        let name = page.file_name().context("a file")?;
        let french = page.with_file_name("fr").join(name);
        for (page, least) in [(&page, "warning"), (&french, "error")] {
            // The French pages' sections have French names, which is all that mandoc warns of.
            let mut lint = Command::new(&mandoc);
            process::capture(lint.args(["-T", "lint", "-W", least]).arg(page))?;
            let mut show = Command::new(&man);
            show.args(["--warnings", "--encoding=UTF-8", "--local-file"]);
            let shown = show.arg(page).env("LC_ALL", "C.UTF-8").output()?;
            ensure!(
                shown.status.success() && shown.stderr.is_empty(),
                "{shown:?}"
            );
        }
        names_each_command(&page)?;
        let items = |page: &Path| -> Result<Vec<String>> {
            let text = fs::read_to_string(page)?;
            let lines = text.lines().filter_map(|line| line.strip_prefix(".It "));
            let first = |line: &str| {
                line.split_whitespace()
                    .take(2)
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            Ok(lines.map(first).collect())
        };
        assert_eq!(items(&page)?, items(&french)?);
    }
    Ok(())
}

/// What `--help` lists stands in the manual, too.
fn names_each_command(page: &Path) -> Result<()> {
    let program = page.file_stem().context("a page")?;
    let program = workspace::binary_folder()?.join(program);
    let help = process::capture(Command::new(&program).arg("--help"))?;
    let text = fs::read_to_string(page)?;
    let listed = help.split_once("\nCommands:\n").unwrap_or_default().1;
    let commands = listed.lines().map_while(|line| line.strip_prefix("  "));
    for command in commands.filter(|line| !line.starts_with(' ')) {
        let name = command.split_whitespace().next().unwrap_or_default();
        let is_named = |line: &str| line.starts_with(&format!(".It Cm {name}"));
        ensure!(
            name == "help" || text.lines().any(is_named),
            "{name} is not in {}",
            page.display()
        );
    }
    Ok(())
}
