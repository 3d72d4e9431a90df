import { html } from 'htm/preact'
import './outcome.css'

/** Every outcome has a shape and a colour besides its word. */
const SHAPES: Readonly<Record<string, readonly [shape: string, tone: string]>> = {
  waiting: ['○', 'quiet'],
  retry: ['↻', 'busy'],
  delivered: ['✓', 'good'],
  duplicate: ['=', 'good'],
  refused: ['✕', 'bad'],
  exhausted: ['■', 'bad'],
  uncertain: ['?', 'odd'],
  expired: ['⌛', 'quiet'],
  cancelled: ['⊘', 'quiet'],
  guarded: ['⛨', 'quiet'],
}

/** The outcome of a message: a word with a shape and a colour, and why. */
export function Outcome({ outcome, reason }: { outcome: string; reason?: string | undefined }) {
  const [shape, tone] = SHAPES[outcome] ?? ['·', 'quiet']
  const why = reason === undefined || reason === outcome ? '' : reason
  return html`<span class=${`outcome ${tone}`}><span aria-hidden="true" class="shape">${shape}</span>${outcome}${why === '' ? '' : html` <span class="why">${why}</span>`}</span>`
}
