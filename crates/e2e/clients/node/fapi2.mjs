// A portal under FAPI 2.0 with Message Signing, on openid-client: a request that is signed and
// pushed, a key instead of a secret, an answer as one signed JWT, tokens bound to another key, and
// an API that has what it is told about a token signed as well.
//
// It does one login. It writes the address for the browser to stdout, waits for the browser at its
// redirect URI, and writes what it got as one JSON document.
import { importJWK } from 'jose'
import * as client from 'openid-client'
import { comeBack } from './web.mjs'

const issuer = new URL(process.env.ISSUER)
const portal = process.env.PORTAL_URL
const jwk = JSON.parse(process.env.CLIENT_KEY)
const key = { key: await importJWK(jwk, jwk.alg), kid: jwk.kid }
const execute = [client.enableNonRepudiationChecks]
if (issuer.protocol === 'http:') execute.push(client.allowInsecureRequests)

const discover = (clientId, metadata) =>
  client.discovery(issuer, clientId, metadata, client.PrivateKeyJwt(key), { execute })

const config = await discover(process.env.CLIENT_ID, {
  id_token_signed_response_alg: 'ES256',
  authorization_signed_response_alg: 'ES256',
})
client.useJwtResponseMode(config)
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))

const pkceCodeVerifier = client.randomPKCECodeVerifier()
const expectedState = client.randomState()
const expectedNonce = client.randomNonce()
const signed = await client.buildAuthorizationUrlWithJAR(
  config,
  {
    redirect_uri: `${portal}/callback`,
    scope: 'openid profile professional',
    resource: process.env.API_AUDIENCE,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
  },
  key,
)
const address = await client.buildAuthorizationUrlWithPAR(config, signed.searchParams, { DPoP })
console.log(JSON.stringify({ address: address.href }))

const { url } = await comeBack(portal)
const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }
// The first token is for userinfo, the refreshed ones are for the API.
const tokens = await client.authorizationCodeGrant(config, url, checks, { resource: issuer.href.replace(/\/$/, '') }, { DPoP })
const claims = tokens.claims()
const person = await client.fetchUserInfo(config, tokens.access_token, claims.sub, { DPoP })
const resource = { resource: process.env.API_AUDIENCE }
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, resource, { DPoP })
// The refresh token is not replaced: the same one serves again.
const again = await client.refreshTokenGrant(config, tokens.refresh_token, resource, { DPoP })

// The API is a client of its own. The library asks for the signed form because of the metadata.
const api = await discover(process.env.API_CLIENT_ID, { introspection_signed_response_alg: 'ES256' })
const told = await client.tokenIntrospection(api, again.access_token)
console.log(JSON.stringify({ claims, person, tokens, refreshed, again, told, answer: url.search }))
