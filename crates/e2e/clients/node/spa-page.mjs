// Runs in the browser; `oidc` is the library, `settings` comes from the program that serves this.

const say = (event) => { document.querySelector('#out').textContent = String(event.reason ?? event.message) }
addEventListener('unhandledrejection', say)
addEventListener('error', say)

// snippet:begin spa
const manager = new oidc.UserManager({
  authority: settings.issuer,
  client_id: settings.clientId,
  redirect_uri: `${location.origin}/`,
  scope: 'openid profile',
  // This library sends no proof to userinfo, so the name comes in the ID token.
  extraQueryParams: { claims: JSON.stringify({ id_token: { name: null } }) },
  dpop: { bind_authorization_code: false, store: new oidc.IndexedDbDPoPStore() },
})

document.querySelector('#sign-in').addEventListener('click', () => manager.signinRedirect())

if (new URLSearchParams(location.search).has('state')) {
  const user = await manager.signinRedirectCallback()
  history.replaceState(null, '', '/')
  show(user.profile.name)
}

function show(text) {
  const greeting = document.createElement('p')
  greeting.id = 'greeting'
  greeting.textContent = text
  document.body.append(greeting)
}
// snippet:end spa
