// The strictest client that the provider serves, on oauth4webapi: pushed requests (RFC 9126), a key
// instead of a secret (private_key_jwt), and tokens bound to another key (DPoP, RFC 9449).
//
// It does one login. It writes the address for the browser to stdout, waits for the browser at its
// redirect URI, and writes what it got as one JSON document.
// snippet:begin strict-setup
import { importJWK } from 'jose'
import * as oauth from 'oauth4webapi'
// Waits until the browser is at the redirect URI; your framework has its own way.
import { comeBack } from './web.mjs'

const issuer = new URL(process.env.ISSUER)
const portal = process.env.PORTAL_URL
const redirectUri = `${portal}/callback`
const options = { [oauth.allowInsecureRequests]: issuer.protocol === 'http:' }
const client = { client_id: process.env.CLIENT_ID, id_token_signed_response_alg: process.env.ID_TOKEN_ALG ?? 'RS256' }
if (process.env.USERINFO_ALG) client.userinfo_signed_response_alg = process.env.USERINFO_ALG

const as = await oauth
  .discoveryRequest(issuer, options)
  .then((response) => oauth.processDiscoveryResponse(issuer, response))

// The server may ask for a nonce in the proof; the library then has it, and the second try passes.
async function withNonce(attempt) {
  try {
    return await attempt()
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error
    return attempt()
  }
}
// snippet:end strict-setup

// snippet:begin strict-keys
const jwk = JSON.parse(process.env.CLIENT_KEY)
const clientAuth = oauth.PrivateKeyJwt({ key: await importJWK(jwk, jwk.alg), kid: jwk.kid })
// A fresh key for each login; it never leaves this program.
const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
// snippet:end strict-keys

// snippet:begin strict-push
const verifier = oauth.generateRandomCodeVerifier()
const challenge = await oauth.calculatePKCECodeChallenge(verifier)
const state = oauth.generateRandomState()
const nonce = oauth.generateRandomNonce()

const pushed = await withNonce(() =>
  oauth
    .pushedAuthorizationRequest(as, client, clientAuth, {
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: 'openid profile professional',
      code_challenge: challenge,
      code_challenge_method: 'S256',
      state,
      nonce,
      resource: process.env.API_AUDIENCE,
      response_mode: process.env.RESPONSE_MODE ?? 'query',
    }, { ...options, DPoP })
    .then((response) => oauth.processPushedAuthorizationResponse(as, client, response)),
)
const address = new URL(as.authorization_endpoint)
address.searchParams.set('client_id', client.client_id)
address.searchParams.set('request_uri', pushed.request_uri)
// The browser goes there, and comes back with the answer.
console.log(JSON.stringify({ address: address.href }))
const answer = await comeBack(portal)
// snippet:end strict-push

// snippet:begin strict-tokens
const parameters = oauth.validateAuthResponse(as, client, new URLSearchParams(answer.body ?? answer.url.search), state)
const tokens = await withNonce(() =>
  oauth
    .authorizationCodeGrantRequest(as, client, clientAuth, parameters, redirectUri, verifier, {
      ...options,
      DPoP,
      // This first token is for userinfo alone.
      additionalParameters: { resource: as.issuer },
    })
    .then(async (response) => {
      const checks = { expectedNonce: nonce, requireIdToken: true }
      const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, checks)
      // Over TLS the signature may be left unchecked (OpenID Connect Core 3.1.3.7); it is checked here.
      await oauth.validateApplicationLevelSignature(as, response, options)
      return tokens
    }),
)
const claims = oauth.getValidatedIdTokenClaims(tokens)
const person = await withNonce(async () => {
  const response = await oauth.userInfoRequest(as, client, tokens.access_token, { ...options, DPoP })
  const person = await oauth.processUserInfoResponse(as, client, claims.sub, response)
  if (client.userinfo_signed_response_alg) await oauth.validateApplicationLevelSignature(as, response, options)
  return person
})
// snippet:end strict-tokens

// snippet:begin strict-api
// One token for each API: a stolen one opens nothing else.
const api = await withNonce(() =>
  oauth
    .refreshTokenGrantRequest(as, client, clientAuth, tokens.refresh_token, {
      ...options,
      DPoP,
      additionalParameters: { resource: process.env.API_AUDIENCE },
    })
    .then((response) => oauth.processRefreshTokenResponse(as, client, response)),
)
const at = new URL(process.env.API_URL)
const records = await oauth.protectedResourceRequest(api.access_token, 'GET', at, undefined, undefined, {
  [oauth.allowInsecureRequests]: at.protocol === 'http:',
  DPoP,
})
// snippet:end strict-api

// snippet:begin strict-step-up
let wanted
try {
  const at = new URL('/prescriptions', process.env.API_URL)
  await oauth.protectedResourceRequest(api.access_token, 'GET', at, undefined, undefined, {
    [oauth.allowInsecureRequests]: at.protocol === 'http:',
    DPoP,
  })
} catch (error) {
  if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error
  const { parameters } = error.cause[0]
  if (parameters.error !== 'insufficient_user_authentication') throw error
  // What the next authorization request asks for; then the call is made again with the new token.
  wanted = { acr_values: parameters.acr_values, max_age: parameters.max_age }
}
// snippet:end strict-step-up

console.log(JSON.stringify({ claims, person, tokens, api, records: await records.json(), wanted }))
