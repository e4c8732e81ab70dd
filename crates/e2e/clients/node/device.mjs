// A program without a browser: it shows a code, waits for the person's card, and reads who she is.
import * as client from 'openid-client'

const issuer = new URL(process.env.ISSUER)
const config = await client.discovery(
  issuer,
  process.env.CLIENT_ID,
  undefined,
  client.ClientSecretBasic(process.env.CLIENT_SECRET),
  { execute: issuer.protocol === 'http:' ? [client.allowInsecureRequests] : [] },
)

const asked = await client.initiateDeviceAuthorization(config, { scope: 'openid professional' })
console.log(JSON.stringify({ user_code: asked.user_code, verification_uri: asked.verification_uri }))
try {
  const tokens = await client.pollDeviceAuthorizationGrant(config, asked)
  const claims = tokens.claims()
  const person = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
  console.log(JSON.stringify({ acr: claims.acr, aud: claims.aud, family: person.card.family }))
} catch (error) {
  console.log(JSON.stringify({ refused: error.error ?? String(error) }))
}
