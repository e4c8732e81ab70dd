//! The packages on a Debian that was just installed: installed, configured as docs/packages.md
//! says, used, upgraded with a session alive, removed, and purged without a trace.
//!
//! The programs are those of the tests' own build; `cargo xtask package` packs the optimised ones
//! by the same recipe.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cardea_e2e::business_software::{BusinessSoftware, userinfo, userinfo_proof};
use cardea_e2e::{PageScript, Stage};
use cardea_xtask::package::{PACKAGES, Packing, pack, source_date, stage};
use cardea_xtask::system::Part;
use cardea_xtask::{install, process, workspace};
use reqwest::StatusCode;
use serde_json::Value;

mod packages {
    pub(super) mod clean_root;
    pub(super) mod guarded_api;
    pub(super) mod host;
    pub(super) mod maintainer_scripts;
    pub(super) mod policies;
    pub(super) mod unit;
    pub(super) mod workplace;
}

use packages::clean_root::CleanRoot;
use packages::maintainer_scripts::SERVICES;
use packages::workplace::{PERSON, Workplace};
use packages::{guarded_api, host, policies};

/// What the package replaces: older than the crates' own version.
const OLDER: &str = "0.0.9-1";
/// The most that a unit may be exposed, in tenths, of a hundred (systemd-analyze(1)).
const EXPOSURE_MAX: &str = "20";

/// Packs the programs of this build, in the order of [`PACKAGES`].
fn pack_as(folder: &Path, out: &str, version: Option<&str>, date: &str) -> Result<Vec<PathBuf>> {
    let (source, target) = (workspace::root(), folder.join("target"));
    pack(&Packing {
        source: &source,
        target: &target,
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
    // The same programs, packed again elsewhere, are the same bytes.
    for (one, again) in newer.iter().zip(pack_as(folder, "again", None, &date)?) {
        ensure!(
            fs::read(one)? == fs::read(&again)?,
            "{} differs",
            again.display()
        );
    }
    Ok([older, newer])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_packages_serve_a_login_an_upgrade_and_leave_no_trace() -> Result<()> {
    let mut stage = Stage::prepare("packages", BusinessSoftware::register).await?;
    stage.system_mut().start_part(Part::Pki)?;
    let folder = stage.system().folder().to_owned();
    let [older, newer] = pack_both(&folder.join("packages"))?;
    let root = CleanRoot::open("packages")?;
    root.run(&["useradd", "--create-home", PERSON])?;
    let before = Trace::of(&root)?;

    let workplace = Workplace::new(&root, stage.system());
    workplace.install(&older)?;
    units_are_sound(&root)?;
    workplace.configure()?;
    let mut server = workplace.start_server().await?;
    workplace.start_reader().await?;
    workplace.enrol()?;
    policies::are_in_force(&root, stage.system()).await?;
    let guard = guarded_api::start(&root, stage.system()).await?;
    host::asks_for_the_card(&root)?;
    let agent = workplace.start_agent().await?;
    stage.system().card().insert()?;

    // A login by the installed programs alone.
    let http = PageScript::http()?;
    let system = stage.system();
    let (mut software, tokens) = workplace.sign_in()?;
    let token = text(&tokens, "access_token")?;
    let proof = userinfo_proof(&mut software, &http, system, token).await?;
    let answer = userinfo(&http, system, &format!("DPoP {token}"), Some(&proof)).await?;
    assert_eq!(answer.status(), StatusCode::OK);

    // The newer packages come while the session is alive; what was configured stays.
    let settings = root.read("etc/cardea/cardea.toml")?;
    workplace.install(&newer)?;
    assert_eq!(root.read("etc/cardea/cardea.toml")?, settings);
    server = workplace.restart_server(server).await?;
    let refreshed = software
        .refresh(&http, system, text(&tokens, "refresh_token")?)
        .await?;
    assert_eq!(refreshed.status(), StatusCode::OK);
    let tokens: Value = refreshed.json().await?;
    let token = text(&tokens, "access_token")?;
    let proof = userinfo_proof(&mut software, &http, system, token).await?;
    let scheme = format!("DPoP {token}");
    let answer = userinfo(&http, system, &scheme, Some(&proof)).await?;
    assert_eq!(answer.status(), StatusCode::OK);

    // The agent has found the new server: it hears at once that the card is gone.
    workplace.wait_until_reconnected().await?;
    let proof = userinfo_proof(&mut software, &http, system, token).await?;
    system.card().remove()?;
    assert!(software.wait()?.success());
    let answer = userinfo(&http, system, &scheme, Some(&proof)).await?;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);

    workplace.stop(agent)?;
    workplace.stop(guard)?;
    workplace.stop(server)?;
    removed_and_purged(&root, &before)
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
fn removed_and_purged(root: &CleanRoot, before: &Trace) -> Result<()> {
    let names = PACKAGES.map(|package| package.name);
    let apt = ["apt-get", "-qq", "--yes"];
    root.run(&[&apt[..], &["remove"], &names].concat())?;
    for gone in [
        "usr/bin/cardea",
        "usr/bin/cardea-agent",
        "usr/bin/cardea-guard",
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
        "etc/cardea/host-login.secret",
    ];
    for kept in kept {
        assert!(root.path(kept).exists(), "{kept} is gone");
    }
    fs::remove_file(root.path("usr/local/bin/pinentry-of-the-test"))?;
    root.run(&[&apt[..], &["purge"], &names].concat())?;
    root.run(&[&apt[..], &["purge", "pinentry-fltk", "vsmartcard-vpcd"]].concat())?;
    root.run(&[&apt[..], &["autoremove", "--purge"]].concat())?;
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
    for service in &SERVICES {
        let unit = root.path(service.unit);
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
