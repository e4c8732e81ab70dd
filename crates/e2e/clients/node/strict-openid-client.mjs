// The same as strict.mjs on openid-client: pushed request, a key instead of a secret, DPoP, an
// answer by form post, and a signed userinfo answer.
import { importJWK } from 'jose'
import * as client from 'openid-client'
import { comeBack } from './web.mjs'

const issuer = new URL(process.env.ISSUER)
const portal = process.env.PORTAL_URL
const jwk = JSON.parse(process.env.CLIENT_KEY)
const execute = [client.enableNonRepudiationChecks]
if (issuer.protocol === 'http:') execute.push(client.allowInsecureRequests)
const config = await client.discovery(
  issuer,
  process.env.CLIENT_ID,
  { id_token_signed_response_alg: 'ES256', userinfo_signed_response_alg: 'ES256' },
  client.PrivateKeyJwt({ key: await importJWK(jwk, jwk.alg), kid: jwk.kid }),
  { execute },
)
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))

const pkceCodeVerifier = client.randomPKCECodeVerifier()
const expectedState = client.randomState()
const expectedNonce = client.randomNonce()
const address = await client.buildAuthorizationUrlWithPAR(
  config,
  {
    redirect_uri: `${portal}/callback`,
    scope: 'openid profile professional',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    response_mode: 'form_post',
  },
  { DPoP },
)
console.log(JSON.stringify({ address: address.href }))

const { url, body } = await comeBack(portal)
const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
const answer = body ? new Request(url, { method: 'POST', headers, body }) : url
const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }
const tokens = await client.authorizationCodeGrant(config, answer, checks, undefined, { DPoP })
const claims = tokens.claims()
const person = await client.fetchUserInfo(config, tokens.access_token, claims.sub, { DPoP })
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP })
console.log(JSON.stringify({ claims, person, tokens, refreshed }))
