// The little of a web framework that the portal needs.
import { createServer as server } from 'node:http'

const BODY_BYTES_MAX = 64 * 1024

export function escape(text) {
  return String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
}

export function page(answer, status, body) {
  answer.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' })
  answer.end(`<!doctype html><html lang="en"><title>Portal</title><body>${body}</body></html>`)
}

export function redirect(answer, address) {
  answer.writeHead(303, { Location: String(address), 'Cache-Control': 'no-store' })
  answer.end()
}

export async function form(request) {
  let body = ''
  for await (const part of request) {
    body += part
    if (body.length > BODY_BYTES_MAX) throw new Error('the request is too long')
  }
  return new URLSearchParams(body)
}

export function listen(createServer, routes, sessions) {
  setInterval(() => {
    for (const [id, session] of sessions) if (session.ends < Date.now()) sessions.delete(id)
  }, 1000)
  const server = createServer(async (request, answer) => {
    const path = new URL(request.url, 'http://portal.invalid').pathname
    const cookie = /(?:^|; )portal=([\w-]+)/.exec(request.headers.cookie ?? '')
    const route = routes[`${request.method} ${path}`]
    try {
      if (!route) return page(answer, 404, '<p id="error">not found</p>')
      await route(request, answer, cookie ? sessions.get(cookie[1]) : undefined)
    } catch (error) {
      console.error(error)
      if (!answer.headersSent) page(answer, 500, `<p id="error">${escape(error.code ?? error.message)}</p>`)
    }
  })
  server.listen(Number(process.env.PORT), '127.0.0.1')
}

// For a program that does one login: waits for the browser, by GET or by form post.
export function comeBack(portal) {
  return new Promise((resolve) => {
    const waiting = server(async (request, answer) => {
      const url = new URL(request.url, portal)
      if (url.pathname !== '/callback') return answer.writeHead(404).end()
      const body = request.method === 'POST' ? String(await form(request)) : undefined
      page(answer, 200, '<p id="answered">You may close this page.</p>')
      waiting.close()
      waiting.closeAllConnections()
      resolve({ url, body })
    })
    waiting.listen(Number(process.env.PORT), '127.0.0.1')
  })
}
