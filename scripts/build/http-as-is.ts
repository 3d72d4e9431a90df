import type { Plugin } from 'esbuild'

/**
 * Takes `node:http` as CommonJS does. An `import` of it makes Node read every one of its exports, and with the getters of
 * `WebSocket` and its events it loads `fetch` and HTTP/2: a fifth of a start, for what nothing here uses.
 */
export const httpAsItIs: Plugin = {
  name: 'http-as-it-is',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^(node:)?http$/ }, () => ({ path: 'http', namespace: 'as-it-is' }))
    onLoad({ filter: /.*/, namespace: 'as-it-is' }, () => ({
      contents: "module.exports = process.getBuiltinModule('node:http')",
      loader: 'js',
    }))
  },
}
