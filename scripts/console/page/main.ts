import { html } from 'htm/preact'
import { render } from 'preact'
import './style.css'
import { listenToKeys } from './keyboard.ts'
import { Layout } from './layout.ts'

listenToKeys()
render(html`<${Layout} />`, document.body)
