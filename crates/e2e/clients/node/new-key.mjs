// snippet:begin new-key
// Makes a key pair for a client: the private half stays with you, the public half is registered.
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'

const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
const jwk = await exportJWK(publicKey)
const common = { kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' }
console.log(JSON.stringify({
  private: { ...(await exportJWK(privateKey)), ...common },
  public: { keys: [{ ...jwk, ...common }] },
}))
// snippet:end new-key
