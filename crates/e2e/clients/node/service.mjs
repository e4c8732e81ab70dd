// A service without a person: it gets a token of its own, has it looked up, and gives it back.
// snippet:begin service
import { importJWK } from 'jose'
import * as client from 'openid-client'

const issuer = new URL(process.env.ISSUER)
const jwk = JSON.parse(process.env.CLIENT_KEY)
const config = await client.discovery(
  issuer,
  process.env.CLIENT_ID,
  undefined,
  client.PrivateKeyJwt({ key: await importJWK(jwk, jwk.alg), kid: jwk.kid }),
  { execute: issuer.protocol === 'http:' ? [client.allowInsecureRequests] : [] },
)

const tokens = await client.clientCredentialsGrant(config, {
  scope: 'records.read',
  resource: process.env.API_AUDIENCE,
})
// snippet:end service

const before = await client.tokenIntrospection(config, tokens.access_token)
await client.tokenRevocation(config, tokens.access_token)
const after = await client.tokenIntrospection(config, tokens.access_token)
console.log(JSON.stringify({ tokens, before, after }))
