// A portal without a server of its own: a page and oidc-client-ts. This program serves the two files.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'

const PAGE = `<!doctype html><html lang="en"><title>Portal</title>
<body><button id="sign-in">Sign in with my card</button><p id="out"></p>
<script src="/oidc-client-ts.js"></script><script type="module" src="/page.js"></script></body></html>`

const library = await readFile(new URL('./node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js', import.meta.url))
const settings = JSON.stringify({ issuer: process.env.ISSUER, clientId: process.env.CLIENT_ID })
const page = `const settings = ${settings}\n` + (await readFile(new URL('./spa-page.mjs', import.meta.url), 'utf8'))

const files = {
  '/': ['text/html; charset=utf-8', PAGE],
  '/oidc-client-ts.js': ['text/javascript', library],
  '/page.js': ['text/javascript', page],
}

createServer((request, answer) => {
  const file = files[new URL(request.url, 'http://portal.invalid').pathname]
  if (!file) return answer.writeHead(404).end()
  answer.writeHead(200, { 'Content-Type': file[0] }).end(file[1])
}).listen(Number(process.env.PORT), '127.0.0.1')
