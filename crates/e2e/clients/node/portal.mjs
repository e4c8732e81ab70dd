// A portal on openid-client. It has a page that only people with a card see, and it ends their
// sessions when their card leaves the reader. Its settings are environment variables.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'

// snippet:begin discovery
import * as client from 'openid-client'

const issuer = new URL(process.env.ISSUER)
const portal = process.env.PORTAL_URL
const options = { execute: [client.enableNonRepudiationChecks] }
// Only for a sandbox on this very machine; elsewhere the issuer is https and this line is not needed.
if (issuer.protocol === 'http:') options.execute.push(client.allowInsecureRequests)

const config = await client.discovery(
  issuer,
  process.env.CLIENT_ID,
  process.env.CLIENT_SECRET,
  client.ClientSecretBasic(process.env.CLIENT_SECRET),
  options,
)
// snippet:end discovery

const { listen, page, redirect, form, escape } = await import('./web.mjs')
const { receiveLogout } = await import('./logout.mjs')
const { accountFor, linkAccount, passwordLogin, sizeOfAccounts } = await import('./accounts.mjs')

const sessions = new Map()

// snippet:begin login
async function login(request, answer, session, more = {}) {
  // All three belong to this browser and this one attempt.
  session.attempt = {
    verifier: client.randomPKCECodeVerifier(),
    state: client.randomState(),
    nonce: client.randomNonce(),
  }
  const address = client.buildAuthorizationUrl(config, {
    redirect_uri: `${portal}/callback`,
    scope: 'openid profile professional',
    code_challenge: await client.calculatePKCECodeChallenge(session.attempt.verifier),
    code_challenge_method: 'S256',
    state: session.attempt.state,
    nonce: session.attempt.nonce,
    ...more,
  })
  redirect(answer, address)
}

async function callback(request, answer, session) {
  const attempt = session.attempt
  delete session.attempt
  if (!attempt) throw new Error('this login was not begun in this browser')
  const tokens = await client.authorizationCodeGrant(config, new URL(request.url, portal), {
    pkceCodeVerifier: attempt.verifier,
    expectedState: attempt.state,
    expectedNonce: attempt.nonce,
    idTokenExpected: true,
  })
  const claims = tokens.claims()
  const person = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
  // The account is the issuer's name together with the subject; nothing else is.
  return newSession(answer, { iss: claims.iss, sub: claims.sub, sid: claims.sid, claims, person, tokens })
}
// snippet:end login

// snippet:begin refresh
async function stillHere(session) {
  try {
    // Works while the card is in its reader, and not a second longer.
    session.tokens = await client.refreshTokenGrant(config, session.tokens.refresh_token)
    return true
  } catch (error) {
    if (error.error !== 'invalid_grant') throw error
    sessions.delete(session.id)
    return false
  }
}
// snippet:end refresh

// snippet:begin logout
function logout(answer, session) {
  sessions.delete(session.id)
  const address = client.buildEndSessionUrl(config, {
    id_token_hint: session.tokens.id_token,
    post_logout_redirect_uri: `${portal}/`,
  })
  redirect(answer, address)
}
// snippet:end logout

// snippet:begin silent
async function silent(request, answer, session) {
  // No page, no prompt: the answer is a code, or the error `login_required`.
  await login(request, answer, session, { prompt: 'none' })
}
// snippet:end silent

// snippet:begin step-up
const PIN = 'urn:cardea:acr:card-pin'

async function prescribe(request, answer, session, freshSeconds) {
  const age = Date.now() / 1000 - session.claims.auth_time
  if (session.claims.acr !== PIN || age > freshSeconds) {
    // The PIN is asked for again, even where a session is running.
    return login(request, answer, session, { acr_values: PIN, max_age: 0 })
  }
  page(answer, 200, '<p id="prescription">Ready to sign.</p>')
}
// snippet:end step-up

function newSession(answer, content) {
  const id = randomBytes(32).toString('base64url')
  // A login takes minutes; a session ends when the server's does at the latest.
  const seconds = content.sub ? 4 * 3600 : 600
  const session = { id, ends: Date.now() + seconds * 1000, ...content }
  sessions.set(id, session)
  answer.setHeader('Set-Cookie', `portal=${id}; HttpOnly; SameSite=Lax; Path=/`)
  return session
}

function home(answer, session) {
  if (!session?.sub) {
    return page(answer, 200, `<a id="sign-in" href="/login">Sign in with my card</a>
      <a id="silent" href="/silent">Silently</a>
      <form method="post" action="/password"><input name="user"><input name="password" type="password">
      <button>Sign in with my old password</button></form>`)
  }
  const account = accountFor(session.iss, session.sub)
  const facts = { claims: session.claims, person: session.person, account, sizeOfAccounts: sizeOfAccounts() }
  page(answer, 200, `<p id="greeting">${escape(session.person.name)}</p>
    <p id="account">${escape(account?.name ?? 'no account')}</p>
    <pre id="facts">${escape(JSON.stringify(facts))}</pre>
    <form method="post" action="/logout"><button id="sign-out">Sign out</button></form>`)
}

const routes = {
  'GET /': (request, answer, session) => home(answer, session),
  'GET /login': (request, answer, session) => login(request, answer, session ?? newSession(answer, {})),
  'GET /silent': (request, answer, session) => silent(request, answer, session ?? newSession(answer, {})),
  'GET /callback': (request, answer, session) => finish(request, answer, session ?? {}),
  'GET /refresh': async (request, answer, session) =>
    page(answer, 200, `<p id="refreshed">${session?.tokens ? await stillHere(session) : false}</p>`),
  'GET /prescribe': (request, answer, session) =>
    session?.sub ? prescribe(request, answer, session, request.url.endsWith('?now') ? 0 : 60) : redirect(answer, '/'),
  'POST /logout': (request, answer, session) => (session?.sub ? logout(answer, session) : redirect(answer, '/')),
  'POST /backchannel-logout': async (request, answer) => receiveLogout(config, sessions, await form(request), answer),
  'POST /password': async (request, answer) => {
    const { user, password } = Object.fromEntries(await form(request))
    const account = passwordLogin(user, password)
    if (!account) return page(answer, 403, '<p id="error">No such user and password.</p>')
    newSession(answer, { linking: account })
    page(answer, 200, '<a id="link" href="/login">Link my card; my password ends with it</a>')
  },
}

// snippet:begin errors
async function finish(request, answer, session) {
  sessions.delete(session.id)
  try {
    const opened = await callback(request, answer, session)
    if (session.linking) linkAccount(session.linking, opened.iss, opened.sub)
    redirect(answer, '/')
  } catch (error) {
    // OAuth's word is for the program. The description is for the log, and so is the address of a
    // page that says what happened and who can mend it; they are absent where the answer was not the provider's.
    const { error: word = 'unexpected', error_description: description = error.message } = error
    const about = error.cause?.get?.('error_uri') ?? error.cause?.error_uri ?? ''
    console.error(word, description, about)
    page(answer, 403, `<p id="error">${escape(word)}</p><a id="about" href="${escape(about)}">More</a>`)
  }
}
// snippet:end errors

listen(createServer, routes, sessions)
