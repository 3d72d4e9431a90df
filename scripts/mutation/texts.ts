import type { Ignorer } from '@stryker-mutator/api/ignore'
import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin'
import { z } from 'zod'

/** A literal that is an argument of `new SomeError(…)`. */
const ErrorText = z.object({
  node: z.object({ type: z.enum(['StringLiteral', 'TemplateLiteral']) }),
  listKey: z.literal('arguments'),
  parent: z.object({ type: z.literal('NewExpression'), callee: z.object({ name: z.string().endsWith('Error') }) }),
})

/** Leaves out the texts of errors: tests hold what they must tell, not their wording. */
const texts: Ignorer = {
  shouldIgnore: (path) => (ErrorText.safeParse(path).success ? 'the text of an error' : undefined),
}

export const strykerPlugins = [declareValuePlugin(PluginKind.Ignore, 'texts', texts)]
