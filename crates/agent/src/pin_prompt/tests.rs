use std::path::Path;

use super::*;

const LIMIT: Duration = Duration::from_secs(5);

/// A pinentry that notes what it is told and answers as given.
fn pinentry(folder: &Path, answer: &str) -> Pinentry {
    let program = folder.join("pinentry");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pinentry.sh");
    std::os::unix::fs::symlink(script, &program).unwrap();
    std::fs::write(folder.join("answers"), format!("{answer}\n")).unwrap();
    Pinentry::new(program, Language::English)
}

fn ask(answer: &str) -> (Result<Pin, Error>, String) {
    let folder = tempfile::tempdir().unwrap();
    let question = PinQuestion {
        description: "Sign in to “A”\nCard CPS: 100 %".to_owned(),
        label: "PIN:",
        remark: Some("Incorrect PIN.".to_owned()),
        limit: LIMIT,
    };
    let result = pinentry(folder.path(), answer).ask_pin(&question);
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    (result, log)
}

#[test]
fn the_prompt_says_what_it_is_for() {
    let (pin, log) = ask("pin 1234");
    assert!(pin.is_ok());
    for line in [
        "SETTITLE Cardea – professional card",
        "SETDESC Sign in to “A”%0ACard CPS: 100 %25",
        "SETERROR Incorrect PIN.",
        "SETPROMPT PIN:",
        "SETTIMEOUT 5",
    ] {
        assert!(
            log.lines().any(|logged| logged == line),
            "{line} is not in\n{log}"
        );
    }
}

#[test]
fn each_way_out_has_its_code() {
    let cases = [
        ("cancel", "agent.prompt_cancelled"),
        // pinentry-gtk-2 answers as for a Cancel where another window has the keyboard.
        ("no keyboard", "agent.prompt_unavailable"),
        ("timeout", "agent.prompt_timed_out"),
        ("error", "agent.prompt_unavailable"),
        ("pin 12ab", "card.pin_malformed"),
        ("ok", "card.pin_malformed"),
        ("broken 98765432", "agent.prompt_unavailable"),
    ];
    for (answer, code) in cases {
        let (result, _) = ask(answer);
        let error = result.unwrap_err();
        assert_eq!(error.code(), code, "{answer}");
        assert!(!format!("{error} {error:?}").contains("98765"), "{error:?}");
    }
}

#[test]
fn a_missing_program_is_told() {
    let prompt = Pinentry::new("/nowhere/pinentry".into(), Language::French);
    let code = prompt.tell("x", LIMIT).unwrap_err().code();
    assert_eq!(code, "agent.prompt_unavailable");
}

#[test]
fn questions_have_two_or_three_answers() {
    let cases = [
        ("ok", None, Choice::GoOn),
        ("ok", Some("Another"), Choice::GoOn),
        ("decline", None, Choice::GiveUp),
        ("cancel", None, Choice::GiveUp),
        ("decline", Some("Another"), Choice::Next),
        ("cancel", Some("Another"), Choice::GiveUp),
    ];
    for (answer, next, choice) in cases {
        let folder = tempfile::tempdir().unwrap();
        let question = Confirmation {
            go_on: "Go on",
            give_up: "Give up",
            text: "Go on?".to_owned(),
            next,
            limit: LIMIT,
        };
        let found = pinentry(folder.path(), answer).confirm(&question).unwrap();
        assert_eq!(found, choice, "{answer} {next:?}");
    }
}

#[test]
fn a_window_goes_with_its_agent_and_none_comes_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let prompt = pinentry(folder.path(), "wait");
    let asking = {
        let prompt = prompt.clone();
        std::thread::spawn(move || prompt.tell("x", Duration::from_secs(60)))
    };
    let was_asked = || {
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        log.matches("MESSAGE").count()
    };
    while was_asked() == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    prompt.stop();
    let code = asking.join().unwrap().unwrap_err().code();
    assert_eq!(code, "agent.interrupted");
    assert_eq!(
        prompt.tell("x", LIMIT).unwrap_err().code(),
        "agent.interrupted"
    );
    assert_eq!(was_asked(), 1);
}
