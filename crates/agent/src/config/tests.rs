use std::os::unix::fs::PermissionsExt as _;

use cardea_jose::{Algorithm, SigningKey};

use super::*;

fn environment() -> Environment {
    Environment {
        locale: Some("en_GB.UTF-8".to_owned()),
        runtime_dir: None,
        state_home: Some("/home/a/state".into()),
        terminal: None,
        host_name: Some("comptoir-2".to_owned()),
    }
}

fn root() -> String {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwk = serde_json::to_value(key.public_jwk()).unwrap();
    let member = |name: &str| jwk[name].as_str().unwrap().to_owned();
    format!(
        "{{ kty = \"EC\", crv = \"P-256\", x = \"{}\", y = \"{}\" }}",
        member("x"),
        member("y")
    )
}

fn minimal() -> String {
    format!(
        "[[issuer]]\nissuer = \"https://login.example\"\nroots = [ {} ]\n",
        root()
    )
}

fn parse(text: &str) -> Result<Config, Error> {
    Config::parse(text, Path::new("/etc/cardea/agent.toml"), &environment())
}

fn key_of(error: &Error) -> String {
    match error {
        Error::ConfigInvalid { key, .. } => key.clone(),
        other => panic!("{other}"),
    }
}

#[test]
fn an_issuer_with_a_root_is_enough() {
    let config = parse(&minimal()).unwrap();
    assert_eq!(config.port, 47_110);
    assert_eq!(config.language, Language::English);
    assert_eq!(config.pinentry, Path::new("pinentry"));
    assert_eq!(config.state_dir, Path::new("/home/a/state/cardea-agent"));
    assert_eq!(config.backend, Backend::Automatic);
    let enrolment = &config.enrolments[0];
    assert_eq!(enrolment.name, "login.example");
    assert_eq!(enrolment.origins[0].as_str(), "https://login.example");
}

#[test]
fn relative_paths_start_at_the_files_folder() {
    let text = format!("state_dir = \"s\"\npinentry = \"./prompt\"\n{}", minimal());
    let config = parse(&text).unwrap();
    assert_eq!(config.state_dir, Path::new("/etc/cardea/s"));
    assert_eq!(config.pinentry, Path::new("/etc/cardea/./prompt"));
}

#[test]
fn a_pkcs11_module_can_be_named() {
    let text = format!(
        "backend = {{ pkcs11 = {{ module = \"/m.so\" }} }}\n{}",
        minimal()
    );
    assert_eq!(
        parse(&text).unwrap().backend,
        Backend::Pkcs11 {
            module: "/m.so".into()
        }
    );
}

#[test]
fn a_pkcs11_backend_without_its_module_is_told_the_line_to_write() {
    let right = "backend = { pkcs11 = { module = \"";
    for line in [
        "backend = \"pkcs11\"",
        "backend = { pkcs11 = {} }",
        "backend = { pkcs11 = { modul = \"/m.so\" } }",
        "backend = { pkcs11 = \"/m.so\" }",
    ] {
        let error = parse(&format!("{line}\n{}", minimal())).unwrap_err();
        assert_eq!(key_of(&error), "line 1, backend", "{line}");
        let told = error.to_string();
        assert!(told.contains("`module`"), "{line}: {told}");
        assert!(told.contains(right), "{line}: {told}");
    }
    let error = parse(&format!("backend = \"usb\"\n{}", minimal())).unwrap_err();
    assert!(error.to_string().contains("pcsc"), "{error}");
}

#[test]
fn a_loopback_that_is_no_word_is_told_the_words() {
    for written in ["true", "\"maybe\""] {
        let text = format!("loopback = {written}\n{}", minimal());
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains("\"auto\", \"on\" or \"off\""), "{error}");
    }
}

