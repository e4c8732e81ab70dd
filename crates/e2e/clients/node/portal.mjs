// A portal on openid-client. It has a page that only people with a card see, and it ends their
// sessions when their card leaves the reader. Its settings are environment variables.
import { createServer } from 'node:http'
import { form, listen } from './web.mjs'
import { receiveLogout } from './logout.mjs'
import { sizeOfAccounts } from './accounts.mjs'

// snippet:begin discovery
import { randomBytes } from 'node:crypto'
import * as client from 'openid-client'
// Pages and redirects are your framework's.
import { escape, page, redirect } from './web.mjs'

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

// snippet:begin sessions
// Your framework's too: what is known of each browser, under a name that only its cookie has.
const sessions = new Map()

function newSession(answer, content) {
  const id = randomBytes(32).toString('base64url')
  // A login takes minutes; a session ends when the server's does at the latest.
  const seconds = content.sub ? 4 * 3600 : 600
  const session = { id, ends: Date.now() + seconds * 1000, ...content }
  sessions.set(id, session)
  const secure = portal.startsWith('https:') ? '; Secure' : ''
  answer.setHeader('Set-Cookie', `portal=${id}; HttpOnly; SameSite=Lax; Path=/${secure}`)
  return session
}
// snippet:end sessions

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
  const address = new URL(request.url, portal)
  const attempt = session.attempt
  // Anybody can link to this address. Without the state of this attempt, nothing is touched.
  if (!attempt || address.searchParams.get('state') !== attempt.state) {
    throw new Error('this login was not begun in this browser')
  }
  delete session.attempt
  const tokens = await client.authorizationCodeGrant(config, address, {
    pkceCodeVerifier: attempt.verifier,
    expectedState: attempt.state,
    expectedNonce: attempt.nonce,
    idTokenExpected: true,
  })
  const claims = tokens.claims()
  const person = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
  // Only now does the new session take the place of the one that this browser had.
  sessions.delete(session.id)
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

// snippet:begin profession
// A code says nothing without its system: 21 in TRE_G16 is a student of pharmacy.
const isPharmacist = ({ profession }) => profession?.system === 'TRE_G15' && profession.code === '21'
// snippet:end profession

// snippet:begin linking
import { accountFor, linkAccount, passwordLogin } from './accounts.mjs'

// Every form that a browser sends: one of another site must not sign this browser in, or out, or link anything.
const isOurForm = (request) => request.headers.origin === new URL(portal).origin

function signInWithPassword(answer, fields) {
  const account = passwordLogin(fields.get('user'), fields.get('password'))
  if (!account) return page(answer, 403, '<p id="error">No such user and password.</p>')
  // Ten minutes, in this browser, to sign in with the card.
  newSession(answer, { linking: { account, ends: Date.now() + 600_000 } })
  page(answer, 200, '<a id="link" href="/login">Link my card; my password ends with it</a>')
}

// Shown once the card has signed in: whose card, whose account, and nothing happens by itself.
function askToLink(answer, session) {
  session.confirmation ??= randomBytes(32).toString('base64url')
  page(answer, 200, `<p id="question">Shall the card of ${escape(session.person.name)} open the account
    ${escape(session.linking.account.name)} from now on, instead of its password?</p>
    <form method="post" action="/link"><input type="hidden" name="confirmation" value="${session.confirmation}">
    <button id="confirm" name="choice" value="yes">Yes, link my card</button>
    <button id="decline" name="choice" value="no">No</button></form>`)
}

function link(answer, session, fields) {
  const { linking, confirmation } = session
  delete session.linking
  delete session.confirmation
  if (!linking || linking.ends < Date.now() || !confirmation || fields.get('confirmation') !== confirmation) {
    return page(answer, 403, '<p id="error">Nothing was linked: begin again.</p>')
  }
  if (fields.get('choice') === 'yes' && !linkAccount(linking.account, session.iss, session.sub)) {
    return page(answer, 409, '<p id="error">Nothing was linked: this card or this account is linked already.</p>')
  }
  redirect(answer, '/')
}
// snippet:end linking

