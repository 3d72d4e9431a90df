/** `/` goes to the page's filter; whatever else a key does belongs to the part that has the focus. */
export function listenToKeys(): void {
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
    if (event.key === '/') {
      const filter = document.querySelector<HTMLInputElement>('[data-filter]')
      if (filter === null) return
      event.preventDefault()
      filter.focus()
      filter.select()
      return
    }
    const table = document.querySelector<HTMLElement>('[data-rows]')
    if (['j', 'k'].includes(event.key) && table !== null && !table.contains(document.activeElement)) {
      event.preventDefault()
      table.focus()
      table.dispatchEvent(new KeyboardEvent('keydown', { key: event.key }))
    }
  })
}

/** Whether a key is text for the element. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName)) &&
    !(target instanceof HTMLInputElement && /^(button|checkbox|radio|range)$/.test(target.type))
  )
}