#[test]
fn each_mistake_is_reported_at_its_key() {
    let two = format!("{}{}", minimal(), minimal());
    let issuer = |from: &str, to: &str| minimal().replace(from, to);
    let https = "\"https://login.example\"";
    let with = |line: &str| format!("{line}\n{}", minimal());
    let cases = [
        ("nonsense", "line 1, nonsense"),
        (&*with("listen = \"0.0.0.0\""), "line 1, listen"),
        (&*with("port = 70000"), "line 1, port"),
        (&*with("loopback = \"maybe\""), "line 1, loopback"),
        (&*with("socket = 4"), "line 1, socket"),
        (&*with("browser_extensions = [\"*\"]"), "browser_extensions"),
        (&*with("language = \"de\""), "line 1, language"),
        (&*with("backend = \"usb\""), "line 1, backend"),
        (
            &*with("prompt_timeout_seconds = 5"),
            "prompt_timeout_seconds",
        ),
        (&*with("requests_per_minute = 0"), "requests_per_minute"),
        (&*two, "issuer.issuer"),
        (&*issuer(https, "\"http://login.example\""), "issuer.issuer"),
        (
            &*issuer(https, "\"https://login.example/\""),
            "issuer.issuer",
        ),
        (
            &*issuer(https, "\"https://login.example?x\""),
            "issuer.issuer",
        ),
        (
            &*issuer("roots", "origins = [\"https://a.example/x\"]\nroots"),
            "issuer.origins",
        ),
        (
            &*issuer("roots", "origins = [\"null\"]\nroots"),
            "issuer.origins",
        ),
        (&*issuer("roots", "origins = []\nroots"), "issuer.origins"),
        (
            &*issuer("roots", "roots_file = \"x\"\nroots"),
            "issuer.roots",
        ),
        (&*issuer("roots", "secret = 1\nroots"), "line 3, secret"),
        (
            &*issuer("kty = \"EC\"", "kty = \"EC\", d = \"AAAA\""),
            "line 3, roots",
        ),
        (
            "[[issuer]]\nissuer = \"https://login.example\"\nroots = []",
            "issuer.roots",
        ),
        (
            "[[issuer]]\nissuer = \"https://login.example\"",
            "issuer.roots",
        ),
    ];
    for (text, key) in cases {
        let error = parse(text).unwrap_err();
        assert_eq!(error.code(), "agent.config_invalid", "{text}");
        assert_eq!(key_of(&error), key, "{text}");
        assert!(
            error.to_string().contains("/etc/cardea/agent.toml"),
            "{error}"
        );
    }
}

#[test]
fn without_a_file_all_is_as_by_default_and_without_issuers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.toml");
    let config = Config::load_or_default(&path, &environment()).unwrap();
    assert!(config.enrolments.is_empty());
    assert_eq!((config.port, &config.file), (47_110, &path));
    let code = Config::load(&path, &environment()).unwrap_err().code();
    assert_eq!(code, "agent.file_unreadable");
    // What is there is never passed over.
    std::fs::write(&path, "port = 47111\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let config = Config::load_or_default(&path, &environment()).unwrap();
    assert_eq!(config.port, 47_111);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let refused = Config::load_or_default(&path, &environment()).unwrap_err();
    assert_eq!(refused.code(), "agent.file_unsafe");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("nowhere", &path).unwrap();
    assert!(Config::load_or_default(&path, &environment()).is_err());
}

#[test]
fn files_that_others_may_write_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.toml");
    std::fs::write(&path, minimal()).unwrap();
    let set_mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set_mode(&path, 0o644);
    assert!(Config::load(&path, &environment()).is_ok());
    set_mode(&path, 0o666);
    let code = Config::load(&path, &environment()).unwrap_err().code();
    assert_eq!(code, "agent.file_unsafe");

    set_mode(&path, 0o644);
    let roots = folder.path().join("roots.json");
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let set = JwkSet {
        keys: vec![key.public_jwk().clone()],
    };
    std::fs::write(&roots, serde_json::to_vec(&set).unwrap()).unwrap();
    let text = "[[issuer]]\nissuer = \"https://login.example\"\nroots_file = \"roots.json\"";
    std::fs::write(&path, text).unwrap();
    set_mode(&roots, 0o644);
    let config = Config::load(&path, &environment()).unwrap();
    assert_eq!(config.enrolments[0].roots[0].thumbprint(), key.kid());
    set_mode(&roots, 0o646);
    let code = Config::load(&path, &environment()).unwrap_err().code();
    assert_eq!(code, "agent.file_unsafe");
}

#[test]
fn the_example_parses() {
    let text = include_str!("../../agent.example.toml");
    let config = parse(text).unwrap();
    assert_eq!(config.enrolments.len(), 1);
    assert_eq!(config.enrolments[0].roots.len(), 2);
    // Every commented default is a real key with its real default.
    let spelled_out: String = text
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect();
    let spelled_out = parse(&spelled_out).unwrap();
    assert_eq!(spelled_out.port, config.port);
    assert_eq!(spelled_out.loopback, config.loopback);
    assert_eq!(spelled_out.pinentry, config.pinentry);
    assert_eq!(spelled_out.prompt_timeout, config.prompt_timeout);
    assert_eq!(spelled_out.requests_per_minute, config.requests_per_minute);
    assert_eq!(spelled_out.backend, config.backend);
}

