// A portal's API (a resource server): it takes access tokens that were made for it, and nothing else.
import { createServer } from 'node:http'

// snippet:begin api
import { importJWK } from 'jose'
import * as client from 'openid-client'
import * as oauth from 'oauth4webapi'

const issuer = new URL(process.env.ISSUER)
const insecure = issuer.protocol === 'http:'
const jwk = JSON.parse(process.env.CLIENT_KEY)
const config = await client.discovery(
  issuer,
  process.env.CLIENT_ID,
  undefined,
  client.PrivateKeyJwt({ key: await importJWK(jwk, jwk.alg), kid: jwk.kid }),
  { execute: insecure ? [client.allowInsecureRequests] : [] },
)

async function allow(request, { acr, maxAge } = {}) {
  // Signature, issuer, type, expiry, and that this API is the audience; for DPoP tokens the proof too.
  const claims = await oauth.validateJwtAccessToken(config.serverMetadata(), request, process.env.API_AUDIENCE, {
    [oauth.allowInsecureRequests]: insecure,
    requireDPoP: true,
  })
  // Is the card still there? Ask where the answer matters; the token itself lives two minutes.
  const now = await client.tokenIntrospection(config, request.headers.get('authorization').split(' ')[1])
  if (!now.active) return refuse(401, 'invalid_token')
  // Step-up (RFC 9470): what is in the token is what the login was.
  const old = maxAge !== undefined && Date.now() / 1000 - claims.auth_time > maxAge
  if ((acr && claims.acr !== acr) || old) {
    return refuse(401, `insufficient_user_authentication", acr_values="${acr}", max_age="${maxAge}`)
  }
  return { claims, now }
}

function refuse(status, error) {
  return { status, challenge: `DPoP error="${error}"` }
}
// snippet:end api

createServer(async (request, answer) => {
  const { method, headers, url } = request
  const asked = new Request(new URL(url, process.env.PORTAL_URL), { method, headers })
  let allowed
  try {
    const fresh = url === '/prescriptions' ? { acr: 'urn:cardea:acr:card-pin', maxAge: 0 } : {}
    allowed = await allow(asked, fresh)
  } catch (error) {
    console.error(error)
    allowed = refuse(401, 'invalid_token')
  }
  if (allowed.status) {
    return answer.writeHead(allowed.status, { 'WWW-Authenticate': allowed.challenge }).end('{}')
  }
  answer.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(allowed))
}).listen(Number(process.env.PORT), '127.0.0.1')
