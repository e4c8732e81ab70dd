//! Attack E19: clients that others wrote refuse an answer that is not ours, and keep its code to
//! themselves; ours they take.

use anyhow::Result;
use cardea_e2e::{AuthorizationRequest, CLIENT_ID, ForeignClient, PageScript, Stage};
use cardea_xtask::process;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn e19_an_answer_without_our_name_is_refused_by_the_client() -> Result<()> {
    let stage = Stage::open("mix-up").await?;
    let system = stage.system();
    let request = AuthorizationRequest::new()?;
    let page = PageScript::open(system, &request).await?;
    let answer = page.sign_in(system).await?;
    assert!(answer.query_pairs().any(|(name, _)| name == "iss"));

    let mut program = ForeignClient::node(system, "mix-up.mjs")?;
    program
        .env("CLIENT_ID", CLIENT_ID)
        .env("VERIFIER", request.verifier())
        .env("ADDRESS", answer.as_str());
    let got: Value = serde_json::from_str(&process::capture(&mut program)?)?;
    let refused = got["refused"].as_object().into_iter().flatten();
    let mut count = 0;
    for (name, outcomes) in refused {
        for outcome in outcomes.as_array().into_iter().flatten() {
            let outcome = outcome.as_str().unwrap_or_default();
            assert!(outcome.contains("\"iss\""), "{name}: {outcome}");
            count += 1;
        }
    }
    assert_eq!(count, 12, "six forgeries, two libraries: {got}");
    assert_eq!(got["before"], 0, "no code was sent anywhere");
    assert_eq!(got["genuine"], json!(["accepted", "accepted"]));
    assert_eq!(got["after"], 1);
    Ok(())
}
