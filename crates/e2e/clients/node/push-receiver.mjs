// Where the provider pushes Security Event Tokens (RFC 8935), checked by `jose`.

import { createServer } from 'node:http'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const { ISSUER, PORT, CLIENT_ID } = process.env
const keys = createRemoteJWKSet(new URL(`${ISSUER}/jwks`))

async function bodyOf(request) {
  const parts = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts).toString()
}

createServer(async (request, answer) => {
  try {
    if (request.headers['content-type'] !== 'application/secevent+jwt') throw new Error('no SET')
    // Signature by a key of the provider, type, issuer and audience. A SET has no `exp`.
    const { payload, protectedHeader } = await jwtVerify(await bodyOf(request), keys, {
      typ: 'secevent+jwt',
      issuer: ISSUER,
      audience: CLIENT_ID,
      requiredClaims: ['iat', 'jti', 'events', 'sub_id'],
    })
    console.log(JSON.stringify({ set: payload, alg: protectedHeader.alg }))
    answer.writeHead(202)
    answer.end()
  } catch (error) {
    console.log(JSON.stringify({ refused: error.code ?? error.message }))
    answer.writeHead(400, { 'Content-Type': 'application/json' })
    answer.end(JSON.stringify({ err: 'authentication_failed', description: String(error.message) }))
  }
}).listen(Number(PORT), '127.0.0.1')
