// npm's `oidc-provider` for `cargo xtask bench op`: in-memory adapter, whoever comes is logged in,
// the same client and the same algorithms as the server beside it. One JSON object comes in the
// first argument: port, issuer, client.
import { generateKeyPairSync } from 'node:crypto';
import http from 'node:http';
import { Provider } from 'oidc-provider';

const { port, issuer, client } = JSON.parse(process.argv[2]);
const api = 'https://api.example.test';
const alg = client.id_token_signed_response_alg;
const { privateKey } = alg === 'ES256'
  ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
  : generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwks = { keys: [{ ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: 'signs' }] };

const provider = new Provider(issuer, {
  clients: [client],
  jwks,
  scopes: ['openid', 'profile', 'offline_access', 'read'],
  claims: { openid: ['sub'], profile: ['family_name'] },
  clientAuthMethods: ['private_key_jwt'],
  conformIdTokenClaims: true,
  cookies: { keys: ['an invented key of cookies'] },
  pkce: { required: () => true },
  rotateRefreshToken: () => true,
  issueRefreshToken: async (ctx, asking) => asking.grantTypeAllowed('refresh_token'),
  ttl: { AccessToken: 600, ClientCredentials: 600, IdToken: 600, RefreshToken: 14400, Session: 14400,
    Grant: 14400, Interaction: 300, AuthorizationCode: 60 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: async () => true },
    dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: async () => ({
        scope: 'read', audience: api, accessTokenFormat: 'jwt', accessTokenTTL: 600,
        jwt: { sign: { alg } },
      }),
      defaultResource: async (ctx, client_, oneOf) => oneOf,
      useGrantedResource: async () => true,
    },
  },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  async findAccount(ctx, id) {
    return { accountId: id, claims: async () => ({ sub: id, family_name: 'Exemple' }) };
  },
  async loadExistingGrant(ctx) {
    const { client: asking, session, params } = ctx.oidc;
    const known = ctx.oidc.result?.consent?.grantId || session.grantIdFor(asking.clientId);
    if (known) return provider.Grant.find(known);
    const grant = new provider.Grant({ clientId: asking.clientId, accountId: session.accountId });
    grant.addOIDCScope(params.scope);
    grant.addResourceScope(api, 'read');
    await grant.save();
    return grant;
  },
});

const handle = provider.callback();
let people = 0;
http.createServer(async (request, response) => {
  if (request.url.startsWith('/interaction/')) {
    people += 1;
    const login = { accountId: `person-${people % 64}` };
    await provider.interactionFinished(request, response, { login }).catch((error) => {
      response.statusCode = 500;
      response.end(String(error));
    });
    return;
  }
  handle(request, response);
}).listen(port, '127.0.0.1');
