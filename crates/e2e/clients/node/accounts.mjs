// Accounts that had passwords before there were cards.

// snippet:begin accounts
import { scryptSync, timingSafeEqual } from 'node:crypto'

// Yours are in a database, each password with a salt of its own.
const hash = (password) => scryptSync(password, 'a salt of the example', 32)
const accounts = [{ name: 'Cabinet Durand', user: 'cdurand', password: hash('old password'), card: null }]

export function accountFor(iss, sub) {
  // Never by name, number or e-mail address: those can be typed, shared and written differently.
  return accounts.find((account) => account.card?.iss === iss && account.card?.sub === sub)
}

export function passwordLogin(user, password) {
  const account = accounts.find((account) => account.user === user && account.password)
  return account && timingSafeEqual(account.password, hash(password)) ? account : undefined
}

export function linkAccount(account, iss, sub) {
  // Once, for a card that opens no account yet, in the browser where the password was just typed.
  if (account.card || accountFor(iss, sub)) return false
  account.card = { iss, sub }
  // From here on there is nothing left to steal or to reset.
  account.password = null
  return true
}
// snippet:end accounts

export const sizeOfAccounts = () => accounts.length
