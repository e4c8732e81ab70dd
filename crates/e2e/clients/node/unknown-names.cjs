// Names that a program uses and nothing in it, or in Node.js, defines: one a line. Run with
// `--expose-internals`, for Node.js's own parser.
const { readFileSync } = require('node:fs')
const acorn = require('internal/deps/acorn/acorn/dist/acorn')
const { simple } = require('internal/deps/acorn/acorn-walk/dist/walk')

const text = readFileSync(process.argv[2], 'utf8')
const program = acorn.parse(text, { ecmaVersion: 'latest', sourceType: 'module' })
const defined = new Set(Object.getOwnPropertyNames(globalThis))
const used = new Set()
const define = (node) => node.id && defined.add(node.id.name)
simple(program, {
  // Identifiers in patterns (variables, parameters) come here, all others below.
  VariablePattern: (node) => defined.add(node.name),
  FunctionDeclaration: define,
  ClassDeclaration: define,
  ImportDeclaration: (node) => node.specifiers.forEach((one) => defined.add(one.local.name)),
  Identifier: (node) => used.add(node.name),
})
for (const name of used) if (!defined.has(name)) console.log(name)
