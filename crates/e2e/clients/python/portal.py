"""A portal on Flask and Authlib. Its settings are environment variables."""

# snippet:begin setup
import os
from html import escape
from json import dumps

from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, redirect, request, session, url_for

app = Flask(__name__)
app.secret_key = os.environ["COOKIE_KEY"]
app.config.update(SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax")

issuer = os.environ["ISSUER"]
oauth = OAuth(app)
cardea = oauth.register(
    "cardea",
    server_metadata_url=f"{issuer}/.well-known/openid-configuration",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    client_kwargs={
        "scope": "openid profile professional",
        "code_challenge_method": "S256",
        "token_endpoint_auth_method": "client_secret_basic",
    },
)
live = {}  # the provider's session -> the person; a table of the portal's database
# snippet:end setup


# snippet:begin login
@app.get("/login")
def login():
    # Authlib keeps state, nonce and the PKCE verifier in the browser's session.
    return cardea.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback():
    # RFC 9207: the answer must come from the provider that was asked.
    if request.args.get("iss") != issuer:
        return "an answer of another provider", 403
    # Redeems the code; checks signature, issuer, audience, times and nonce of the ID token.
    tokens = cardea.authorize_access_token()
    claims = tokens["userinfo"]
    person = cardea.userinfo(token=tokens)
    if person["sub"] != claims["sub"]:
        return "the two answers are about different people", 403
    # Only now does the new session take the place of the one that this browser had.
    live.pop(session.get("sid"), None)
    session.clear()
    session["sid"] = claims["sid"]
    live[claims["sid"]] = {
        "account": (claims["iss"], claims["sub"]),
        "claims": claims,
        "person": person,
        "tokens": tokens,
    }
    return redirect("/")


@app.errorhandler(OAuthError)
def refused(error):
    app.logger.warning("%s: %s", error.error, error.description)
    return f'<p id="error">{error.error}</p>', 403
# snippet:end login


# snippet:begin page
@app.get("/")
def home():
    # What the browser brings names a session; whether it still runs is known here alone.
    here = live.get(session.get("sid"))
    if here is None:
        return '<a id="sign-in" href="/login">Sign in with my card</a>'
    return greet(here)


def greet(here):
    facts = dumps({"claims": here["claims"], "person": here["person"]})
    return (
        f'<p id="greeting">{escape(here["person"]["name"])}</p>'
        f'<pre id="facts">{escape(facts)}</pre>'
        '<form method="post" action="/logout"><button id="sign-out">Sign out</button></form>'
    )


@app.get("/pharmacy")
def pharmacy():
    here = live.get(session.get("sid"))
    if here is None or not is_pharmacist(here["person"]):
        return '<p id="error">For pharmacists alone.</p>', 403
    return '<p id="pharmacy">For pharmacists.</p>'


def is_pharmacist(person):
    # A code says nothing without its system: 21 in TRE_G16 is a student of pharmacy.
    profession = person.get("profession", {})
    return (profession.get("system"), profession.get("code")) == ("TRE_G15", "21")
# snippet:end page


@app.get("/refresh")
def refresh():
    here = live.get(session.get("sid"))
    if here is None:
        return {"refreshed": False}
    try:
        here["tokens"] = cardea.fetch_access_token(
            grant_type="refresh_token", refresh_token=here["tokens"]["refresh_token"]
        )
    except OAuthError as error:
        if error.error != "invalid_grant":
            raise
        live.pop(session.pop("sid", None), None)
        return {"refreshed": False}
    return {"refreshed": True}


# snippet:begin logout
from logout import LogoutMemory, read_logout_token  # noqa: E402

memory = LogoutMemory()


@app.post("/logout")
def logout():
    # SameSite=Lax keeps the cookie from forms of other sites, which so end no session.
    here = live.pop(session.pop("sid", None), None)
    hint = here["tokens"]["id_token"] if here else None
    return cardea.logout_redirect(url_for("home", _external=True), id_token_hint=hint)


@app.post("/backchannel-logout")
def backchannel_logout():
    token = request.form.get("logout_token", "")
    try:
        named = read_logout_token(token, issuer, cardea.client_id, cardea.fetch_jwk_set(), memory)
    except ValueError as error:
        app.logger.warning("logout token refused: %s", error)
        return "", 400, {"Cache-Control": "no-store"}
    for sid in [sid for sid, here in live.items() if ends(named, sid, here)]:
        del live[sid]
    return "", 200, {"Cache-Control": "no-store"}


def ends(named, sid, here):
    return named["sid"] == sid if "sid" in named else named["sub"] == here["claims"]["sub"]
# snippet:end logout


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ["PORT"]))