function home(answer, session) {
  if (!session?.sub) {
    return page(answer, 200, `<a id="sign-in" href="/login">Sign in with my card</a>
      <a id="silent" href="/silent">Silently</a>
      <form method="post" action="/password"><input name="user"><input name="password" type="password">
      <button>Sign in with my old password</button></form>`)
  }
  if (session.linking) return askToLink(answer, session)
  const account = accountFor(session.iss, session.sub)
  const facts = { claims: session.claims, person: session.person, account, sizeOfAccounts: sizeOfAccounts() }
  page(answer, 200, `<p id="greeting">${escape(session.person.name)}</p>
    <p id="account">${escape(account?.name ?? 'no account')}</p>
    <pre id="facts">${escape(JSON.stringify(facts))}</pre>
    <form method="post" action="/logout"><button id="sign-out">Sign out</button></form>`)
}

// A level that the address demands: what a page does that takes nothing less.
function levelOf(address) {
  const acr = address.searchParams.get('acr')
  const claims = { id_token: { acr: { essential: true, values: [acr] } } }
  return acr ? { claims: JSON.stringify(claims), prompt: 'none' } : {}
}

const routes = {
  'GET /': (request, answer, session) => home(answer, session),
  'GET /login': (request, answer, session) =>
    login(request, answer, session ?? newSession(answer, {}), levelOf(new URL(request.url, portal))),
  'GET /silent': (request, answer, session) => silent(request, answer, session ?? newSession(answer, {})),
  'GET /callback': (request, answer, session) => finish(request, answer, session ?? {}),
  'GET /refresh': async (request, answer, session) =>
    page(answer, 200, `<p id="refreshed">${session?.tokens ? await stillHere(session) : false}</p>`),
  'GET /prescribe': (request, answer, session) =>
    session?.sub ? prescribe(request, answer, session, request.url.endsWith('?now') ? 0 : 60) : redirect(answer, '/'),
  'GET /pharmacy': (request, answer, session) =>
    session?.sub && isPharmacist(session.person)
      ? page(answer, 200, '<p id="pharmacy">For pharmacists.</p>')
      : page(answer, 403, '<p id="error">For pharmacists alone.</p>'),
  'POST /logout': (request, answer, session) => (session?.sub ? logout(answer, session) : redirect(answer, '/')),
  'POST /backchannel-logout': async (request, answer) => receiveLogout(config, sessions, await form(request), answer),
  'POST /password': async (request, answer) => signInWithPassword(answer, await form(request)),
  'POST /link': async (request, answer, session) =>
    session?.sub ? link(answer, session, await form(request)) : redirect(answer, '/'),
}

// snippet:begin errors
async function finish(request, answer, session) {
  try {
    const opened = await callback(request, answer, session)
    // Not linked yet: the person is asked first (section 11).
    if (session.linking) opened.linking = session.linking
    redirect(answer, '/')
  } catch (error) {
    // A session that was there is there still: nothing that comes back refused may end it.
    // OAuth's word is for the program. The description is for the log, and so is the address of a
    // page that says what happened and who can mend it; they are absent where the answer was not the provider's.
    const { error: word = 'unexpected', error_description: description = error.message } = error
    const about = error.cause?.get?.('error_uri') ?? error.cause?.error_uri ?? ''
    console.error(word, description, about)
    page(answer, 403, `<p id="error">${escape(word)}</p><a id="about" href="${escape(about)}">More</a> <a id="home" href="/">Back</a>`)
  }
}
// snippet:end errors

// The provider's logout token is the one form that no browser sends.
for (const [name, route] of Object.entries(routes)) {
  if (!name.startsWith('POST ') || name === 'POST /backchannel-logout') continue
  routes[name] = (request, answer, session) =>
    isOurForm(request) ? route(request, answer, session) : page(answer, 403, '<p id="error">not our form</p>')
}

listen(createServer, routes, sessions)
