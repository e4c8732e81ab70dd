// What two client libraries make of an answer that another provider might have given (RFC 9207).
//
// ADDRESS is a genuine answer. Each library is shown forgeries of it first, and what came of each is
// written as one JSON document, with how often a code was sent to the token endpoint.
import * as client from 'openid-client'
import * as oauth from 'oauth4webapi'

const issuer = new URL(process.env.ISSUER)
const execute = issuer.protocol === 'http:' ? [client.allowInsecureRequests] : []
const config = await client.discovery(issuer, process.env.CLIENT_ID, undefined, client.None(), { execute })

let redemptions = 0
config[client.customFetch] = (address, options) => {
  if (String(address) === config.serverMetadata().token_endpoint) redemptions += 1
  return fetch(address, options)
}

const answer = (change) => {
  const address = new URL(process.env.ADDRESS)
  change(address.searchParams)
  return address
}
const forged = {
  'no iss': answer((it) => it.delete('iss')),
  'another iss': answer((it) => it.set('iss', 'https://evil.test')),
  'a slash more': answer((it) => it.set('iss', `${it.get('iss')}/`)),
  'an empty iss': answer((it) => it.set('iss', '')),
  'two of them': answer((it) => it.append('iss', 'https://evil.test')),
  'an error without iss': answer((it) => {
    it.delete('iss')
    it.delete('code')
    it.set('error', 'access_denied')
  }),
}

async function onOpenidClient(address) {
  try {
    await client.authorizationCodeGrant(config, address, {
      pkceCodeVerifier: process.env.VERIFIER,
      expectedState: 'a-state',
      expectedNonce: 'a-nonce',
      idTokenExpected: true,
    })
    return 'accepted'
  } catch (error) {
    return error.cause?.message ?? error.message
  }
}

function onOauth4webapi(address) {
  try {
    oauth.validateAuthResponse(config.serverMetadata(), { client_id: process.env.CLIENT_ID }, address, 'a-state')
    return 'accepted'
  } catch (error) {
    return error.message
  }
}

const refused = {}
for (const [name, address] of Object.entries(forged)) {
  refused[name] = [await onOpenidClient(address), onOauth4webapi(address)]
}
const before = redemptions
const genuine = [onOauth4webapi(new URL(process.env.ADDRESS)), await onOpenidClient(new URL(process.env.ADDRESS))]
console.log(JSON.stringify({ refused, before, genuine, after: redemptions }))
