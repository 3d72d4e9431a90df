import { html } from 'htm/preact'
import { useEffect } from 'preact/hooks'
import { connected } from './client.ts'
import { facts } from './facts.ts'
import { PAGES } from './pages/index.ts'
import { href, place } from './router.ts'
import { THEMES, theme } from './theme.ts'

const shown = PAGES.filter(({ name }) => facts.areas.includes(name))

/** The frame around every page: its name, the tabs, the theme. */
export function Layout() {
  const { page } = place.value
  const current = shown.find(({ name }) => name === page) ?? (page === '' ? shown[0] : undefined)
  useEffect(() => {
    document.title = `${current?.title ?? 'Not found'} · cio-gcp ${facts.environment}`
  }, [current])
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to content</a>
    <header class="top">
      <strong class="brand">cio-gcp</strong>
      <span class=${`environment ${facts.deployed ? 'deployed' : ''}`}>${facts.environment}</span>
      <nav class="tabs" aria-label="Pages">
        ${shown.map(
          ({ name, title }) => html`
            <a href=${href([name])} aria-current=${name === current?.name ? 'page' : undefined}>${title}</a>
          `,
        )}
      </nav>
      <span class="grow"></span>
      <span role="status" class="connection">${connected.value ? '' : 'The console does not answer. Is its terminal still open?'}</span>
      <label class="theme">
        <span class="visually-hidden">Theme</span>
        <select value=${theme.value} onChange=${chooseTheme}>
          ${THEMES.map((each) => html`<option value=${each}>${each}</option>`)}
        </select>
      </label>
    </header>
    <main id="main" tabindex="-1">
      ${
        current === undefined
          ? html`<h1>Not found</h1><p>There is no page “${page}” here. <a href=${href([shown[0]?.name ?? ''])}>Go to the first one.</a></p>`
          : html`<${current.view} />`
      }
    </main>
  `
}

/** The address holds the page: a link to a part of it would leave it. */
function skip(event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

function chooseTheme({ currentTarget }: Event): void {
  if (currentTarget instanceof HTMLSelectElement) theme.value = THEMES[currentTarget.selectedIndex] ?? 'system'
}
