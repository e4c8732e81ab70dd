//! The happy flow once more, in a real browser, to an address that nobody listens at.

use anyhow::Result;
use cardea_e2e::conformance::Suite;
use cardea_e2e::{Browser, REDIRECT_URI};
use url::Url;

#[tokio::test(flavor = "multi_thread")]
async fn a_login_in_chromium_is_one_that_the_suite_takes() -> Result<()> {
    let suite = Suite::open().await?;
    let request = suite.request()?.with("redirect_uri", REDIRECT_URI);
    let endpoint = suite.endpoint("authorization_endpoint")?;
    let address = Url::parse_with_params(endpoint, request.parameters())?;
    let browser = Browser::open().await?;
    browser.goto(address.as_str()).await?;
    browser.press_start_if_asked().await?;
    let code = request.code_at(&suite, &come_back(&browser).await?)?;
    let answer = suite.redeem(&suite.user_agent()?, &request, &code).await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    browser.close().await
}

async fn come_back(browser: &Browser) -> Result<Url> {
    let is_there = |address: &str| address.starts_with(REDIRECT_URI);
    Ok(Url::parse(&browser.wait_for_address(is_there).await?)?)
}
