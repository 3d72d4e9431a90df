import { readFile } from 'node:fs/promises'
import type { Plugin } from 'esbuild'

/** A map of the first line alone: esbuild takes its entries in place of those that it would make for the file. */
const FIRST_LINE = Buffer.from('{"version":3,"sources":[""],"mappings":"AAAA"}').toString('base64')
const COMMENT = `\n//# sourceMappingURL=data:application/json;base64,${FIRST_LINE}`

/**
 * Source maps of our own sources only: a place in a package is told to nobody (shared/errors), and its entries would be four
 * fifths of the maps. Comes last: what another plugin loads stays as that one loads it.
 */
export const ownMapsOnly: Plugin = {
  name: 'own-maps-only',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\/node_modules\/.*\.[cm]?js$/ }, async ({ path }) => ({
      contents: `${await readFile(path, 'utf8')}${COMMENT}`,
      loader: 'js',
    })),
}
