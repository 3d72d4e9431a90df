import type { StoredResult, StoredRow } from './results.ts'

const WIDTH = 960
const LEFT = 470
const RIGHT = 150
const ROW_HEIGHT = 34
const TOP = 74
/** How far from its target, in either direction, a bar is still drawn to scale. */
const FARTHEST = 8

/**
 * All figures on one scale: how much better than its target each is. The line in the middle is the target; a bar to the
 * right of it has that much to spare, one to the left lacks it. Colours follow the reader's scheme, and a sign says the
 * same as the colour. Pure.
 */
export function drawChart(results: readonly StoredResult[]): string {
  const rows = results.flatMap(({ rows: each }) => each).filter(({ target }) => target !== 'none')
  const height = TOP + rows.length * ROW_HEIGHT + 30
  const plot = WIDTH - LEFT - RIGHT
  const x = (margin: number) => {
    const bounded = Math.min(FARTHEST, Math.max(1 / FARTHEST, margin))
    return LEFT + plot * (0.5 + Math.log(bounded) / (2 * Math.log(FARTHEST)))
  }
  const grid = [1 / 4, 1 / 2, 1, 2, 4].map((margin) => {
    const label = margin < 1 ? `1/${1 / margin}` : `${margin} ×`
    return [
      `<line class="${margin === 1 ? 'target' : 'grid'}" x1="${x(margin)}" x2="${x(margin)}" y1="${TOP - 8}" y2="${height - 24}"/>`,
      `<text class="small" x="${x(margin)}" y="${TOP - 16}" text-anchor="middle">${margin === 1 ? 'target' : label}</text>`,
    ].join('\n')
  })
  const bars = rows.map((row, index) => drawRow(row, TOP + index * ROW_HEIGHT, x))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Each figure of the bench against its target">
<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 16px }
.small { font-size: 11px; fill: #57606a }
.grid { stroke: #d0d7de }
.target { stroke: #57606a; stroke-width: 2 }
.yes { fill: #2da44e }
.no { fill: #cf222e }
.spread { stroke: #57606a }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.small { fill: #9198a1 }
.grid { stroke: #3d444d }
.target, .spread { stroke: #9198a1 }
.yes { fill: #3fb950 }
.no { fill: #f85149 }
}
</style>
<text class="title" x="10" y="24">Measured: each figure against its target</text>
<text class="small" x="10" y="42">A bar to the right has that much to spare, one to the left lacks it. The thin line spans the rounds.</text>
${[...grid, ...bars].join('\n')}
</svg>
`
}

/** How much better than its target a value is: 1 is just met. */
function marginOf(value: number, { target }: StoredRow): number {
  if (target === 'none') return 1
  return 'atLeast' in target ? value / target.atLeast : target.atMost / value
}

function drawRow(row: StoredRow, y: number, x: (margin: number) => number): string {
  const [zero, end] = [x(1), x(marginOf(row.value.median, row))]
  const [a, b] = [x(marginOf(row.value.least, row)), x(marginOf(row.value.most, row))]
  const middle = y + ROW_HEIGHT / 2 - 4
  const width = Math.max(2, Math.abs(end - zero))
  return [
    `<text x="10" y="${y + 11}">${escaped(cut(row.figure))}</text>`,
    `<text class="small" x="10" y="${y + 25}">${escaped(cut(row.against))}</text>`,
    `<rect class="${row.met ? 'yes' : 'no'}" x="${Math.min(zero, end)}" y="${middle - 7}" width="${width}" height="14" rx="2"/>`,
    `<line class="spread" x1="${Math.min(a, b)}" x2="${Math.max(a, b)}" y1="${middle}" y2="${middle}"/>`,
    `<text x="${WIDTH - RIGHT + 10}" y="${middle + 4}">${row.met ? '✓' : '✗'} ${escaped(amountOf(row))} (${escaped(targetOf(row))})</text>`,
  ].join('\n')
}

const LONGEST_LABEL = 70
const cut = (text: string) => (text.length > LONGEST_LABEL ? `${text.slice(0, LONGEST_LABEL - 1)}…` : text)

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('`', '')

/** As people write it: `2.4 ×`, `87 ms`. */
export function amountOf({ value, unit }: StoredRow): string {
  return `${figures(value.median)} ${unit}`
}

/** `≥ 10`, `≤ 1.35`, or a dash. */
export function targetOf({ target }: StoredRow): string {
  if (target === 'none') return '–'
  return 'atLeast' in target ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`
}

export function figures(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 })
}
