import { html } from 'htm/preact'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Second } from '../../areas/now/rates.ts'
import { timeIn } from '../parts/time.ts'
import { theme } from '../theme.ts'

const SERIES = [
  { field: 'published', label: 'published', colour: '--accent', dash: [] },
  { field: 'acknowledged', label: 'acknowledged', colour: '--good', dash: [4, 2] },
  { field: 'failed', label: 'failed attempts', colour: '--busy', dash: [2, 2] },
  { field: 'deadLettered', label: 'dead-lettered', colour: '--bad', dash: [1, 2] },
] as const

const HEIGHT = 180

/** What Pub/Sub did in each second of the last five minutes. */
export function Chart({ seconds }: { seconds: readonly Second[] }) {
  const holder = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const chosen = theme.value
  useEffect(() => {
    const element = holder.current
    if (element === null) return
    const preference = matchMedia('(prefers-color-scheme: dark)')
    const draw = () => {
      plot.current?.destroy()
      plot.current = new uPlot(optionsFor(element), dataOf(seconds), element)
    }
    draw()
    preference.addEventListener('change', draw)
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }))
    observer.observe(element)
    return () => {
      preference.removeEventListener('change', draw)
      observer.disconnect()
      plot.current?.destroy()
    }
  }, [chosen])
  useEffect(() => plot.current?.setData(dataOf(seconds)), [seconds])
  const last = seconds.at(-1)
  return html`
    <div ref=${holder} class="chart" role="img" aria-label=${`Rates of the last five minutes. In the last second: ${SERIES.map(({ field, label }) => `${last?.[field] ?? 0} ${label}`).join(', ')}.`}></div>
  `
}

function dataOf(seconds: readonly Second[]): uPlot.AlignedData {
  return [seconds.map(({ at }) => at), ...SERIES.map(({ field }) => seconds.map((second) => second[field]))]
}

function optionsFor(element: HTMLElement): uPlot.Options {
  const colourOf = (name: string) => resolved(element, name)
  const axis = {
    stroke: colourOf('--quiet'),
    grid: { stroke: colourOf('--line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  }
  return {
    ...{ width: element.clientWidth, height: HEIGHT, cursor: { y: false } },
    scales: { y: { range: (_, _low, high) => [0, Math.max(5, high)] } },
    axes: [
      {
        ...axis,
        space: 90,
        values: (_, ticks) => ticks.map((at) => timeIn(new Date(at * 1_000).toISOString().replace('.000', ''))),
      },
      { ...axis, size: 44 },
    ],
    series: [
      {},
      ...SERIES.map(({ label, colour, dash }) => ({
        label,
        stroke: colourOf(colour),
        width: 1.5,
        dash: [...dash],
        points: { show: false },
      })),
    ],
  }
}

/** A colour of the style sheet as the canvas takes it: `light-dark()` is resolved by an element only. */
function resolved(element: HTMLElement, name: string): string {
  element.style.color = `var(${name})`
  const { color } = getComputedStyle(element)
  element.style.color = ''
  return color
}