#[test]
fn business_software_is_off_and_its_clients_are_checked() {
    let of = |more: &str| parse(&format!("{}[business_software]\n{more}", minimal()));
    let default = parse(&minimal()).unwrap().business_software;
    assert!(!default.enabled && default.clients.is_empty());
    let client = "[[business_software.client]]\nclient_id = \"a\"\n";
    let config = of(&format!(
        "enabled = true\n{client}addresses = [\"https://api.example/v1/\"]\n"
    ));
    let allowed = config.unwrap().business_software;
    assert!(allowed.enabled);
    assert_eq!(
        allowed.clients[0].addresses[0].as_str(),
        "https://api.example/v1/"
    );
    let cases = [
        ("enabled = true\n".to_owned(), "business_software.client"),
        (
            format!("{client}{client}"),
            "business_software.client.client_id",
        ),
        (
            client.replace("\"a\"", "\"\""),
            "business_software.client.client_id",
        ),
        (
            format!("{client}addresses = [\"http://api.example/\"]\n"),
            "business_software.client.addresses",
        ),
        (
            format!("{client}addresses = [\"https://api.example/?x=1\"]\n"),
            "business_software.client.addresses",
        ),
    ];
    for (more, key) in cases {
        assert_eq!(key_of(&of(&more).unwrap_err()), key, "{more}");
    }
}

#[test]
fn the_pin_policy_is_strict_unless_the_file_says_otherwise() {
    let policy = |lines: &str| parse(&format!("{lines}\n{}", minimal())).map(|it| it.pin_policy);
    assert_eq!(policy("").unwrap(), PinPolicy::Strict);
    assert_eq!(
        policy("pin_policy = \"strict\"").unwrap(),
        PinPolicy::Strict
    );
    let minutes = |minutes: u64| PinPolicy::Pharmacy {
        kept_max: Duration::from_secs(60 * minutes),
    };
    let pharmacy = "pin_policy = \"pharmacy\"";
    assert_eq!(policy(pharmacy).unwrap(), minutes(240));
    let shorter = format!("{pharmacy}\npin_kept_max_minutes = 60");
    assert_eq!(policy(&shorter).unwrap(), minutes(60));

    for lines in [
        format!("{pharmacy}\npin_kept_max_minutes = 241"),
        format!("{pharmacy}\npin_kept_max_minutes = 0"),
        "pin_kept_max_minutes = 60".to_owned(),
    ] {
        let error = policy(&lines).unwrap_err();
        assert_eq!(key_of(&error), "pin_kept_max_minutes", "{lines}");
    }
    assert!(key_of(&policy("pin_policy = \"lax\"").unwrap_err()).contains("pin_policy"));
}

#[test]
fn a_pin_is_kept_without_a_screen_lock_only_if_the_file_says_so() {
    let of = |line: &str| {
        let text = format!("pin_policy = \"pharmacy\"\n{line}\n{}", minimal());
        parse(&text).map(|it| it.keep_pin_without_screen_lock)
    };
    assert!(!of("").unwrap());
    assert!(of("keep_pin_without_screen_lock = true").unwrap());
    assert!(of("keep_pin_without_screen_lock = 1").is_err());
}

#[test]
fn a_workstation_that_nobody_named_goes_by_its_host_name() {
    let name_in = |text: &str| {
        parse(&format!("{text}{}", minimal()))
            .unwrap()
            .instance_name
    };
    assert_eq!(name_in("").as_deref(), Some("comptoir-2"));
    let given = "instance_name = \"Comptoir 2\"\n";
    assert_eq!(name_in(given).as_deref(), Some("Comptoir 2"));
}

#[test]
fn a_host_name_that_says_nothing_is_none() {
    assert_eq!(usable_host_name("poste-3\n").as_deref(), Some("poste-3"));
    let long = "a".repeat(65);
    for name in [
        "",
        "\n",
        "(none)\n",
        "localhost\n",
        "a\u{7}b",
        long.as_str(),
    ] {
        assert_eq!(usable_host_name(name), None, "{name:?}");
    }
}
