import { html } from 'htm/preact'
import { useEffect, useState } from 'preact/hooks'
import type { ActionAnswer, PlanAnswer } from '../../areas/dead-letters/dead-letters.ts'
import { post } from '../client.ts'
import { facts } from '../facts.ts'
import { Dialog } from './dialog.ts'
import { act, attempt, count } from './letters.ts'

interface Props {
  readonly messageIds: readonly string[]
  readonly close: () => void
  readonly done?: () => void
}

const RISKS = [
  ['force', 'Also delete, suppress, unsuppress and merge, and unchanged what breaks the contract (--force)'],
  ['release', 'Send what was expired, cancelled or guarded past the check that stopped it (--release)'],
  [
    'acceptDuplicates',
    'Also transactional messages without a key that may have been sent: they may be sent twice (--accept-duplicates)',
  ],
] as const

/** What a replay would do and skip, before it is done. */
export function ReplayDialog({ messageIds, close, done }: Props) {
  const [rules, setRules] = useState({ force: false, release: false, acceptDuplicates: false })
  const [plan, setPlan] = useState<PlanAnswer | undefined>(undefined)
  useEffect(() => {
    let isOld = false
    void attempt(async () => {
      const answer = await post<PlanAnswer>('/api/dead-letters/plan', { messageIds, ...rules })
      if (!isOld) setPlan(answer)
    })
    return () => {
      isOld = true
    }
  }, [rules.force, rules.release, rules.acceptDuplicates])
  const number = plan?.replayable.length ?? 0
  const confirm = async () => {
    close()
    const ids = plan?.replayable.map(({ messageId }) => messageId) ?? []
    if (
      (await act<ActionAnswer>(`Replaying ${count(ids.length)}`, 'replay', { messageIds: ids, ...rules })) !== undefined
    )
      done?.()
  }
  return html`
    <${Dialog}
      title=${plan?.question ?? 'Checking what would be replayed'}
      action=${`Replay ${number.toLocaleString('en')}`}
      disabled=${number === 0}
      confirm=${() => void confirm()}
      cancel=${close}
    >
      <p>Each is published to its topic again, with its bytes, key and order, oldest first, at most 100 per second. Its dead letter is removed once Pub/Sub has accepted it.</p>
      <p>A replay cannot be called back. The key stays: what went through before is not sent or counted again.</p>
      ${plan?.warnings.map(({ warning, messages }) => html`<p class="warning">${messages > 1 ? `${messages.toLocaleString('en')} messages: ` : ''}${warning}</p>`)}
      ${
        plan !== undefined &&
        plan.skipped.length > 0 &&
        html`<h3>Skipped</h3><ul>${groupsOf(plan.skipped).map(([why, skipped]) => html`<li><span class="number">${skipped.toLocaleString('en')}</span> ${why}</li>`)}</ul>`
      }
      ${plan !== undefined && plan.gone.length > 0 && html`<p class="warning">${count(plan.gone.length)} are gone: somebody acted upon them.</p>`}
      <fieldset>
        <legend>Risks</legend>
        ${RISKS.map(
          ([name, words]) => html`
            <label class="check">
              <input type="checkbox" checked=${rules[name]} onChange=${() => setRules({ ...rules, [name]: !rules[name] })} />
              ${words}
            </label>
          `,
        )}
      </fieldset>
      ${facts.deployed && html`<p class="error">This is a deployment: ${facts.environment}.</p>`}
    <//>
  `
}

function groupsOf(skipped: PlanAnswer['skipped']): readonly (readonly [string, number])[] {
  const groups = new Map<string, number>()
  for (const { why } of skipped) groups.set(why, (groups.get(why) ?? 0) + 1)
  return [...groups]
}
