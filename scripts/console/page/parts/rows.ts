import { html } from 'htm/preact'
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import './rows.css'

/** Height of a row in pixels, as style.css has it: rows that nobody sees are not drawn, only counted. */
const ROW_HEIGHT = 28
/** Rows drawn beyond what is seen, so that a fast scroll meets no gap. */
const BEYOND = 12

export interface Column<T> {
  readonly title: string
  /** In CSS: `120px`; empty for what is left. */
  readonly width: string
  readonly className?: string
  readonly cell: (row: T) => ComponentChildren
}

export interface RowsProps<T> {
  /** What the table holds, for those who do not see it. */
  readonly label: string
  readonly rows: readonly T[]
  readonly keyOf: (row: T) => string
  readonly columns: readonly Column<T>[]
  readonly open: (row: T) => void
  /** The row that is open beside the table, if one is. */
  readonly selected?: string | undefined
  /** When it changes, the table begins at its top again. */
  readonly view: string
}

/**
 * A table of any number of rows, of which only those in sight are drawn. What is in sight stays there while rows come in
 * above it. `j` and `k` go through the rows, Enter opens one.
 */
export function Rows<T>({ label, rows, keyOf, columns, open, selected, view }: RowsProps<T>) {
  const scroller = useRef<HTMLDivElement>(null)
  const [first, setFirst] = useState(0)
  const [height, setHeight] = useState(800)
  const [reached, setCurrent] = useState<string | undefined>(undefined)
  const current = reached ?? selected
  const anchor = useRef<{ key: string; index: number } | undefined>(undefined)
  const shownView = useRef(view)

  useLayoutEffect(() => {
    const element = scroller.current
    if (element === null) return
    const observer = new ResizeObserver(() => setHeight(element.clientHeight))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  useLayoutEffect(() => {
    const element = scroller.current
    if (element === null) return
    if (shownView.current !== view) {
      shownView.current = view
      anchor.current = undefined
      element.scrollTop = 0
      return
    }
    const held = anchor.current
    if (held === undefined || (rows[held.index] !== undefined && keyOf(rows[held.index] as T) === held.key)) return
    const index = rows.findIndex((row) => keyOf(row) === held.key)
    if (index >= 0) element.scrollTop += (index - held.index) * ROW_HEIGHT
  }, [rows, view])

  const onScroll = () => {
    const top = scroller.current?.scrollTop ?? 0
    const index = Math.floor(top / ROW_HEIGHT)
    const row = rows[index]
    // At the top what is new is to be seen.
    anchor.current = top < ROW_HEIGHT || row === undefined ? undefined : { key: keyOf(row), index }
    setFirst(Math.max(0, index - BEYOND))
  }

  const move = (by: number) => {
    const element = scroller.current
    const at = rows.findIndex((row) => keyOf(row) === current)
    const index = Math.max(0, Math.min(rows.length - 1, at < 0 ? first + (first === 0 ? 0 : BEYOND) : at + by))
    const row = rows[index]
    if (row === undefined || element === null) return
    setCurrent(keyOf(row))
    const top = index * ROW_HEIGHT
    const room = element.clientHeight - 2 * ROW_HEIGHT
    if (top < element.scrollTop) element.scrollTop = top
    else if (top > element.scrollTop + room) element.scrollTop = top - room
  }

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === 'j' || event.key === 'k') {
      event.preventDefault()
      move(event.key === 'j' ? 1 : -1)
    } else if (event.key === 'Enter' && event.target === event.currentTarget) {
      const row = rows.find((each) => keyOf(each) === current)
      if (row !== undefined) open(row)
    } else if (event.key === 'Escape') setCurrent(undefined)
  }

  const end = Math.min(rows.length, first + Math.ceil(height / ROW_HEIGHT) + 2 * BEYOND)
  const space = (count: number) =>
    count > 0 &&
    html`<tr aria-hidden="true" class="space"><td colspan=${columns.length} style=${{ height: `${count * ROW_HEIGHT}px` }}></td></tr>`
  return html`
    <div class="rows" data-rows role="region" aria-label=${label} tabindex="0" ref=${scroller} onScroll=${onScroll} onKeyDown=${onKeyDown}>
      <table aria-rowcount=${rows.length + 1}>
        <colgroup>${columns.map(({ width }) => html`<col style=${{ width }} />`)}</colgroup>
        <thead>
          <tr aria-rowindex="1">${columns.map(({ title, className }) => html`<th scope="col" class=${className}>${title}</th>`)}</tr>
        </thead>
        <tbody>
          ${space(Math.min(first, rows.length))}
          ${rows.slice(first, end).map((row, offset) => {
            const key = keyOf(row)
            return html`
              <tr key=${key} aria-rowindex=${first + offset + 2} aria-current=${key === current ? 'true' : undefined} onClick=${(
                event: MouseEvent,
              ) =>
                openUnlessLink(event, () => {
                  setCurrent(key)
                  open(row)
                })}>
                ${columns.map(({ cell, className }) => html`<td class=${className}>${cell(row)}</td>`)}
              </tr>
            `
          })}
          ${space(rows.length - end)}
        </tbody>
      </table>
    </div>
  `
}

/** A link opens by itself, perhaps in another tab; who selects text opens nothing. */
function openUnlessLink(event: MouseEvent, open: () => void): void {
  if (event.target instanceof Element && event.target.closest('a, button, label, input') !== null) return
  if (getSelection()?.isCollapsed ?? true) open()
}
