// A portal on openid-client that registers itself (RFC 7591), pushes a request with what it was
// given, and takes itself out again (RFC 7592).
import * as client from 'openid-client'

const issuer = new URL(process.env.ISSUER)
const redirect_uri = process.env.REDIRECT_URI
const execute = issuer.protocol === 'http:' ? [client.allowInsecureRequests] : []
// The way in which this library sends a secret, unless it is told another.
const token_endpoint_auth_method = 'client_secret_post'
const metadata = {
  client_name: 'Portail openid-client',
  redirect_uris: [redirect_uri],
  token_endpoint_auth_method,
}
const config = await client.dynamicClientRegistration(issuer, metadata, undefined, {
  execute,
  initialAccessToken: process.env.INITIAL_ACCESS_TOKEN,
})
const registered = config.clientMetadata()

const address = await client.buildAuthorizationUrlWithPAR(config, {
  redirect_uri,
  scope: 'openid profile',
  code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()),
  code_challenge_method: 'S256',
  state: client.randomState(),
})

const headers = { Authorization: `Bearer ${registered.registration_access_token}` }
const managed = registered.registration_client_uri
const read = await (await fetch(managed, { headers })).json()
const removed = await fetch(managed, { method: 'DELETE', headers })
const gone = await fetch(managed, { headers })
console.log(
  JSON.stringify({ registered, address: address.href, read, removed: removed.status, gone: gone.status }),
)
