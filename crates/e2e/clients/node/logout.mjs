// Where the provider says that a session is over (OpenID Connect Back-Channel Logout 1.0).

// snippet:begin logout-receiver
import { createRemoteJWKSet, jwtVerify } from 'jose'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const seen = new Map()
let keys

export async function receiveLogout(config, sessions, form, answer) {
  const provider = config.serverMetadata()
  keys ??= createRemoteJWKSet(new URL(provider.jwks_uri))
  try {
    // Signature by a key of the provider, type, issuer, audience and age.
    const { payload } = await jwtVerify(form.get('logout_token') ?? '', keys, {
      typ: 'logout+jwt',
      issuer: provider.issuer,
      audience: config.clientMetadata().client_id,
      maxTokenAge: '3 minutes',
      requiredClaims: ['iat', 'exp', 'jti', 'events'],
    })
    // An ID token is no logout token: it has no event, and it has a nonce.
    if (typeof payload.events[EVENT] !== 'object' || 'nonce' in payload) throw new Error('not a logout token')
    if (!payload.sid && !payload.sub) throw new Error('nobody is named')
    // Each token is good for once.
    if (seen.has(payload.jti)) throw new Error('seen before')
    seen.set(payload.jti, payload.exp)
    for (const [jti, exp] of seen) if (exp < Date.now() / 1000) seen.delete(jti)

    for (const [id, session] of sessions) {
      const meant = payload.sid ? session.sid === payload.sid : session.sub === payload.sub
      if (meant) sessions.delete(id)
    }
    answer.writeHead(200, { 'Cache-Control': 'no-store' })
  } catch (error) {
    console.error('logout token refused:', error.code ?? error.message)
    answer.writeHead(400, { 'Cache-Control': 'no-store' })
  }
  answer.end()
}
// snippet:end logout-receiver
